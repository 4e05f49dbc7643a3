import { decodeHex } from '@sws/crypto';
import type { UndeliverableCode } from '@sws/protocol';
import type { Backplane, BackplaneLink, BackplaneNode } from './backplane.js';
import { type Claim, compareClaims } from './claim.js';

/** One requirement of every backplane. `open` returns another end of the same backplane each time. */
export interface BackplaneTest {
  /** The requirement, as the title of a test. */
  readonly name: string;
  /** Rejects if the backplane does not meet the requirement. */
  run(open: () => Backplane | Promise<Backplane>): Promise<void>;
}

const WAIT_MS = 5_000;
const KEY_A = 'a1'.repeat(32);
const KEY_B = 'b2'.repeat(32);
const HEAD_BYTES = 25;

function expectThat(holds: boolean, message: string): asserts holds {
  if (!holds) throw new Error(`backplane: ${message}`);
}

/** Waits until `done`, or fails. */
async function until(done: () => boolean, what: string): Promise<void> {
  const end = performance.now() + WAIT_MS;
  while (!done()) {
    if (performance.now() > end) throw new Error(`backplane: ${what} within ${WAIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A node that holds keys as a router does, and records its calls. */
class RecordingNode implements BackplaneNode {
  readonly nodeId: string;
  readonly claims: Claim[] = [];
  readonly messages: { to: string; message: Uint8Array }[] = [];
  readonly wentAway: string[] = [];
  readonly undelivered: string[] = [];
  readonly own = new Map<string, Claim>();
  answer: UndeliverableCode | null = null;
  #link: BackplaneLink | null = null;

  constructor(nodeId: string) {
    this.nodeId = nodeId;
  }
  get link(): BackplaneLink {
    expectThat(this.#link !== null, 'join gives a link');
    return this.#link;
  }
  join(backplane: Backplane): this {
    this.#link = backplane.join(this);
    return this;
  }
  hold(key: string, term = 1, connectionId = 1): Claim {
    const claim: Claim = { key, term, nodeId: this.nodeId, connectionId };
    this.own.set(key, claim);
    this.link.claim(claim);
    return claim;
  }
  claimed(claim: Claim): void {
    this.claims.push(claim);
    const own = this.own.get(claim.key);
    if (own === undefined) return;
    const order = compareClaims(claim, own);
    if (order < 0) this.link.claim(own);
    else if (order > 0) {
      this.own.delete(claim.key);
      this.link.release(claim.key);
    }
  }
  message(to: string, message: Uint8Array): UndeliverableCode | null {
    if (this.answer === null) this.messages.push({ to, message });
    return this.answer;
  }
  gone(key: string, term: number): void {
    this.wentAway.push(`${key}@${term}`);
  }
  undeliverable(to: string, from: string, head: Uint8Array, code: UndeliverableCode): void {
    this.undelivered.push(`${to} ${from} ${[...head].join(',')} ${code}`);
  }
  /** Publishes, and records an immediate answer like a later one. */
  publish(to: string, from: string, message: Uint8Array): void {
    message.set(decodeHex(from) ?? [], 1);
    const content = message.slice(33);
    const code = this.link.publish(to, from, message);
    if (code !== null) this.undeliverable(to, from, content.subarray(0, HEAD_BYTES), code);
  }
}

/** A binary MESSAGE whose content starts with `bytes`. */
function messageOf(bytes: readonly number[], contentBytes = Math.max(30, bytes.length)): Uint8Array {
  const message = new Uint8Array(33 + contentBytes);
  message[0] = 1;
  message.set(bytes, 33);
  return message;
}
const headOf = (message: Uint8Array) => [...message.subarray(33, 33 + HEAD_BYTES)].join(',');

/** Two nodes, each with its own end. */
async function twoNodes(open: () => Backplane | Promise<Backplane>): Promise<[RecordingNode, RecordingNode]> {
  return [new RecordingNode('node-1').join(await open()), new RecordingNode('node-2').join(await open())];
}

async function threeNodes(open: () => Backplane | Promise<Backplane>) {
  return [...(await twoNodes(open)), new RecordingNode('node-3').join(await open())] as const;
}

/** Waits until `other` can reach a key of `holder`. */
async function reachable(other: RecordingNode, holder: RecordingNode, key: string): Promise<void> {
  await until(() => {
    if (holder.messages.some(({ message }) => message[33] === 255)) return true;
    other.publish(key, KEY_A, messageOf([255]));
    return false;
  }, 'a claimed key is reached');
  // Once this MESSAGE is answered, all earlier probes have been answered.
  const last = messageOf([254, 254]);
  other.publish('c3'.repeat(32), KEY_A, last);
  await until(() => other.undelivered.at(-1)?.includes('254,254') === true, 'the other end answers');
  holder.messages.length = 0;
  other.undelivered.length = 0;
}

/** The suite that every `Backplane` must pass. Run each test with your own test runner. */
export const backplaneTests: readonly BackplaneTest[] = [
  {
    name: 'a MESSAGE reaches the node that holds its key, whole and in order',
    async run(open) {
      const [a, b] = await twoNodes(open);
      b.hold(KEY_B);
      await reachable(a, b, KEY_B);
      const count = 500;
      for (let i = 0; i < count; i++) a.publish(KEY_B, KEY_A, messageOf([i >> 8, i & 255]));
      await until(() => b.messages.length >= count, 'all messages arrive');
      expectThat(b.messages.length === count, 'each message arrives once');
      b.messages.forEach(({ to, message }, i) => {
        expectThat(to === KEY_B && message.length === 63, 'a message arrives whole, for its key');
        expectThat(message[33] === i >> 8 && message[34] === (i & 255), 'messages of one sender arrive in order');
      });
      expectThat(a.undelivered.length === 0 && a.messages.length === 0, 'what arrived is not reported undeliverable');
    },
  },
  {
    name: 'a key that no other node holds is offline, and its sender’s node is told which MESSAGE',
    async run(open) {
      const [a, b] = await twoNodes(open);
      const first = messageOf([1, 2, 3]);
      const told = `${KEY_B} ${KEY_A} ${headOf(first)} offline`;
      a.publish(KEY_B, KEY_A, first);
      await until(() => a.undelivered.length === 1, 'offline is told');
      expectThat(a.undelivered[0] === told, `it names receiver, sender, head and code, not ${a.undelivered[0]}`);
      b.hold(KEY_B);
      await reachable(a, b, KEY_B);
      b.link.release(KEY_B);
      await until(() => {
        a.publish(KEY_B, KEY_A, messageOf([1, 2, 3]));
        return a.undelivered.includes(told);
      }, 'a released key is offline');
      expectThat(b.undelivered.length === 0, 'the other node is not told');
    },
  },
  {
    name: 'a MESSAGE that the holder cannot deliver comes back with the holder’s reason',
    async run(open) {
      const [a, b] = await twoNodes(open);
      b.hold(KEY_B);
      await reachable(a, b, KEY_B);
      for (const code of ['congested', 'forbidden', 'message-too-large'] as const) {
        b.answer = code;
        const message = messageOf([7, 8, 9]);
        const told = `${KEY_B} ${KEY_A} ${headOf(message)} ${code}`;
        a.publish(KEY_B, KEY_A, message);
        await until(() => a.undelivered.includes(told), `${code} is told`);
      }
      expectThat(a.undelivered.length === 3, 'each is told once');
    },
  },
  {
    name: 'a short MESSAGE that is refused keeps its short head',
    async run(open) {
      const [a] = await twoNodes(open);
      a.publish(KEY_B, KEY_A, messageOf([5], 1));
      a.publish(KEY_B, KEY_A, messageOf([], 0));
      await until(() => a.undelivered.length === 2, 'both are told');
      expectThat(a.undelivered.includes(`${KEY_B} ${KEY_A} 5 offline`), 'one byte');
      expectThat(a.undelivered.includes(`${KEY_B} ${KEY_A}  offline`), 'no byte');
    },
  },
  {
    name: 'the largest MESSAGE arrives byte for byte, and its receiver may write on it',
    async run(open) {
      const [a, b] = await twoNodes(open);
      b.hold(KEY_B);
      await reachable(a, b, KEY_B);
      const largest = Math.min(1_048_576, (await open()).maxMessageBytes);
      expectThat(largest >= 65_536, 'every backplane carries MESSAGEs of 65,536 bytes');
      const sizes = [33, 34, 4_096, 65_536, largest];
      for (const size of sizes) {
        const message = new Uint8Array(size).map((_, i) => (i * 31 + size) & 255);
        message.set(decodeHex(KEY_A) ?? [], 1);
        const expected = new Uint8Array(message);
        a.publish(KEY_B, KEY_A, message);
        await until(() => b.messages.length === 1, `${size} bytes arrive`);
        const got = b.messages.pop()?.message ?? new Uint8Array(0);
        expectThat(got.length === size && got.every((byte, i) => byte === expected[i]), `${size} bytes`);
        got.fill(0);
      }
    },
  },
  {
    name: 'a claim is heard by the other nodes that hold its key, and by them alone',
    async run(open) {
      const [a, b, c] = await threeNodes(open);
      a.hold(KEY_A, 1);
      await reachable(b, a, KEY_A);
      b.hold(KEY_A, 5, 9);
      await until(() => a.claims.length >= 1, 'the claim arrives');
      const heard = a.claims[0];
      expectThat(heard?.term === 5 && heard.connectionId === 9 && heard.nodeId === 'node-2', 'the claim arrives whole');
      expectThat(!b.claims.some(({ nodeId }) => nodeId === 'node-2'), 'a node does not hear its own claim');
      expectThat(c.claims.length === 0, 'a node without the key does not hear of it');
    },
  },
  {
    name: 'the highest term of a key is known to the others, and forgotten when the key is released',
    async run(open) {
      const [a, b] = await twoNodes(open);
      expectThat((await b.link.highestTerm(KEY_A)) === 0, 'no term is known of a key that nobody holds');
      a.hold(KEY_A, 2 ** 47 + 1);
      await reachable(b, a, KEY_A);
      expectThat((await b.link.highestTerm(KEY_A)) === 2 ** 47 + 1, 'the term is known');
      a.hold(KEY_A, 2 ** 47 + 2);
      expectThat((await b.link.highestTerm(KEY_A)) === 2 ** 47 + 2, 'the next term is known');
      a.link.release(KEY_A);
      let term = -1;
      await until(() => {
        b.link.highestTerm(KEY_A).then((known) => {
          term = known;
        });
        return term === 0;
      }, 'a released key has no term');
    },
  },
  {
    name: 'two nodes that claim one key at the same moment agree on one of them',
    async run(open) {
      const [a, b] = await twoNodes(open);
      const keys = Array.from({ length: 50 }, (_, i) => i.toString(16).padStart(2, '0').repeat(32));
      keys.forEach((key, i) => {
        const [first, second] = i % 2 === 0 ? [a, b] : [b, a];
        first.hold(key, 1);
        second.hold(key, 1);
      });
      await until(
        () => keys.every((key) => !a.own.has(key) && b.own.has(key)),
        'the greater (term, nodeId) keeps each',
      );
      // Again at the same moment, in another order of terms: the greater term wins in any order of arrival.
      const later = keys.map((key) => `f${key.slice(1)}`);
      later.forEach((key, i) => {
        a.hold(key, 3);
        b.hold(key, i % 2 === 0 ? 2 : 4);
      });
      await until(
        () => later.every((key, i) => a.own.has(key) === (i % 2 === 0) && b.own.has(key) === (i % 2 === 1)),
        'the greater term keeps each',
      );
    },
  },
  {
    name: 'that a key went is told to every other node',
    async run(open) {
      const [a, b, c] = await threeNodes(open);
      a.hold(KEY_A, 3);
      await reachable(b, a, KEY_A);
      await until(() => {
        a.link.gone(KEY_A, 3);
        return b.wentAway.includes(`${KEY_A}@3`) && c.wentAway.includes(`${KEY_A}@3`);
      }, 'both hear it');
      expectThat(a.wentAway.length === 0, 'a node does not tell itself');
    },
  },
  {
    name: 'a node that left holds nothing',
    async run(open) {
      const [a, b] = await twoNodes(open);
      b.hold(KEY_B, 4);
      await reachable(a, b, KEY_B);
      b.link.leave();
      await until(() => {
        a.publish(KEY_B, KEY_A, messageOf([9]));
        return a.undelivered.some((told) => told.endsWith('offline'));
      }, 'its keys are offline');
      expectThat((await a.link.highestTerm(KEY_B)) === 0, 'its terms are forgotten');
      b.link.leave(); // a second time does nothing
    },
  },
  {
    name: 'of many keys, each is found where it is',
    async run(open) {
      const [a, b] = await twoNodes(open);
      const keys = Array.from({ length: 300 }, (_, i) => (i + 4_096).toString(16).repeat(16));
      keys.forEach((key, i) => {
        (i % 2 === 0 ? a : b).hold(key, i + 1);
      });
      await reachable(b, a, keys[298] ?? '');
      await reachable(a, b, keys[299] ?? '');
      keys.forEach((key, i) => {
        (i % 2 === 0 ? b : a).publish(key, KEY_A, messageOf([i & 255]));
      });
      await until(() => a.messages.length >= 150 && b.messages.length >= 150, 'all arrive');
      expectThat(new Set(a.messages.map(({ to }) => to)).size === 150, 'each at its own node');
      expectThat(a.undelivered.length + b.undelivered.length === 0, 'none is undeliverable');
    },
  },
];
