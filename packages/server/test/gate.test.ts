import { expect, test } from 'vitest';
import { Gate, type GateOptions, SUBPROTOCOL, type Visitor } from '../src/gate.js';
import { ServerCounters } from '../src/index.js';
import { networkOf, TrustedProxies } from '../src/remote-address.js';

const visitor = (changes: Partial<Visitor> = {}): Visitor => ({
  origin: undefined,
  protocols: `other, ${SUBPROTOCOL}`,
  forwardedFor: undefined,
  address: '192.0.2.1',
  ...changes,
});
function gateOf(options: GateOptions): { gate: Gate; counters: ServerCounters } {
  const counters = new ServerCounters();
  return { gate: new Gate(options, counters), counters };
}
const reasonOf = (entry: ReturnType<Gate['enter']>): string => (entry.ok ? 'ok' : entry.reason);

test('IPv6 addresses count by /64, mapped IPv4 as IPv4', () => {
  expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe(networkOf('2001:db8:1:2::9'));
  expect(networkOf('2001:db8:1:3::1')).not.toBe(networkOf('2001:db8:1:2::1'));
  expect(networkOf('::ffff:10.0.0.1')).toBe('10.0.0.1');
  expect(networkOf('::1')).toBe('0:0:0:0');
  expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0:0');
});

test('X-Forwarded-For counts from trusted proxies only, and only as far as they wrote it', () => {
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
  ];
  for (const [direct, forwarded, client] of cases) expect(proxies.clientOf(direct, forwarded)).toBe(client);
});

test('a proxy that is none is named', () => {
  for (const entry of ['proxy.example', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/x', '::/129', ''])
    expect(() => new TrustedProxies([entry])).toThrow(RangeError);
});

test('pending connections are bounded in all and by address, and each place is given back once', () => {
  const { gate, counters } = gateOf({ maxPending: 3, maxPendingPerAddress: 2 });
  const entries = [visitor(), visitor(), visitor(), visitor({ address: '192.0.2.2' })].map((one) => gate.enter(one));
  expect(entries.map(reasonOf)).toEqual(['ok', 'ok', 'too-many-pending-from-address', 'ok']);
  expect(reasonOf(gate.enter(visitor({ address: '192.0.2.3' })))).toBe('too-many-pending');
  expect(reasonOf(gate.enter(visitor()))).toBe('too-many-pending');
  const [first] = entries;
  if (!first?.ok) throw new Error('refused');
  first.place.registered();
  first.place.left();
  first.place.registered();
  expect(reasonOf(gate.enter(visitor()))).toBe('ok');
  expect(reasonOf(gate.enter(visitor({ address: '192.0.2.3' })))).toBe('too-many-pending');
  expect(gate.connections).toBe(3);
  expect(Object.fromEntries(counters.refusals)).toEqual({ 'too-many-pending-from-address': 1, 'too-many-pending': 3 });
});

test('connections are bounded in all, registered ones included', () => {
  const { gate } = gateOf({ maxConnections: 1 });
  const entry = gate.enter(visitor());
  if (!entry.ok) throw new Error('refused');
  entry.place.registered();
  expect(reasonOf(gate.enter(visitor()))).toBe('too-many-connections');
  gate.left();
  expect(reasonOf(gate.enter(visitor()))).toBe('ok');
});

test('Origin: a list or a function decides on pages; who sends none is no page', () => {
  for (const origins of [['https://a.example'], (origin: string) => origin === 'https://a.example']) {
    const { gate } = gateOf({ origins });
    expect(reasonOf(gate.enter(visitor({ origin: 'https://a.example' })))).toBe('ok');
    expect(reasonOf(gate.enter(visitor({ origin: 'https://b.example' })))).toBe('origin');
    expect(reasonOf(gate.enter(visitor({ origin: 'null' })))).toBe('origin');
    expect(reasonOf(gate.enter(visitor()))).toBe('ok');
  }
  expect(reasonOf(gateOf({}).gate.enter(visitor({ origin: 'https://b.example' })))).toBe('ok');
  expect(reasonOf(gateOf({}).gate.enter(visitor({ protocols: undefined })))).toBe('subprotocol');
});
