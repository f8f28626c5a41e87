// Knows how a server goes on in HTTP/2 without TLS: by an upgrade, or with clients that begin in it.

import type { IncomingMessage } from 'node:http'
import {
  createServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type Settings,
} from 'node:http2'
import type { Duplex } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import { MisuseError } from '../base/errors.ts'
import type { OptionNames } from '../base/option-names.ts'
import { assertFunction } from '../base/option-value.ts'
import { isPromise } from '../base/promise.ts'
import { bodyFraming } from '../http/body.ts'
import { sameName } from '../http/upgrade.ts'
import { isExtendedConnect } from './connect-arrival.ts'
import { H2cDeadlines } from './h2c-deadlines.ts'
import { requestFrames } from './h2c-frames.ts'
import { awaitPreface } from './h2c-preface.ts'
import { priorKnowledgeWatch } from './h2c-prior-knowledge.ts'
import { http2Request } from './h2c-request.ts'
import { readHttp2Settings } from './h2c-settings.ts'
import type { HttpServer } from './http-server.ts'
import { compilePath } from './path.ts'
import type { Decision, Occupant, Params, UpgradeProtocol } from './protocol.ts'
import type { StreamEvent } from './watch.ts'

export interface H2cOptions {
  /** Only requests on this path switch; see `.websocket`. Default: every path. */
  readonly path?: string | undefined
  /** Says whether this request may switch; false: it is answered in HTTP/1.1. Default: every one may. */
  readonly accept?: ((request: IncomingMessage) => boolean | Promise<boolean>) | undefined
  /**
   * Who serves HTTP/2: an `http2.createServer()` of yours, which need not listen. Default: the request listeners of
   * the server that the connection came through, with request and response of Node's compatibility API. Koa, Fastify
   * and Hono take those; Express throws on them.
   */
  readonly server?: Http2Server | undefined
  /**
   * What the server tells the client, where `server` is left to turnout. Default: Node's, and that extended CONNECT
   * works here (RFC 8441), which the routes for WebSockets take; `enableConnectProtocol: false` keeps that back.
   */
  readonly settings?: Settings | undefined
  /**
   * Serves clients, too, that begin in HTTP/2 without asking, on the same port (RFC 7540 section 3.4). The first
   * bytes of every connection are then read twice. Default false.
   */
  readonly priorKnowledge?: boolean | undefined
}

export const H2C_OPTIONS: OptionNames<H2cOptions> = {
  path: true,
  accept: true,
  server: true,
  settings: true,
  priorKnowledge: true,
}

/** `isTaken` is shown each stream of a server of the app's own before that hears of it; true: it never does. */
export function h2cProtocol(options: H2cOptions, clock: Clock, isTaken: IsTaken): UpgradeProtocol {
  const { accept } = options
  assertFunction('accept', accept)
  if (options.server !== undefined && typeof options.server.emit !== 'function') {
    throw new MisuseError('ERR_INVALID_ARGUMENT', 'h2c wants an http2.createServer() as its server')
  }
  const matchPath = options.path === undefined ? () => NO_PARAMS : compilePath(options.path)
  const serve =
    options.server === undefined ? servedByApp(options.settings, clock) : servedBy(options.server, isTaken)
  const switchTo = (request: IncomingMessage, server: HttpServer): Decision => {
    const settings = readHttp2Settings(request.rawHeaders)
    const fields = http2Request(request)
    if (settings === undefined || fields === undefined) return PASS
    const frames = requestFrames(fields)
    return {
      kind: 'switch',
      upgrade: 'h2c',
      fields: [],
      attach(stream) {
        let occupant: Occupant | undefined
        awaitPreface({
          stream,
          settings,
          request: frames,
          timeoutMs: PREFACE_TIMEOUT_MS,
          clock,
          onReady: () => {
            occupant = serve(stream, server)
          },
        })
        return {
          leave(code, reason) {
            if (occupant === undefined) stream.destroy()
            else occupant.leave(code, reason)
          },
        }
      },
    }
  }
  return {
    // `h2` is HTTP/2 over TLS, which only ALPN begins (RFC 7540 section 3.2).
    match: ({ name, version }, pathname) =>
      version === undefined && sameName(name, 'h2c') ? matchPath(pathname) : undefined,
    decide({ request, server }) {
      if (server === undefined || isEncrypted(request) || hasContent(request)) return PASS
      if (readHttp2Settings(request.rawHeaders) === undefined) return PASS
      if (accept === undefined) return switchTo(request, server)
      const answer = accept.call(options, request)
      const decide = (yes: boolean) => (yes === true ? switchTo(request, server) : PASS)
      return isPromise(answer) ? answer.then(decide) : decide(answer)
    },
    ...(options.priorKnowledge === true && { watch: priorKnowledgeWatch(serve) }),
  }
}

