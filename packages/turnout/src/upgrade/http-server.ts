// Knows what the dispatcher needs of a server of node:http, node:https or node:http2.
import type { EventEmitter } from 'node:events'
import { createServer as createHttp1Server, type Server as Http1Server } from 'node:http'
import { createServer as createHttp2Server, type Http2SecureServer, type Http2Server } from 'node:http2'
import type { Server as HttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { MisuseError, shown } from '../base/errors.ts'

/**
 * Servers that turnout attaches to. One of HTTP/2 serves upgrades where it has `allowHTTP1`, and extended CONNECT
 * (RFC 8441) in any case.
 */
export type AttachableServer = Http1Server | HttpsServer | Http2SecureServer | Http2Server

/** The same, as the dispatcher reads it; every setting may be missing. */
export interface HttpServer extends EventEmitter {
  readonly timeout?: number
  readonly keepAliveTimeout?: number
  readonly keepAliveTimeoutBuffer?: number
  readonly requestTimeout?: number
  readonly headersTimeout?: number
  readonly maxRequestsPerSocket?: number
  /** As for node:http. */
  readonly maxHeadersCount?: number | null | undefined
  readonly httpAllowHalfOpen?: boolean
  readonly rejectNonStandardBodyWrites?: boolean
}

/** @throws MisuseError for what is no server */
export function assertAttachable(server: AttachableServer): HttpServer {
  const given = server as unknown as Given
  const isServer = looksLikeServer(given)
  if (isServer && SIGNS_OF_HTTP.some((name) => has(given, name))) return given as unknown as HttpServer
  throw new MisuseError('ERR_INVALID_ARGUMENT', `attach(server) wants ${wanted(given, isServer)}`)
}

/** Whether it is a server of any kind, where it may be none. */
export function looksLikeServer(value: unknown): boolean {
  const given = value as Given
  return typeof given === 'object' && has(given, 'emit') && has(given, 'on') && has(given, 'listen')
}

export type Given = Readonly<Record<string, unknown>> | undefined | null

/** What a server of HTTP can do and one of TCP or TLS cannot, in whichever runtime. */
const SIGNS_OF_HTTP = ['setTimeout', 'closeAllConnections', 'closeIdleConnections', 'updateSettings']

/** Whether it has such a method. */
export function has(given: Given, name: string): boolean {
  return typeof given?.[name] === 'function'
}

function wanted(given: Given, isServer: boolean): string {
  if (has(given, 'listen') && has(given?.server as Given, 'listen'))
    return 'the server, not the app: app.server'
  if (typeof given === 'function' || has(given, 'callback') || has(given, 'use')) {
    return 'the server, not the app: createServer(app) or what app.listen(…) returns'
  }
  return `a server of node:http, node:https or node:http2; this is ${kindOf(given, isServer)}`
}

function kindOf(given: Given, isServer: boolean): string {
  if (isServer)
    return `a server of node:${has(given, 'setSecureContext') ? 'tls' : 'net'}, which speaks no HTTP`
  return has(given, 'createConnection') ? "an Agent, which is a client's" : shown(given)
}

/** The event with which a connection is given (back) to the server's HTTP parser. */
export function connectionEvent(server: HttpServer): 'connection' | 'secureConnection' {
  const secure = typeof (server as { setSecureContext?: unknown }).setSecureContext === 'function'
  return secure ? 'secureConnection' : 'connection'
}

/**
 * Gives a connection back to the server's HTTP parser. The app has heard of it when it was made: only the parser
 * hears of it again, where its listener can be told from the app's.
 */
export function parseAgain(server: HttpServer, stream: Duplex): void {
  const event = connectionEvent(server)
  parsers ??= [createHttp1Server(), createHttp2Server()].flatMap((another) => another.listeners('connection'))
  const parser = server.listeners(event).find((listener) => parsers?.includes(listener))
  if (parser === undefined) server.emit(event, stream)
  else parser.call(server, stream)
}

/** Node's listeners, the same function for each server of a kind, https and allowHTTP1 included. */
let parsers: readonly unknown[] | undefined
