import { useSignal } from '@preact/signals';
import { File as FileIcon, X } from 'lucide';
import { useEffect } from 'preact/hooks';
import { isPreviewable } from '../files.js';
import { Dialog } from './dialog.js';
import { Icon } from './icon.js';
import { sizeWords } from './words.js';

interface Candidate {
  readonly file: File;
  /** Why it can't be sent; empty if it can, `null` until that is known. */
  readonly problem: string | null;
}

/** A folder, or a file that is gone, says so when its first byte is read. */
async function problemOf(file: File): Promise<string> {
  try {
    await file.slice(0, 1).arrayBuffer();
    return '';
  } catch {
    return file.type === '' && file.size % 4_096 === 0
      ? 'A folder can’t be sent. Zip it first.'
      : 'This file can’t be read.';
  }
}

/** Files that were picked, pasted or dropped, before they are sent. */
export function PreviewDialog(props: {
  name: string;
  files: readonly File[];
  onSend: (files: readonly File[], caption: string) => void;
  onClose: () => void;
}) {
  const candidates = useSignal<readonly Candidate[]>(props.files.map((file) => ({ file, problem: null })));
  const caption = useSignal('');
  useEffect(() => {
    void Promise.all(props.files.map(problemOf)).then((problems) => {
      const byFile = new Map(props.files.map((file, index) => [file, problems[index] ?? '']));
      candidates.value = candidates.value.map(({ file }) => ({ file, problem: byFile.get(file) ?? '' }));
    });
  }, []);
  const known = candidates.value.every(({ problem }) => problem !== null);
  const good = candidates.value.filter(({ problem }) => !problem).map(({ file }) => file);
  const send = (event: Event): void => {
    event.preventDefault();
    if (!known || good.length === 0) return;
    props.onClose();
    props.onSend(good, caption.value.trim().toWellFormed());
  };
  return (
    <Dialog title={`Send to ${props.name}`} onClose={props.onClose}>
      <form class="fields" onSubmit={send}>
        <ul class="files">
          {candidates.value.map(({ file, problem }) => (
            <FileRow
              key={file}
              file={file}
              problem={problem}
              onRemove={() => {
                candidates.value = candidates.value.filter((one) => one.file !== file);
                if (candidates.value.length === 0) props.onClose();
              }}
            />
          ))}
        </ul>
        <label>
          Caption
          <textarea
            rows={1}
            dir="auto"
            autocomplete="off"
            value={caption.value}
            onInput={(event) => (caption.value = event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.keyCode !== 229) send(event);
            }}
          />
        </label>
        <p class="actions">
          <button type="button" onClick={props.onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={!known || good.length === 0}>
            {good.length === 1 ? 'Send' : `Send ${good.length} files`}
          </button>
        </p>
      </form>
    </Dialog>
  );
}

function FileRow({ file, problem, onRemove }: { file: File; problem: string | null; onRemove: () => void }) {
  const url = useSignal('');
  const isPicture = problem === '' && isPreviewable({ name: file.name, size: file.size, mime: file.type });
  useEffect(() => {
    if (!isPicture) return;
    const made = URL.createObjectURL(file);
    url.value = made;
    return () => URL.revokeObjectURL(made);
  }, [isPicture]);
  return (
    <li class="file">
      {url.value === '' ? (
        <span class="tile">
          <Icon of={FileIcon} />
        </span>
      ) : (
        <img class="tile" src={url.value} alt="" />
      )}
      <span class="name">
        <bdi>{file.name}</bdi>
      </span>
      <span class={problem ? 'state error' : 'state'}>{problem || sizeWords(file.size)}</span>
      <button type="button" class="icon" aria-label={`Remove ${file.name}`} onClick={onRemove}>
        <Icon of={X} />
      </button>
    </li>
  );
}
