import { createPrivateKey, X509Certificate } from 'node:crypto';
import { type FSWatcher, readFileSync, realpathSync, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:https';
import { dirname } from 'node:path';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

/** The served certificate. */
export interface ServedCertificate {
  /** The certificate's names, as written in it. */
  readonly names: string;
  /** When it expires. */
  readonly validTo: Date;
  /** SHA-256, hex with colons. */
  readonly fingerprint: string;
}

/** Options of `watchCertificate`. */
export interface WatchCertificateOptions {
  /** File of the certificate chain, PEM: the server's own first. */
  readonly cert: string;
  /** File of its private key, PEM. */
  readonly key: string;
  /**
   * Other options of `tls.createSecureContext` for new handshakes: `ca`, `minVersion`, `ciphers`, `passphrase` … Set it
   * if the server needs them. @defaultValue nothing
   */
  readonly context?: Omit<SecureContextOptions, 'cert' | 'key' | 'pfx'>;
  /** Called when new handshakes get a new certificate, for a log. @defaultValue nothing */
  readonly onReload?: (certificate: ServedCertificate) => void;
  /**
   * Called when the files changed and cannot be used. The old certificate stays in use. It is called once for each
   * content. @defaultValue nothing
   */
  readonly onError?: (error: Error) => void;
  /**
   * How long the files must stay unchanged before they are read, in ms. Raise it for slow writers. @defaultValue 200
   */
  readonly debounceMs?: number;
  /**
   * How often to read the files without an event of the file system, in ms. Network file systems often report none.
   * @defaultValue 30,000
   */
  readonly pollMs?: number;
}

/** A running watch of a certificate. */
export interface CertificateWatch {
  /** The certificate that new handshakes show. */
  readonly certificate: ServedCertificate;
  /** Reads the files now. Resolves with `true` if they hold a certificate that was not served before. */
  reload(): Promise<boolean>;
  /** Stops watching. The server keeps the certificate that it has. */
  close(): void;
}

/**
 * Serves the certificate in two files, and the new one as soon as they change. Established connections stay open. A
 * half-written file or a key of another certificate changes nothing until the pair is whole. It follows symbolic links
 * that are swapped, as certbot and Kubernetes do.
 * @throws Error at once if the files can't be read or do not belong together
 */
export function watchCertificate(server: Server, options: WatchCertificateOptions): CertificateWatch {
  const watcher = new Watcher(server, options);
  watcher.start();
  return watcher;
}

interface Pair {
  readonly cert: string;
  readonly key: string;
}

const DEBOUNCE_MS = 200;
const POLL_MS = 30_000;

class Watcher implements CertificateWatch {
  readonly #server: Server;
  readonly #options: WatchCertificateOptions;
  #served: ServedCertificate;
  /** The files' last content, whether it was used or not. */
  #found: Pair;
  #failed: string | null = null;
  #watchers = new Map<string, FSWatcher>();
  #debounce: ReturnType<typeof setTimeout> | undefined;
  #poll: ReturnType<typeof setInterval> | undefined;
  #closed = false;

  constructor(server: Server, options: WatchCertificateOptions) {
    this.#server = server;
    this.#options = options;
    this.#found = { cert: readFileSync(options.cert, 'utf8'), key: readFileSync(options.key, 'utf8') };
    this.#served = this.#use(this.#found);
  }

  get certificate(): ServedCertificate {
    return this.#served;
  }

  start(): void {
    this.#watchFolders();
    this.#poll = setInterval(() => void this.reload(), this.#options.pollMs ?? POLL_MS);
    this.#poll.unref();
  }

  async reload(): Promise<boolean> {
    if (this.#closed) return false;
    try {
      const { cert, key } = this.#options;
      const pair = { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
      if (this.#closed) return false;
      this.#watchFolders();
      if (pair.cert === this.#found.cert && pair.key === this.#found.key) return false;
      this.#found = pair;
      this.#served = this.#use(pair);
      this.#failed = null;
      this.#options.onReload?.(this.#served);
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#debounce);
    clearInterval(this.#poll);
    for (const watcher of this.#watchers.values()) watcher.close();
  }

  /** @throws Error unless the pair is whole and belongs together */
  #use({ cert, key }: Pair): ServedCertificate {
    const { context = {} } = this.#options;
    const begun = cert.split('-----BEGIN CERTIFICATE-----').length - 1;
    const ended = cert.split('-----END CERTIFICATE-----').length - 1;
    if (begun === 0 || begun !== ended) throw new Error(`${this.#options.cert} must be a whole PEM certificate chain`);
    const leaf = new X509Certificate(cert);
    const passphrase = context.passphrase === undefined ? {} : { passphrase: context.passphrase };
    if (!leaf.checkPrivateKey(createPrivateKey({ key, ...passphrase })))
      throw new Error(`${this.#options.key} must be the key of the certificate in ${this.#options.cert}`);
    createSecureContext({ ...context, cert, key });
    this.#server.setSecureContext({ ...context, cert, key });
    const names = leaf.subjectAltName ?? leaf.subject;
    return { names, validTo: new Date(leaf.validTo), fingerprint: leaf.fingerprint256 };
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    const failure = error instanceof Error ? error : new Error(String(error));
    // The files are read again and again. Report each failure once.
    const { cert, key } = this.#found;
    const failed = `${failure.message}\n${cert}\n${key}`;
    if (failed === this.#failed) return;
    this.#failed = failed;
    this.#options.onError?.(failure);
  }

  /** Watches the folders of both files and of all their symbolic links. A swapped link is an event in its folder. */
  #watchFolders(): void {
    const wanted = new Set<string>();
    for (const file of [this.#options.cert, this.#options.key]) {
      wanted.add(dirname(file));
      try {
        wanted.add(dirname(realpathSync(file)));
      } catch {
        // The link is being swapped. The next event or poll finds it.
      }
    }
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of wanted) {
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#changed());
        watcher.on('error', () => {
          // The folder is gone, or the system has no more watches. Polling continues.
          watcher.close();
          this.#watchers.delete(folder);
        });
        this.#watchers.set(folder, watcher);
      } catch {
        // The folder cannot be watched. Polling continues.
      }
    }
  }

  #changed(): void {
    clearTimeout(this.#debounce);
    this.#debounce = setTimeout(() => void this.reload(), this.#options.debounceMs ?? DEBOUNCE_MS);
    this.#debounce.unref();
  }
}
