// Knows the limits that every peer is given alike, as far as it knows them, so that none refuses what a workload sends.

/** The largest message any workload sends is 1 MiB. */
export const maxMessageBytes: number = 4 * 1024 * 1024

/**
 * More than any workload keeps in flight on one connection: 32 messages of 1 MiB. For turnout, uWebSockets.js and Bun;
 * the others queue without a bound.
 */
export const maxBufferedBytes: number = 256 * 1024 * 1024

/** Connections that may wait to be accepted. */
export const backlog: number = 4096
