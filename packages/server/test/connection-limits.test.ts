import { describe, expect, test, vi } from 'vitest';
import {
  ConnectionLimits,
  type ConnectionLimitsOptions,
  ElsewhereCount,
  SUBPROTOCOL,
  type UpgradeInfo,
} from '../src/connection-limits.js';
import { ServerCounters } from '../src/index.js';
import { networkOf, TrustedProxies } from '../src/remote-address.js';

const upgrade = (changes: Partial<UpgradeInfo> = {}): UpgradeInfo => ({
  origin: undefined,
  protocols: `other, ${SUBPROTOCOL}`,
  forwardedFor: undefined,
  address: '192.0.2.1',
  ...changes,
});
function limitsOf(options: ConnectionLimitsOptions): { connectionLimits: ConnectionLimits; counters: ServerCounters } {
  const counters = new ServerCounters();
  return { connectionLimits: new ConnectionLimits(options, counters), counters };
}
const reasonOf = (entry: ReturnType<ConnectionLimits['enter']>): string => (entry.ok ? 'ok' : entry.reason);

test('IPv6 addresses count by /64, mapped IPv4 addresses as IPv4', () => {
  expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe(networkOf('2001:db8:1:2::9'));
  expect(networkOf('2001:db8:1:3::1')).not.toBe(networkOf('2001:db8:1:2::1'));
  expect(networkOf('::ffff:10.0.0.1')).toBe('10.0.0.1');
  expect(networkOf('::1')).toBe('0:0:0:0');
  // `::` may stand for one group as for many.
  expect(networkOf('2001:db8::2:3:4:5:6')).toBe('2001:db8:0:2');
  expect(networkOf('2001:db8:1::')).toBe('2001:db8:1:0');
  expect(networkOf('::2:3:4:5:6:7:8')).toBe('0:2:3:4');
  expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0:0');
});

test('X-Forwarded-For counts only from trusted proxies, and only the part they wrote', () => {
  const proxies = new TrustedProxies(['10.0.0.0/8', '192.0.2.7', 'fd00::/8']);
  const cases: [string, string | undefined, string][] = [
    ['198.51.100.1', '203.0.113.9', '198.51.100.1'], // not a proxy: it may write what it likes
    ['10.1.2.3', '203.0.113.9', '203.0.113.9'],
    ['::ffff:10.1.2.3', '203.0.113.9', '203.0.113.9'],
    ['10.1.2.3', '1.1.1.1, 203.0.113.9', '203.0.113.9'], // the client wrote 1.1.1.1
    ['10.1.2.3', '203.0.113.9, 10.9.9.9, 192.0.2.7', '203.0.113.9'], // a chain of proxies
    ['fd00::5', '2001:db8::1', '2001:db8::1'],
    ['10.1.2.3', '203.0.113.9:4711', '203.0.113.9'],
    ['10.1.2.3', '[2001:db8::1]:4711', '2001:db8::1'],
    ['10.1.2.3', 'unknown', '10.1.2.3'],
    ['10.1.2.3', 'evil, 10.4.4.4', '10.4.4.4'],
    ['10.1.2.3', undefined, '10.1.2.3'],
    ['10.1.2.3', '', '10.1.2.3'],
    ['', '203.0.113.9', ''], // its socket was gone by then
  ];
  for (const [direct, forwarded, client] of cases) expect(proxies.clientOf(direct, forwarded)).toBe(client);
});

test('an invalid proxy is named in the error', () => {
  for (const entry of [
    'proxy.example',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/x',
    '10.0.0.0/-1',
    '10.0.0.0/0.5',
    '::/129',
    '',
  ])
    expect(() => new TrustedProxies([entry])).toThrow(
      new RangeError(`trustedProxies: ${entry} must be an IP address or a range such as 10.0.0.0/8`),
    );
});

test('a range of proxies can be all addresses or a single one', () => {
  const has = (entry: string) =>
    ['10.0.0.1', '10.0.0.2', 'fd00::1', 'fd00::2'].map((one) => new TrustedProxies([entry]).has(one));
  expect(has('0.0.0.0/0')).toEqual([true, true, false, false]);
  expect(has('::/0').slice(2)).toEqual([true, true]);
  for (const one of ['10.0.0.1', '10.0.0.1/32']) expect(has(one)).toEqual([true, false, false, false]);
  for (const one of ['fd00::1', 'fd00::1/128']) expect(has(one)).toEqual([false, false, true, false]);
});

