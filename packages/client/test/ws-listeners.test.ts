// The `ws`-shaped socket's listeners in the browser's style.
import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { EventListeners } from '../src/ws/event-listeners.js';

describe('listeners in the browser’s style', () => {
  const emitter = new EventEmitter();
  const listeners = new EventListeners(emitter);
  afterEach(() => void emitter.removeAllListeners());

  test('get the fields that ws gives', () => {
    const heard: unknown[] = [];
    for (const type of ['open', 'message', 'close', 'error'])
      listeners.add(type, (event) => heard.push({ ...event, target: event.target === emitter }), false);
    const error = new Error('why');
    emitter.emit('open');
    emitter.emit('message', Buffer.from('text'), false);
    emitter.emit('message', Buffer.of(1), true);
    emitter.emit('close', 1006, Buffer.alloc(0));
    emitter.emit('close', 4001, Buffer.from('bye'));
    emitter.emit('error', error);
    emitter.emit('error', 'no error');
    const target = true;
    expect(heard).toEqual([
      { type: 'open', target },
      { type: 'message', target, data: 'text' },
      { type: 'message', target, data: Buffer.of(1) },
      { type: 'close', target, code: 1006, reason: '', wasClean: false },
      { type: 'close', target, code: 4001, reason: 'bye', wasClean: true },
      { type: 'error', target, error, message: 'why' },
      { type: 'error', target, error: 'no error', message: '' },
    ]);
  });

  test('are added once each, and removed; those of other events stay', () => {
    const heard: string[] = [];
    const listener = () => heard.push('function');
    const object = { handleEvent: () => heard.push('object') };
    for (const one of [listener, listener, object]) listeners.add('open', one as never, false);
    listeners.add('open', () => heard.push('once'), true);
    listeners.add('ping', listener as never, false);
    emitter.emit('ping');
    emitter.emit('open');
    emitter.emit('open');
    expect(heard.splice(0)).toEqual(['function', 'object', 'once', 'function', 'object']);
    listeners.remove('open', listener as never);
    listeners.remove('open', listener as never);
    listeners.remove('close', object as never);
    emitter.emit('open');
    expect(heard.splice(0)).toEqual(['object']);
    listeners.remove('open', object as never);
    // Removed, one may be added again.
    listeners.add('open', listener as never, false);
    emitter.emit('open');
    expect([heard, emitter.listenerCount('open')]).toEqual([['function'], 1]);
    listeners.remove('open', listener as never);
  });

  test('of an attribute are replaced, and only for its event', () => {
    const heard: string[] = [];
    const first = () => void heard.push('first');
    expect(listeners.get('open')).toBeNull();
    listeners.set('open', first);
    listeners.set('open', () => void heard.push('second'));
    expect(emitter.listenerCount('open')).toBe(1);
    emitter.emit('open');
    listeners.set('open', 7 as never);
    emitter.emit('open');
    expect([heard, listeners.get('open'), emitter.listenerCount('open')]).toEqual([['second'], null, 0]);
    listeners.set('ping', first);
    expect([listeners.get('ping'), emitter.listenerCount('ping')]).toEqual([null, 0]);
  });
});
