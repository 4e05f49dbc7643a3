import { Identity } from '@sws/crypto';
import { type AcceptFrame, contentOf, KIND, newMessage, type OpenFrame } from '../../src/channel/channel-frame.js';
import type { ChannelKeys } from '../../src/channel/channel-keys.js';
import { encodeClose } from '../../src/channel/close-status.js';
import { CONTROL_TYPE, type ControlType, decodeControl, encodeControl } from '../../src/channel/control.js';
import { encodeData, FIN, ITEM_HEAD_BYTES, OPCODE, type Opcode } from '../../src/channel/data.js';
import { type HandshakeContext, InitiatorHandshake, ResponderHandshake } from '../../src/channel/handshake.js';
import { sealReset } from '../../src/channel/reset.js';
import { type ChannelFrame, parseChannelFrame } from '../../src/index.js';
import type { Seeded } from './seeded.js';
import { toy } from './toy-provider.js';

/** Brings one content to the victim. */
type Deliver = (from: Uint8Array, content: Uint8Array) => void;

/** A channel that a hostile peer has with its victim: it seals what it likes under keys that are right. */
export class HostileChannel {
  readonly peer: HostilePeer;
  readonly id: Uint8Array;
  readonly keys: ChannelKeys;
  seq = 0;
  /** The charge that it has used, and that the victim has granted. */
  charged = 0;
  limit: number;
  /** Whether a message of it is partial, and what its fragments hold: a text twice its bytes. */
  inside = false;
  partial = 0;
  #isText = false;
  /** Of the victim's DATA, how much it says that it has taken. */
  acknowledged = 0;
  /** DATA of the victim that came. */
  received = 0;
  rekeyed = false;
  /** The id of the victim's last PING; 0 for none. */
  pinged = 0;

  constructor(peer: HostilePeer, id: Uint8Array, keys: ChannelKeys, limit: number) {
    this.peer = peer;
    this.id = id;
    this.keys = keys;
    this.limit = limit;
  }

  /** Seals one DATA plaintext and delivers it. */
  raw(plaintext: Uint8Array): void {
    this.peer.send(contentOf(this.keys.sealData(this.seq++, plaintext)));
  }

  /** One fragment, unless `keep` and the credit does not allow it. Zeros behind it may fill it. */
  fragment(fin: boolean, bytes: Uint8Array, { text = false, zeros = 0, keep = true } = {}): boolean {
    const opcode = this.inside ? OPCODE.continuation : text ? OPCODE.text : OPCODE.binary;
    const encoded = encodeData(opcode, fin, bytes, 'none');
    const plaintext = zeros === 0 ? encoded : new Uint8Array(encoded.length + zeros);
    if (zeros > 0) plaintext.set(encoded);
    const charge = plaintext.length + 96;
    if (keep && this.charged + charge > this.limit) return false;
    this.charged += charge;
    if (!this.inside) this.#isText = text;
    this.inside = !fin;
    this.partial = fin ? 0 : this.partial + (this.#isText ? 2 : 1) * bytes.length;
    this.raw(plaintext);
    return true;
  }

  /** One frame with `count` of the smallest messages, unless `keep` and the credit does not allow it. */
  crammed(count: number, keep: boolean): void {
    const plaintext = new Uint8Array(count * ITEM_HEAD_BYTES);
    for (let at = 0; at < plaintext.length; at += ITEM_HEAD_BYTES) plaintext[at] = FIN | OPCODE.binary;
    const charge = plaintext.length + count * 96;
    if (keep && (this.inside || this.charged + charge > this.limit)) return;
    this.charged += charge;
    this.raw(plaintext);
  }

  own(opcode: Opcode, bytes: Uint8Array): void {
    const plaintext = encodeData(opcode, true, bytes, 'none');
    plaintext[0] = opcode | FIN;
    this.raw(plaintext);
  }

  close(code: number): void {
    this.own(OPCODE.close, encodeClose({ code, reason: '' }));
  }

  control(type: ControlType, id: number, limit = 1_048_576, next = this.acknowledged): void {
    this.peer.send(contentOf(this.keys.sealControl(encodeControl({ type, next, limit, id }))));
  }

  /** A frame of the victim's. */
  receive(frame: ChannelFrame): void {
    if (frame.kind === 'data') this.received = Math.max(this.received, frame.seq + 1);
    if (frame.kind !== 'control') return;
    const plaintext = this.keys.openControl(frame.epoch, frame.counter, frame.box);
    const control = plaintext === null ? null : decodeControl(plaintext);
    if (control === null) return;
    this.limit = Math.max(this.limit, control.limit);
    if (control.type === CONTROL_TYPE.ping) this.pinged = control.id;
  }
}

/** A peer with a key of its own that keeps to no rule but those that its keys impose. */
export class HostilePeer {
  readonly identity: Identity;
  readonly key: Uint8Array;
  readonly channels: HostileChannel[] = [];
  /** OPENs of the victim that came. */
  readonly opens: OpenFrame[] = [];
  readonly #random: Seeded;
  readonly #context: HandshakeContext;
  readonly #deliver: Deliver;
  readonly #pending = new Map<string, InitiatorHandshake>();
  readonly #bogusOpen: Uint8Array;

