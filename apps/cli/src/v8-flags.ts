import v8 from 'node:v8';

/**
 * V8 counts buffers in flight as heap. It would collect a heap of 10 MB in full for every 64 MB that are sent, which
 * took a quarter of a transfer's CPU time. So the heap may grow fivefold. Small collections free the buffers.
 */
const FLAGS = ['--no-allocation-site-pretenuring', '--heap-growing-percent=400'];

export function setV8Flags(): void {
  for (const flag of FLAGS) v8.setFlagsFromString(flag);
}
