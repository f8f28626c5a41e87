// Knows the limits that every peer is given alike, so that none of them refuses what a workload sends.

/** The largest message any workload sends is 1 MiB. */
export const maxMessageBytes: number = 4 * 1024 * 1024

/** More than any workload keeps in flight on one connection: 32 messages of 1 MiB. */
export const maxBufferedBytes: number = 256 * 1024 * 1024

/** Connections that may wait to be accepted. */
export const backlog: number = 4096
