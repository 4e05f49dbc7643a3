/** More than a router queues for one receiver (8 MiB) and 1 MiB of notices: a library that drops beyond this never has to. */
export const MAX_BACKPRESSURE_BYTES = 16 * 1_048_576;
