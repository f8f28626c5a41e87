// Knows one extended CONNECT of a client (RFC 8441 section 4): from its HEADERS to its stream, its ordinary
// response, or its failure. Never knows what the stream is for.
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2'
import type { Clock } from '../base/clock.ts'
import { MisuseError, PeerError } from '../base/errors.ts'
import { assertHttp2Fields, http2Headers } from '../http/http2-fields.ts'
import type { Fields } from '../http/message.ts'
import { sameName } from '../http/token.ts'
import { reasonOf } from './connecting.ts'
import type { Outcome } from './exchange.ts'
import { cancelOnDestroy } from './h2-reset.ts'
import { authorityOf } from './h2-session.ts'
import { tellClientHandshake } from './sight.ts'
import type { Target } from './target.ts'
import { Wait } from './wait.ts'

export interface ConnectExchange {
  readonly session: ClientHttp2Session
  /** Value of `:protocol`. */
  readonly protocol: string
  readonly target: Target
  /** Checked by the caller; Host becomes `:authority`. */
  readonly fields: Fields
  readonly signal: AbortSignal | undefined
  readonly timeoutMs: number
  readonly clock: Clock
  /** Whether this 2xx may be followed. What it throws fails the exchange, and the stream is cancelled. */
  judge(response: IncomingMessage, ended: boolean): void
  /** The stream is over, however it went. Once. `answered`: the promise was fulfilled, not rejected. */
  onOver(answered: boolean): void
  /** There was no answer in time; the rejection follows. */
  onSilence(): void
  /** The server has not processed the request, which may be sent again (RFC 9113 section 8.7); the rejection follows. */
  onRefused(): void
}

/**
 * Rejects with a PeerError (ERR_HTTP2_NOT_OFFERED where the server requires HTTP/1.1 for this), with the signal's reason
 * or with what `judge` threw; then the stream is gone.
 */
export function performConnect(exchange: ConnectExchange): Promise<Outcome> {
  const { protocol, target, clock } = exchange
  const url = `${target.secure ? 'https' : 'http'}://${authorityOf(target)}${target.path}`
  return tellClientHandshake({ protocol, url, clock }, () => connectOver(exchange))
}

function connectOver(exchange: ConnectExchange): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const { session, signal, timeoutMs, clock, target } = exchange
    let stream: ClientHttp2Stream
    try {
      signal?.throwIfAborted()
      stream = session.request(requestHeaders(exchange), { endStream: false })
    } catch (error) {
      exchange.onOver(false)
      return reject(error === signal?.reason || error instanceof MisuseError ? error : lost(target, error))
    }
    cancelOnDestroy(stream)
    let answered = false
    stream.once('close', () => exchange.onOver(answered))
    const wait = new Wait({ clock, timeoutMs, signal, where: authorityOf(target) }, (error) => {
      stream.destroy()
      if (isLate(error)) exchange.onSilence()
      reject(error)
    })
    // the listener stays: a reset must not end the process
    stream.on('error', (error) => {
      if (!wait.settled && stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) exchange.onRefused()
      const wantsHttp1 = stream.rstCode === constants.NGHTTP2_HTTP_1_1_REQUIRED
      wait.fail(wantsHttp1 ? http1Required(target, error) : lost(target, error))
    })
    stream.on('close', () => wait.fail(lost(target, undefined)))
    stream.on('response', (headers, flags, rawHeaders?: readonly string[]) => {
      const response = asResponse(stream, headers, rawHeaders)
      const status = headers[':status'] ?? 0
      if (status >= 200 && status <= 299) {
        try {
          exchange.judge(response, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0)
        } catch (error) {
          return wait.fail(error)
        }
        answered = wait.settle()
        return resolve({ kind: 'switched', response, stream })
      }
      answered = wait.settle()
      // a refused client has nothing more to send
      stream.end()
      resolve({ kind: 'answered', response })
    })
  })
}

function requestHeaders(exchange: ConnectExchange): Record<string, string | string[]> {
  const { target, fields, protocol } = exchange
  assertHttp2Fields(fields)
  const host = fields.find(([name]) => sameName(name, 'host'))?.[1]
  return {
    ':method': 'CONNECT',
    ':protocol': protocol,
    ':scheme': target.secure ? 'https' : 'http',
    ':authority': host ?? authorityOf(target),
    ':path': target.path,
    ...http2Headers(fields.filter(([name]) => !sameName(name, 'host'))),
  }
}

/** What the rest of the house reads of a response, on the stream that its body comes from. */
function asResponse(
  stream: ClientHttp2Stream,
  headers: IncomingHttpHeaders & IncomingHttpStatusHeader,
  rawHeaders: readonly string[] | undefined,
): IncomingMessage {
  const statusCode = headers[':status'] ?? 0
  return Object.assign(stream, {
    statusCode,
    statusMessage: STATUS_CODES[statusCode] ?? '',
    httpVersion: '2.0',
    headers,
    rawHeaders:
      rawHeaders ??
      Object.entries(headers).flatMap(([name, value]) =>
        [value].flat().flatMap((line) => [name, String(line)]),
      ),
  }) as unknown as IncomingMessage
}

/** By our own deadline, or by one of the caller's: an `AbortSignal.timeout`. */
function isLate(error: unknown): boolean {
  if (error instanceof PeerError) return error.code === 'ERR_HANDSHAKE_TIMEOUT'
  return error instanceof Error && error.name === 'TimeoutError'
}

function http1Required(target: Target, cause: Error): PeerError {
  const seen = `${authorityOf(target)} speaks HTTP/2, but requires HTTP/1.1 for this (HTTP_1_1_REQUIRED)`
  return new PeerError('ERR_HTTP2_NOT_OFFERED', seen, { section: 'RFC 9113 section 7', cause })
}

function lost(target: Target, cause: unknown): PeerError {
  const why = cause instanceof Error ? reasonOf(cause) : 'the stream was closed'
  return new PeerError('ERR_CONNECT', `no answer from ${authorityOf(target)}: ${why}`, { cause })
}
