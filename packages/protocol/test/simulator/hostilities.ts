import { CONTROL_TYPE } from '../../src/channel/control.js';
import { MAX_FRAGMENT_BYTES, MAX_ITEMS, OPCODE } from '../../src/channel/data.js';
import type { HostileChannel } from './hostile-peer.js';
import type { Seeded } from './seeded.js';

/** What a peer that holds keys may do. */
export const HOSTILITIES = [
  'open',
  'open and forget',
  'many channels',
  'many partial messages',
  'flood of OPEN',
  'bogus OPENs',
  'bogus ACCEPTs',
  'ACCEPT',
  'small fragments',
  'empty fragments',
  'a partial message',
  'large messages',
  'crammed frames',
  'long texts',
  'a far link',
  'zeros',
  'beyond its credit',
  'flood of PING',
  'flood of RESUME',
  'flood of RESET',
  'endless credit',
  'false acknowledgement',
  'rekey',
  'close',
  'after close',
  'strays',
] as const;
export type Hostility = (typeof HOSTILITIES)[number];

/** Fragments of a message that stays partial. */
export const PARTS = 4;
const MIB = 1_048_576;

/** Does on a channel what its peer may do with its keys, some of it so many times. */
export function doOnChannel(
  channel: HostileChannel,
  hostility: Hostility,
  { random, times, exchange }: { readonly random: Seeded; readonly times: number; readonly exchange: () => void },
): void {
  const repeat = (action: () => void): void => {
    for (let i = 0; i < times; i++) action();
  };
  const small = new Uint8Array(1 + random.below(3));
  const large = new Uint8Array(MAX_FRAGMENT_BYTES);
  switch (hostility) {
    case 'small fragments':
      return repeat(() => channel.fragment(random.chance(0.02), small));
    case 'empty fragments':
      return repeat(() => channel.fragment(false, new Uint8Array(0)));
    case 'a partial message':
      for (let i = 0; i < PARTS; i++) {
        channel.fragment(false, large);
        exchange();
      }
      return;
    case 'large messages':
      return repeat(() => channel.fragment(true, large));
    case 'crammed frames':
      return repeat(() => channel.crammed(1 + random.below(MAX_ITEMS), random.chance(0.95)));
    case 'long texts':
      for (let i = 0; i < 3; i++) channel.fragment(random.chance(0.5), large.slice().fill(0x61), { text: true });
      return;
    // As fast as the credit allows, and what it grows by is kept.
    case 'a far link':
      for (let i = 0; i < 4; i++) {
        while (channel.fragment(true, large));
        if (channel.pinged !== 0) channel.control(CONTROL_TYPE.pong, channel.pinged);
        channel.pinged = 0;
        exchange();
      }
      return;
    case 'zeros':
      return repeat(() => channel.fragment(false, small, { zeros: 50_000 }));
    case 'beyond its credit':
      return repeat(() => channel.fragment(random.chance(0.5), large, { keep: random.chance(0.3) }));
    case 'flood of PING':
      return repeat(() => channel.control(CONTROL_TYPE.ping, 1 + random.below(2 ** 20)));
    case 'flood of RESUME':
      return repeat(() => channel.control(CONTROL_TYPE.resume, 1 + random.below(2 ** 20)));
    case 'endless credit':
      return channel.control(CONTROL_TYPE.ack, 0, Number.MAX_SAFE_INTEGER);
    case 'false acknowledgement':
      return channel.control(CONTROL_TYPE.ack, 0, MIB, channel.received + (random.chance(0.5) ? 0 : 5));
    case 'rekey':
      if (channel.rekeyed) return;
      channel.rekeyed = true;
      return channel.own(OPCODE.rekey, random.bytes(32));
    case 'close':
      return channel.close(1_000);
    case 'after close':
      channel.close(1_000);
      return repeat(() => channel.fragment(false, large, { keep: false }));
  }
}
