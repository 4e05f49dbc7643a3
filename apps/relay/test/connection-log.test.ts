import type { IncomingMessage } from 'node:http';
import type { Refusal, ServerSecureWebSocket } from '@sws/server';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ConnectionLog } from '../src/connection-log.js';

const KEY = '0123456789abcdef'.repeat(4);
const socket = { publicKey: KEY, remoteAddress: '192.0.2.1', term: 7 } as ServerSecureWebSocket;
const refusal = (reason: string): Refusal => ({ reason, detail: 'why', remoteAddress: '192.0.2.2' }) as Refusal;

let lines: [level: string, fields: object, message: string][];
let log: ConnectionLog;
beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push([level, fields, message]);
  log = new ConnectionLog({ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') });
});
afterEach(() => void vi.useRealTimers());

test('connections are numbered, keys shortened to 8 digits, and durations given in whole seconds', () => {
  const closed = log.registered(socket);
  log.refused(refusal('forbidden'));
  vi.advanceTimersByTime(12_400);
  closed();
  const first = { connection: 1, key: '01234567…', address: '192.0.2.1' };
  expect(lines).toEqual([
    ['debug', { ...first, term: 7 }, 'registered'],
    ['debug', { connection: 2, address: '192.0.2.2', reason: 'forbidden', detail: 'why' }, 'refused'],
    ['debug', { ...first, seconds: 12 }, 'closed'],
  ]);
});

test('requests are numbered, with paths without query and with shortened keys', () => {
  const from = { remoteAddress: '192.0.2.3' };
  log.answered({ method: 'GET', url: `/${KEY}?token=x`, socket: from } as unknown as IncomingMessage, 200);
  log.answered({ method: 'HEAD', socket: from } as unknown as IncomingMessage, 405);
  expect(lines.map(([, fields]) => fields)).toEqual([
    { request: 1, method: 'GET', path: '/01234567…', status: 200, address: '192.0.2.3' },
    { request: 2, method: 'HEAD', path: '/', status: 405, address: '192.0.2.3' },
  ]);
});

test('64 reasons are counted by name, all others together', () => {
  for (let i = 0; i < 70; i++) log.refused(refusal(`reason-${i}`));
  log.refused(refusal('reason-0'));
  log.refused(refusal('reason-63'));
  expect(log.refusedRegistrations.size).toBe(65);
  const count = (reason: string) => log.refusedRegistrations.get(reason);
  expect([count('reason-0'), count('reason-1'), count('reason-63'), count('other')]).toEqual([2, 1, 2, 6]);
});

test('an address over its limit is a warn once a minute, an internal failure an error, and the rest debug', () => {
  for (let i = 0; i < 3; i++) log.refused(refusal('too-many-connections-from-address'));
  vi.advanceTimersByTime(60_000);
  log.refused(refusal('too-many-connections-from-address'));
  log.refused(refusal('internal-error'));
  const told = lines.filter(([level]) => level !== 'debug');
  const crowded = 'an address has reached its limit of connections';
  expect(told).toEqual([
    ['warn', { address: '192.0.2.2', refused: 1 }, crowded],
    ['warn', { address: '192.0.2.2', refused: 3 }, crowded],
    ['error', { error: 'why' }, 'a connection failed'],
  ]);
  expect(lines).toHaveLength(3 + 1 + 1 + 3);
});

test('without a logger nothing is logged and everything is counted', () => {
  const silent = new ConnectionLog();
  silent.registered(socket)();
  for (const reason of ['internal-error', 'too-many-connections-from-address']) silent.refused(refusal(reason));
  expect(silent.refusedRegistrations.size).toBe(2);
});
