// An operator does literally what the guide says, as far as one machine without root goes, and sees what it should do.
import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { Endpoint, Identity, randomBytes } from '@sws/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate } from './certificate.js';
import { ROOT } from './checkout.js';
import { Reader } from './reader.js';
import { type Snippet, snippetsOf } from './snippets.js';
import { type Terminal, until } from './terminal.js';

const SECTION_MS = 120_000;
const snippets = snippetsOf(readFileSync(`${ROOT}docs/operate.md`, 'utf8'));
const isRun = ({ language, file, notRun }: Snippet): boolean =>
  notRun === null && (file !== null || language === 'sh' || language === 'console');
const sections = [...new Set(snippets.filter(isRun).map(({ section }) => section))];

interface Stage {
  /** Programs without which it can't be done. */
  readonly needs?: readonly string[];
  /** Set in its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the section takes as given. */
  readonly before?: (reader: Reader) => unknown;
  /** What can be seen once it is done. */
  readonly after?: (reader: Reader) => unknown;
}

const has = (program: string): boolean => spawnSync('which', [program]).status === 0;
const last = (reader: Reader): Terminal => reader.terminals.at(-1) as Terminal;
/** Waits until a program has printed this, and gives the first group. */
async function printed(terminal: Terminal, pattern: RegExp): Promise<string> {
  await until(
    () => pattern.test(terminal.output) || terminal.ended,
    () => `${pattern} in ${terminal.output}`,
  );
  const found = pattern.exec(terminal.output);
  if (found === null) throw new Error(`no ${pattern} in ${terminal.output}`);
  return found[1] ?? '';
}
const serverKey = (terminal: Terminal): Promise<string> => printed(terminal, /pin this relay\): (\w+)/);

const clients: Endpoint[] = [];
/** Somebody who dials the relay by the name that it has. */
function dial(reader: Reader, options: { identity?: Identity; token?: string } = {}, port = '8787'): Endpoint {
  const endpoint = new Endpoint(reader.here(`ws://localhost:${port}`), {
    identity: Identity.generate(randomBytes),
    ...options,
  });
  clients.push(endpoint);
  return endpoint;
}
const becomes = (endpoint: Endpoint, state: string): Promise<void> =>
  until(
    () => endpoint.state === state,
    () => `${state}, not ${endpoint.state}`,
  );
/** What one client sends reaches the other. */
async function expectDelivery(from: Endpoint, to: Endpoint): Promise<void> {
  const heard = new Promise((resolve) => to.addEventListener('message', ({ data }) => resolve(data)));
  await from.send(to.address ?? '', 'hello');
  expect(await heard).toBe('hello');
}
/** Two clients dial one after the other, and the second reaches the first. */
async function talk(reader: Reader): Promise<void> {
  const [one, other] = [dial(reader), dial(reader)];
  await Promise.all([becomes(one, 'registered'), becomes(other, 'registered')]);
  await expectDelivery(other, one);
}

/** What certbot does when it has renewed: it runs the hook. Gives the new certificate's fingerprint. */
function renew(reader: Reader): string {
  const lineage = reader.path('~/lineage');
  mkdirSync(lineage, { recursive: true });
  makeCertificate(lineage);
  const user = execFileSync('id', ['-un'], { encoding: 'utf8' }).trim();
  mkdirSync(reader.path('/etc/sws'), { recursive: true });
  execFileSync(`${ROOT}deploy/copy-certificate`, [reader.path('/etc/sws/tls'), user], {
    env: { ...process.env, RENEWED_LINEAGE: lineage },
  });
  return new X509Certificate(readFileSync(`${lineage}/fullchain.pem`)).fingerprint256;
}
function servedCertificate(reader: Reader): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(reader.here('443')), host: '127.0.0.1', rejectUnauthorized: false });
    socket.once('error', reject).once('secureConnect', () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
  });
}

