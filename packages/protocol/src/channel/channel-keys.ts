import { type CryptoProvider, concatBytes } from '@sws/crypto';
import { encodeUtf8 } from '../utf8.js';
import { CHANNEL_HEAD_BYTES, contentOf, KIND, newMessage, TAG_BYTES, writeU53 } from './channel-frame.js';
import { Scratch } from './scratch.js';

const INFO_CHANNEL = encodeUtf8('channel');
const INFO_REKEY = encodeUtf8('rekey');
const KEY_BYTES = 32;

/** The static side of a handshake: an `Identity`, or the explorer's symbolic one. */
export interface StaticKey {
  /** 32 bytes. */
  publicKeyBytes(): Uint8Array;
  /** X25519 with the secret behind `publicKeyBytes`: 32 bytes, all zero for a low-order point. */
  dh(publicKey: Uint8Array): Uint8Array;
}

export type Role = 'initiator' | 'responder';

/** A fresh X25519 pair; `secret` is overwritten once spent. */
export interface Ephemeral {
  readonly secret: Uint8Array;
  readonly publicKey: Uint8Array;
}

const scratch = new Scratch();

/** One direction's DATA key, and how many frames it has sealed or opened. */
interface DataKey {
  bytes: Uint8Array;
  frames: number;
}

/** The keys derived by a rekey, until they are used. */
interface NextKeys {
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
  /** `null` once CONTROL is sealed and opened under them. */
  control: { readonly send: Uint8Array; readonly receive: Uint8Array } | null;
}

/** Overwrites secrets. */
export function erase(...secrets: readonly (Uint8Array | null | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0);
}

/** Whether all bytes are zero, as X25519 returns for a low-order point (RFC 7748 §6.1). */
export function isAllZero(bytes: Uint8Array): boolean {
  let any = 0;
  for (const byte of bytes) any |= byte;
  return any === 0;
}

/**
 * The keys of one established channel. Only this class seals and opens its DATA and CONTROL (PROTOCOL §4, Handshake and
 * Rekey). Nonces are derived from sequence numbers and counters, which callers must increase and never repeat.
 */
export class ChannelKeys {
  readonly #provider: CryptoProvider;
  readonly #static: StaticKey;
  readonly #peer: Uint8Array;
  readonly channelId: Uint8Array;
  readonly role: Role;
  #transcript: Uint8Array;
  #root: Uint8Array;
  #send: DataKey;
  #receive: DataKey;
  #sendControl: Uint8Array;
  #receiveControl: Uint8Array;
  #next: NextKeys | null = null;
  #epoch = 0;
  #sendCounter = 0;
  #lastReceived = { epoch: 0, counter: -1 };
  #ephemeral: Ephemeral | null = null;

  /** Takes ownership of `transcript` (h4) and `keyMaterial` (es || ss || ee || se || K), which is overwritten. */
  constructor(
    provider: CryptoProvider,
    staticKey: StaticKey,
    peer: Uint8Array,
    channelId: Uint8Array,
    role: Role,
    transcript: Uint8Array,
    keyMaterial: Uint8Array,
  ) {
    this.#provider = provider;
    this.#static = staticKey;
    this.#peer = peer;
    this.channelId = channelId;
    this.role = role;
    this.#transcript = transcript;
    const keys = this.#derive(transcript, keyMaterial, INFO_CHANNEL);
    this.#root = keys.root;
    this.#send = { bytes: keys.send, frames: 0 };
    this.#receive = { bytes: keys.receive, frames: 0 };
    this.#sendControl = keys.sendControl;
    this.#receiveControl = keys.receiveControl;
  }

