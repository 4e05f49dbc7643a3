import { useSignal } from '@preact/signals';
import { ArrowUp, Paperclip, X } from 'lucide';
import { useEffect, useRef } from 'preact/hooks';
import { MAX_TEXT_LENGTH } from '../chat-protocol.js';
import type { Conversation } from '../conversation.js';
import { Icon } from './icon.js';
import { Quote } from './message-view.js';

/** Safari ends a composition before the Enter that confirms it; this code tells it all the same. */
const COMPOSING_KEY_CODE = 229;

export function Composer({ conversation, onFiles }: { conversation: Conversation; onFiles: (files: File[]) => void }) {
  const { text } = conversation.draft;
  const problem = useSignal('');
  /** Pictures of a clipboard that had text as well: offered. */
  const pictures = useSignal<File[]>([]);
  const field = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const reply = conversation.replyTo.value;
  useEffect(() => {
    if (matchMedia('(hover: hover)').matches) field.current?.focus();
  }, []);
  useEffect(() => {
    if (reply !== null) field.current?.focus();
  }, [reply]);
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    const written = text.value;
    if (written.trim() === '') return;
    if (written.length > MAX_TEXT_LENGTH) {
      problem.value = `This message has more than ${MAX_TEXT_LENGTH.toLocaleString('en')} characters. Send it as a file.`;
      return;
    }
    conversation.draft.write('');
    problem.value = '';
    try {
      await conversation.send(written.toWellFormed());
    } catch (error) {
      conversation.draft.write(written);
      problem.value = `This browser could not keep the message: ${error instanceof Error ? error.message : 'unknown'}`;
    }
  };
  const paste = (event: ClipboardEvent): void => {
    const files = Array.from(event.clipboardData?.files ?? []);
    if (files.length === 0) return;
    // Of a text and its picture (from a spreadsheet, say) the text is meant.
    if (event.clipboardData?.types.includes('text/plain') === true) {
      pictures.value = files;
      return;
    }
    event.preventDefault();
    onFiles(files);
  };
  return (
    <form class="composer" autocomplete="off" onSubmit={(event) => void send(event)}>
      {problem.value !== '' && (
        <p class="error" role="alert">
          {problem.value}
        </p>
      )}
      {pictures.value.length > 0 && (
        <p class="actions">
          <button
            type="button"
            onClick={() => {
              onFiles(pictures.value);
              pictures.value = [];
            }}
          >
            Attach the copied picture too
          </button>
          <button type="button" class="text quiet" onClick={() => (pictures.value = [])}>
            No
          </button>
        </p>
      )}
      {reply !== null && (
        <div class="quote">
          <Quote message={reply} conversation={conversation} />
          <button
            type="button"
            class="icon"
            aria-label="Don’t reply"
            onClick={() => (conversation.replyTo.value = null)}
          >
            <Icon of={X} />
          </button>
        </div>
      )}
      <input
        ref={picker}
        type="file"
        multiple
        hidden
        autocomplete="off"
        data-testid="file-input"
        onChange={(event) => {
          onFiles(Array.from(event.currentTarget.files ?? []));
          event.currentTarget.value = '';
        }}
      />
      <div class="field">
        <button
          type="button"
          class="icon"
          aria-label="Attach files"
          title="Attach files"
          onClick={() => picker.current?.click()}
        >
          <Icon of={Paperclip} />
        </button>
        <textarea
          ref={field}
          data-testid="composer"
          aria-label="Message"
          placeholder="Message"
          rows={1}
          dir="auto"
          // Else the browser writes what stands here into its session files, in plain text.
          autocomplete="off"
          value={text.value}
          onInput={(event) => {
            conversation.draft.write(event.currentTarget.value);
            conversation.writing();
          }}
          onPaste={paste}
          onKeyDown={(event) => {
            // Enter that ends an input method's composition belongs to the word, not to the message.
            const composing = event.isComposing || event.keyCode === COMPOSING_KEY_CODE;
            if (event.key === 'Enter' && !event.shiftKey && !composing) void send(event);
          }}
        />
        <button
          type="submit"
          class="icon send"
          aria-label="Send"
          title="Send"
          data-testid="send"
          disabled={text.value.trim() === ''}
        >
          <Icon of={ArrowUp} />
        </button>
      </div>
    </form>
  );
}
