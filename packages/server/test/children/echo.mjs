// What every adapter's test server has: its answers to HTTP, its clients' messages sent back, slow and late ones, closes.
import { Identity } from '@sws/crypto';
import { nodeProvider } from '@sws/crypto/node';
import { randomBytes } from '@sws/crypto/platform';

const LIMITS = { maxMessage: 65_536, messagesPerSecond: 1_000, bytesPerSecond: 8_000_000 };
/** Keys that asked, by their token, for this treatment. */
const keys = { slow: new Set(), slower: new Set(), late: new Set() };
let written = 0;

/** 20 messages at once, then one every so often. */
function slowMeter(everyMs) {
  let fullAt = 0;
  return {
    charge: (_bytes, nowMs, messages = 1) => {
      fullAt = Math.max(fullAt, nowMs) + messages * everyMs;
    },
    waitMs: (nowMs) => Math.max(0, fullAt - nowMs - 20 * everyMs),
  };
}

export const options = {
  identity: Identity.generate(randomBytes, nodeProvider),
  origins: ['https://page.example'],
  trustedProxies: ['127.0.0.0/8', '::1'],
  maxPendingPerAddress: 3,
  authorize: ({ publicKey, token, request }) => {
    if (request === undefined) throw new Error('no request');
    keys[token]?.add(publicKey);
    return token !== 'evil';
  },
  admit: (publicKey) => ({
    ok: true,
    term: 1,
    limits: LIMITS,
    keepalive: 15,
    ...(keys.slow.has(publicKey) ? { meter: slowMeter(10) } : {}),
    ...(keys.slower.has(publicKey) ? { meter: slowMeter(1_000) } : {}),
  }),
  onSocket(socket) {
    const route = () => {
      socket.onwritten = (count) => {
        written += count;
      };
      socket.onmessage = (message) => {
        const command = message.length < 64 ? new TextDecoder().decode(message.subarray(33)) : '';
        if (command === 'close') return socket.close({ code: 'replaced', detail: 'asked to' });
        if (command === 'restart') return socket.close({ code: 'restarting', detail: 'asked to' });
        if (!command.startsWith('flood ')) return socket.deliver(message);
        for (let i = Number(command.slice(6)); i > 0; i--) socket.deliver(new Uint8Array(60_000).fill(1, 0, 1));
      };
    };
    // Whoever routes may need a moment: nothing that comes meanwhile may be lost.
    if (keys.late.has(socket.publicKey)) setTimeout(route, 100);
    else route();
  },
};

/** The answer to any request but an upgrade. */
export function state({ counters, connections }) {
  const { accepted, registered, pauses, receivedFrames } = counters;
  const refusals = Object.fromEntries(counters.refusals);
  return JSON.stringify({ accepted, registered, pauses, receivedFrames, refusals, connections, written });
}
export function ready(port) {
  console.log(JSON.stringify({ port }));
}