  /**
   * The epoch under which CONTROLs are sealed: completed rekeys, plus one if the peer is known to have completed the
   * next.
   */
  get epoch(): number {
    return this.#epoch;
  }
  /** DATA frames sealed under the present send key. */
  get sealedFrames(): number {
    return this.#send.frames;
  }
  /** DATA frames opened under the present receive key. */
  get openedFrames(): number {
    return this.#receive.frames;
  }
  /** Whether a CONTROL opened under the newest control key. Only then may a rekey start. */
  get confirmed(): boolean {
    return this.#lastReceived.epoch === this.#epoch && this.#lastReceived.counter >= 0;
  }
  /** Seals one DATA frame: a whole binary MESSAGE to the peer, in `spare` if that has its length. */
  sealData(seq: number, plaintext: Uint8Array, spare?: Uint8Array): Uint8Array {
    this.#send.frames++;
    return this.#seal(KIND.data, this.#send.bytes, dataNonce(seq), plaintext, spare);
  }

  /** Opens one DATA frame; `null` if it does not open. The next call overwrites the returned plaintext. */
  openData(seq: number, box: Uint8Array): Uint8Array | null {
    const into = scratch.view(box.length - TAG_BYTES);
    const plaintext = this.#provider.secretboxOpen(this.#receive.bytes, dataNonce(seq), box, into);
    if (plaintext !== null) this.#receive.frames++;
    return plaintext;
  }

  /** Seals one CONTROL under the present epoch and the next counter. */
  sealControl(plaintext: Uint8Array): Uint8Array {
    return this.#seal(KIND.control, this.#sendControl, controlNonce(this.#epoch, this.#sendCounter++), plaintext);
  }

  /**
   * Opens one CONTROL; `null` if it does not open, repeats or precedes one already opened, or is of an epoch whose key
   * is gone. A responder that opens one under the next keys knows that the initiator has completed the rekey. It then
   * seals CONTROL under them too.
   */
  openControl(epoch: number, counter: number, box: Uint8Array): Uint8Array | null {
    const last = this.#lastReceived;
    if (epoch < last.epoch || (epoch === last.epoch && counter <= last.counter)) return null;
    const ahead = this.role === 'responder' && epoch === this.#epoch + 1 ? (this.#next?.control ?? null) : null;
    const key = epoch === this.#epoch ? this.#receiveControl : ahead?.receive;
    if (key === undefined) return null;
    const plaintext = this.#provider.secretboxOpen(key, controlNonce(epoch, counter), box);
    if (plaintext === null) return null;
    this.#lastReceived = { epoch, counter };
    if (ahead !== null) this.#advanceControl();
    return plaintext;
  }

  /** Initiator: the 32 bytes of a `rekey` frame. `secret` is 32 random bytes, owned from here. */
  startRekey(secret: Uint8Array): Uint8Array {
    this.#ephemeral = { secret, publicKey: this.#provider.x25519PublicKey(secret) };
    return this.#ephemeral.publicKey;
  }

  /**
   * Responder, on `rekey(Ea')`: the 32 bytes of the answer, or `null` for a low-order key. Call `switchSend` once the
   * answer is sealed.
   */
  answerRekey(theirs: Uint8Array, secret: Uint8Array): Uint8Array | null {
    const publicKey = this.#provider.x25519PublicKey(secret);
    return this.#mix({ secret, publicKey }, theirs, theirs, publicKey) ? publicKey : null;
  }

