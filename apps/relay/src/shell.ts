import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
  '': 'text/plain; charset=utf-8',
};
const COMPRESSED = new Set(['.html', '.js', '.css', '.svg', '.webmanifest', '']);
/** The build puts a hash of the content into these names, so their content never changes. */
const HASHED = /^\/assets\//;
/** In the order of preference. */
const ENCODINGS = ['br', 'gzip'] as const;

type Encoding = (typeof ENCODINGS)[number] | 'identity';

interface ShellFile {
  readonly headers: Readonly<Record<string, string>>;
  readonly bodies: ReadonlyMap<Encoding, { readonly bytes: Buffer; readonly etag: string }>;
}

/**
 * The files of a page, read and compressed at the start. No request opens a file, and an update on disk changes
 * nothing.
 */
export class Shell {
  readonly #files: ReadonlyMap<string, ShellFile>;

  private constructor(files: ReadonlyMap<string, ShellFile>) {
    this.#files = files;
  }

  /** @throws Error if the folder or a file in it cannot be read */
  static async load(folder: string): Promise<Shell> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .map(async (path) => {
        const url = path.slice(folder.length).split(sep).join('/');
        return [url, await shellFile(url, await readFile(path))] as const;
      });
    return new Shell(new Map(await Promise.all(files)));
  }

  /**
   * Answers GET or HEAD for `path` with a file, or with the page for a path that names no file, such as an address.
   * Returns false if there is no answer.
   */
  answer(request: IncomingMessage, response: ServerResponse, path: string): boolean {
    const isPage = !path.slice(path.lastIndexOf('/')).includes('.');
    const file = this.#files.get(path) ?? (isPage ? this.#files.get('/index.html') : undefined);
    if (file === undefined) return false;
    const encoding = encodingFor(request.headers['accept-encoding'], file);
    const body = file.bodies.get(encoding);
    if (body === undefined) return false;
    const { bytes, etag } = body;
    const headers = {
      ...file.headers,
      ETag: etag,
      ...(encoding === 'identity' ? {} : { 'Content-Encoding': encoding }),
    };
    if (names(request.headers['if-none-match'], etag)) response.writeHead(304, headers).end();
    else response.writeHead(200, { ...headers, 'Content-Length': bytes.length }).end(bytes); // HEAD: Node sends the head alone
    return true;
  }
}

async function shellFile(url: string, bytes: Buffer): Promise<ShellFile> {
  const kind = extname(url);
  const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
  const bodies = new Map<Encoding, { bytes: Buffer; etag: string }>([['identity', { bytes, etag: `"${hash}"` }]]);
  if (COMPRESSED.has(kind)) {
    const smaller = { br: await promisify(brotliCompress)(bytes), gzip: await promisify(gzip)(bytes, { level: 9 }) };
    for (const encoding of ENCODINGS)
      if (smaller[encoding].length < bytes.length)
        bodies.set(encoding, { bytes: smaller[encoding], etag: `"${hash}-${encoding}"` });
  }
  const headers = {
    'Content-Type': TYPES[kind] ?? 'application/octet-stream',
    'Cache-Control': HASHED.test(url) ? 'public, max-age=31536000, immutable' : 'no-cache',
    ...(bodies.size > 1 ? { Vary: 'Accept-Encoding' } : {}),
  };
  return { headers, bodies };
}

/** The first of our encodings that the client accepts (RFC 9110 §12.5.3). It must be listed to be accepted. */
function encodingFor(accepted: string | undefined, { bodies }: ShellFile): Encoding {
  const taken = new Set<string>();
  for (const part of (accepted ?? '').toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim());
    if (!parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) taken.add(name);
  }
  return ENCODINGS.find((encoding) => taken.has(encoding) && bodies.has(encoding)) ?? 'identity';
}

/** Whether `If-None-Match` names this ETag (RFC 9110 §13.1.2); a proxy may have made it weak. */
function names(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
}
