// Knows the connections that an upgrade left to HTTP though Node's own lists lack them: those that are being
// answered, and those that wait for their next request. Ends them when Node would.
import type { Duplex } from 'node:stream'
import type { Alarm, Clock } from '../base/clock.ts'
import type { Arrival } from './arrival.ts'
import type { HttpServer } from './http-server.ts'
import { currentResponse } from './internals.ts'
import { parserRests } from './probe.ts'

interface Rest {
  readonly server: HttpServer
  /** What had arrived when it began to wait. */
  readonly bytesRead: number | undefined
  readonly untilMs: number
  alarm: Alarm
}

/** So often it is looked whether somebody who may wait longer is still there. */
const LOOK_MS = 60_000

/**
 * Node starts its own keep-alive timer only behind a response that it has finished itself. This one does not
 * need to be lifted: it looks whether anything came.
 */
export class KeepAlive {
  readonly #clock: Clock
  readonly #answering = new Map<Duplex, HttpServer>()
  readonly #resting = new Map<Duplex, Rest>()
  #whenLeft: { readonly server: HttpServer; call(): void }[] = []
  #isOver = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A decision is awaited, or an ordinary response is on its way; `answered` follows, and maybe `rest`. */
  answering({ stream, server }: Arrival): void {
    this.#answering.set(stream, server)
  }

  /** It has come, or never will. What `next` does may be another one. */
  answered({ stream }: Arrival, next?: () => void): void {
    this.#answering.delete(stream)
    next?.()
    this.#tellLeft()
  }

  /** Ends the connection if nothing arrives on it for as long as the server waits between requests. */
  rest({ server, stream, socket: { bytesRead } }: Arrival): void {
    if (stream.readableLength > 0) return
    this.#resting.get(stream)?.alarm.cancel()
    const waitMs = restMs(server)
    const alarm = this.#lookIn(waitMs, stream)
    this.#resting.set(stream, { server, bytesRead, untilMs: this.#clock.now() + waitMs, alarm })
    if (this.#isOver) this.#end(stream)
  }

  /** `server.closeIdleConnections()`, which `server.close()` calls, too. */
  closeIdle(server: HttpServer): void {
    for (const [stream, rest] of this.#resting) if (rest.server === server) this.#end(stream)
  }

  /** `server.closeAllConnections()`. */
  closeAll(server: HttpServer): void {
    for (const [stream, of] of this.#answering) if (of === server) stream.destroy()
    this.closeIdle(server)
  }

  /** The turnout closes: whoever waits is ended. */
  endAll(): void {
    for (const stream of this.#resting.keys()) this.#end(stream)
  }

  /** It has closed: so are those who were being answered, once they would wait. */
  endForGood(): void {
    this.#isOver = true
    this.endAll()
  }

  /** Calls as soon as none of the server's connections is known here, at once if so. */
  whenLeft(server: HttpServer, call: () => void): void {
    this.#whenLeft.push({ server, call })
    this.#tellLeft()
  }

  #tellLeft(): void {
    if (this.#whenLeft.length === 0) return
    const here = new Set(this.#answering.values())
    for (const { server } of this.#resting.values()) here.add(server)
    const left = this.#whenLeft.filter(({ server }) => !here.has(server))
    this.#whenLeft = this.#whenLeft.filter(({ server }) => here.has(server))
    for (const { call } of left) call()
  }

  #lookIn(ms: number, stream: Duplex): Alarm {
    return this.#clock.after(Math.min(ms, LOOK_MS), () => this.#look(stream))
  }

  #look(stream: Duplex): void {
    const rest = this.#resting.get(stream)
    if (rest === undefined) return
    const leftMs = rest.untilMs - this.#clock.now()
    if (leftMs > 0 && !stream.destroyed && waits(stream, rest)) rest.alarm = this.#lookIn(leftMs, stream)
    else this.#end(stream)
  }

  #end(stream: Duplex): void {
    const rest = this.#resting.get(stream)
    if (rest === undefined) return
    this.#resting.delete(stream)
    rest.alarm.cancel()
    if (waits(stream, rest)) stream.destroy()
    this.#tellLeft()
  }
}

/** Nothing has arrived since. */
function waits(stream: Duplex & { readonly bytesRead?: number }, { bytesRead }: Rest): boolean {
  return stream.bytesRead === bytesRead && currentResponse(stream) === undefined
}

/** What the client is told that the server waits for its next request, in milliseconds; 0: it is told nothing. */
export function keepAliveMs(server: HttpServer): number {
  const { keepAliveTimeout = 0 } = server
  const waitMs = restMs(server) - bufferMs(server)
  return Number.isFinite(waitMs) ? Math.max(0, waitMs) : keepAliveTimeout
}

/**
 * How long a connection that an upgrade left to HTTP may wait. Where the parser cannot be told that this is no first
 * request it would send a 408 after `headersTimeout`, which a proxy takes for the answer to its next request: there
 * the wait ends before that.
 */
function restMs(server: HttpServer): number {
  const { headersTimeout = 0 } = server
  const ownMs = betweenRequestsMs(server)
  if (!(headersTimeout > 0) || parserRests()) return ownMs
  return Math.min(ownMs, headersTimeout - Math.min(bufferMs(server), headersTimeout / 4))
}

/** How long the server waits between two requests; Infinity: for ever. */
export function betweenRequestsMs(server: HttpServer): number {
  const { keepAliveTimeout = 0 } = server
  return keepAliveTimeout > 0 ? keepAliveTimeout + bufferMs(server) : Number.POSITIVE_INFINITY
}

/** How much later than it said the server ends a connection. */
function bufferMs({ keepAliveTimeoutBuffer = 1_000 }: HttpServer): number {
  return keepAliveTimeoutBuffer
}
