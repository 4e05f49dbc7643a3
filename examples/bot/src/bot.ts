// Speaks the chat's protocol (apps/chat/src/chat-protocol.ts): JSON texts with ids over a channel of `sws.chat.v1`.
import { randomBytes as randomId } from 'node:crypto';
import { Endpoint, Identity, randomBytes, type SecureWebSocket } from '@sws/client';
import { fileStore } from '@sws/client/node';
import { startRelay } from '@sws/relay';
import { Notebook } from './notebook.js';

const CHAT_PROTOCOL = 'sws.chat.v1';
/** The longest text that the chat sends, in UTF-16 units. */
const MAX_TEXT_LENGTH = 500_000;

const relay = process.env.SWS_RELAY ?? (await startRelay()).url;
const notebook = new Notebook('bot-notes.json');
// The seed is in this file. A bot started again in this folder has the same address.
const seed = await fileStore('bot.identity').loadOrCreate(() => randomBytes(32));
const endpoint = new Endpoint(relay, {
  identity: Identity.fromSeed(seed),
  // Files use another protocol, which this bot refuses.
  accept: ({ protocols }) => protocols.includes(CHAT_PROTOCOL) && { protocol: CHAT_PROTOCOL },
});
// The relay serves the chat page at the same URL as its sockets.
const chatLink = endpoint.url.replace(/^ws/, 'http');
endpoint.addEventListener('connection', ({ socket }) => converse(socket));
endpoint.addEventListener('state', ({ state, failure }) => {
  if (state === 'registered') console.log(`Talk to me in the chat: ${chatLink}${endpoint.address}`);
  if (state === 'reconnecting') console.error('The relay is away; I wait for it.');
  if (state === 'down') console.error(`The relay does not take me: ${failure?.detail}`);
});

function converse(socket: SecureWebSocket): void {
  const say = (message: object): void => socket.send(JSON.stringify(message));
  say({ type: 'hello', accepted: true, seen: null, move: null });
  socket.addEventListener('message', ({ data }) => {
    const message = readText(data);
    if (message === null) return;
    const answer = notebook.answer(socket.peer, message.id, message.text);
    say({ type: 'stored', id: message.id });
    say({ type: 'seen', id: message.id });
    if (answer !== null) say({ type: 'text', id: randomId(16).toString('hex'), at: Date.now(), text: answer });
  });
}

/** A text message; `null` for other messages of the protocol, and for invalid ones, because peers may send anything. */
function readText(data: unknown): { readonly id: string; readonly text: string } | null {
  if (typeof data !== 'string') return null;
  try {
    const { type, id, text } = JSON.parse(data);
    const valid = type === 'text' && /^[0-9a-f]{32}$/.test(id) && typeof text === 'string';
    return valid && text.length <= MAX_TEXT_LENGTH ? { id, text } : null;
  } catch {
    return null;
  }
}
