// Knows how a client's own connection of HTTP/2 ends, also where the server never closes its side.
import type { ClientHttp2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { Clock } from '../base/clock.ts'

/** How long the server may take to close the connection once this side has ended, in milliseconds. */
const CLOSE_TIMEOUT_MS = 10_000

/** A session, and the connection that was made for it alone. */
export interface OwnSession {
  readonly session: ClientHttp2Session
  readonly connection: Duplex
}

/** In order: what is still to be sent goes out, and the server closes; at the latest its time is up. */
export function closeSession({ session, connection }: OwnSession, clock: Clock): void {
  expectClose(connection, clock)
  session.close()
}

/** At once. Where a session closes in order already, Node would end its connection and wait for the server. */
export function destroySession({ session, connection }: OwnSession): void {
  session.destroy()
  connection.destroy()
}

/** Destroys a connection that is not closed in time. */
export function expectClose(connection: Duplex, clock: Clock): void {
  if (connection.destroyed) return
  const alarm = clock.after(CLOSE_TIMEOUT_MS, () => connection.destroy())
  connection.once('close', () => alarm.cancel())
}
