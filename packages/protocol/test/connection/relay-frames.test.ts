// PROTOCOL §2, Before and after, and §3, RESTARTING and ERROR: what a client makes of frames that the relay sends out of turn.
import { describe, expect, test } from 'vitest';
import type { RelayFrame } from '../../src/frames/relay-frames.js';
import { Dialled, failedWith, KEY, NOW } from './dialled.js';

describe('before success', () => {
  test.each([
    ['an unknown type', '{"type":"NEWS"}'],
    ['no type', '{}'],
    ['a type that is not a string', '{"type":1}'],
    ['CHALLENGE_RESPONSE', '{"type":"CHALLENGE_RESPONSE"}'],
  ])('a frame with %s is ignored', (_, text) => {
    const dialled = new Dialled();
    dialled.connection.handleFrame(text, NOW);
    expect(dialled.events()).toEqual([]);
    dialled.register();
  });

  test.each<RelayFrame>([
    { type: 'MESSAGE', to: KEY, from: KEY, content: new Uint8Array(1) },
    { type: 'UNDELIVERABLE', to: KEY, head: '', code: 'offline' },
    { type: 'BACKLOG', to: KEY },
    { type: 'PEER_GONE', publicKey: KEY },
    { type: 'PONG', id: 1 },
    { type: 'RESTARTING', reconnectIn: 0, spread: 0 },
  ])('$type fails the connection with bad-frame', (frame) => {
    const dialled = new Dialled();
    dialled.tell(frame);
    expect(dialled.events()).toContainEqual(failedWith('bad-frame'));
  });

  test('a binary frame fails the connection with bad-frame', () => {
    const dialled = new Dialled();
    dialled.connection.handleFrame(new Uint8Array(40), NOW);
    expect(dialled.events()).toContainEqual(failedWith('bad-frame'));
  });
});

describe('after registration', () => {
  test('unreadable, unknown and late frames are ignored', () => {
    const dialled = new Dialled();
    dialled.register();
    for (const text of ['{"type":"NEWS"}', '{}', '[', '{"type":"PING","id":-1}'])
      dialled.connection.handleFrame(text, NOW);
    dialled.connection.handleFrame(Uint8Array.of(2, 0), NOW);
    dialled.tell({ type: 'CHALLENGE', version: 1, nonce: KEY, serverKey: KEY });
    dialled.tell({ type: 'REGISTER_FAILURE', code: 4403, reason: '' });
    expect(dialled.events()).toEqual([]);
    expect(dialled.connection.registered).toBe(true);
  });

  test('the close code decides, not the code of an ERROR', () => {
    const dialled = new Dialled();
    dialled.register();
    dialled.tell({ type: 'ERROR', code: 4403, reason: '' });
    expect(dialled.events()).toEqual([]);
    dialled.connection.handleClosed(1006, NOW);
    expect(dialled.events()).toContainEqual(failedWith('connection-lost'));
  });
});

describe('after RESTARTING', () => {
  test('the client stays until the given time, closes, and dials no earlier', () => {
    const dialled = new Dialled();
    dialled.register();
    dialled.tell({ type: 'RESTARTING', reconnectIn: 5_000, spread: 0 });
    expect(dialled.connection.nextWakeAtMs).toBe(NOW + 5_000);
    dialled.connection.handleTimeout(NOW + 5_000);
    const events = dialled.events();
    expect(events).toContainEqual({ type: 'hang-up' });
    expect(events).toContainEqual(failedWith('restarting'));
    const retryAtMs = dialled.connection.nextWakeAtMs;
    expect(retryAtMs).toBeGreaterThanOrEqual(NOW + 5_000);
    dialled.connection.handleTimeout(retryAtMs);
    expect(dialled.events()).toContainEqual({ type: 'dial' });
  });

  test('a client closed earlier by the relay dials no earlier', () => {
    const dialled = new Dialled();
    dialled.register();
    dialled.tell({ type: 'RESTARTING', reconnectIn: 100_000, spread: 0 });
    dialled.connection.handleClosed(1012, NOW);
    // 100 s are clamped to 60.
    expect(dialled.connection.nextWakeAtMs).toBe(NOW + 60_000);
  });
});