  /**
   * Initiator, on `rekey(Eb')`: the peer's DATA opens under its new key from here. Returns false for a low-order key.
   * Call `switchSend` and `completeRekey` once `rekeyed` is sealed.
   */
  finishRekey(theirs: Uint8Array): boolean {
    const own = this.#ephemeral;
    if (own === null) return false;
    this.#ephemeral = null;
    if (!this.#mix(own, theirs, own.publicKey, theirs)) return false;
    this.switchReceive();
    return true;
  }

  /** The next DATA is sealed under the new send key. */
  switchSend(): void {
    if (this.#next === null) return;
    this.#send.bytes.fill(0);
    this.#send = { bytes: this.#next.send, frames: 0 };
  }

  /** The next DATA is opened under the new receive key. */
  switchReceive(): void {
    if (this.#next === null) return;
    this.#receive.bytes.fill(0);
    this.#receive = { bytes: this.#next.receive, frames: 0 };
  }

  /** The rekey is complete at this end. CONTROLs are sealed and opened only under the next epoch. */
  completeRekey(): void {
    this.#advanceControl();
    this.#next = null;
  }

  /** Overwrites every key. */
  erase(): void {
    const next = this.#next;
    erase(this.#root, this.#send.bytes, this.#receive.bytes, this.#sendControl, this.#receiveControl);
    erase(this.#ephemeral?.secret, next?.send, next?.receive, next?.control?.send, next?.control?.receive);
  }

  #seal(kind: number, key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, spare?: Uint8Array): Uint8Array {
    // A frame states its numbers as its nonce does.
    const numbers = nonce.subarray(kind === KIND.data ? 16 : 12);
    const boxAt = CHANNEL_HEAD_BYTES + numbers.length;
    const message = newMessage(this.#peer, kind, this.channelId, boxAt + plaintext.length + TAG_BYTES, spare);
    const content = contentOf(message);
    content.set(numbers, CHANNEL_HEAD_BYTES);
    this.#provider.secretboxSeal(key, nonce, plaintext, content.subarray(boxAt));
    return message;
  }

  /** CONTROLs of the previous epoch no longer open from here, so that a thief of its keys cannot forge them. */
  #advanceControl(): void {
    const next = this.#next;
    if (next === null || next.control === null) return;
    erase(this.#sendControl, this.#receiveControl);
    this.#sendControl = next.control.send;
    this.#receiveControl = next.control.receive;
    next.control = null;
    this.#epoch++;
    this.#sendCounter = 0;
  }

  #mix(own: Ephemeral, theirs: Uint8Array, first: Uint8Array, second: Uint8Array): boolean {
    const ee = this.#provider.x25519(own.secret, theirs);
    // es pairs the initiator's ephemeral with the responder's static key, se the reverse.
    const ownWithStatic = this.#provider.x25519(own.secret, this.#peer);
    const staticWithTheirs = this.#static.dh(theirs);
    const [es, se] = this.role === 'initiator' ? [ownWithStatic, staticWithTheirs] : [staticWithTheirs, ownWithStatic];
    const usable = !(isAllZero(ee) || isAllZero(es) || isAllZero(se));
    const ikm = usable ? concatBytes(ee, es, se) : null;
    erase(own.secret, ee, es, se);
    if (ikm === null) return false;
    this.#transcript = this.#provider.sha512(concatBytes(this.#transcript, first, second));
    const salt = this.#root;
    // h' in the info, after the label, binds the new keys to everything before them.
    const keys = this.#derive(salt, ikm, concatBytes(INFO_REKEY, this.#transcript));
    erase(salt);
    this.#root = keys.root;
    const control = { send: keys.sendControl, receive: keys.receiveControl };
    this.#next = { send: keys.send, receive: keys.receive, control };
    return true;
  }

  #derive(salt: Uint8Array, ikm: Uint8Array, info: Uint8Array) {
    const bytes = this.#provider.hkdf(salt, ikm, info, 5 * KEY_BYTES);
    erase(ikm);
    const part = (index: number) => bytes.slice(index * KEY_BYTES, (index + 1) * KEY_BYTES);
    const [root, dataAB, dataBA, controlAB, controlBA] = [part(0), part(1), part(2), part(3), part(4)];
    erase(bytes);
    return this.role === 'initiator'
      ? { root, send: dataAB, receive: dataBA, sendControl: controlAB, receiveControl: controlBA }
      : { root, send: dataBA, receive: dataAB, sendControl: controlBA, receiveControl: controlAB };
  }
}

// One array serves every frame, because providers keep no argument. It is fully overwritten each time.
const nonce = new Uint8Array(24);
const nonceView = new DataView(nonce.buffer);

function dataNonce(seq: number): Uint8Array {
  return controlNonce(0, seq);
}

function controlNonce(epoch: number, counter: number): Uint8Array {
  nonceView.setUint32(12, epoch);
  writeU53(nonce, 16, counter);
  return nonce;
}
