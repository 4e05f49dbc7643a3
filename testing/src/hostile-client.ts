import { concatBytes, decodeHex, Identity } from '@sws/crypto';
import { nodeProvider as provider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';
import { RawClient } from './raw-client.js';

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
/** The offset of the box in ACCEPT: after the head, the ephemeral key, and the ML-KEM-768 ciphertext (PROTOCOL §4). */
const ACCEPT_BOX_AT = 17 + 32 + 1_088;
const CONTROL_NEXT_AT = 1;
const CONTROL_LIMIT_AT = 9;

function nonceOf(...parts: readonly number[]): Uint8Array {
  const nonce = new Uint8Array(24);
  const view = new DataView(nonce.buffer);
  view.setBigUint64(16, BigInt(parts.at(-1) ?? 0));
  if (parts.length === 2) view.setUint32(12, parts[0] ?? 0);
  return nonce;
}

/** A channel on which the test can send any frame. */
export class HostileChannel {
  /** The charge that it has used, and the limit that the victim has granted. */
  charged = 0;
  limit: number;
  /** How many DATA frames the victim's process has acknowledged. */
  taken = 0;
  /** Set once the victim has closed the channel. */
  closed = false;
  readonly #send: (content: Uint8Array) => void;
  readonly #id: Uint8Array;
  readonly #keys: Uint8Array;
  #seq = 0;
  #counter = 0;

  constructor(send: (content: Uint8Array) => void, id: Uint8Array, keys: Uint8Array, limit: number) {
    this.#send = send;
    this.#id = id;
    this.#keys = keys;
    this.limit = limit;
  }

  /**
   * How many DATA frames are in flight. The relay refuses what is too much for a receiver's queue, and nothing here
   * sends it again.
   */
  get inFlight(): number {
    return this.#seq - this.taken;
  }

  /** Sends one DATA frame. `opcode` is the first byte of its plaintext; FIN is its bit 0x80. */
  data(opcode: number, bytes: Uint8Array): void {
    const plaintext = new Uint8Array(5 + bytes.length);
    plaintext[0] = opcode;
    new DataView(plaintext.buffer).setUint32(1, bytes.length);
    plaintext.set(bytes, 5);
    this.charged += plaintext.length + 96;
    const seq = new Uint8Array(8);
    new DataView(seq.buffer).setBigUint64(0, BigInt(this.#seq));
    const box = provider.secretboxSeal(this.#keys.subarray(32, 64), nonceOf(this.#seq++), plaintext);
    this.#send(concatBytes(Uint8Array.of(3), this.#id, seq, box));
  }

  /** Sends PING. The victim's channel is then open, and its application sees the connection. */
  ping(): void {
    const plaintext = new Uint8Array(25);
    plaintext[0] = 3;
    plaintext[24] = 1;
    new DataView(plaintext.buffer).setBigUint64(CONTROL_LIMIT_AT, 1_048_576n);
    const place = new Uint8Array(12);
    new DataView(place.buffer).setBigUint64(4, BigInt(this.#counter));
    const box = provider.secretboxSeal(this.#keys.subarray(96, 128), nonceOf(0, this.#counter++), plaintext);
    this.#send(concatBytes(Uint8Array.of(4), this.#id, place, box));
  }

  /** Handles a frame of the victim for this channel. */
  receive(content: Uint8Array): void {
    if (content[0] === 3 || content[0] === 5) this.closed = true;
    if (content[0] !== 4) return;
    const view = new DataView(content.buffer, content.byteOffset);
    const nonce = nonceOf(view.getUint32(17), Number(view.getBigUint64(21)));
    const plaintext = provider.secretboxOpen(this.#keys.subarray(128, 160), nonce, content.subarray(29));
    if (plaintext === null) return;
    const says = new DataView(plaintext.buffer, plaintext.byteOffset);
    this.taken = Math.max(this.taken, Number(says.getBigUint64(CONTROL_NEXT_AT)));
    this.limit = Math.max(this.limit, Number(says.getBigUint64(CONTROL_LIMIT_AT)));
  }
}

/** A peer with its own key that can break any rule. It is written from PROTOCOL.md. */
export class HostileClient {
  readonly raw: RawClient;
  readonly channels = new Map<string, HostileChannel>();
  readonly #identity: Identity;
  readonly #victim: Uint8Array;
  readonly #shared: Uint8Array;
  readonly #pending = new Map<string, (accept: Uint8Array) => void>();

  private constructor(raw: RawClient, identity: Identity, victim: Uint8Array) {
    this.raw = raw;
    this.#identity = identity;
    this.#victim = victim;
    this.#shared = identity.dh(victim);
    raw.onmessage = (_, content) => this.#receive(content);
  }

  static async connect(url: string, victim: string): Promise<HostileClient> {
    const identity = Identity.generate(randomBytes, provider);
    const key = decodeHex(victim);
    if (key === null) throw new Error(`victim must be an address, got ${victim}`);
    return new HostileClient(await RawClient.connect(url, identity), identity, key);
  }

  /** Opens a channel. Resolves with `null` if there is no ACCEPT within `timeoutMs`. */
  open(timeoutMs = 3_000): Promise<HostileChannel | null> {
    const id = randomBytes(16);
    const secret = randomBytes(32);
    const ephemeral = provider.x25519PublicKey(secret);
    const kem = provider.kemKeyPair(randomBytes(64));
    const es = provider.x25519(secret, this.#victim);
    const h0 = provider.sha512(
      concatBytes(ascii('sws/1 channel\0'), this.#identity.publicKeyBytes(), this.#victim, id),
    );
    const h1 = provider.sha512(concatBytes(h0, ephemeral, kem.encapsulationKey));
    const key = provider.hkdf(h1, concatBytes(es, this.#shared), ascii('open'), 32);
    const payload = ascii('{"resource":"/","protocols":[],"limit":1048576}'.padEnd(256));
    const box = provider.secretboxSeal(key, new Uint8Array(24), payload);
    const h2 = provider.sha512(concatBytes(h1, box));
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), timeoutMs);
      this.#pending.set(String(id), (accept) => {
        this.#pending.delete(String(id));
        const [theirs, ct] = [accept.subarray(17, 49), accept.subarray(49, ACCEPT_BOX_AT)];
        const shared = provider.kemDecapsulate(ct, kem.decapsulationKey);
        if (shared === null) return;
        const h3 = provider.sha512(concatBytes(h2, theirs, ct));
        const ikm = concatBytes(es, this.#shared, provider.x25519(secret, theirs), this.#identity.dh(theirs), shared);
        const k2 = provider.hkdf(h3, ikm, ascii('accept'), 32);
        const plaintext = provider.secretboxOpen(k2, new Uint8Array(24), accept.subarray(ACCEPT_BOX_AT));
        if (plaintext === null) return;
        const { limit } = JSON.parse(new TextDecoder().decode(plaintext)) as { limit: number };
        const h4 = provider.sha512(concatBytes(h3, accept.subarray(ACCEPT_BOX_AT)));
        const keys = provider.hkdf(h4, ikm, ascii('channel'), 160);
        const channel = new HostileChannel((content) => this.#send(content), id, keys, limit);
        this.channels.set(String(id), channel);
        clearTimeout(timer);
        channel.ping();
        resolve(channel);
      });
      this.#send(concatBytes(Uint8Array.of(1), id, ephemeral, kem.encapsulationKey, box));
    });
  }

  close(): void {
    this.raw.close();
  }

  #send(content: Uint8Array): void {
    this.raw.send(this.#victim, content);
  }

  #receive(content: Uint8Array): void {
    const id = String(Uint8Array.from(content.subarray(1, 17)));
    if (content[0] === 2) this.#pending.get(id)?.(content.slice());
    else this.channels.get(id)?.receive(content);
  }
}
