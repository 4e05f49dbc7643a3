/** Calls `stop` at the first SIGINT or SIGTERM; a second one ends the process, as it would without this. Returns how to call it off. */
export function onSignal(stop: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const release = (): void => {
    for (const signal of signals) process.off(signal, stopOnce);
  };
  const stopOnce = (): void => {
    release();
    stop();
  };
  for (const signal of signals) process.on(signal, stopOnce);
  return release;
}
