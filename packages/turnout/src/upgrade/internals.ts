// Knows the few properties of Node's HTTP objects that have no public name, and does without where they are missing.
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { HttpServer } from './http-server.ts'

/** The response that is being written on this connection now, if any. */
export function currentResponse(socket: Duplex): ServerResponse | undefined {
  return (socket as SocketInternals)._httpMessage ?? undefined
}

/**
 * Takes the parser of a connection out of those whose first request is awaited, which would get a 408 after
 * `headersTimeout`; from its next request on Node counts again. Not every runtime's parser lives on: see probe.ts.
 * @returns whether there was a way
 */
export function restParser(socket: Duplex): boolean {
  const { parser } = socket as SocketInternals
  if (typeof parser?.remove !== 'function') return false
  parser.remove()
  return true
}

/**
 * Starts reading again where Node has stopped for a body that its app was slow to take: behind an upgrade nobody
 * else would, since the stream counts itself as being read.
 */
export function wakeReads(socket: Duplex): void {
  if ((socket as SocketInternals)._handle?.reading === false) socket._read(0)
}

/** The class that the application gave the server for its responses. */
export function responseClass(server: HttpServer): ResponseClass {
  const symbol = Object.getOwnPropertySymbols(server).find((key) => key.description === 'ServerResponse')
  const given = symbol === undefined ? undefined : (server as unknown as Record<symbol, unknown>)[symbol]
  return typeof given === 'function' ? (given as ResponseClass) : ServerResponse
}

/** What Node sets on the response of an ordinary request besides its public options. */
export function prepareResponse(
  response: ServerResponse,
  server: HttpServer,
  keepAliveTimeout: number | undefined,
): void {
  const inside = response as ResponseInternals
  inside._keepAliveTimeout = keepAliveTimeout
  inside._maxRequestsPerSocket = server.maxRequestsPerSocket
}

/** The client waits for a 100; a final status without one closes the connection (RFC 9110 section 10.1.1). */
export function expectContinue(response: ServerResponse, alreadySent: boolean): void {
  const inside = response as ResponseInternals
  inside._expect_continue = true
  inside._sent100 = alreadySent
}

/** The response told the client, or may only tell it by closing, that the connection ends. */
export function endsConnection(response: ServerResponse): boolean {
  const inside = response as ResponseInternals
  return inside._last === true || inside.maxRequestsOnConnectionReached === true || !response.shouldKeepAlive
}

export function markLast(response: ServerResponse): void {
  const inside = response as ResponseInternals
  inside._last = true
}

/** Lets who writes to the response go on: what Node does on `drain` of a socket that it still owns. */
export function drainResponse(response: ServerResponse): void {
  if (!response.writableNeedDrain) return
  const symbol = Object.getOwnPropertySymbols(response).find((key) => key.description === 'kNeedDrain')
  if (symbol !== undefined) (response as unknown as Record<symbol, unknown>)[symbol] = false
  response.emit('drain')
}

/** The end of a response's life, which Node announces after `finish`. */
export function closeResponse(response: ServerResponse): void {
  const inside = response as ResponseInternals
  if (inside._closed === true) return
  inside.destroyed = true
  inside._closed = true
  response.emit('close')
}

/** Nobody has begun to read the body: it may be thrown away. */
export function isUnread(request: IncomingMessage): boolean {
  return (request as IncomingMessage & { _consuming?: boolean })._consuming !== true
}

export function markRead(request: IncomingMessage): void {
  const inside = request as IncomingMessage & { _consuming?: boolean }
  inside._consuming = true
}

/** The trailer fields of a request whose body is complete, in each of the forms in which Node has them. */
export function setTrailers(request: IncomingMessage, rawTrailers: readonly string[]): void {
  if (rawTrailers.length === 0) return
  const inside = request as IncomingMessage & { _addHeaderLines?(lines: string[], count: number): void }
  request.rawTrailers = [...rawTrailers]
  inside._addHeaderLines?.(request.rawTrailers, rawTrailers.length)
}

/** As on a server where nobody listens for upgrades; else body parsers take the body for read, or for nobody's. */
export function markOrdinary(request: IncomingMessage): void {
  const inside = request as IncomingMessage & { upgrade?: boolean }
  inside.upgrade = false
}

/** What is wrong with the certificate of a TLS client, as `authorizationError` then says; undefined: nothing. */
export function verifyPeer(socket: TLSSocket): string | undefined {
  const inside = socket as unknown as {
    _handle?: { verifyError?(): (Error & { code?: string }) | null | undefined } | null
    authorized: boolean
    authorizationError: string | undefined
  }
  // Without the check nobody is let in.
  if (typeof inside._handle?.verifyError !== 'function') return 'cannot be verified by this runtime'
  const error = inside._handle.verifyError()
  inside.authorized = error === null || error === undefined
  if (inside.authorized) return undefined
  inside.authorizationError = error?.code ?? error?.message ?? 'not authorized'
  return inside.authorizationError
}

/**
 * Lets errors of TLS behind the handshake end the connection, as on one that a tls.Server has accepted: a broken
 * record, or a client that renegotiates again and again. Until then Node keeps them to itself.
 */
export function releaseControl(socket: TLSSocket): void {
  const inside = socket as TLSSocket & { _releaseControl?(): boolean }
  inside._releaseControl?.()
}

type ResponseClass = new (request: IncomingMessage, options?: object) => ServerResponse
type SocketInternals = Duplex & {
  _httpMessage?: ServerResponse | null
  parser?: { remove?(): void } | null
  _handle?: { readonly reading?: boolean } | null
}
type ResponseInternals = {
  -readonly [Key in keyof ServerResponse]: ServerResponse[Key]
} & {
  _keepAliveTimeout?: number | undefined
  _maxRequestsPerSocket?: number | undefined
  _expect_continue?: boolean
  _sent100?: boolean
  _last?: boolean
  _closed?: boolean
  maxRequestsOnConnectionReached?: boolean
}