test('pending connections are limited in all and per address, and each slot is released once', () => {
  const { connectionLimits, counters } = limitsOf({ maxPending: 3, maxPendingPerAddress: 2 });
  const entries = [upgrade(), upgrade(), upgrade(), upgrade({ address: '192.0.2.2' })].map((one) =>
    connectionLimits.enter(one),
  );
  expect(entries.map(reasonOf)).toEqual(['ok', 'ok', 'too-many-pending-from-address', 'ok']);
  expect(reasonOf(connectionLimits.enter(upgrade({ address: '192.0.2.3' })))).toBe('too-many-pending');
  expect(reasonOf(connectionLimits.enter(upgrade()))).toBe('too-many-pending');
  const [first] = entries;
  if (!first?.ok) throw new Error('refused');
  first.slot.registered();
  first.slot.left();
  first.slot.registered();
  expect(reasonOf(connectionLimits.enter(upgrade()))).toBe('ok');
  expect(reasonOf(connectionLimits.enter(upgrade({ address: '192.0.2.3' })))).toBe('too-many-pending');
  expect(connectionLimits.connections).toBe(3);
  expect(Object.fromEntries(counters.refusals)).toEqual({ 'too-many-pending-from-address': 1, 'too-many-pending': 3 });
});

test('connections are limited in all, including registered ones', () => {
  const { connectionLimits } = limitsOf({ maxConnections: 1 });
  const entry = connectionLimits.enter(upgrade());
  if (!entry.ok) throw new Error('refused');
  entry.slot.registered();
  expect(reasonOf(connectionLimits.enter(upgrade()))).toBe('too-many-connections');
  entry.slot.left();
  entry.slot.left();
  expect(connectionLimits.connections).toBe(0);
  expect(reasonOf(connectionLimits.enter(upgrade()))).toBe('ok');
});

test('connections are limited per address, including registered ones', () => {
  const { connectionLimits, counters } = limitsOf({ maxConnectionsPerAddress: 2 });
  const ipv6 = (host: string): UpgradeInfo => upgrade({ address: `2001:db8:0:1::${host}` });
  const entries = ['1', '2', '3'].map((host) => {
    const entry = connectionLimits.enter(ipv6(host));
    if (entry.ok) entry.slot.registered();
    return entry;
  });
  expect(entries.map(reasonOf)).toEqual(['ok', 'ok', 'too-many-connections-from-address']);
  expect(reasonOf(connectionLimits.enter(upgrade({ address: '2001:db8:0:2::1' })))).toBe('ok');
  expect(counters.refusals.get('too-many-connections-from-address')).toBe(1);
  const [first] = entries;
  if (first?.ok) first.slot.left();
  expect(reasonOf(connectionLimits.enter(ipv6('4')))).toBe('ok');
});

test('new limits apply to new connections, and close none', () => {
  const { connectionLimits } = limitsOf({ maxConnections: 1, maxPending: 1 });
  const enter = (host: number, registers = true): string => {
    const entry = connectionLimits.enter(upgrade({ address: `192.0.2.${host}` }));
    if (entry.ok && registers) entry.slot.registered();
    return reasonOf(entry);
  };
  expect([enter(1), enter(1)]).toEqual(['ok', 'too-many-connections']);
  connectionLimits.setBounds({ maxConnectionsPerAddress: 2 });
  expect([enter(1), enter(1), enter(2)]).toEqual(['ok', 'too-many-connections-from-address', 'ok']);
  connectionLimits.setBounds({ maxPending: 2, maxPendingPerAddress: 1 });
  expect([enter(3, false), enter(3), enter(4, false), enter(5)]).toEqual([
    'ok',
    'too-many-pending-from-address',
    'ok',
    'too-many-pending',
  ]);
  connectionLimits.setBounds({ maxConnections: 1 });
  expect([enter(6), connectionLimits.connections]).toEqual(['too-many-connections', 5]);
});

test('by default an address may have 1,000 connections', () => {
  const { connectionLimits } = limitsOf({ maxPendingPerAddress: 10 });
  let entered = 0;
  for (; entered < 2_000; entered++) {
    const entry = connectionLimits.enter(upgrade());
    if (!entry.ok) break;
    entry.slot.registered();
  }
  expect(entered).toBe(1_000);
});

test('by default 100 of an address and 1,000 in all may be unregistered', () => {
  const { connectionLimits } = limitsOf({});
  const entered = (host: string): number => {
    let count = 0;
    while (count < 2_000 && connectionLimits.enter(upgrade({ address: host })).ok) count++;
    return count;
  };
  const counts = Array.from({ length: 11 }, (_, host) => entered(`192.0.2.${host}`));
  expect(counts).toEqual([...Array(10).fill(100), 0]);
});

