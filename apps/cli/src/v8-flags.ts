import v8 from 'node:v8';

/**
 * V8 counts the buffers that pass through as heap: a heap of 10 MB would be collected in full for every 64 MB that are sent, which
 * took a quarter of the CPU time of a transfer. So it may grow fivefold; small collections clear away what passes through.
 */
const FLAGS = ['--no-allocation-site-pretenuring', '--heap-growing-percent=400'];

export function setV8Flags(): void {
  for (const flag of FLAGS) v8.setFlagsFromString(flag);
}