  constructor(name: number, random: Seeded, victim: Uint8Array, deliver: Deliver) {
    this.identity = Identity.fromSeed(toy.sha512(Uint8Array.of(7, name >> 8, name)).subarray(0, 32), toy);
    this.key = this.identity.publicKeyBytes();
    this.#random = random;
    this.#deliver = deliver;
    this.#bogusOpen = new Uint8Array(1_505).fill(KIND.open);
    this.#context = {
      provider: toy,
      random: random.bytes,
      staticKey: this.identity,
      peer: victim,
      sharedStatic: this.identity.dh(victim),
    };
  }

  send(content: Uint8Array): void {
    this.#deliver(this.key, content);
  }

  /** Sends an OPEN; its ACCEPT gives a channel, unless it is forgotten. */
  open(forget = false): void {
    const id = this.#random.bytes(16);
    const handshake = new InitiatorHandshake(this.#context, id, { resource: '/h', protocols: [], limit: 1_048_576 });
    if (!forget) this.#pending.set(String(id), handshake);
    this.send(contentOf(handshake.open).slice());
  }

  /** An OPEN that does not open. */
  bogusOpen(): void {
    this.#bogusOpen.set(this.#random.bytes(16), 1);
    this.send(this.#bogusOpen);
  }

  /** Answers the victim's OPENs: with bogus ACCEPTs, or as it should. */
  accept(bogus: boolean): void {
    const open = this.#random.pick(this.opens);
    if (bogus) {
      const content = this.#random.bytes(1_409);
      content[0] = KIND.accept;
      content.set(open.channelId, 1);
      this.send(content);
      return;
    }
    const handshake = ResponderHandshake.receiveOpen(this.#context, open);
    const accepted = handshake?.accept({ protocol: '', limit: 1_048_576 });
    if (handshake == null || accepted == null) return;
    // The victim takes the first.
    if (this.channels.some(({ id }) => Buffer.compare(id, open.channelId) === 0)) {
      this.send(contentOf(accepted.accept).slice());
      return;
    }
    this.channels.push(new HostileChannel(this, open.channelId, accepted.keys, handshake.payload.limit));
    this.send(contentOf(accepted.accept).slice());
  }

  /** A RESET for one of its channels, or for none; the frame that it names was never sent. */
  reset(channelId: Uint8Array): void {
    const keys = { sharedStatic: this.#context.sharedStatic, self: this.key, peer: this.#context.peer };
    const bytes = this.#random.bytes(24);
    const named = {
      kind: 'control' as const,
      channelId,
      epoch: this.#random.below(2),
      counter: this.#random.below(4),
      box: this.#random.bytes(41),
    };
    this.send(contentOf(sealReset(toy, keys, named, 1, bytes)));
  }

  /** A frame of any kind for a channel that is not, or a kind that is not. */
  stray(): void {
    const length = this.#random.pick([0, 1, 16, 17, 40, 41, 70, 91, 2_000]);
    const content = newMessage(this.key, this.#random.below(9), this.#random.bytes(16), Math.max(17, length));
    this.send(contentOf(content).slice(0, length));
  }

  /** A MESSAGE of the victim's. */
  receive(content: Uint8Array): void {
    const frame = parseChannelFrame(content.slice());
    if (frame === null) return;
    if (frame.kind === 'open') this.opens.push(frame);
    else if (frame.kind === 'accept') this.#accepted(frame);
    else this.channels.find(({ id }) => Buffer.compare(id, frame.channelId) === 0)?.receive(frame);
  }

  #accepted(frame: AcceptFrame): void {
    const handshake = this.#pending.get(String(frame.channelId));
    const accepted = handshake?.receiveAccept(frame) ?? null;
    if (accepted === null) return;
    this.#pending.delete(String(frame.channelId));
    const channel = new HostileChannel(this, frame.channelId, accepted.keys, accepted.payload.limit);
    this.channels.push(channel);
    channel.control(CONTROL_TYPE.ping, 1);
  }
}
