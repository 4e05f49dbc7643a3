import { CONTROL_TYPE } from '../../src/channel/control.js';
import { KIND, MESSAGE_HEAD_BYTES } from '../../src/index.js';
import { Fingerprint } from './fingerprint.js';
import { type Flying, type State, sessionOf } from './state.js';
import type { SymbolicProvider } from './symbolic-provider.js';

/** One copy of each frame: `repeat` makes more. */
export function withoutCopies(queue: readonly Flying[]): Flying[] {
  return queue.filter(({ message }, index) => queue.findIndex((other) => other.message === message) === index);
}

/** Whether the receiver has opened this CONTROL, or a newer one: it then makes no difference which it is. */
function isStale(state: State, { to }: Flying, epoch: number, counter: number): boolean {
  const last = sessionOf(state.ends[to === 0 ? 0 : 1])?._keys._lastReceived;
  return last !== undefined && (epoch < last.epoch || (epoch === last.epoch && counter <= last.counter));
}

/** A CONTROL is what it says, not which number it bears: counters and ids count by their order alone. */
export function fingerprintOfFrame(state: State, flying: Flying, provider: SymbolicProvider): number {
  const { to, message } = flying;
  const print = new Fingerprint().add(to);
  const content = message.subarray(MESSAGE_HEAD_BYTES);
  if (content[0] !== KIND.control) return print.addBytes(message).value;
  const view = new DataView(content.buffer, content.byteOffset);
  const [epoch, counter] = [view.getUint32(17), view.getUint32(25)];
  if (isStale(state, flying, epoch, counter)) return print.addText('stale').value;
  const box = provider.termOf(content.subarray(29))?.term;
  if (box?.kind !== 'box') throw new Error('a CONTROL that nobody sealed');
  const said = new DataView(box.plaintext.buffer, box.plaintext.byteOffset);
  const [type, next, limit, id] = [box.plaintext[0], said.getUint32(5), said.getUint32(13), said.getUint32(21)];
  const sender = sessionOf(state.ends[to === 0 ? 1 : 0]);
  const receiver = sessionOf(state.ends[to === 0 ? 0 : 1]);
  // A PONG's id is its asker's, which receives it; a PING's its sender's.
  const asker = type === CONTROL_TYPE.pong || type === CONTROL_TYPE.ack ? receiver : sender;
  const question = asker?._probe._questions.findIndex((one) => one.id === id) ?? -1;
  const order = state.queue.filter(
    (other) =>
      other.to === to &&
      other.message[MESSAGE_HEAD_BYTES] === KIND.control &&
      Buffer.compare(
        other.message.subarray(MESSAGE_HEAD_BYTES + 17, MESSAGE_HEAD_BYTES + 29),
        content.subarray(17, 29),
      ) < 0,
  ).length;
  for (const part of [epoch, order, type ?? 0, next, limit, id === 0 ? 0 : question]) print.add(part);
  return print.value;
}
