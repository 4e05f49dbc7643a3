// An endpoint's connection to its relay, in virtual time.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Endpoint } from '../src/index.js';
import { EndpointWorld } from './endpoint-world.js';
import { newIdentity } from './relay.js';
import { pass } from './virtual-network.js';

let world: EndpointWorld;
beforeEach(() => {
  world = new EndpointWorld();
});
afterEach(() => world.stop());

describe('the connection of an identity', () => {
  test('is reused within half a second, and then closed', async () => {
    const identity = newIdentity();
    const first = world.endpoint({ identity });
    await pass(500);
    await Promise.all([first.close(), pass(450)]);
    const second = world.endpoint({ identity });
    await pass(2_000);
    expect([second.state, world.network.dials.length, world.network.sockets[0]?.readyState]).toEqual([
      'registered',
      1,
      1,
    ]);
    await Promise.all([second.close(), pass(450)]);
    expect(world.network.sockets[0]?.readyState).toBe(1);
    await pass(150);
    expect(world.network.sockets[0]?.readyState).toBe(3);
    const third = world.endpoint({ identity });
    await pass(500);
    expect([third.state, world.network.dials.length]).toEqual(['registered', 2]);
    await Promise.all([third.close(), pass(700)]);
    expect(world.network.sockets[1]?.readyState).toBe(3);
  });

  test('is shared by its endpoints, and outlives the first to close', async () => {
    const identity = newIdentity();
    const [first, second] = [world.endpoint({ identity }), world.endpoint({ identity })];
    await pass(500);
    await Promise.all([first.close(), pass(3_000)]);
    expect([second.state, world.network.dials.length, world.network.sockets[0]?.readyState]).toEqual([
      'registered',
      1,
      1,
    ]);
  });

  test('is given up with its last user if it does not register', async () => {
    world.network.behaviour = 'no-challenge';
    const a = world.endpoint();
    await pass(500);
    await Promise.all([a.close(), pass(50)]);
    expect(world.network.sockets[0]?.readyState).toBe(3);
  });

  test.each(['blob', 'nodebuffer'])('accepts bytes from a transport of binaryType %s', async (binaryType) => {
    const { WebSocket } = world.network;
    const made: { binaryType: string; onmessage: unknown }[] = [];
    class Other extends WebSocket {
      constructor(url: string, protocols: string) {
        super(url, protocols);
        this.binaryType = binaryType;
        made.push(this);
      }
    }
    const { socket, other } = await world.pair({ WebSocket: Other });
    expect(made.map((one) => one.binaryType)).toEqual([binaryType === 'blob' ? 'arraybuffer' : 'nodebuffer']);
    // As a browser gives them, and as `ws` does: a part of what was read.
    const [transport] = made as { onmessage: (event: { data: unknown }) => void }[];
    const take = transport?.onmessage;
    if (transport === undefined || take === undefined) throw new Error('no transport');
    const forms = [
      (bytes: Uint8Array) => bytes.slice().buffer,
      (bytes: Uint8Array) => Buffer.concat([Buffer.alloc(3), bytes, Buffer.alloc(3)]).subarray(3, 3 + bytes.length),
    ];
    let count = 0;
    transport.onmessage = ({ data }) =>
      take.call(transport, { data: data instanceof Uint8Array ? forms[count++ % 2]?.(data) : data });
    const got: unknown[] = [];
    socket.onmessage = ({ data }) => got.push(data);
    for (const text of ['a', 'b', 'c', 'd']) {
      other.send(text);
      await pass(100);
    }
    expect([got, count > 3]).toEqual([['a', 'b', 'c', 'd'], true]);
  });

  test('writes all due frames at once, if the transport can cork', async () => {
    const { WebSocket } = world.network;
    const calls: string[] = [];
    class Corked extends WebSocket {
      override cork(): void {
        calls.push('cork');
      }
      override uncork(): void {
        calls.push('uncork');
      }
      override send(data: string | Uint8Array<ArrayBuffer>): void {
        calls.push('send');
        super.send(data);
      }
    }
    const { socket } = await world.pair({ WebSocket: Corked });
    calls.length = 0;
    // So large that each has a frame of its own.
    for (let i = 0; i < 3; i++) socket.send(new Uint8Array(40_000));
    await pass(10, 10);
    expect(calls.slice(0, 5)).toEqual(['cork', 'send', 'send', 'send', 'uncork']);
  });

  test('is dialled with credentials and subprotocol, and registers for the host without them', async () => {
    const { WebSocket } = world.network;
    const dialled: string[][] = [];
    class Noting extends WebSocket {
      constructor(url: string, protocols: string) {
        super(url, protocols);
        dialled.push([url, protocols]);
      }
    }
    const made = new Endpoint('ws://me:secret@localhost/', { identity: newIdentity(), WebSocket: Noting });
    world.endpoints.push(made);
    await pass(500);
    expect([made.state, made.url, dialled]).toEqual([
      'registered',
      'ws://localhost/',
      [['ws://me:secret@localhost/', 'sws.v1']],
    ]);
  });
});
