import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Endpoint, Identity, randomBytes } from '@sws/client';
import { type Relay, startRelay } from '@sws/relay';
import { freePort } from '@sws/testing/free-port';
import { hasNatsServer, NatsServer } from '@sws/testing/nats-server';
import { makeCertificate } from './certificate.js';
import { ROOT } from './checkout.js';
import { type Snippet, snippetsOf } from './snippets.js';

/** The programs that some snippets need, and whether they are here. */
export const HAS = { 'nats-server': hasNatsServer, openssl: spawnSync('openssl', ['version']).status === 0 };

/** The JavaScript and TypeScript of a document. */
export function scriptsOf(document: string): readonly Snippet[] {
  return snippetsOf(readFileSync(join(ROOT, document), 'utf8')).filter(({ language }) => /^[jt]s$/.test(language));
}

/** What a README's snippets find where they run: a relay, somebody who answers, NATS, a certificate. */
export class ReadmeWorld {
  readonly #folder: string;
  readonly #relay: Relay;
  readonly #peer: Endpoint;
  readonly #nats: NatsServer | null;
  readonly #port: number;

  private constructor(folder: string, relay: Relay, peer: Endpoint, nats: NatsServer | null, port: number) {
    this.#folder = folder;
    this.#relay = relay;
    this.#peer = peer;
    this.#nats = nats;
    this.#port = port;
  }

  static async start(folder: string): Promise<ReadmeWorld> {
    mkdirSync(join(folder, 'certificate'));
    if (HAS.openssl) makeCertificate(join(folder, 'certificate'));
    const relay = await startRelay({ port: 0, chat: false });
    const nats = HAS['nats-server'] ? await NatsServer.start() : null;
    const peer = new Endpoint(relay.url, { identity: Identity.generate(randomBytes) });
    // Whoever the snippets call says back what it is told in words.
    peer.addEventListener('connection', ({ socket }) => {
      socket.addEventListener('message', ({ data }) => {
        if (typeof data === 'string') socket.send(data);
      });
    });
    await peer.registered;
    return new ReadmeWorld(folder, relay, peer, nats, await freePort());
  }

  async stop(): Promise<void> {
    await this.#peer.close();
    await this.#relay.close();
    await this.#nats?.stop();
  }

  /** The text with the names of this world's own relay, peer, port and files in place of the examples'. */
  here(text: string): string {
    // Ports first: an address or another port may contain their digits.
    return text
      .replaceAll(/\b8787\b/g, String(this.#port))
      .replaceAll(/\b4222\b/g, String(this.#nats?.port))
      .replaceAll('wss://relay.example', this.#relay.url.replace('http', 'ws').replace(/\/$/, ''))
      .replaceAll(/<their public key>|(?<=')…(?=')/g, this.#peer.address ?? '')
      .replaceAll('/etc/letsencrypt/live/relay.example', join(this.#folder, 'certificate'));
  }
}

/** Runs a script of this folder, with a user's folder of its own. */
export async function runScript(
  folder: string,
  name: string,
  script: string,
): Promise<{ readonly output: string; readonly status: number | null }> {
  const home = join(folder, name);
  mkdirSync(home);
  writeFileSync(join(folder, `${name}.js`), script);
  const child = spawn(process.execPath, [join(folder, `${name}.js`)], {
    cwd: home,
    env: { ...process.env, XDG_CONFIG_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const [status] = await once(child, 'close');
  return { output, status };
}

/** What is printed: `…` is anything in a line, alone in its line any lines. */
export function patternOf(lines: readonly string[]): RegExp {
  const source = lines.map((line) =>
    line === '…' ? '[^]*' : line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '.*'),
  );
  return new RegExp(`^${source.join('\n')}\n$`);
}
