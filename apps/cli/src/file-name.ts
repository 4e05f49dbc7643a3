import { extname } from 'node:path';
import filenamify from 'filenamify';
import { withoutUnprintable } from './report.js';

/** The longest name, in bytes of UTF-8: common file systems take 255, of which numbers and the ending of a part need some. */
export const MAX_NAME_BYTES = 200;
/** An ending that is longer than this, in bytes, is cut like the rest of a name. */
const MAX_EXTENSION_BYTES = 20;
/** Characters of the sender's address in the name of a part. */
const KEY_DIGITS = 16;
const PART = new RegExp(`\\.[0-9a-f]{${KEY_DIGITS}}\\.part$`, 'i');

/**
 * A peer's name as one that is safe in a folder: no folders, no control or invisible characters, nothing that a system reserves
 * (Windows device names too), not hidden (a `.bashrc` does not land in a home folder), not an option to a
 * command that is given `*` (`-rf`), not that of a part, not too long.
 */
export function safeName(name: string): string {
  // A lone surrogate has no UTF-8: it becomes U+FFFD, which filenamify replaces.
  const clean = filenamify(Buffer.from(name).toString(), {
    replacement: '_',
    maxLength: Number.MAX_SAFE_INTEGER,
  }).replace(/^[-. ]+/, '_');
  // `filenamify` leaves every zero-width joiner, also one that joins no emoji.
  const visible = withoutUnprintable(clean, '_');
  const short = shorten(visible === '' ? '_' : visible);
  return PART.test(short) ? `${short}_` : short;
}

function shorten(name: string): string {
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  const extension = extname(name);
  const kept = Buffer.byteLength(extension) <= MAX_EXTENSION_BYTES ? extension : '';
  let stem = '';
  let bytes = Buffer.byteLength(kept);
  for (const { segment } of new Intl.Segmenter().segment(name.slice(0, name.length - kept.length))) {
    bytes += Buffer.byteLength(segment);
    if (bytes > MAX_NAME_BYTES) break;
    stem += segment;
  }
  return `${stem.trimEnd() || '_'}${kept}`.replace(/[. ]+$/, '');
}

/** `a.txt` as `a (1).txt`; 0 leaves it as it is. */
export function numberedName(name: string, number: number): string {
  if (number === 0) return name;
  const extension = extname(name);
  return `${name.slice(0, name.length - extension.length)} (${number})${extension}`;
}

/** What `safePaths` places. */
interface Placed {
  readonly name: string;
  readonly folders?: readonly string[];
  readonly kind?: string;
}

/**
 * Safe paths for a batch, each as names from the outermost folder on. What lay in one folder lies in one folder again, and no two
 * files of it are called alike, also where the file system does not tell upper from lower case.
 */
export function safePaths(offered: readonly Placed[]): string[][] {
  const root = new SafeFolder([]);
  return offered.map(({ name, folders = [], kind }) => {
    let folder = root;
    for (const one of folders) folder = folder.enter(one);
    return kind === 'folder' ? [...folder.enter(name).path] : [...folder.path, folder.place(name)];
  });
}

/** A folder of a peer under the names that it has here. */
class SafeFolder {
  readonly path: readonly string[];
  readonly #taken = new Set<string>();
  readonly #next = new Map<string, number>();
  readonly #folders = new Map<string, SafeFolder>();

  constructor(path: readonly string[]) {
    this.path = path;
  }

  /** The folder that the peer calls so: the same each time. */
  enter(given: string): SafeFolder {
    let folder = this.#folders.get(given);
    if (folder === undefined) {
      folder = new SafeFolder([...this.path, this.place(given)]);
      this.#folders.set(given, folder);
    }
    return folder;
  }

  /** A name of its own for something that the peer calls so. */
  place(given: string): string {
    const name = safeName(given);
    const folded = name.toLowerCase();
    let number = this.#next.get(folded) ?? 0;
    while (this.#taken.has(numberedName(folded, number))) number++;
    this.#next.set(folded, number + 1);
    this.#taken.add(numberedName(folded, number));
    return numberedName(name, number);
  }
}

/** Where a file grows until it is whole. It is its sender's: nobody else learns of it, or goes on with it. */
export function partName(name: string, peer: string): string {
  return `${name}.${peer.slice(0, KEY_DIGITS)}.part`;
}
