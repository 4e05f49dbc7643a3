import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { describe, expect, test } from 'vitest';
import { ChannelKeys } from '../../src/channel/channel-keys.js';
import { OPCODE } from '../../src/channel/data.js';
import { Flight } from '../../src/channel/flight.js';
import { Outgoing } from '../../src/channel/outgoing.js';
import { MESSAGE_HEAD_BYTES } from '../../src/frames/message.js';

const KIB = 1_024;
const MIB = 1_024 * KIB;
const FRAME = 64 * KIB;
/** What a DATA frame costs beside its plaintext: MESSAGE head, kind, channel, seq and box. */
const EMPTY_FRAME_BYTES = MESSAGE_HEAD_BYTES + 41;

/** A sender with enough to send, over a way that takes `ms` there and back and lets `perMs` bytes through. */
class Way {
  readonly flight = new Flight();
  now = 1_000_000;
  perMs: number;
  readonly #ms: number;
  #freeAt = 0;
  readonly #underWay: { readonly at: number; readonly sent: ReturnType<Flight['sent']> }[] = [];
  delivered = 0;

  constructor(ms: number, perMs: number) {
    this.#ms = ms;
    this.perMs = perMs;
  }

  /** For so long; the bytes delivered meanwhile. */
  run(ms: number, frame = FRAME): number {
    const before = this.delivered;
    for (const until = this.now + ms; this.now < until; this.now++) {
      for (let next = this.#underWay[0]; next !== undefined && next.at <= this.now; next = this.#underWay[0]) {
        this.#underWay.shift();
        this.flight.landed(frame);
        this.flight.acknowledged(frame, next.sent, this.now);
        this.delivered += frame;
      }
      while (this.flight.allows(frame, this.flight.bytes, this.now)) {
        const sent = this.flight.sent(frame, this.now);
        this.#freeAt = Math.max(this.#freeAt, this.now) + frame / this.perMs;
        this.#underWay.push({ at: this.#freeAt + this.#ms, sent });
      }
    }
    return this.delivered - before;
  }
}

describe('the allowance in flight', () => {
  test('is 1 MiB at first', () => {
    const flight = new Flight();
    let sent = 0;
    while (flight.allows(FRAME, sent, 0)) {
      flight.sent(FRAME, 0);
      sent += FRAME;
    }
    expect(sent).toBe(MIB);
  });

  test('fills a link of 100 Mbit/s and 200 ms, and leaves less than 50 ms queued', () => {
    const way = new Way(200, 12_500);
    way.run(4_000);
    expect(way.run(2_000)).toBeGreaterThan(0.95 * 2_000 * 12_500);
    expect(way.flight.bytes).toBeLessThan(250 * 12_500);
  });

  test('fills a link of 60 MB/s and 200 ms', () => {
    const way = new Way(200, 60_000);
    way.run(6_000);
    expect(way.run(2_000)).toBeGreaterThan(0.95 * 2_000 * 60_000);
  });

  test('doubles in the second round, although all that was sent at once is acknowledged at once', () => {
    const way = new Way(200, 1e9);
    way.run(350);
    expect(way.flight.allowanceBytes).toBe(2 * MIB);
    expect(way.flight.bytes).toBeGreaterThan(1.9 * MIB);
  });

  test('grows to 16 MiB in eight round trips', () => {
    const way = new Way(200, 1e9);
    way.run(8 * 200);
    expect(way.flight.bytes).toBeGreaterThan(15 * MIB);
  });

  test('grows where the credit ends a little before it', () => {
    const flight = new Flight();
    const frames = Array.from({ length: 15 }, () => flight.sent(FRAME, 0));
    expect(flight.allows(FRAME, flight.bytes, 0)).toBe(true);
    flight.idle();
    for (const sent of frames) {
      flight.landed(FRAME);
      flight.acknowledged(FRAME, sent, 100);
    }
    expect(flight.allowanceBytes).toBeGreaterThan(1.9 * MIB);
  });

  test('is at most 16 MiB', () => {
    const way = new Way(500, 1_000_000);
    way.run(20_000);
    expect(way.flight.bytes).toBeLessThanOrEqual(16 * MIB);
    expect(way.flight.bytes).toBeGreaterThan(15 * MIB);
  });

  test('follows a link that becomes five times as narrow, and one that widens again', () => {
    const way = new Way(100, 12_500);
    way.run(4_000);
    way.perMs = 2_500;
    way.run(3_000);
    expect(way.flight.bytes).toBeLessThan(250 * 2_500);
    expect(way.run(2_000)).toBeGreaterThan(0.95 * 2_000 * 2_500);
    way.perMs = 12_500;
    way.run(4_000);
    expect(way.run(2_000)).toBeGreaterThan(0.95 * 2_000 * 12_500);
  });

  test('stays unchanged while the application has less to send', () => {
    const way = new Way(100, 12_500);
    way.run(4_000);
    const { flight } = way;
    const { allowanceBytes } = flight;
    // 1 KiB in each 200 ms.
    for (let now = way.now + 10_000, i = 0; i < 40; i++, now += 200) {
      const bytes = flight.bytes;
      flight.landed(bytes);
      flight.idle();
      const sent = flight.sent(KIB, now);
      flight.idle();
      flight.landed(KIB);
      flight.acknowledged(KIB, sent, now + 100);
    }
    expect(flight.allowanceBytes).toBeGreaterThan(0.9 * allowanceBytes);
  });

  test('is half of rate times least round trip for three rounds, once that round trip is 10 s old', () => {
    const way = new Way(100, 12_500);
    way.run(4_000);
    const usual = way.flight.allowanceBytes;
    let low = 0;
    for (let ms = 0; ms < 15_000; ms++) {
      way.run(1);
      if (way.flight.allowanceBytes < usual / 2) low++;
    }
    // A round takes 106 ms here, and as long passes before the first until less is under way.
    expect(low).toBeGreaterThan(3.5 * 106);
    expect(low).toBeLessThan(4.5 * 106);
  });

  test('is measured again after a registration', () => {
    const way = new Way(100, 12_500);
    way.run(4_000);
    way.flight.reset();
    expect(way.flight.allowanceBytes).toBe(MIB);
  });
});

