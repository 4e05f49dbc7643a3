import { readU53, writeU53 } from './channel-frame.js';

/** The four types of CONTROL (PROTOCOL §4, CONTROL). */
export const CONTROL_TYPE = { ack: 1, resume: 2, ping: 3, pong: 4 } as const;
export type ControlType = (typeof CONTROL_TYPE)[keyof typeof CONTROL_TYPE];
export const CONTROL_BYTES = 25;

/**
 * A CONTROL plaintext. `next` is the next expected seq, `limit` the total granted charge; `id` matches answers to
 * questions.
 */
export interface Control {
  readonly type: ControlType;
  readonly next: number;
  readonly limit: number;
  readonly id: number;
}

export function encodeControl(control: Control): Uint8Array {
  const bytes = new Uint8Array(CONTROL_BYTES);
  bytes[0] = control.type;
  writeU53(bytes, 1, control.next);
  writeU53(bytes, 9, control.limit);
  writeU53(bytes, 17, control.id);
  return bytes;
}

/**
 * Decodes a CONTROL; `null` (1002) for an unknown type, a wrong length, a number above 2^53 - 1, or a question without
 * id.
 */
export function decodeControl(bytes: Uint8Array): Control | null {
  if (bytes.length !== CONTROL_BYTES) return null;
  const type = bytes[0];
  if (type !== 1 && type !== 2 && type !== 3 && type !== 4) return null;
  const next = readU53(bytes, 1);
  const limit = readU53(bytes, 9);
  const id = readU53(bytes, 17);
  if (next < 0 || limit < 0 || id < 0) return null;
  if (type !== CONTROL_TYPE.ack && id === 0) return null;
  return { type, next, limit, id };
}
