import type { Scenario } from './world.js';

const NONE = {
  messages: [1, 1],
  rekeyAfterFrames: 1_000,
  cuts: 0,
  restarts: 0,
  closes: [],
  opening: false,
  controls: 2,
  relayQueue: 2,
  stalls: false,
  slowReaders: false,
} as const satisfies Omit<Scenario, 'name'>;

/** What is explored; each shows one part of PROTOCOL §4 at small bounds. */
export const SCENARIOS = {
  handshake: { ...NONE, name: 'handshake', opening: true, controls: 3 },
  transfer: { ...NONE, name: 'transfer', messages: [2, 1] },
  window: { ...NONE, name: 'window', messages: [3, 0], slowReaders: true },
  cut: { ...NONE, name: 'cut', cuts: 1 },
  rekey: { ...NONE, name: 'rekey', rekeyAfterFrames: 1, controls: 1 },
  close: { ...NONE, name: 'close', closes: [0, 1], messages: [1, 0], controls: 1 },
  restart: { ...NONE, name: 'restart', opening: true, restarts: 1, messages: [1, 0], controls: 3 },
  stalled: { ...NONE, name: 'stalled', stalls: true, messages: [1, 0] },
} as const satisfies Record<string, Scenario>;
