import { afterEach } from 'vitest';

/** What is undone after each test of this file, newest first. */
export function useCleanup(): (() => unknown)[] {
  const cleanup: (() => unknown)[] = [];
  afterEach(async () => {
    for (const undo of cleanup.splice(0).reverse()) await undo();
  });
  return cleanup;
}
