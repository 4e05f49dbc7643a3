import { once } from 'node:events';
import { encodeHex, type Identity } from '@sws/crypto';
import { type Challenge, type ChallengeResponse, decodeRelayFrame, encodeFrame, type Limits } from '@sws/protocol';
import { registerMessage } from '@sws/protocol/internal';
import { type ClientOptions, WebSocket } from 'ws';
import { SUBPROTOCOL } from '../src/index.js';

/** A client that collects frames and can wait for the next one. */
export class Client {
  readonly host: string;
  readonly socket: WebSocket;
  readonly #frames: (string | Buffer)[] = [];
  #wake: () => void = () => {};
  closeCode: number | null = null;
  limits: Limits | null = null;

  constructor(host: string, options: ClientOptions = {}) {
    this.host = host;
    this.socket = new WebSocket(`ws://${host}/`, SUBPROTOCOL, options);
    this.socket.on('message', (data: Buffer, binary) => {
      this.#frames.push(binary ? data : data.toString());
      this.#wake();
    });
    this.socket.on('close', (code) => {
      this.closeCode = code;
      this.#wake();
    });
    this.socket.on('error', () => {});
  }
  async next(): Promise<string | Buffer> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      if (this.closeCode !== null) throw new Error(`closed with ${this.closeCode}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
  async challenge(): Promise<Challenge> {
    const decoded = decodeRelayFrame(String(await this.next()));
    if (!decoded.ok || decoded.value.type !== 'CHALLENGE') throw new Error('expected CHALLENGE');
    return decoded.value;
  }
  async closed(): Promise<number> {
    if (this.closeCode === null) await once(this.socket, 'close');
    return this.closeCode ?? 0;
  }
}

export function respond(
  { challenge, host }: { challenge: Challenge; host: string },
  identity: Identity,
  changes: Partial<ChallengeResponse> = {},
  signed: { host?: string; serverKey?: string; nonce?: string } = {},
): ChallengeResponse {
  const { publicKey, signingKey } = identity;
  const clientNonce = '11'.repeat(32);
  const facts = {
    nonce: challenge.nonce,
    serverKey: challenge.serverKey,
    publicKey,
    signingKey,
    clientNonce,
    host,
    token: changes.token ?? '',
    lastTerm: changes.lastTerm ?? 0,
    ...signed,
  };
  const signedNonce = encodeHex(identity.signLabelled('register', registerMessage(facts)));
  return {
    type: 'CHALLENGE_RESPONSE',
    publicKey,
    signingKey,
    host,
    clientNonce,
    signedNonce,
    encoding: 'binary',
    lastTerm: 0,
    ...changes,
  };
}

export async function registered(
  host: string,
  identity: Identity,
  changes: Partial<ChallengeResponse> = {},
  options: ClientOptions = {},
): Promise<Client> {
  const client = new Client(host, options);
  const challenge = await client.challenge();
  client.socket.send(encodeFrame(respond({ challenge, host }, identity, changes)));
  const answer = decodeRelayFrame(String(await client.next()));
  if (!answer.ok || answer.value.type !== 'REGISTER_SUCCESS')
    throw new Error(`not registered: ${JSON.stringify(answer)}`);
  client.limits = answer.value.limits;
  return client;
}
