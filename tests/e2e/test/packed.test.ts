import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const PACKAGES = fileURLToPath(new URL('../../../packages/', import.meta.url));
const TSC = fileURLToPath(new URL('../node_modules/.bin/tsc', import.meta.url));
const NAMES = ['crypto', 'protocol', 'client', 'server', 'router', 'router-nats'] as const;
type Name = (typeof NAMES)[number];
/** What each needs of its siblings: they are packed too, since nothing is published yet. */
const NEEDS: Record<Name, readonly Name[]> = {
  crypto: [],
  protocol: ['crypto'],
  client: ['crypto', 'protocol'],
  server: ['crypto', 'protocol'],
  router: ['crypto', 'protocol'],
  'router-nats': ['crypto', 'protocol', 'router'],
};

const PROGRAMS: Record<Name, string> = {
  crypto: `import { fingerprint, Identity, parseAddress } from '@sws/crypto';
import { randomBytes } from '@sws/crypto/platform';
import { sodiumProvider } from '@sws/crypto/sodium';
const [a, b]: [Identity, Identity] = [Identity.generate(randomBytes), Identity.generate(randomBytes)];
parseAddress(a.publicKey);
// libsodium is not installed with the package.
const code: unknown = await sodiumProvider().catch((error: { code: unknown }) => error.code);
console.log('crypto', fingerprint(a.publicKey, b.publicKey).length, code);
`,
  protocol: `import { decodeRelayFrame, encodeFrame, FAILURES, type RelayFrame } from '@sws/protocol';
const frame: RelayFrame = { type: 'PING', id: 7 };
const decoded = decodeRelayFrame(encodeFrame(frame));
console.log('protocol', decoded.ok && decoded.value.type, FAILURES.replaced.closeCode);
`,
  client: `import { ClientSecureWebSocket, Endpoint, SecureWebSocketStreamError } from '@sws/client';
// @ts-expect-error: codes are typed
void (new SecureWebSocketStreamError().code === 'no-such-code');
let code = '';
try { new ClientSecureWebSocket('wss://relay.example/no-address'); } catch (error) { code = (error as Error).name; }
const socket = new ClientSecureWebSocket('wss://relay.invalid/7e' + '00'.repeat(30) + '07');
socket.addEventListener('close', ({ code, reason }) => {
  // @ts-expect-error: typed, and not any
  const wrong: string = code;
  void [wrong, reason.length];
});
socket.onmessage = ({ data }) => socket.send(String(data));
socket.close();
console.log('client', code, typeof Endpoint);
`,
  server: `import { type RefusalReason, serveUpgrades, type ServeUpgradesOptions, ServerSecureWebSocket, type SwsError } from '@sws/server';
// @ts-expect-error: codes are typed
const wrong: [SwsError['code'], RefusalReason] = ['no-such-code', 'no-such-reason'];
void wrong;
const options: Partial<ServeUpgradesOptions> = { hosts: ['relay.example'] };
console.log('server', typeof serveUpgrades, typeof ServerSecureWebSocket, options.hosts?.length);
`,
  router: `import { inProcessBackplane, Router } from '@sws/router';
import { backplaneTests } from '@sws/router/testing';
for (const { run } of backplaneTests) {
  const backplane = inProcessBackplane();
  await run(() => backplane);
}
const router = new Router();
console.log('router', (await router.admit('00'.repeat(32), 4)).ok, router.size);
router.close();
`,
  'router-nats': `import { NatsCounters, natsBackplane } from '@sws/router-nats';
let refused = '';
try { await natsBackplane({ prefix: 'a b' }); } catch (error) { refused = (error as Error).name; }
console.log('router-nats', refused, new NatsCounters().published);
`,
};
const EXPECTED: Record<Name, string> = {
  crypto: 'crypto 47 provider-unavailable',
  protocol: 'protocol PING 4409',
  client: 'client SyntaxError function',
  server: 'server function function 1',
  router: 'router true 0',
  'router-nats': 'router-nats RangeError 0',
};

// How TypeScript finds packages: `module` and `moduleResolution`, and what it knows of the platform. The last one's output runs.
const NODE = ['nodenext', 'nodenext', 'es2022'] as const;
const BUNDLER = ['esnext', 'bundler', 'es2022', 'dom'] as const;

const online = spawnSync('npm', ['ping'], { timeout: 15_000, shell: process.platform === 'win32' }).status === 0;

describe.skipIf(!online)(
  'packed, installed by plain npm into an empty folder, compiled and run (skipped where npm reaches no registry)',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'sws-packed-'));
    let tarballs: Record<string, string>;
    beforeAll(() => {
      execFileSync(
        'npx',
        [
          '-y',
          'pnpm',
          '--recursive',
          ...NAMES.map((name) => `--filter=@sws/${name}`),
          'pack',
          '--pack-destination',
          folder,
        ],
        {
          cwd: PACKAGES,
          stdio: 'ignore',
        },
      );
      tarballs = Object.fromEntries(
        NAMES.map((name) => [
          name,
          join(folder, readdirSync(folder).find((file) => new RegExp(`^sws-${name}-\\d`).test(file)) ?? 'missing'),
        ]),
      );
    }, 120_000);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    function check(names: readonly Name[], resolutions: readonly (typeof NODE | typeof BUNDLER)[]): void {
      const project = mkdtempSync(join(folder, 'project-'));
      const needed = [...new Set(names.flatMap((name) => [...NEEDS[name], name]))];
      writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module', private: true }));
      execFileSync(
        'npm',
        [
          'install',
          '--no-audit',
          '--no-fund',
          '--prefer-offline',
          ...needed.map((name) => tarballs[name] ?? ''),
          '@types/node@20',
        ],
        { cwd: project, stdio: 'ignore' },
      );
      for (const name of names) writeFileSync(join(project, `${name}.ts`), PROGRAMS[name]);
      for (const [module, moduleResolution, ...lib] of resolutions) {
        const options = {
          module,
          moduleResolution,
          target: 'es2022',
          lib,
          types: ['node'],
          strict: true,
          skipLibCheck: false,
          outDir: 'out',
          rootDir: '.',
        };
        writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*.ts'] }));
        execFileSync(TSC, ['-p', project], { encoding: 'utf8' });
      }
      for (const name of names)
        expect(execFileSync(process.execPath, [join(project, 'out', `${name}.js`)], { encoding: 'utf8' }).trim()).toBe(
          EXPECTED[name],
        );
    }

    test.each(NAMES)('@sws/%s alone', { timeout: 120_000 }, (name) => check([name], [NODE]));
    test('all together', { timeout: 120_000 }, () => check(NAMES, [BUNDLER, NODE]));
  },
);