function someKeys(): ChannelKeys {
  const identity = Identity.fromSeed(new Uint8Array(32).fill(1));
  const peer = identity.publicKeyBytes();
  const [id, transcript, ikm] = [new Uint8Array(16), new Uint8Array(64), new Uint8Array(160)];
  return new ChannelKeys(nodeProvider, identity, peer, id, 'initiator', transcript, ikm);
}

describe('a frame', () => {
  test('of a channel with little in flight does not wait for the others', () => {
    const flight = new Flight();
    flight.sent(2 * MIB, 0);
    expect(flight.allows(FRAME, 0, 0)).toBe(false);
    expect(flight.allows(KIB, 0, 0)).toBe(true);
    expect(flight.allows(KIB, 4 * KIB, 0)).toBe(false);
  });

  test('of a message waits for allowance and credit, a rekey or close for neither', () => {
    const keys = someKeys();
    const full = new Flight();
    full.sent(2 * MIB, 0);

    const sender = new Outgoing('padme', full);
    sender.enqueue(new Uint8Array(FRAME / 2));
    expect([sender.canSend(keys, 0), sender.waitsForRoom]).toEqual([false, false]);
    sender.grant(MIB);
    expect([sender.canSend(keys, 0), sender.waitsForRoom]).toEqual([false, true]);
    sender.enqueueUrgent(OPCODE.rekey, new Uint8Array(32));
    expect(sender.canSend(keys, 0)).toBe(true);

    const closing = new Outgoing('padme', full);
    closing.enqueueClose(new Uint8Array(0));
    expect(closing.canSend(keys, 0)).toBe(true);
  });

  test('has no padding in a long message, unless the message would take one frame more', () => {
    const sizes = (bytes: number): number[] => {
      const sender = new Outgoing('padme', new Flight());
      sender.grant(MIB);
      sender.enqueue(new Uint8Array(bytes));
      const keys = someKeys();
      const frames: number[] = [];
      for (let frame = sender.next(keys, 0); frame !== null; frame = sender.next(keys, 0))
        frames.push(frame.length - EMPTY_FRAME_BYTES);
      return frames;
    };
    expect(sizes(3 * 61_435)).toEqual([61_440, 61_440, 61_440]);
    expect(sizes(2 * 61_440)).toEqual([63_488, 63_488]);
    expect(sizes(2 * 61_435 + 5)).toEqual([63_488, 61_440]);
  });

  test('can be sent if nothing is in flight, however large', () => {
    const flight = new Flight();
    flight.slowDown();
    expect(flight.allows(10 * MIB, 0, 0)).toBe(true);
  });

  test('is paced after a pause, and nextWakeAtMs says until when', () => {
    const way = new Way(200, 12_500);
    way.run(4_000);
    const { flight } = way;
    flight.landed(flight.bytes);
    let now = way.now + 1_000;
    let burst = 0;
    for (; flight.allows(FRAME, burst, now); burst += FRAME) flight.sent(FRAME, now);
    expect(burst).toBeLessThan(512 * KIB);
    expect(flight.pacedUntilMs).toBeGreaterThan(now);
    now = flight.pacedUntilMs;
    expect(flight.allows(FRAME, burst, now)).toBe(true);
  });
});

describe('when the relay is congested', () => {
  test('the allowance is halved, to at least 128 KiB', () => {
    const way = new Way(100, 12_500);
    way.run(4_000);
    const { flight } = way;
    const { bytes } = flight;
    flight.slowDown();
    expect(flight.allowanceBytes).toBeLessThanOrEqual(bytes / 2);
    for (let i = 0; i < 10; i++) flight.slowDown();
    expect(flight.allowanceBytes).toBe(128 * KIB);
    expect(flight.halfGoneMs).toBeGreaterThanOrEqual(100);
    way.run(3_000);
    expect(way.run(1_000)).toBeGreaterThan(0.9 * 1_000 * 12_500);
  });

  test('the allowance grows only after a newer frame is acknowledged', () => {
    const way = new Way(100, 12_500);
    way.run(4_000);
    const { flight } = way;
    flight.slowDown();
    const { allowanceBytes } = flight;
    // What is acknowledged meanwhile went out before.
    way.run(90);
    expect(flight.allowanceBytes).toBe(allowanceBytes);
    way.run(2_000);
    expect(flight.allowanceBytes).toBeGreaterThan(1.5 * allowanceBytes);
  });
});
