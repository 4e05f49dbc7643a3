/** More than a router queues for one receiver (8 MiB) and 1 MiB of notices: a library with this limit never drops. */
export const MAX_BACKPRESSURE_BYTES = 16 * 1_048_576;
