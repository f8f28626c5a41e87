// Knows what a WebSocket tells those who watch, on either side.
import { channel } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import type { Tally } from '../base/tally.ts'
import type { Told } from '../upgrade/sight.ts'
import type { AnyConnection, CloseInfo } from './connection.ts'
import type { Role } from './frame.ts'
import type { Message, Sendable } from './options.ts'

/** On `turnout:websocket:open`. */
export interface WebSocketOpenMessage {
  readonly side: 'server' | 'client'
  /** The route's path on a server: `/chat/:room`, `app` for an upgrade inside the app. */
  readonly route: string | undefined
  readonly socket: AnyConnection
  /** The upgrade request, on a server. */
  readonly request: IncomingMessage | undefined
}

/** On `turnout:websocket:message`, for each message that came or was taken by `send`. Treat it as read-only. */
export interface WebSocketMessageMessage {
  readonly side: 'server' | 'client'
  readonly route: string | undefined
  readonly socket: AnyConnection
  readonly direction: 'in' | 'out'
  /** Undefined: it arrives in parts, or was encoded once for many. */
  readonly message: Message | Sendable | undefined
}

/** On `turnout:websocket:close`: once for every connection that was open. */
export interface WebSocketCloseMessage {
  readonly side: 'server' | 'client'
  readonly route: string | undefined
  readonly socket: AnyConnection
  readonly info: CloseInfo
  /** How long it was open, in milliseconds. */
  readonly durationMs: number
}

/** On `turnout:websocket:error`, before `close`: why the connection did not end well. */
export interface WebSocketErrorMessage {
  readonly side: 'server' | 'client'
  readonly route: string | undefined
  readonly socket: AnyConnection
  readonly error: Error
}

/** Asking it whether anybody listens costs a load: that is all that an unwatched message pays. */
export const messages: Told<WebSocketMessageMessage> = channel('turnout:websocket:message')
const opens: Told<WebSocketOpenMessage> = channel('turnout:websocket:open')
const closes: Told<WebSocketCloseMessage> = channel('turnout:websocket:close')
const errors: Told<WebSocketErrorMessage> = channel('turnout:websocket:error')

/** A connection, as far as it is told of. */
interface Watched {
  readonly role: Role
  readonly tally: Tally
  readonly socket: unknown
}

export function tellOpen(watched: Watched, request: IncomingMessage | undefined): void {
  if (opens.hasSubscribers) opens.publish({ ...whose(watched), request })
}

export function tellMessage(
  watched: Watched,
  direction: 'in' | 'out',
  message: Message | Sendable | undefined,
): void {
  messages.publish({ ...whose(watched), direction, message })
}

export function tellError(watched: Watched, error: Error): void {
  if (errors.hasSubscribers) errors.publish({ ...whose(watched), error })
}

export function tellClose(watched: Watched, info: CloseInfo, durationMs: number): void {
  if (closes.hasSubscribers) closes.publish({ ...whose(watched), info, durationMs })
}

function whose({ role, tally, socket }: Watched): Pick<WebSocketErrorMessage, 'side' | 'route' | 'socket'> {
  return { side: role, route: tally.route || undefined, socket: socket as AnyConnection }
}
