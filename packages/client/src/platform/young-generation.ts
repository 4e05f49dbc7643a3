import { constants } from 'node:perf_hooks';

/** Node makes no ArrayBuffer of its own for fewer bytes (`Buffer.poolSize`). */
const MIN_FRAME_BYTES = 4_096;
/** It begins when V8 has collected all of the heap so often while so many bytes passed, in so short a time. */
const MANY_COLLECTIONS = 3;
const WATCHED_BYTES = 64 * 1_048_576;
const WATCHED_MS = 20_000;
/**
 * A frame passes through two or three ArrayBuffers of its size: the message's, and those of `ws` and the TCP socket.
 * Filling for three costs more than the collections that it saves.
 */
const BUFFERS_PER_FRAME = 2;
const BYTES_PER_ELEMENT = 8;
/** Arrays of this length are in the young generation. */
const MAX_ELEMENTS = 8_192;

/** An entry of type `gc`. */
type Collection = PerformanceEntry & { readonly detail: { readonly kind: number } };

let isWatching = false;
let isFilling = false;
/** What has passed since `watchedFrom`. */
let passedBytes = 0;
let collections = 0;
let watchedFrom = 0;
/** A property, because the compiler would leave out arrays that nothing can read. */
const filler: { array: unknown[] } = { array: [] };

/**
 * Call this for each frame that is sent or received. V8 frees ArrayBuffers when it collects the young generation, which
 * takes 1 to 2 ms and happens when that is full of objects. But it counts their bytes as memory of the old generation,
 * and collects all of the heap after 8 to 20 MB of them, which takes 5 to 9 ms and time of other threads. In a bulk
 * transfer that was half of the CPU. If it happens, this makes objects that fill the young generation as fast as the
 * frames make ArrayBuffers: 2 µs for 16 KiB. In a process whose heap may grow it does not happen.
 */
export function fillYoungGeneration(frameBytes: number): void {
  if (frameBytes < MIN_FRAME_BYTES) return;
  if (!isFilling) return watch(frameBytes);
  let left = Math.ceil((frameBytes * BUFFERS_PER_FRAME) / BYTES_PER_ELEMENT);
  for (; left > 0; left -= MAX_ELEMENTS) filler.array = new Array(Math.min(left, MAX_ELEMENTS));
}

function watch(frameBytes: number): void {
  if (!isWatching) countCollections();
  passedBytes += frameBytes;
  if (passedBytes < WATCHED_BYTES) return;
  const now = performance.now();
  isFilling = collections >= MANY_COLLECTIONS && now - watchedFrom < WATCHED_MS;
  passedBytes = 0;
  collections = 0;
  watchedFrom = now;
}

function countCollections(): void {
  isWatching = true;
  watchedFrom = performance.now();
  // Bun and Deno do not tell.
  if (!PerformanceObserver.supportedEntryTypes.includes('gc')) return;
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries() as Collection[])
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections++;
    if (isFilling) observer.disconnect();
  });
  observer.observe({ entryTypes: ['gc'] });
}
