import { chmod, lstat, mkdir, readlink, symlink, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { MODE_BITS, type OfferedFile } from './file-protocol.js';

/** How modes are narrowed: as this process makes files. */
const UMASK = process.umask();

/** Something offered, with its place here: safe names, from the outermost folder on. */
export interface Placed extends OfferedFile {
  readonly path: readonly string[];
}

/**
 * Makes the folders of a path within `base`; `onMade` is told of those that were not there. Those that are `known` are not looked at. The others that that are there must be folders themselves: a link would lead out.
 * @throws Error where something else has the name of one
 */
export async function makeFolders(
  base: string,
  names: readonly string[],
  known: Set<string>,
  onMade: (folder: string) => void,
): Promise<string> {
  let folder = base;
  for (const name of names) {
    folder = join(folder, name);
    if (known.has(folder)) continue;
    try {
      await mkdir(folder);
      onMade(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (!(await lstat(folder)).isDirectory())
        throw new Error(`${name} exists here and is not a folder: move it away first`);
    }
    known.add(folder);
  }
  return folder;
}

/**
 * Whether a link leads to something within its tree wherever it is put: first up, by no more folders than it is deep in, then
 * down by names. After a name no `..` may come, since that name may be a link itself.
 */
export function staysWithin(target: string, depth: number): boolean {
  const names = target.split('/').filter((name) => name !== '' && name !== '.');
  const ups = names.findIndex((name) => name !== '..');
  const up = ups < 0 ? names.length : ups;
  const isRelative = !target.startsWith('/') && !/[\\:\0]/.test(target);
  return isRelative && up <= depth && !names.slice(up).includes('..');
}

/** Makes a link of a tree. @throws Error where it leads out of its tree, or something else has its name */
export async function makeLink(folder: string, { path, target = '' }: Placed, force: boolean): Promise<string> {
  // In the outermost folder of its tree it is deep in none that it may leave.
  if (path.length < 2 || !staysWithin(target, path.length - 2))
    throw new Error('it is a link that leads out of its folder');
  const place = join(folder, path.at(-1) ?? '');
  const present = await readlink(place).catch(() => null);
  if (present === target) return place;
  if (present !== null && force) await unlink(place);
  try {
    await symlink(target, place);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new Error('something with its name exists here: move it away first');
  }
  return place;
}

/** Gives a file or folder the permissions and the time that it was offered with, as far as they were. */
export async function preserve(
  place: string,
  { mode, modifiedMs }: Pick<OfferedFile, 'mode' | 'modifiedMs'>,
): Promise<void> {
  if (mode !== undefined && process.platform !== 'win32') await chmod(place, mode & MODE_BITS & ~UMASK);
  if (modifiedMs !== undefined) await utimes(place, modifiedMs / 1_000, modifiedMs / 1_000);
}
