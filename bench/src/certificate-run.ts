import { renameSync, symlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { makeCertificate } from '@sws/testing/certificate';
import { RawClient } from '@sws/testing/raw-client';
import { RelayProcess, temporaryFolder } from '@sws/testing/relay-process';

/** The result of swapping certificates under load. */
export interface CertificateFigures {
  readonly swaps: number;
  readonly connections: number;
  /** Connections lost during the run. */
  readonly dropped: number;
  readonly sent: number;
  readonly received: number;
  /** Time from the swap of the links to the first handshake with the new certificate, in ms. */
  readonly seenAfterMs: readonly number[];
  /** Handshakes that showed an older certificate after a newer one was seen. */
  readonly wentBack: number;
}

const AT_ONCE = 40;
const SEEN_TIMEOUT_MS = 20_000;

/** Runs `sws-relay` with `pairs` pairs of clients that keep sending, and swaps its certificate again and again. */
export async function swapCertificates(options: {
  readonly pairs: number;
  readonly swaps: number;
  readonly everyMs: number;
}): Promise<CertificateFigures> {
  const { pairs, swaps, everyMs } = options;
  const folder = temporaryFolder();
  const [certificate, key] = [folder.path('cert.pem'), folder.path('key.pem')];
  const names = Array.from({ length: swaps + 1 }, (_, i) => `n${i}.example`);
  for (const name of names) makeCertificate(folder.path(name), name);
  const link = (name: string): void => {
    // Like certbot: replace each link by a new one, first the certificate's.
    for (const [file, suffix] of [
      [certificate, 'cert'],
      [key, 'key'],
    ] as const) {
      symlinkSync(`${folder.path(name)}.${suffix}`, `${file}.new`);
      renameSync(`${file}.new`, file);
    }
  };
  link(names[0] ?? '');
  const relay = await RelayProcess.start([
    ...['--port', '0', '--no-chat', '--cert', certificate, '--key', key, '--identity', folder.path('identity')],
    // All clients come from one address.
    ...['--messages-per-second', '100000', '--bytes-per-second', '1000000000'],
  ]);
  const clients: RawClient[] = [];
  let [sent, received, dropped] = [0, 0, 0];
  let closing = false;
  try {
    const url = `wss://localhost:${relay.port}/`;
    const open = async (): Promise<RawClient> => {
      const identity = Identity.generate(randomBytes, nodeProvider);
      const client = await RawClient.connect(url, identity, { rejectUnauthorized: false });
      client.onclose = () => {
        if (!closing) dropped++;
      };
      client.onmessage = () => received++;
      clients.push(client);
      return client;
    };
    while (clients.length < 2 * pairs)
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, 2 * pairs - clients.length) }, open));
    const sending = setInterval(() => {
      for (const [i, client] of clients.entries()) {
        client.send(clients[i ^ 1]?.publicKey ?? '', new Uint8Array(200));
        sent++;
      }
    }, 20);
    const seenAfterMs: number[] = [];
    let wentBack = 0;
    for (const name of names.slice(1)) {
      const from = performance.now();
      link(name);
      while ((await servedName(relay.port)) !== name) {
        if (performance.now() - from > SEEN_TIMEOUT_MS) throw new Error(`${name} was not served: ${relay.stderr}`);
        await sleep(10);
      }
      seenAfterMs.push(performance.now() - from);
      for (const until = performance.now() + everyMs; performance.now() < until; await sleep(20))
        if ((await servedName(relay.port)) !== name) wentBack++;
    }
    clearInterval(sending);
    for (const until = performance.now() + SEEN_TIMEOUT_MS; received < sent && performance.now() < until; )
      await sleep(20);
    closing = true;
    return { swaps, connections: clients.length, dropped, sent, received, seenAfterMs, wentBack };
  } finally {
    for (const client of clients) client.close();
    await relay.stop();
    folder.remove();
  }
}

/** The name in the certificate of a new handshake. */
function servedName(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: 'localhost', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().subjectaltname?.replace('DNS:', '') ?? '');
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
