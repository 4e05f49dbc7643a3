import { chmod, lstat, mkdir, readlink, symlink, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { MODE_BITS, type OfferedFile } from './file-protocol.js';

/** The process's umask. It limits received permissions like those of other new files. */
const UMASK = process.umask();

/** An offered entry, and its path here: safe names, outermost folder first. */
export interface Placed extends OfferedFile {
  readonly path: readonly string[];
}

/**
 * Creates the folders of a path within `base`, and resolves with the path of the innermost. It calls `onMade` for each
 * new one, and skips those in `known`. Other existing ones must be real folders, because a link would lead outside.
 * @throws Error if something else has the name of one
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
 * Whether a link stays within its tree, wherever the tree is. It must go up first, by at most `depth` folders, and then
 * down by names. No `..` may follow a name, because that name may be a link itself.
 */
export function staysWithin(target: string, depth: number): boolean {
  const names = target.split('/').filter((name) => name !== '' && name !== '.');
  const ups = names.findIndex((name) => name !== '..');
  const up = ups < 0 ? names.length : ups;
  const isRelative = !target.startsWith('/') && !/[\\:\0]/.test(target);
  return isRelative && up <= depth && !names.slice(up).includes('..');
}

/**
 * Creates a link of a tree, and resolves with its path.
 * @throws Error if it leads out of its tree, or something else has its name
 */
export async function makeLink(folder: string, { path, target = '' }: Placed, force: boolean): Promise<string> {
  // In the outermost folder of its tree, the depth is 0: the link cannot go up.
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

/** Gives a file or folder its offered permissions and time, if there are any. */
export async function preserve(
  place: string,
  { mode, modifiedMs }: Pick<OfferedFile, 'mode' | 'modifiedMs'>,
): Promise<void> {
  if (mode !== undefined && process.platform !== 'win32') await chmod(place, mode & MODE_BITS & ~UMASK);
  if (modifiedMs !== undefined) await utimes(place, modifiedMs / 1_000, modifiedMs / 1_000);
}
