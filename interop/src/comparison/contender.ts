// Knows the contract that every library of the comparison fulfils: a server that echoes, started as its documents show.
import type { Server } from 'node:http'
import type { Clock } from 'turnout'

export type ContenderName = 'turnout' | 'ws' | 'websocket' | 'faye-websocket' | 'uWebSockets.js' | 'engine.io'

/** One open WebSocket on the server, whatever the library calls it. */
export interface ServerSocket {
  /** What the library's own `send` returns. */
  send(data: string | Buffer): unknown
  /** Begins the close handshake. */
  close(): unknown
  /** What the library says waits to be sent, in bytes; undefined: it does not say. */
  waiting(): number | undefined
  /** A flag of the library's for a full buffer. */
  full?(): boolean
  /** Stops reading; undefined: the library cannot. */
  readonly pause: (() => void) | undefined
}

export interface Choices {
  /** Routes of WebSockets. Default `/ws`. */
  readonly path?: string
  /** A server that something else serves already. Default: a new one, whose every page is `page`. */
  readonly server?: Server
  /** How long the decision about a handshake takes, in milliseconds, by the library's own hook. Default 0. */
  readonly decisionMs?: number
  /** Refuses every handshake with 401 by the library's own hook. */
  readonly refuse?: boolean
  /** Allows permessage-deflate with context takeover, for every message. */
  readonly compress?: boolean
  /** Puts `Set-Cookie: a=1` into the 101 by the library's own means. */
  readonly cookie?: boolean
  /** Leaves upgrades for other paths unanswered, where that is the app's to say. */
  readonly leaveOthers?: boolean
  /** Where time comes from, for a library that takes it. */
  readonly clock?: Clock | undefined
  /** Sends nothing back. */
  readonly silent?: boolean
  onOpen?(socket: ServerSocket): void
}

export interface Running {
  readonly port: number
  /** The library's own way to end all connections; undefined: it has none. */
  readonly closeAll: (() => unknown) | undefined
  stop(): Promise<void>
}

export interface Contender {
  readonly name: ContenderName
  /** The npm package. */
  readonly package: string
  /** What stands before the text of a message: engine.io's own packet type. */
  readonly prefix: string
  /** Cannot be had on this machine, and why. */
  missing(): string | undefined
  /** The module, as an importer gets it. */
  load(): Promise<object>
  /** The request target for a path. */
  target(path: string): string
  start(choices?: Choices): Promise<Running>
}

/** What the app answers to an ordinary request. */
export const page = 'an ordinary page'
