import { signal, useSignal } from '@preact/signals';
import type { LinkifyIt } from 'linkify-it';
import type { ComponentChildren } from 'preact';

/** Longer texts, in characters or lines, end in "Read more". */
const LONG_CHARACTERS = 1_500;
const LONG_LINES = 20;
const SHORT_CHARACTERS = 900;
const SHORT_LINES = 12;

/** Finds links: loaded with the first text that may hold one. */
const linkify = signal<LinkifyIt | null>(null);

async function loadLinkify(): Promise<void> {
  const library = await import('linkify-it');
  // http and https alone, and only where they are written out: nothing else of a peer's becomes a link.
  linkify.value = new library.LinkifyIt({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false })
    .add('ftp:', null)
    .add('mailto:', null)
    .add('//', null);
}

let asked = false;

function findLinks(text: string): ReturnType<LinkifyIt['match']> {
  if (!/https?:/i.test(text)) return null;
  if (linkify.value !== null) return linkify.value.match(text);
  if (!asked) loadLinkify().catch(() => {});
  asked = true;
  return null;
}

/** As the reader sees them: families and flags are one each. Browsers know them (UTS 51), so no library does. */
const EMOJI_ONLY = /^(?:\p{RGI_Emoji}\s?){1,6}$/v;

export function isEmojiOnly(text: string): boolean {
  return text.length <= 60 && EMOJI_ONLY.test(text);
}

function links(text: string): ComponentChildren {
  const found = findLinks(text);
  if (found === null) return text;
  const parts: ComponentChildren[] = [];
  let at = 0;
  for (const { index, lastIndex, url, schema } of found) {
    if (schema !== 'http:' && schema !== 'https:') continue;
    parts.push(
      text.slice(at, index),
      <a href={url} target="_blank" rel="noopener noreferrer">
        {text.slice(index, lastIndex)}
      </a>,
    );
    at = lastIndex;
  }
  parts.push(text.slice(at));
  return parts;
}

/** Code between backticks, and links in the rest. */
function inline(text: string): ComponentChildren {
  return text
    .split(/(`[^`\n]+`)/)
    .map((part, index) => (index % 2 === 1 ? <code>{part.slice(1, -1)}</code> : links(part)));
}

/** A message's text: code blocks, inline code, links, large emoji; all else as it was written. */
export function MessageText({ text }: { text: string }) {
  const whole = useSignal(false);
  if (isEmojiOnly(text))
    return (
      <p dir="auto" class="emoji">
        {text}
      </p>
    );
  const lines = text.split('\n', LONG_LINES + 1);
  const isLong = text.length > LONG_CHARACTERS || lines.length > LONG_LINES;
  const shown = isLong && !whole.value ? lines.slice(0, SHORT_LINES).join('\n').slice(0, SHORT_CHARACTERS) : text;
  return (
    <>
      {shown.split(/```(?:[\w+-]*\n)?([\s\S]*?)```\n?/).map((part, index) =>
        index % 2 === 1 ? (
          <pre key={index}>
            <code>{part.trimEnd()}</code>
          </pre>
        ) : (
          part.trim() !== '' && (
            <p key={index} dir="auto">
              {inline(part)}
              {shown !== text && '…'}
            </p>
          )
        ),
      )}
      {isLong && !whole.value && (
        <button type="button" class="text" onClick={() => (whole.value = true)}>
          Read more<span class="visually-hidden"> of this message</span>
        </button>
      )}
    </>
  );
}
