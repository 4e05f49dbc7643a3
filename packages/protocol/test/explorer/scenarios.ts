import type { Scenario } from './scenario.js';

const NONE = {
  messages: [1, 0],
  rekeyAfterFrames: 1_000,
  cuts: 0,
  timers: Number.POSITIVE_INFINITY,
  restarts: 0,
  closes: [],
  opening: false,
  relayQueue: 1,
  stalls: false,
  holds: false,
  slowReaders: false,
  forgedGaps: false,
  forgeries: 0,
} as const satisfies Omit<Scenario, 'name'>;

/** A thief at ends that may not send at once, and to which no timer comes. */
const QUIET_THIEF = { rekeyAfterFrames: 1, stalls: true, timers: 0 } as const;

/** What every test run explores; each shows one part of PROTOCOL §4. CONTROLs are unbounded in all. */
export const SCENARIOS = {
  handshake: { ...NONE, name: 'handshake', opening: true, messages: [1, 1] },
  transfer: { ...NONE, name: 'transfer', messages: [2, 0] },
  both: { ...NONE, name: 'both', messages: [1, 1] },
  window: { ...NONE, name: 'window', messages: [3, 0] },
  'slow reader': { ...NONE, name: 'slow reader', messages: [2, 0], slowReaders: true },
  cut: { ...NONE, name: 'cut', cuts: 1 },
  rekey: { ...NONE, name: 'rekey', rekeyAfterFrames: 1 },
  close: { ...NONE, name: 'close', closes: [0] },
  'both close': { ...NONE, name: 'both close', messages: [0, 0], closes: [0, 1] },
  restart: { ...NONE, name: 'restart', opening: true, restarts: 1 },
  stalled: { ...NONE, name: 'stalled', stalls: true },
  held: { ...NONE, name: 'held', holds: true },
  forged: { ...NONE, name: 'forged', forgedGaps: true },
  thief: { ...NONE, name: 'thief', rekeyAfterFrames: 1, timers: 1, forgeries: 1 },
  'thief, stalled': { ...NONE, ...QUIET_THIEF, name: 'thief, stalled', messages: [0, 1], forgeries: 1 },
} as const satisfies Record<string, Scenario>;

/** What `pnpm soak explorer` explores: more messages, several faults in one, and a relay that holds more. */
export const DEEP_SCENARIOS = {
  'transfer, two held': { ...NONE, name: 'transfer, two held', messages: [2, 0], relayQueue: 2 },
  'both, two held': { ...NONE, name: 'both, two held', messages: [1, 1], relayQueue: 2 },
  'cut, two held': { ...NONE, name: 'cut, two held', cuts: 1, relayQueue: 2 },
  'slow reader, window': { ...NONE, name: 'slow reader, window', messages: [3, 0], slowReaders: true },
  'held, rekey, cut': {
    ...NONE,
    name: 'held, rekey, cut',
    messages: [2, 0],
    rekeyAfterFrames: 1,
    cuts: 1,
    holds: true,
  },
  'three held': { ...NONE, name: 'three held', relayQueue: 3 },
  'four frames': { ...NONE, name: 'four frames', messages: [4, 0], cuts: 1 },
  'close and cut': { ...NONE, name: 'close and cut', closes: [0, 1], cuts: 1 },
  'rekey both': { ...NONE, name: 'rekey both', rekeyAfterFrames: 1, messages: [1, 1] },
  'four messages, rekey, cut': {
    ...NONE,
    name: 'four messages, rekey, cut',
    messages: [4, 0],
    rekeyAfterFrames: 4,
    cuts: 1,
    relayQueue: 2,
  },
  'rekey and cut': { ...NONE, name: 'rekey and cut', rekeyAfterFrames: 1, cuts: 1, relayQueue: 2 },
  'rekey, stalled': { ...NONE, name: 'rekey, stalled', rekeyAfterFrames: 1, stalls: true },
  'thief, any timers': { ...NONE, name: 'thief, any timers', rekeyAfterFrames: 1, forgeries: 1 },
  'thief, stalled, message': { ...NONE, ...QUIET_THIEF, name: 'thief, stalled, message', forgeries: 1 },
  'thief, two forgeries': { ...NONE, ...QUIET_THIEF, name: 'thief, two forgeries', messages: [0, 1], forgeries: 2 },
  /** A message and a rekey are four DATA frames. */
  'rekey, cut, three held': { ...NONE, name: 'rekey, cut, three held', rekeyAfterFrames: 1, cuts: 1, relayQueue: 3 },
} as const satisfies Record<string, Scenario>;
