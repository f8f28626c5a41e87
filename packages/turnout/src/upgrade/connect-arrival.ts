// Knows one extended CONNECT as it came (RFC 8441 section 4): its stream, and the request as an application reads
// it. Never decides anything.
import type { IncomingMessage } from 'node:http'
import {
  type Http2SecureServer,
  type Http2Server,
  Http2ServerRequest,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Clock } from '../base/clock.ts'
import { hasField } from '../http/fields.ts'
import { isHost } from '../http/gate.ts'
import { hostContradicts } from '../http/http2-fields.ts'
import type { Answer, Protocol } from '../http/message.ts'
import { parseProtocol } from '../http/upgrade.ts'
import { type Asked, ignoreError } from './arrival.ts'
import { isGone } from './connect-answer.ts'
import { cancelOnDestroy } from './h2-reset.ts'
import type { HttpServer } from './http-server.ts'

const arrivals = new WeakMap<object, ConnectArrival>()

/** The extended CONNECT behind the request of an application, if it is one that turnout has seen. */
export function connectArrivalOf(request: IncomingMessage): ConnectArrival | undefined {
  const { stream } = request as { stream?: object }
  return stream === undefined ? undefined : arrivals.get(stream)
}

/** Whether the server also speaks HTTP/2, or nothing else. */
export function speaksHttp2(server: object): server is Http2Server | Http2SecureServer {
  return typeof (server as Partial<Http2Server>).updateSettings === 'function'
}

export function isExtendedConnect(headers: IncomingHttpHeaders): boolean {
  return headers[':method'] === 'CONNECT' && headers[':protocol'] !== undefined
}

export class ConnectArrival {
  readonly via = 'connect'
  readonly server: HttpServer
  readonly stream: ServerHttp2Stream
  /** An Http2ServerRequest, with `:authority` as its Host. */
  readonly request: IncomingMessage
  /** What `:protocol` names; undefined: nothing that could be a protocol. */
  readonly protocol: Protocol | undefined
  readonly clock: Clock
  readonly cameMs: number
  asked: Asked | undefined
  askedBefore: Asked | undefined

  constructor(
    setup: { readonly server: HttpServer; readonly clock: Clock },
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
  ) {
    this.server = setup.server
    this.clock = setup.clock
    this.cameMs = setup.clock.now()
    this.stream = stream
    stream.on('error', ignoreError)
    cancelOnDestroy(stream)
    const authority = headers[':authority'] ?? ''
    this.request = new Http2ServerRequest(
      stream,
      headers.host === undefined ? { ...headers, host: authority } : headers,
      {},
      hasField(rawHeaders, 'host') ? [...rawHeaders] : [...rawHeaders, 'host', authority],
    ) as unknown as IncomingMessage
    this.protocol = parseProtocol(headers[':protocol'] as string)
    arrivals.set(stream, this)
  }

  /** Nobody can be answered any more. */
  get gone(): boolean {
    return isGone(this.stream) || !this.stream.writable
  }

  /** The refusal of what is no proper request; undefined: go on. */
  check(): Answer | undefined {
    const { headers, rawHeaders } = this.request
    const authority = headers[':authority'] as string | undefined
    if (authority === undefined || !isHost(authority) || hostContradicts(rawHeaders, authority)) {
      return BAD_AUTHORITY
    }
    return hasField(rawHeaders, 'content-length') ? NO_CONTENT : undefined
  }

  /** A stream has no bytes that were read past its request. */
  returnHead(): void {}
}

const BAD_AUTHORITY: Answer = {
  status: 400,
  fields: [],
  body: ':authority is no host with an optional port, or Host names another (RFC 9113 section 8.3.1).\n',
}

const NO_CONTENT: Answer = {
  status: 400,
  fields: [],
  body: 'Content-Length on a CONNECT, which has no content (RFC 9110 section 9.3.6).\n',
}
