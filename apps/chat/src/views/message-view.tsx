import { Check, CheckCheck, Clock, Trash2 } from 'lucide-preact';
import type { Conversation } from '../conversation.js';
import type { Message } from '../history.js';
import { FileView } from './file-view.js';
import { nameOf, type Tick, tickOf, timeOf } from './words.js';

const TICKS: Record<Tick, typeof Check> = { queued: Clock, sent: Check, delivered: CheckCheck, seen: CheckCheck };

export function MessageView(props: { conversation: Conversation; message: Message; onRemove: () => void }) {
  const { conversation, message } = props;
  const tick = message.mine ? tickOf(message, conversation) : null;
  const Icon = tick === null ? null : TICKS[tick];
  return (
    <article
      class={message.mine ? 'mine' : 'theirs'}
      aria-label={message.mine ? 'You' : nameOf(conversation.contact.value)}
      data-testid="message"
      data-from={message.mine ? 'me' : 'peer'}
      data-state={tick ?? 'received'}
    >
      {message.file === null ? (
        <p dir="auto">{message.text}</p>
      ) : (
        <FileView conversation={conversation} message={message} file={message.file} />
      )}
      <footer>
        <button type="button" class="icon small" aria-label="Delete message" onClick={props.onRemove}>
          <Trash2 aria-hidden="true" size={14} />
        </button>
        <time dateTime={new Date(message.at).toISOString()}>{timeOf(message.at)}</time>
        {Icon !== null && (
          <span class={`tick ${tick}`}>
            <Icon aria-hidden="true" size={14} /> {tick}
          </span>
        )}
      </footer>
    </article>
  );
}
