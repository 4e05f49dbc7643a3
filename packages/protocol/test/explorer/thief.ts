import { contentOf, KIND, newMessage, writeU53 } from '../../src/channel/channel-frame.js';
import { encodeClose } from '../../src/channel/close-status.js';
import { CONTROL_TYPE, encodeControl } from '../../src/channel/control.js';
import { encodeData, OPCODE, type Opcode } from '../../src/channel/data.js';
import { type End, hasRekeyed, type VisibleSession } from './end.js';
import { type Side, Violation } from './scenario.js';
import { derivable, latin1, type SymbolicProvider } from './symbolic-provider.js';

/** The relay's own ephemeral secret. */
const OWN_SECRET = new Uint8Array(32).fill(0x54);
const FORGED_CLOSE_CODE = 4_666;

/** A relay that holds all keys of epoch 0, and neither end's static or ephemeral secrets. */
export class Thief {
  readonly #provider: SymbolicProvider;
  readonly #stolen: readonly Uint8Array[];
  readonly #names: ReadonlySet<string>;
  /** What seals to A, and to B. */
  readonly #data: readonly [Uint8Array, Uint8Array];
  readonly #control: readonly [Uint8Array, Uint8Array];

  constructor(
    provider: SymbolicProvider,
    { _root, _send, _receive, _sendControl, _receiveControl }: VisibleSession['_keys'],
  ) {
    this.#provider = provider;
    this.#data = [_receive.bytes, _send.bytes];
    this.#control = [_receiveControl, _sendControl];
    this.#stolen = [_root, ...this.#data, ...this.#control];
    this.#names = new Set(this.#stolen.map(latin1));
  }

  /** Frames that an end with the stolen keys would take: each kind of DATA in turn, and an acknowledgement of all that it has sealed. */
  frames(to: Side, peer: Uint8Array, channelId: Uint8Array, session: VisibleSession): Uint8Array[] {
    const seq = session._incoming.next;
    const said = (opcode: Opcode, bytes: Uint8Array): Uint8Array => {
      const plaintext = encodeData(opcode, true, bytes, 'padme');
      const message = newMessage(peer, KIND.data, channelId, 25 + plaintext.length + 16);
      const nonce = new Uint8Array(24);
      writeU53(nonce, 16, seq);
      writeU53(contentOf(message), 17, seq);
      contentOf(message).set(this.#provider.box(this.#data[to], nonce, plaintext), 25);
      return message;
    };
    const none = new Uint8Array(0);
    return [
      said(OPCODE.text, Uint8Array.of(0x66)),
      said(OPCODE.rekey, this.#provider.x25519PublicKey(OWN_SECRET)),
      said(OPCODE.rekeyed, none),
      said(OPCODE.close, encodeClose({ code: FORGED_CLOSE_CODE, reason: '' })),
      this.#acknowledgement(to, peer, channelId, session._outgoing._sealed),
    ];
  }

  /** @throws Violation if an end that has completed a rekey seals under what is stolen */
  sealed(end: End, key: string): void {
    if (this.#names.has(key) && hasRekeyed(end)) throw new Violation('seals under stolen keys after a rekey');
  }

  /** @throws Violation if the thief can derive what an end uses after a rekey */
  check(end: End, session: VisibleSession): void {
    if (!hasRekeyed(end)) return;
    const { _root, _send, _receive, _sendControl, _receiveControl } = session._keys;
    for (const key of [_root, _send.bytes, _receive.bytes, _sendControl, _receiveControl])
      if (derivable(this.#provider, key, this.#stolen, OWN_SECRET))
        throw new Violation('a thief derives the keys after a rekey');
  }

  #acknowledgement(to: Side, peer: Uint8Array, channelId: Uint8Array, next: number): Uint8Array {
    const plaintext = encodeControl({ type: CONTROL_TYPE.ack, next, limit: 1_000, id: 0 });
    const message = newMessage(peer, KIND.control, channelId, 29 + plaintext.length + 16);
    const nonce = new Uint8Array(24);
    // More than any counter that an end here remembers.
    writeU53(nonce, 16, 1);
    writeU53(contentOf(message), 21, 1);
    contentOf(message).set(this.#provider.box(this.#control[to], nonce, plaintext), 29);
    return message;
  }
}
