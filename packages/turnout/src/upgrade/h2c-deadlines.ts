// Knows how long a connection of h2c may take for what a server of node:http has deadlines for.
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Alarm, Clock } from '../base/clock.ts'
import type { HttpServer } from './http-server.ts'
import { betweenRequestsMs } from './keep-alive.ts'

const { NGHTTP2_CANCEL, NGHTTP2_STREAM_STATE_OPEN, NGHTTP2_STREAM_STATE_HALF_CLOSED_LOCAL } = constants

/** So long a client may take to read why. */
const GOAWAY_MS = 1_000

/**
 * The server's own: `headersTimeout` for the first request, `keepAliveTimeout` between requests, both for a connection
 * without any stream, and `requestTimeout` for the content of each. Whatever is 0 is no deadline.
 */
export class H2cDeadlines {
  readonly #session: ServerHttp2Session
  readonly #home: HttpServer
  readonly #clock: Clock
  #open = 0
  #alarm: Alarm | undefined

  constructor(session: ServerHttp2Session, home: HttpServer, clock: Clock) {
    this.#session = session
    this.#home = home
    this.#clock = clock
    this.#endAfter(home.headersTimeout || Number.POSITIVE_INFINITY)
    session.once('close', () => this.#alarm?.cancel())
  }

  /** A request has begun. One that goes on as a tunnel has no content that could be late. */
  begin(stream: ServerHttp2Stream, isTunnel: boolean): void {
    this.#alarm?.cancel()
    this.#open++
    const { requestTimeout = 0 } = this.#home
    const late =
      requestTimeout > 0 && !isTunnel && !stream.endAfterHeaders
        ? this.#clock.after(requestTimeout, () => giveUp(stream))
        : undefined
    stream.once('close', () => {
      late?.cancel()
      this.#open--
      if (this.#open === 0) this.#endAfter(betweenRequestsMs(this.#home))
    })
  }

  /** Says GOAWAY, and ends. */
  #endAfter(ms: number): void {
    if (!Number.isFinite(ms) || this.#session.closed) return
    this.#alarm = this.#clock.after(ms, () => {
      this.#session.close()
      // half of a request would be waited for
      this.#alarm = this.#clock.after(GOAWAY_MS, () => this.#session.destroy())
    })
  }
}

/** Where the client has not ended its side. */
function giveUp(stream: ServerHttp2Stream): void {
  const { state } = stream.state
  if (state === NGHTTP2_STREAM_STATE_OPEN || state === NGHTTP2_STREAM_STATE_HALF_CLOSED_LOCAL) {
    stream.close(NGHTTP2_CANCEL)
  }
}