describe('with other processes of the same relay', () => {
  const elsewhereOf = () => ({
    connections: new ElsewhereCount(),
    pending: new ElsewhereCount(),
    requests: new ElsewhereCount(),
  });

  test('limits hold for all processes together', () => {
    const elsewhere = elsewhereOf();
    const bounds = { maxConnections: 6, maxConnectionsPerAddress: 3, maxPending: 3, maxPendingPerAddress: 2 };
    const { connectionLimits } = limitsOf({ elsewhere, ...bounds });
    const enter = (address = '192.0.2.1'): string => reasonOf(connectionLimits.enter(upgrade({ address })));
    elsewhere.pending.add('192.0.2.1', 1);
    expect([enter(), enter()]).toEqual(['ok', 'too-many-pending-from-address']);
    elsewhere.pending.add('192.0.2.2', 1);
    expect(enter('192.0.2.3')).toBe('too-many-pending');
    elsewhere.connections.add('192.0.2.1', 2);
    expect(enter()).toBe('too-many-connections-from-address');
    elsewhere.connections.add('192.0.2.2', 3);
    expect(enter('192.0.2.3')).toBe('too-many-connections');
    elsewhere.connections.add('192.0.2.2', -3);
    elsewhere.pending.add('192.0.2.2', -1);
    expect([enter('192.0.2.2'), elsewhere.connections.size, elsewhere.connections.of('192.0.2.2')]).toEqual([
      'ok',
      2,
      0,
    ]);
  });

  test('every change of an address’s count is reported to them', () => {
    const elsewhere = elsewhereOf();
    const told: unknown[] = [];
    elsewhere.connections.onchange = (...given) => told.push(['connections', ...given]);
    elsewhere.pending.onchange = (...given) => told.push(['pending', ...given]);
    const { connectionLimits } = limitsOf({ elsewhere });
    const [one, two] = [connectionLimits.enter(upgrade()), connectionLimits.enter(upgrade())];
    if (!one.ok || !two.ok) throw new Error('refused');
    one.slot.registered();
    one.slot.left();
    two.slot.left();
    const of = (kind: string, count: number): unknown[] => [kind, '192.0.2.1', count];
    expect(told).toEqual([
      ...[of('pending', 1), of('connections', 1), of('pending', 2), of('connections', 2)],
      ...[of('pending', 1), of('connections', 1), of('pending', 0), of('connections', 0)],
    ]);
  });
});

test('an address without connections is forgotten', () => {
  const forgotten = vi.spyOn(Map.prototype, 'delete');
  const { connectionLimits } = limitsOf({});
  const entry = connectionLimits.enter(upgrade());
  if (entry.ok) entry.slot.left();
  expect(forgotten.mock.calls).toEqual([['192.0.2.1'], ['192.0.2.1']]); // of those that have not registered, and of all
  const elsewhere = new ElsewhereCount();
  for (const count of [2, -1, -1]) elsewhere.add('192.0.2.2', count);
  expect(forgotten.mock.calls.slice(2)).toEqual([['192.0.2.2']]);
  forgotten.mockRestore();
});

test('where it is full, a relay answers 503; another origin gets 403, another subprotocol 400', () => {
  const statusOf = (options: ConnectionLimitsOptions, changes: Partial<UpgradeInfo> = {}): number | null => {
    const entry = limitsOf(options).connectionLimits.enter(upgrade(changes));
    return entry.ok ? null : entry.status;
  };
  const bounds = ['maxConnections', 'maxConnectionsPerAddress', 'maxPending', 'maxPendingPerAddress'];
  expect(bounds.map((bound) => statusOf({ [bound]: 0 }))).toEqual([503, 503, 503, 503]);
  expect(statusOf({ origins: [] }, { origin: 'https://b.example' })).toBe(403);
  expect(statusOf({}, { protocols: 'other' })).toBe(400);
});

test('a list or function decides about the Origin; clients without one are not pages', () => {
  for (const origins of [['https://a.example'], (origin: string) => origin === 'https://a.example']) {
    const { connectionLimits } = limitsOf({ origins });
    expect(reasonOf(connectionLimits.enter(upgrade({ origin: 'https://a.example' })))).toBe('ok');
    expect(reasonOf(connectionLimits.enter(upgrade({ origin: 'https://b.example' })))).toBe('origin');
    expect(reasonOf(connectionLimits.enter(upgrade({ origin: 'null' })))).toBe('origin');
    expect(reasonOf(connectionLimits.enter(upgrade()))).toBe('ok');
  }
  expect(reasonOf(limitsOf({}).connectionLimits.enter(upgrade({ origin: 'https://b.example' })))).toBe('ok');
  expect(reasonOf(limitsOf({}).connectionLimits.enter(upgrade({ protocols: undefined })))).toBe('subprotocol');
});
