// Knows what a protocol may see of a server besides upgrades: new connections and ordinary requests.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import type { HttpServer } from './http-server.ts'
import type { Occupant } from './protocol.ts'

/** Each returns true for what it has taken, and nobody else then hears of it. */
export interface ServerWatch {
  connection?(socket: Socket, post: Post): boolean
  request?(request: IncomingMessage, response: ServerResponse, post: Post): boolean
}

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
  if (event !== 'request' && event !== 'checkContinue' && event !== 'checkExpectation') return false
  const [request, response] = args as [IncomingMessage, ServerResponse]
  return watches.some((watch) => watch.request?.(request, response, post) === true)
}
