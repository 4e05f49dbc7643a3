// What is in deploy/ is what it should be to the programs that read it.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { hasNatsServer } from '@sws/testing/nats-server';
import { temporaryFolder } from '@sws/testing/relay-process';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Service } from 'kubernetes-models/v1/Service';
import { afterAll, expect, test } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { loadSettings } from '../src/settings/load.js';

const folder = temporaryFolder();
afterAll(folder.remove);
const pathOf = (name: string): string => fileURLToPath(new URL(`../../../deploy/${name}`, import.meta.url));
const read = (name: string): string => readFileSync(pathOf(name), 'utf8');

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}
const KINDS: Readonly<Record<string, new (data: never) => { validate(): void }>> = {
  'apps/v1 Deployment': Deployment,
  'networking.k8s.io/v1 NetworkPolicy': NetworkPolicy,
  'policy/v1 PodDisruptionBudget': PodDisruptionBudget,
  'v1 ConfigMap': ConfigMap,
  'v1 Service': Service,
};
const manifests = (): Manifest[] =>
  parseAllDocuments(read('kubernetes.yaml')).map((one) => one.toJS({ maxAliasCount: 10 }));

function validate(manifest: Manifest): void {
  const Kind = KINDS[`${manifest.apiVersion} ${manifest.kind}`];
  if (Kind === undefined) throw new Error(`no schema for ${manifest.apiVersion} ${manifest.kind}`);
  new Kind(manifest as never).validate();
}

test('each Kubernetes manifest is valid by its schema', () => {
  const all = manifests();
  expect(all.length).toBeGreaterThan(5);
  for (const manifest of all) expect(() => validate(manifest), manifest.metadata.name).not.toThrow();
});

test('the schema check finds a mistake', () => {
  const [first] = manifests();
  const broken = JSON.parse(JSON.stringify(first).replace('"containerPort":8787', '"containerPort":"8787"'));
  expect(() => validate(broken)).toThrow(/containerPort/);
});

test('the Kubernetes relay has valid settings, drains within its grace period, and has working probes', () => {
  const relay = new Map(manifests().map((one) => [`${one.kind} ${one.metadata.name}`, one])).get(
    'Deployment sws-relay',
  );
  const { spec } = (relay as unknown as { spec: { template: { spec: Record<string, unknown> } } }).spec.template;
  const [container] = spec.containers as [Record<string, never>];
  const { env, ports, readinessProbe, livenessProbe } = container as unknown as {
    env: { name: string; value?: string }[];
    ports: { name: string; containerPort: number }[];
    readinessProbe: unknown;
    livenessProbe: unknown;
  };
  const warnings: string[] = [];
  const settings = loadSettings(
    {},
    Object.fromEntries(env.map(({ name, value = 'given' }) => [name, value])),
    (warning) => warnings.push(warning),
  );
  expect(warnings).toEqual([]);
  expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(settings.drainDelay + settings.drainDeadline);
  expect(settings.drainDeadline).toBeGreaterThan(settings.drainSpread);
  expect(readinessProbe).toMatchObject({ httpGet: { path: '/readyz', port: 'metrics' } });
  expect(livenessProbe).toMatchObject({ httpGet: { path: '/healthz', port: 'metrics' } });
  // What the image listens on.
  expect(read('Dockerfile')).toMatch(new RegExp(`SWS_PORT=${ports[0]?.containerPort}\\b`));
  expect(read('Dockerfile')).toMatch(new RegExp(`SWS_METRICS_LISTEN=0.0.0.0:${ports[1]?.containerPort}\\b`));
});

test('passwords for NATS begin with a letter: it takes what begins with a digit for a number', () => {
  const commands = ['three-nodes.sh', 'compose.yaml', 'kubernetes.yaml', '../docs/operate.md'].map(
    (name) => /[a-z]*-?\$\((?=openssl rand -hex 16|head -c 16)/.exec(read(name))?.[0],
  );
  expect(commands).toEqual(Array(4).fill('nats-$('));
});

test.skipIf(!hasNatsServer)(
  'three-nodes.sh ends and says why if NATS does not start (skipped where nats-server is not installed)',
  () => {
    const env = { ...process.env, SWS_NATS_PASSWORD: '11488e23c021d161' };
    const { status, stderr } = spawnSync(pathOf('three-nodes.sh'), { env, encoding: 'utf8' });
    expect(stderr).toMatch(/SWS_NATS_PASSWORD.*a program has ended/s);
    expect(status).toBe(1);
  },
);

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

function promtool(...args: string[]): string {
  const { stdout, stderr, status } = spawnSync('promtool', args, { encoding: 'utf8' });
  return status === 0 ? 'sound' : stdout + stderr;
}

test.skipIf(!hasPromtool)('promtool accepts the alert rules (skipped where there is no promtool)', () => {
  expect(promtool('check', 'rules', pathOf('prometheus-rules.yaml'))).toBe('sound');
});

test.skipIf(!hasPromtool)('each alert fires when it should (skipped where there is no promtool)', () => {
  const names: string[] = parse(read('prometheus-rules.yaml')).groups[0].rules.map(
    ({ alert }: { alert: string }) => alert,
  );
  const labels = 'job="sws-relay",instance="a"';
  const series: Readonly<Record<string, readonly [series: string, values: string][]>> = {
    SwsRelayDown: [[`up{${labels}}`, '0x60']],
    SwsRelayCoreFull: [[`nodejs_eventloop_lag_p99_seconds{${labels}}`, '0.2x60']],
    SwsRelayQueuesFull: [
      [`sws_queued_bytes{${labels}}`, '90x60'],
      [`sws_queued_bytes_limit{${labels}}`, '100x60'],
    ],
    SwsRelayRefusing: [[`sws_refusals_total{${labels},reason="too-many-pending"}`, '0+600x60']],
    SwsRelayFault: [[`sws_refusals_total{${labels},reason="internal-error"}`, '0x30 1x30']],
    SwsRelayWrongName: [[`sws_registrations_total{${labels},result="registration-refused"}`, '0+60x60']],
    SwsRelayWithoutNats: [[`sws_nats_connected{${labels}}`, '0x60']],
    SwsRelayCertificateExpires: [[`sws_certificate_expiry_seconds{${labels}}`, '864000x60']],
    SwsRelayFilesRunOut: [
      [`process_open_fds{${labels}}`, '950x60'],
      [`process_max_fds{${labels}}`, '1000x60'],
    ],
  };
  expect(Object.keys(series)).toEqual(names);
  const firing = (name: string): string => `count(ALERTS{alertname="${name}",alertstate="firing"})`;
  const tests = names.map((name) => ({
    interval: '1m',
    input_series: series[name]?.map(([one, values]) => ({ series: one, values })),
    promql_expr_test: names.map((other) => ({
      expr: firing(other),
      eval_time: '59m',
      exp_samples: other === name ? [{ value: 1 }] : [],
    })),
  }));
  const file = folder.path('rules-test.yaml');
  writeFileSync(file, stringify({ rule_files: [pathOf('prometheus-rules.yaml')], evaluation_interval: '1m', tests }));
  expect(promtool('test', 'rules', file)).toBe('sound');
});
