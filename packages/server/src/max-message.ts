import { MAX_MAX_MESSAGE_BYTES, MIN_MAX_MESSAGE_BYTES } from '@sws/protocol/internal';

export const DEFAULT_MAX_MESSAGE_BYTES = MIN_MAX_MESSAGE_BYTES;
/** What a JSON MESSAGE has beside its content, with room to spare. */
const JSON_OVERHEAD_BYTES = 1_024;

/**
 * The largest WebSocket message that is read at all: twice `maxMessage` is answered with a word (PROTOCOL §3), in JSON a
 * third longer.
 * @throws RangeError unless `maxMessage` is from 65,536 to 1,048,576
 */
export function maxFrameBytes(maxMessage: number): number {
  if (!(maxMessage >= MIN_MAX_MESSAGE_BYTES && maxMessage <= MAX_MAX_MESSAGE_BYTES))
    throw new RangeError(`maxMessage must be ${MIN_MAX_MESSAGE_BYTES}–${MAX_MAX_MESSAGE_BYTES} bytes`);
  return Math.ceil((2 * maxMessage * 4) / 3) + JSON_OVERHEAD_BYTES;
}
