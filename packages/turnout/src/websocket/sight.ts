// Knows what a WebSocket tells those who watch, on either side.
import { channel } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import type { Told } from '../upgrade/sight.ts'
import type { AnyConnection, CloseInfo } from './connection.ts'
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
  readonly durationMs: number
}

/** On `turnout:websocket:error`, before `close`: why the connection did not end well. */
export interface WebSocketErrorMessage {
  readonly side: 'server' | 'client'
  readonly route: string | undefined
  readonly socket: AnyConnection
  readonly error: Error
}

/** Asking one of them whether anybody listens costs a load: that is all that an unwatched message pays. */
export const opens: Told<WebSocketOpenMessage> = channel('turnout:websocket:open')
export const messages: Told<WebSocketMessageMessage> = channel('turnout:websocket:message')
export const closes: Told<WebSocketCloseMessage> = channel('turnout:websocket:close')
export const errors: Told<WebSocketErrorMessage> = channel('turnout:websocket:error')
