/** The exit codes. */
export const EXIT = { delivered: 0, failed: 1, notDelivered: 2 } as const;
