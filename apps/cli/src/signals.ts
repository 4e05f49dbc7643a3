/** Signals that ask a command to end. */
const ENDS = ['SIGINT', 'SIGTERM'] as const;
/** How long a command may continue after SIGHUP. */
const HANG_UP_MS = 2_000;

/**
 * Calls `stop` at the first of these signals. A second one ends the process as usual. Returns a function that removes
 * it.
 */
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
 * Calls `stop` some time after SIGHUP. ssh sends SIGHUP to its ProxyCommand at the end of each session, when input has
 * ended and nothing is wrong. Returns whether it came, and a function that removes it.
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
