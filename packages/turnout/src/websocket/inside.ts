// Knows what the library itself may ask of a connection, and its user may not.
import type { IncomingMessage } from 'node:http'
import type { Tally } from '../base/tally.ts'
import type { Transport } from '../transport/transport.ts'
import { type AnyConnection, shellOf } from './connection.ts'
import type { Role } from './frame.ts'
import { type ConnectionSetup, Shell } from './shell.ts'
import type { MessageTransform } from './transform.ts'

/** Only for whoever performs handshakes: a connection without a transport yet. Sends wait until it opens. */
export function createConnection<Data>(setup: ConnectionSetup<Data>): AnyConnection<Data> {
  return new Shell(setup).socket
}

/**
 * Only for whoever performs handshakes: gives the connection its transport, which must not have been started.
 * Those who watch are shown the request.
 */
export function openConnection<Data>(
  socket: AnyConnection<Data>,
  transport: Transport,
  request?: IncomingMessage,
): void {
  shellOf(socket).open(transport, request)
}

/** Only for whoever performs handshakes: the connection will never open. */
export function abandonConnection<Data>(socket: AnyConnection<Data>, error: Error): void {
  shellOf(socket).abandon(error)
}

/** Only for whoever performs handshakes: closes with 1011 and reports what the user's code threw. */
export function failHandler<Data>(socket: AnyConnection<Data>, error: unknown): void {
  shellOf(socket).failHandler(error, 'the handler')
}

/** Only for broadcasts: a whole frame of a server, encoded once for many, perhaps still on its way. */
export function sendFrame(
  socket: AnyConnection,
  frame: Uint8Array | Promise<Uint8Array>,
  bytes: number,
): boolean | Promise<boolean> {
  return shellOf(socket).sendFrame(frame, bytes)
}

/** Only for whoever counts: where the connection is counted. */
export function tallyOf(socket: AnyConnection): Tally {
  return shellOf(socket).tally
}

/** Only for the standard's WebSocket: what is sent until `releaseSends` leaves in one write. */
export function holdSends(socket: AnyConnection): void {
  shellOf(socket).sender.chunkBegins()
}

/** Only for the standard's WebSocket: see `holdSends`. */
export function releaseSends(socket: AnyConnection): void {
  shellOf(socket).sender.chunkEnds()
}

export function roleOf(socket: AnyConnection): Role {
  return shellOf(socket).role
}

/** Only for broadcasts: what the agreed extensions do to messages. */
export function transformOf(socket: AnyConnection): MessageTransform | undefined {
  return shellOf(socket).transform
}
