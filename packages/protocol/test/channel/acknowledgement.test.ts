// PROTOCOL §4, Resume: an ACK goes out within 50 ms, and at once after a quarter of the window.
import { describe, expect, test } from 'vitest';
import { Acknowledgement } from '../../src/channel/acknowledgement.js';
import { KIND } from '../../src/channel/channel-frame.js';
import { MESSAGE_HEAD_BYTES } from '../../src/frames/message.js';
import { World } from './world.js';

const WINDOW = 65_536;
const QUARTER = WINDOW / 4;

describe('an ACK is due', () => {
  test('50 ms after a frame, at once after a quarter of the window', () => {
    const acknowledgement = new Acknowledgement(WINDOW);
    acknowledgement.took(QUARTER - 1, 1_000);
    expect(acknowledgement.dueAt).toBe(1_050);
    acknowledgement.took(1, 1_010);
    expect(acknowledgement.dueAt).toBe(1_010);
  });

  test('50 ms after credit was granted, at once after a quarter of the window', () => {
    const acknowledgement = new Acknowledgement(WINDOW);
    acknowledgement.granted(WINDOW + QUARTER - 1, 1_000);
    expect(acknowledgement.dueAt).toBe(1_050);
    acknowledgement.granted(WINDOW + QUARTER, 1_010);
    expect(acknowledgement.dueAt).toBe(1_010);
  });

  test('at once after 262,144 bytes of a window of 16 MiB', () => {
    const acknowledgement = new Acknowledgement(16 * 1_048_576);
    acknowledgement.took(262_143, 1_000);
    expect(acknowledgement.dueAt).toBe(1_050);
    acknowledgement.took(1, 1_000);
    expect(acknowledgement.dueAt).toBe(1_000);
  });

  test('at once after an eighth of that if the peer has eight channels', () => {
    const acknowledgement = new Acknowledgement(16 * 1_048_576);
    acknowledgement.windowIs(16 * 1_048_576, 8);
    acknowledgement.took(32_767, 1_000);
    expect(acknowledgement.dueAt).toBe(1_050);
    acknowledgement.took(1, 1_000);
    expect(acknowledgement.dueAt).toBe(1_000);
  });

  test('after a CONTROL only for newer frames', () => {
    const acknowledgement = new Acknowledgement(WINDOW);
    acknowledgement.took(QUARTER - 1, 1_000);
    acknowledgement.ackSent(WINDOW);
    expect(acknowledgement.dueAt).toBe(Number.POSITIVE_INFINITY);
    acknowledgement.took(QUARTER - 1, 1_100);
    expect(acknowledgement.dueAt).toBe(1_150);
  });
});

/** An open channel whose responder reads nothing, and how many CONTROLs it has sent since. */
function receiverThatDoesNotRead(seed: number): { readonly world: World; readonly controls: () => number } {
  const world = new World(seed, { windowBytes: WINDOW });
  let sent = 0;
  world.relay = (flying) => {
    if (flying.to === 0 && flying.message[MESSAGE_HEAD_BYTES] === KIND.control) sent++;
    return [flying];
  };
  world.open();
  world.end(1).consume = false;
  world.pass(100);
  const before = sent;
  return { world, controls: () => sent - before };
}

test('the quarter counts padded plaintexts, without the charge of 96 bytes a frame', () => {
  const { world, controls } = receiverThatDoesNotRead(8);
  for (let i = 0; i < 400; i++) {
    world.send(0, new Uint8Array(27));
    world.run();
  }
  // 12,800 bytes of padded plaintext, 51,200 of charge.
  expect(controls()).toBe(0);
  world.pass(50);
  expect(controls()).toBe(1);
  expect(world.end(1).received).toHaveLength(400);
});

test('a frame whose padding makes it a quarter of the window is acknowledged at once', () => {
  const { world, controls } = receiverThatDoesNotRead(9);
  world.send(0, new Uint8Array(16_200));
  world.run();
  expect(controls()).toBe(1);
});
