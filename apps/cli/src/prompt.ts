const context = { output: process.stderr };
let last: Promise<unknown> = Promise.resolve();

/** Whether there is a person at a terminal to ask. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

type Answer = 'once' | 'always' | 'no';

/**
 * Asks the person at the terminal whether a peer may connect, one question at a time. Resolves with `null` if the peer
 * is gone before the answer, or at Ctrl-C.
 */
export function askAdmission(message: string, signal: AbortSignal): Promise<Answer | null> {
  return askOneOf(message, { once: 'yes, until this command ends', always: 'always' }, signal);
}

/** Asks the person at the terminal whether to accept files. Resolves like `askAdmission`. */
export function askFiles(message: string, signal: AbortSignal): Promise<Answer | null> {
  return askOneOf(message, { once: 'yes', always: 'yes, and always from this key' }, signal);
}

function askOneOf(
  message: string,
  names: { readonly once: string; readonly always: string },
  signal: AbortSignal,
): Promise<Answer | null> {
  const choices = [
    { key: 'y', name: names.once, value: 'once' },
    { key: 'a', name: names.always, value: 'always' },
    { key: 'n', name: 'no', value: 'no' },
  ] as const;
  const answer = last.then(async () => {
    const { default: ask } = await import('@inquirer/expand');
    signal.throwIfAborted();
    return ask<Answer>({ message, choices, default: 'n' }, { ...context, signal });
  });
  last = answer.catch(() => {});
  return answer.catch(() => {
    // The prompt catches Ctrl-C, which is meant for the whole command.
    if (!signal.aborted) process.kill(process.pid, 'SIGINT');
    return null;
  });
}

/** Asks for a passphrase without showing it; twice for a new one. @throws Error if there is no terminal */
export async function askPassphrase(isNew: boolean): Promise<string> {
  if (!canAsk())
    throw new Error('a passphrase is needed: --passphrase-file FILE, SWS_PASSPHRASE, or a terminal to ask at');
  const validate = (answer: string): true | string => answer !== '' || 'The passphrase is empty.';
  const { default: password } = await import('@inquirer/password');
  const first = await password({ message: isNew ? 'New passphrase:' : 'Passphrase:', validate }, context);
  if (!isNew) return first;
  await password(
    { message: 'Repeat the passphrase:', validate: (answer) => answer === first || 'The passphrases differ.' },
    context,
  );
  return first;
}

/** Asks for a line without showing it. */
export async function askSecret(message: string): Promise<string> {
  const { default: password } = await import('@inquirer/password');
  return password({ message }, context);
}