/** Begins HTTP/2 on a connection whose next bytes are the client's preface. */
export type Serve = (stream: Duplex, home: HttpServer) => Occupant

type IsTaken = (event: StreamEvent) => boolean

function servedBy(http2: Http2Server, isTaken: IsTaken): Serve {
  return (stream) => beginSession(http2, stream, (session) => watchStreams(session, isTaken))
}

/** On the session: the server may serve others, too, which are none of ours. */
function watchStreams(session: ServerHttp2Session, isTaken: IsTaken): void {
  const { emit } = session
  const watched = (event: string, ...args: unknown[]): boolean =>
    (event === 'stream' && isTaken(args as unknown as StreamEvent)) ||
    Reflect.apply(emit, session, [event, ...args])
  Object.defineProperty(session, 'emit', { value: watched, configurable: true, writable: true })
}

/** HTTP/2 for the listeners, and the routes, of the server at which the connection arrived. */
function servedByApp(settings: Settings | undefined, clock: Clock): Serve {
  const homes = new WeakMap<object, HttpServer>()
  const http2 = createServer({ settings: { enableConnectProtocol: true, ...settings } })
  http2.on('request', (request: Http2ServerRequest, response: Http2ServerResponse) => {
    const session = request.stream.session
    const home = session === undefined ? undefined : homes.get(session)
    if (home?.emit('request', request, response) === true) return
    response.statusCode = 404
    response.end()
  })
  return (stream, home) =>
    beginSession(http2, stream, (session) => {
      homes.set(session, home)
      const deadlines = new H2cDeadlines(session, home, clock)
      watchStreams(session, (event) => {
        const [stream, headers] = event
        const isConnect = isExtendedConnect(headers)
        deadlines.begin(stream, isConnect)
        // no server of node:http has streams of its own: who takes an extended CONNECT of one is a turnout
        return isConnect && home.emit('stream', ...event)
      })
    })
}

function beginSession(
  http2: Http2Server,
  stream: Duplex,
  onSession?: (session: ServerHttp2Session) => void,
): Occupant {
  let session: ServerHttp2Session | undefined
  const note = (begun: ServerHttp2Session) => {
    session = begun
    onSession?.(begun)
  }
  // A server of node:http lets clients end their side first; HTTP/2 would then wait for ever.
  stream.allowHalfOpen = false
  // Emitted before `emit('connection')` returns.
  http2.prependOnceListener('session', note)
  http2.emit('connection', stream)
  http2.off('session', note)
  return {
    leave() {
      if (session === undefined) stream.destroy()
      // Says GOAWAY and ends when the streams that are open have ended (RFC 7540 section 6.8).
      else session.close()
    },
  }
}

/** The content would have to reach stream 1 out of HTTP/1.1: such a request is answered where it is. */
function hasContent(request: IncomingMessage): boolean {
  return bodyFraming(request.rawHeaders).kind !== 'none'
}

function isEncrypted(request: IncomingMessage): boolean {
  return 'encrypted' in request.socket && request.socket.encrypted === true
}

/** How long the client may take from the 101 to its SETTINGS, in milliseconds. */
const PREFACE_TIMEOUT_MS = 10_000

const PASS: Decision = { kind: 'pass' }
const NO_PARAMS: Params = Object.freeze({})
