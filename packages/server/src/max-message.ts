import { MAX_MAX_MESSAGE_BYTES, MIN_MAX_MESSAGE_BYTES } from '@sws/protocol/internal';

export const DEFAULT_MAX_MESSAGE_BYTES = MIN_MAX_MESSAGE_BYTES;
/** An upper bound of the bytes that a JSON MESSAGE has beside its content. */
const JSON_OVERHEAD_BYTES = 1_024;

/**
 * The largest WebSocket message that is read. A MESSAGE of up to twice `maxMessage` must be answered with an error
 * (PROTOCOL §3), and base64 in JSON is a third longer.
 * @throws RangeError unless `maxMessage` is from 65,536 to 1,048,576
 */
export function maxFrameBytes(maxMessage: number): number {
  if (!(maxMessage >= MIN_MAX_MESSAGE_BYTES && maxMessage <= MAX_MAX_MESSAGE_BYTES))
    throw new RangeError(`maxMessage must be ${MIN_MAX_MESSAGE_BYTES}–${MAX_MAX_MESSAGE_BYTES} bytes`);
  return Math.ceil((2 * maxMessage * 4) / 3) + JSON_OVERHEAD_BYTES;
}
