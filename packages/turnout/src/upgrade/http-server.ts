// Knows what the dispatcher needs of a server: node:http, node:https, or HTTP/2 over TLS with HTTP/1.1 beside it.
import type { EventEmitter } from 'node:events'
import type { Server as Http1Server } from 'node:http'
import type { Http2SecureServer } from 'node:http2'
import type { Server as HttpsServer } from 'node:https'
import { MisuseError } from '../base/errors.ts'

/** Servers that turnout attaches to. An HTTP/2 server must have `allowHTTP1`. */
export type AttachableServer = Http1Server | HttpsServer | Http2SecureServer

/** The same, as the dispatcher reads it; every setting may be missing. */
export interface HttpServer extends EventEmitter {
  readonly timeout?: number
  readonly keepAliveTimeout?: number
  readonly keepAliveTimeoutBuffer?: number
  readonly requestTimeout?: number
  readonly headersTimeout?: number
  readonly maxRequestsPerSocket?: number
  readonly httpAllowHalfOpen?: boolean
  readonly rejectNonStandardBodyWrites?: boolean
}

/** @throws MisuseError for what is no HTTP/1.1 server */
export function assertAttachable(server: AttachableServer): HttpServer {
  const given = server as unknown as Partial<HttpServer> & {
    updateSettings?: unknown
    headersTimeout?: unknown
  }
  if (typeof given?.emit !== 'function' || typeof given.on !== 'function') {
    throw new MisuseError(
      'ERR_INVALID_ARGUMENT',
      'attach(server) wants a server of node:http, node:https or node:http2',
    )
  }
  // Only a server that also speaks HTTP/1.1 has timeouts for it.
  if (typeof given.updateSettings === 'function' && typeof given.headersTimeout !== 'number') {
    throw new MisuseError(
      'ERR_HTTP2_FORBIDS_UPGRADE',
      'this HTTP/2 server never speaks HTTP/1.1; create it with createSecureServer({ allowHTTP1: true })',
      { section: 'RFC 9113 section 8.6' },
    )
  }
  return given as HttpServer
}

/** The event with which a connection is given (back) to the server's HTTP parser. */
export function connectionEvent(server: HttpServer): 'connection' | 'secureConnection' {
  const secure = typeof (server as { setSecureContext?: unknown }).setSecureContext === 'function'
  return secure ? 'secureConnection' : 'connection'
}