const stages: Readonly<Record<string, Stage>> = {
  Install: {
    before: (reader) => reader.enter('sws'),
    after: async (reader) => {
      const relay = reader.start('node ~/sws-relay/dist/main.js --port 0');
      const url = await printed(relay, /listening on (\S+)/);
      expect(await (await fetch(url)).text()).toContain('<!doctype html>');
    },
  },
  TLS: {
    needs: ['openssl'],
    before: renew,
    after: async (reader) => {
      const renewed = renew(reader);
      await printed(last(reader), /new connections get the new certificate/);
      expect(await servedCertificate(reader)).toBe(renewed);
    },
  },
  'Behind nginx or Caddy': {
    after: async (reader) => {
      expect((await fetch(reader.here('http://127.0.0.1:9100/readyz'))).status).toBe(200);
      await becomes(dial(reader), 'registered');
    },
  },
  'A private relay': {
    after: async (reader) => {
      const token = 'correct-horse-battery-staple';
      const friend = Identity.generate(randomBytes);
      const tokenless = Identity.generate(randomBytes);
      appendFileSync(reader.path('/etc/sws/allowed-keys'), `${friend.publicKey}\n${tokenless.publicKey}\n`);
      await printed(last(reader), /"allow".*"reloaded"/);
      await becomes(dial(reader, { identity: friend, token }), 'registered');
      await becomes(dial(reader, { identity: tokenless }), 'down');
      await becomes(dial(reader, { token }), 'down');
    },
  },
  'Who is connected': {
    before: async (reader) => {
      reader.set('SWS_ADMIN', reader.path('~/admin.sock'));
      await serverKey(reader.start('sws-relay --port 8787 --hosts localhost:8787'));
      const someone = dial(reader);
      await becomes(someone, 'registered');
      reader.set('KEY', someone.address ?? '');
    },
    after: async (reader) => {
      const [someone] = clients;
      expect(last(reader).output.match(new RegExp(`^${someone?.address}  127.0.0.1  \\d+ s`, 'gm'))).toHaveLength(2);
      await becomes(someone as Endpoint, 'down');
      reader.set('SWS_ADMIN', '');
    },
  },
  "The relay's own identity": {
    after: async (reader) => {
      const [shown, prepared] = last(reader).output.match(/^\w{64}$/gm) ?? [];
      expect(last(reader).output).toContain(`Old server key: ${shown}\nNew server key: ${prepared}\n`);
      expect(await serverKey(reader.start('sws-relay --port 0'))).toBe(prepared);
    },
  },
  'Many nodes': {
    needs: ['nats-server'],
    env: { SWS_NATS_PASSWORD: 'of-the-test' },
    before: async (reader) => {
      const nats = reader.start(`nats-server -c ${ROOT}deploy/nats.conf -a 127.0.0.1 -p 4222 -m 8222`);
      await printed(nats, /Server is ready/);
    },
    after: async (reader) => {
      const one = dial(reader);
      await becomes(one, 'registered');
      const told: unknown[] = [];
      one.addEventListener('message', ({ data }) => told.push(data));
      for (const [node, port] of [
        ['relay-2', '8788'],
        ['relay-3', '8789'],
      ]) {
        const flags = `--node-id ${node} --port ${port} --hosts localhost:${port}`;
        await serverKey(reader.start(`sws-relay --config /etc/sws/node-1.toml ${flags}`));
        await dial(reader, {}, port).send(one.address ?? '', node);
      }
      expect(told).toEqual(['relay-2', 'relay-3']);
    },
  },
  'Three nodes on one machine': {
    needs: ['nats-server', 'nginx', 'curl'],
    before: (reader) => reader.enter('sws'),
    after: talk,
  },
  'All processors': {
    after: async (reader) => {
      await serverKey(last(reader));
      // One after the other: each goes to the next worker.
      await talk(reader);
    },
  },
  'Upgrades without loss': {
    before: async (reader) => {
      const old = reader.start('sws-relay --config /etc/sws/relay.toml');
      reader.set('OLD_PID', await printed(old, /"pid":(\d+).*"listening"/));
      await becomes(dial(reader), 'registered');
    },
    after: async (reader) => {
      const client = clients.at(-1) as Endpoint;
      const log = (): string => readFileSync(reader.path('new.log'), 'utf8');
      await until(() => /waiting for the port.*"listening"/s.test(log()), log);
      const [old] = reader.terminals.filter(({ output }) => output.includes('the port is free'));
      await printed(old as Terminal, /"drained"/);
      const peer = dial(reader);
      await becomes(peer, 'registered');
      await expectDelivery(client, peer);
    },
  },
  Logs: {
    after: async (reader) => {
      const log = last(reader);
      // Not the name that the relay has.
      clients.push(new Endpoint(reader.here('ws://127.0.0.1:8787'), { identity: Identity.generate(randomBytes) }));
      await printed(log, /"refused"/);
    },
  },
  'What to watch': {
    needs: ['curl'],
    before: (reader) => serverKey(reader.start('sws-relay --config /etc/sws/relay.toml')),
    after: (reader) => expect(last(reader).output).toMatch(/^ready\nsws_info/),
  },
};

describe('operating a relay works as the guide says', { timeout: SECTION_MS }, () => {
  let reader: Reader;
  beforeAll(async () => {
    reader = await Reader.with(['443', '4222', '8222', '8787', '8788', '8789', '9100'], {
      // The guide's files and flags say the port; it would listen on all interfaces where they say `hosts` alone.
      SWS_PORT: '',
      SWS_HOST: '127.0.0.1',
    });
    reader.set('PORT', reader.here('8787'));
  });
  afterAll(() => reader.close());

  for (const section of sections) {
    const stage = stages[section];
    const needs = stage?.needs ?? [];
    const title = needs.length > 0 ? `${section} (skipped without ${needs.join(', ')})` : section;
    test.skipIf(!needs.every(has))(title, async () => {
      if (stage === undefined) throw new Error(`"${section}" has no stage here`);
      reader.enter('.');
      for (const [variable, value] of Object.entries(stage.env ?? {})) reader.set(variable, value);
      try {
        await stage.before?.(reader);
        for (const snippet of snippets)
          if (snippet.section === section && isRun(snippet))
            await reader.follow(snippet).catch((error: Error) => {
              throw new Error(`docs/operate.md:${snippet.line}: ${error.message}`);
            });
        await stage.after?.(reader);
        expect(reader.failures()).toEqual([]);
      } finally {
        for (const variable of Object.keys(stage.env ?? {})) reader.set(variable, '');
        for (const client of clients.splice(0)) await client.close();
        await reader.stop();
      }
    });
  }
});

test('each block that is not run says why, or configures another program', () => {
  const others = snippets.filter((snippet) => !isRun(snippet));
  expect(others.filter(({ notRun }) => notRun === null).map(({ language }) => language)).toEqual([
    'caddyfile',
    'nginx',
    'json',
    'json',
    'yaml',
  ]);
  expect(others.filter(({ notRun }) => notRun !== null)).toHaveLength(7);
  expect(Object.keys(stages).sort()).toEqual([...sections].sort());
});
