import confirm from '@inquirer/confirm';
import password from '@inquirer/password';
import prettyBytes from 'pretty-bytes';
import type { OfferedFile } from './file-protocol.js';

/** Names that a question lists; of further ones it gives the number. */
const MAX_LISTED = 10;

const context = { output: process.stderr };
let last: Promise<unknown> = Promise.resolve();

/** Asks the person at the terminal whether files may come: one question at a time. `false` where the sender is gone meanwhile. */
export function confirmFiles(peer: string, files: readonly OfferedFile[], signal: AbortSignal): Promise<boolean> {
  const known = files.reduce((sum, { size }) => sum + (size ?? 0), 0);
  const listed = files
    .slice(0, MAX_LISTED)
    .map(({ name, size }) => `${name} (${size === null ? 'size unknown' : prettyBytes(size)})`);
  const rest = files.length > MAX_LISTED ? `\n  and ${files.length - MAX_LISTED} more` : '';
  const message = `${peer} sends ${files.length === 1 ? 'a file' : `${files.length} files, ${prettyBytes(known)}`}:\n  ${listed.join('\n  ')}${rest}\nTake ${files.length === 1 ? 'it' : 'them'}?`;
  const answer = last.then(() => {
    signal.throwIfAborted();
    return confirm({ message, default: false }, { ...context, signal });
  });
  last = answer.catch(() => {});
  return answer.catch(() => {
    // The prompt has the terminal's Ctrl-C, which is meant for the whole command.
    if (!signal.aborted) process.kill(process.pid, 'SIGINT');
    return false;
  });
}

/** Asks for a passphrase, which is not shown; twice for a new one. @throws Error where there is no terminal to ask at */
export async function askPassphrase(isNew: boolean): Promise<string> {
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new Error('a passphrase is needed: --passphrase-file FILE, SWS_PASSPHRASE, or a terminal to ask at');
  const validate = (answer: string): true | string => answer !== '' || 'It is empty.';
  const first = await password(
    { message: isNew ? 'New passphrase:' : 'Passphrase:', toggleMask: false, validate },
    context,
  );
  if (!isNew) return first;
  await password(
    { message: 'Once more:', toggleMask: false, validate: (answer) => answer === first || 'It is not the same.' },
    context,
  );
  return first;
}

/** Asks for a line that is not shown. */
export function askSecret(message: string): Promise<string> {
  return password({ message, toggleMask: false }, context);
}
