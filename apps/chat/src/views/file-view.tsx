import { useComputed, useSignal } from '@preact/signals';
import { Download, File as FileIcon, X } from 'lucide';
import { useEffect } from 'preact/hooks';
import type { Conversation } from '../conversation.js';
import { isPreviewable } from '../files.js';
import type { Message } from '../history.js';
import { saveFile } from '../save-file.js';
import type { Transfer } from '../transfer.js';
import { Icon } from './icon.js';
import { sizeWords } from './words.js';

type FileOfMessage = NonNullable<Message['file']>;

/** A file: what it is, how far it has come, and what can be done with it. */
export function FileView(props: { conversation: Conversation; message: Message; file: FileOfMessage }) {
  const { conversation, message, file } = props;
  const { files } = conversation;
  // Its own alone: what goes on with others draws nothing here.
  const transfer = useComputed(() => files.transfers.value.get(message.id)).value;
  const whole = message.mine ? file.state !== 'cancelled' : file.state === 'stored';
  const running = transfer !== undefined && transfer.state.value === 'running';
  const save = async (): Promise<void> => {
    const bytes = await files.stream(message);
    if (bytes !== null) await saveFile(bytes, file.name);
  };
  const canStop = message.mine ? file.state === 'offered' : file.state === 'wanted';
  const canFetch = !message.mine && (file.state === 'offered' || file.state === 'cancelled' || file.state === 'failed');
  return (
    <>
      {isPreviewable(file) && <Preview conversation={conversation} message={message} file={file} ready={whole} />}
      <div class="file" data-testid="file" data-state={file.state}>
        <span class="tile">
          <Icon of={FileIcon} />
        </span>
        <span class="name">
          <bdi title={file.name}>{file.name}</bdi>
        </span>
        <span class={file.state === 'failed' ? 'state error' : 'state'}>
          {sizeWords(file.size)} · {stateWords(message, file, running)}
          {running && <Rate transfer={transfer} />}
        </span>
        {canFetch && (
          <Act label={`Download ${file.name}`} id="fetch" icon={Download} onClick={() => files.want(message)} />
        )}
        {!message.mine && whole && <Act label={`Save ${file.name}`} id="save" icon={Download} onClick={save} />}
        {canStop && <Act label={`Stop ${file.name}`} id="cancel" icon={X} onClick={() => files.cancel(message)} />}
        {transfer !== undefined && (
          <progress aria-label={`Progress of ${file.name}`} max={Math.max(1, file.size)} value={transfer.done.value} />
        )}
      </div>
    </>
  );
}

function Act(props: { label: string; id: string; icon: typeof X; onClick: () => Promise<void> }) {
  const { label, id, icon, onClick } = props;
  return (
    <button type="button" class="icon" aria-label={label} title={label} data-testid={id} onClick={() => void onClick()}>
      <Icon of={icon} />
    </button>
  );
}

function stateWords({ mine }: Message, { state }: FileOfMessage, running: boolean): string {
  if (running) return mine ? 'sending' : 'receiving';
  if (mine) return state === 'stored' ? 'downloaded' : state;
  return {
    offered: 'not downloaded',
    wanted: 'waiting to continue',
    stored: 'on this device',
    cancelled: 'cancelled',
    withdrawn: 'no longer offered',
    failed: 'could not be sent',
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
    const show = async (): Promise<void> => {
      const bytes = await conversation.files.read(message);
      const whole = bytes === null ? null : await bytes.read(0, bytes.size);
      if (whole === null || gone) return;
      made = URL.createObjectURL(new Blob([whole], { type: file.mime }));
      url.value = made;
    };
    // A picture that can't be read is not shown; its file says what it is.
    show().catch(() => {});
    return () => {
      gone = true;
      if (made !== '') URL.revokeObjectURL(made);
    };
  }, [id, ready]);
  return <div class="picture">{url.value !== '' && <img src={url.value} alt={`Picture: ${file.name}`} />}</div>;
}
