// Knows what a protocol may see of a server besides upgrades: new connections, ordinary requests, streams of HTTP/2.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import type { HttpServer } from './http-server.ts'
import type { Occupant } from './protocol.ts'

/** Each returns true for what it has taken, and nobody else then hears of it. */
export interface ServerWatch {
  connection?(socket: Socket, post: Post): boolean
  request?(request: IncomingMessage, response: ServerResponse, post: Post): boolean
  /** Before it becomes a request, if the app lets it. */
  stream?(event: StreamEvent): boolean
}

/** What a server of HTTP/2 emits as `stream`. */
export type StreamEvent = readonly [
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: readonly string[],
]

/** Where the watch stands. */
export interface Post {
  readonly server: HttpServer
  readonly clock: Clock
  /** Counts a connection that was taken among those who are asked to leave when the server closes. */
  occupy(stream: Duplex, occupant: Occupant): void
  /** Counts it there no longer. */
  vacate(stream: Duplex): void
}

/** Whether one of them takes what the server is about to emit. */
export function isTaken(
  watches: readonly ServerWatch[],
  post: Post,
  event: string | symbol,
  args: readonly unknown[],
): boolean {
  if (watches.length === 0) return false
  if (event === 'connection') {
    return watches.some((watch) => watch.connection?.(args[0] as Socket, post) === true)
  }
  if (event === 'stream') return isStreamTaken(watches, args as unknown as StreamEvent)
  if (event !== 'request' && event !== 'checkContinue' && event !== 'checkExpectation') return false
  const [request, response] = args as [IncomingMessage, ServerResponse]
  return watches.some((watch) => watch.request?.(request, response, post) === true)
}

/** The same for a stream, whichever server it is of. */
export function isStreamTaken(watches: readonly ServerWatch[], event: StreamEvent): boolean {
  return watches.some((watch) => watch.stream?.(event) === true)
}
