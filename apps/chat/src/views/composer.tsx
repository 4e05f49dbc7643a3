import { useSignal } from '@preact/signals';
import { Paperclip, SendHorizontal } from 'lucide-preact';
import { useEffect, useRef } from 'preact/hooks';
import { MAX_TEXT_LENGTH } from '../chat-protocol.js';
import type { Conversation } from '../conversation.js';

export function Composer({
  conversation,
  onFiles,
}: {
  conversation: Conversation;
  onFiles: (files: Iterable<File>) => void;
}) {
  const text = conversation.draft;
  const problem = useSignal('');
  const field = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (matchMedia('(hover: hover)').matches) field.current?.focus();
  }, []);
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    const written = text.value;
    if (written.trim() === '') return;
    if (written.length > MAX_TEXT_LENGTH) {
      problem.value = `A message has at most ${MAX_TEXT_LENGTH.toLocaleString()} characters: this one is longer. Send it as a file.`;
      return;
    }
    text.value = '';
    problem.value = '';
    try {
      await conversation.send(written.toWellFormed());
    } catch (error) {
      text.value = written;
      problem.value = `This browser could not keep the message: ${error instanceof Error ? error.message : 'unknown'}`;
    }
  };
  const offline = conversation.link.presence.value === 'offline';
  return (
    <form class="composer" onSubmit={(event) => void send(event)}>
      {problem.value !== '' && <p role="alert">{problem.value}</p>}
      <input
        ref={picker}
        type="file"
        multiple
        hidden
        data-testid="file-input"
        onChange={(event) => {
          onFiles(Array.from(event.currentTarget.files ?? []));
          event.currentTarget.value = '';
        }}
      />
      <button type="button" class="icon" aria-label="Send a file" onClick={() => picker.current?.click()}>
        <Paperclip aria-hidden="true" />
      </button>
      <textarea
        ref={field}
        data-testid="composer"
        aria-label="Message"
        placeholder={offline ? 'Write: it waits here and goes when they are back' : 'Write a message'}
        rows={1}
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value;
          conversation.writing();
        }}
        onPaste={(event) => {
          const files = Array.from(event.clipboardData?.files ?? []);
          if (files.length === 0) return;
          event.preventDefault();
          onFiles(files);
        }}
        onKeyDown={(event) => {
          // Enter that ends an input method's composition belongs to the word, not to the message.
          if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) void send(event);
        }}
      />
      <button type="submit" class="icon send" aria-label="Send" data-testid="send">
        <SendHorizontal aria-hidden="true" />
      </button>
    </form>
  );
}
