import { useSignal } from '@preact/signals';
import { Download, File as FileIcon, X } from 'lucide-preact';
import { useEffect } from 'preact/hooks';
import type { Conversation } from '../conversation.js';
import { isPreviewable } from '../files.js';
import type { Message } from '../history.js';
import { saveFile } from '../save-file.js';
import type { Transfer } from '../transfer.js';
import { sizeWords } from './words.js';

type FileOfMessage = NonNullable<Message['file']>;

/** A file: what it is, how far it has come, and what can be done with it. */
export function FileView(props: { conversation: Conversation; message: Message; file: FileOfMessage }) {
  const { conversation, message, file } = props;
  const { files } = conversation;
  const transfer = files.transfers.value.get(message.id);
  const whole = message.mine ? file.state !== 'cancelled' : file.state === 'stored';
  const running = transfer !== undefined && transfer.state.value === 'running';
  const save = async (): Promise<void> => {
    const bytes = await files.read(message);
    if (bytes !== null) await saveFile(bytes, file.name);
  };
  const canStop = message.mine ? file.state === 'offered' : file.state === 'wanted';
  return (
    <div class="file" data-testid="file" data-state={file.state}>
      {isPreviewable(file) && <Preview conversation={conversation} message={message} file={file} ready={whole} />}
      <p class="file-name">
        <FileIcon aria-hidden="true" size={18} /> <bdi>{file.name}</bdi>
      </p>
      <p class="file-state">
        {sizeWords(file.size)} · {stateWords(message, file, running)}
        {running && <Rate transfer={transfer} />}
      </p>
      {transfer !== undefined && (
        <progress aria-label={`Progress of ${file.name}`} max={Math.max(1, file.size)} value={transfer.done.value} />
      )}
      <div class="actions">
        {!message.mine && (file.state === 'offered' || file.state === 'cancelled') && (
          <button type="button" class="quiet" data-testid="fetch" onClick={() => void files.want(message)}>
            <Download aria-hidden="true" size={16} /> Download
          </button>
        )}
        {!message.mine && whole && (
          <button type="button" class="quiet" data-testid="save" onClick={() => void save()}>
            <Download aria-hidden="true" size={16} /> Save
          </button>
        )}
        {canStop && (
          <button type="button" class="quiet" data-testid="cancel" onClick={() => void files.cancel(message)}>
            <X aria-hidden="true" size={16} /> Cancel
          </button>
        )}
      </div>
    </div>
  );
}

function stateWords({ mine }: Message, { state }: FileOfMessage, running: boolean): string {
  if (running) return mine ? 'sending' : 'receiving';
  if (mine) return { offered: 'offered', wanted: '', stored: 'fetched', cancelled: 'cancelled', withdrawn: '' }[state];
  return {
    offered: 'not fetched',
    wanted: 'waiting to go on',
    stored: 'stored on this device',
    cancelled: 'cancelled',
    withdrawn: 'no longer offered',
  }[state];
}

function Rate({ transfer }: { transfer: Transfer }) {
  const { done, rate, size } = transfer;
  if (rate.value === 0) return null;
  const seconds = Math.ceil((size - done.value) / rate.value);
  const left = seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  return (
    <span data-testid="rate">
      {`, ${Math.floor((done.value / Math.max(1, size)) * 100)} %, ${sizeWords(rate.value)}/s, ${left} left`}
    </span>
  );
}

/** An image, in a space that is kept for it. A blob URL of a raster type: nothing in it can run. */
function Preview(props: { conversation: Conversation; message: Message; file: FileOfMessage; ready: boolean }) {
  const { conversation, message, file, ready } = props;
  const url = useSignal('');
  const { id } = message;
  useEffect(() => {
    if (!ready) return;
    let made = '';
    let gone = false;
    void conversation.files.read(message).then((bytes) => {
      if (bytes === null || gone) return;
      made = URL.createObjectURL(bytes.slice(0, bytes.size, file.mime));
      url.value = made;
    });
    return () => {
      gone = true;
      if (made !== '') URL.revokeObjectURL(made);
    };
  }, [id, ready]);
  return <div class="preview-image">{url.value !== '' && <img src={url.value} alt={file.name} />}</div>;
}
