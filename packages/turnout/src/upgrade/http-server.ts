// Knows what the dispatcher needs of a server of node:http, node:https or node:http2.
import type { EventEmitter } from 'node:events'
import type { Server as Http1Server } from 'node:http'
import type { Http2SecureServer, Http2Server } from 'node:http2'
import type { Server as HttpsServer } from 'node:https'
import { MisuseError } from '../base/errors.ts'

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
  const given = server as unknown as Partial<HttpServer>
  if (typeof given?.emit !== 'function' || typeof given.on !== 'function') {
    throw new MisuseError(
      'ERR_INVALID_ARGUMENT',
      'attach(server) wants a server of node:http, node:https or node:http2',
    )
  }
  return given as HttpServer
}

/** The event with which a connection is given (back) to the server's HTTP parser. */
export function connectionEvent(server: HttpServer): 'connection' | 'secureConnection' {
  const secure = typeof (server as { setSecureContext?: unknown }).setSecureContext === 'function'
  return secure ? 'secureConnection' : 'connection'
}
