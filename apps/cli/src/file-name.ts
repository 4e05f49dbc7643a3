import { extname } from 'node:path';
import filenamify from 'filenamify';

/** The longest name, in bytes of UTF-8: common file systems take 255, of which numbers and the ending of a part need some. */
export const MAX_NAME_BYTES = 200;
/** An ending that is longer than this, in bytes, is cut like the rest of a name. */
const MAX_EXTENSION_BYTES = 20;
/** Characters of the sender's address in the name of a part. */
const KEY_DIGITS = 16;
const PART = new RegExp(`\\.[0-9a-f]{${KEY_DIGITS}}\\.part$`, 'i');

/**
 * A peer's name as one that is safe in a folder: no folders, no control or invisible characters, nothing that a system reserves
 * (Windows device names too), not hidden (a `.bashrc` does not land in a home folder), not that of a part, not too long.
 */
export function safeName(name: string): string {
  // A lone surrogate has no UTF-8: it becomes U+FFFD, which filenamify replaces.
  const clean = filenamify(Buffer.from(name).toString(), {
    replacement: '_',
    maxLength: Number.MAX_SAFE_INTEGER,
  }).replace(/^[. ]+/, '_');
  const short = shorten(clean === '' ? '_' : clean);
  return PART.test(short) ? `${short}_` : short;
}

function shorten(name: string): string {
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  const extension = extname(name);
  const kept = Buffer.byteLength(extension) <= MAX_EXTENSION_BYTES ? extension : '';
  let stem = '';
  let bytes = Buffer.byteLength(kept);
  for (const character of name.slice(0, name.length - kept.length)) {
    bytes += Buffer.byteLength(character);
    if (bytes > MAX_NAME_BYTES) break;
    stem += character;
  }
  return `${stem.trimEnd()}${kept}`.replace(/[. ]+$/, '');
}

/** `a.txt` as `a (1).txt`; 0 leaves it as it is. */
export function numberedName(name: string, number: number): string {
  if (number === 0) return name;
  const extension = extname(name);
  return `${name.slice(0, name.length - extension.length)} (${number})${extension}`;
}

/** Safe names for a batch, no two alike, also where the file system does not tell upper from lower case. */
export function safeNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  const next = new Map<string, number>();
  return names.map((given) => {
    const name = safeName(given);
    const folded = name.toLowerCase();
    let number = next.get(folded) ?? 0;
    while (taken.has(numberedName(folded, number))) number++;
    next.set(folded, number + 1);
    taken.add(numberedName(folded, number));
    return numberedName(name, number);
  });
}

/** Where a file grows until it is whole. It is its sender's: nobody else learns of it, or goes on with it. */
export function partName(name: string, peer: string): string {
  return `${name}.${peer.slice(0, KEY_DIGITS)}.part`;
}
