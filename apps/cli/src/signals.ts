/** Signals that ask a command to end. */
const ENDS = ['SIGINT', 'SIGTERM'] as const;
/** What is under way when the program that ran a command hangs up has so long to end. */
const HANG_UP_MS = 2_000;

/** Calls `stop` at the first of these signals; a second one ends the process, as it would without this. Returns how to call it off. */
export function onSignal(stop: () => void): () => void {
  const release = (): void => {
    for (const signal of ENDS) process.off(signal, stopOnce);
  };
  const stopOnce = (): void => {
    release();
    stop();
  };
  for (const signal of ENDS) process.on(signal, stopOnce);
  return release;
}

/**
 * Calls `stop` some time after SIGHUP: ssh sends it to its ProxyCommand at the end of each session, when input has ended and
 * nothing is wrong. Returns how to call it off, and whether it came.
 */
export function onHangUp(stop: () => void): { readonly came: boolean; release(): void } {
  let late: NodeJS.Timeout | undefined;
  const hangUp = (): void => {
    late ??= setTimeout(stop, HANG_UP_MS);
  };
  process.on('SIGHUP', hangUp);
  return {
    get came() {
      return late !== undefined;
    },
    release() {
      process.off('SIGHUP', hangUp);
      clearTimeout(late);
    },
  };
}
