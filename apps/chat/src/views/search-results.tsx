import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Chat } from '../chat.js';
import type { Message } from '../history.js';
import { Avatar, Name } from './avatar.js';
import { Rows } from './contact-rows.js';
import { counted, shortDayOf } from './words.js';

const MAX_RESULTS = 100;
/** A search begins when nothing was typed for this long. */
const SEARCH_MS = 250;
/** Characters before what was found. */
const CONTEXT = 20;

/** People and messages with these words, over all conversations. */
export function SearchResults({ chat, words }: { chat: Chat; words: string }) {
  const found = useSignal<readonly Message[]>([]);
  const done = useSignal(false);
  useEffect(() => {
    let over = false;
    found.value = [];
    done.value = false;
    const timer = setTimeout(async () => {
      const all: Message[] = [];
      await chat.history.search(words, (message) => {
        if (!message.retracted) all.push(message);
        return !over && all.length < MAX_RESULTS;
      });
      if (over) return;
      found.value = all.sort((a, b) => b.at - a.at);
      done.value = true;
    }, SEARCH_MS);
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [words]);
  const people = chat.conversations.value.filter(({ contact }) =>
    contact.value.name.toLowerCase().includes(words.toLowerCase()),
  );
  const count = found.value.length;
  return (
    <div class="list">
      {people.length > 0 && <Rows chat={chat} conversations={people} />}
      <p class="count" role="status">
        {done.value
          ? `${count === MAX_RESULTS ? 'The first ' : ''}${counted(count, 'message')} with “${words}”`
          : 'Searching…'}
      </p>
      <ul>
        {found.value.map((message) => (
          <li key={`${message.contact} ${message.seq}`}>
            <Result chat={chat} message={message} words={words} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Result({ chat, message, words }: { chat: Chat; message: Message; words: string }) {
  const conversation = chat.conversations.value.find(({ contact }) => contact.value.id === message.contact);
  if (conversation === undefined) return null;
  const contact = conversation.contact.value;
  const text = message.text.toLowerCase().includes(words.toLowerCase()) ? message.text : (message.file?.name ?? '');
  const at = text.toLowerCase().indexOf(words.toLowerCase());
  const from = Math.max(0, at - CONTEXT);
  return (
    <button type="button" class="row" onClick={() => void chat.showMessage(conversation, message)}>
      <Avatar name={contact.name} address={contact.address} />
      <span class="name one-line">
        <Name contact={contact} />
      </span>
      <time>{shortDayOf(message.at)}</time>
      <span class="line">
        <span class="preview one-line" dir="auto">
          {message.mine && 'You: '}
          {from > 0 && '…'}
          {text.slice(from, at)}
          <mark>{text.slice(at, at + words.length)}</mark>
          {text.slice(at + words.length, at + 100)}
        </span>
      </span>
    </button>
  );
}
