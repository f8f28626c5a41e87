// Knows how a client asks for another protocol on its HTTP/1.1 connection, and what the answer means.
import type { Agent as HttpAgent, IncomingMessage } from 'node:http'
import type { Agent as HttpsAgent } from 'node:https'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { type Clock, systemClock } from '../base/clock.ts'
import { MisuseError } from '../base/errors.ts'
import { assertOptions, type OptionNames } from '../base/option-names.ts'
import { assertAboveZero, assertSignal, given, oddOption } from '../base/option-value.ts'
import { connectionOptions } from '../http/connection.ts'
import { fieldLines, fieldsOf, type GivenFields } from '../http/fields.ts'
import { isEndToEnd } from '../http/hop.ts'
import { splitList } from '../http/list.ts'
import type { Fields, Protocol } from '../http/message.ts'
import { assertToken, sameName } from '../http/token.ts'
import { formatProtocol, parseProtocol, parseUpgrade } from '../http/upgrade.ts'
import { AnsweredError, readAnswer } from './answered.ts'
import { breakOffOnError } from './break-off.ts'
import { endWith, perform } from './exchange.ts'
import { keepHalfOpen } from './half-close.ts'
import { PROXY_OPTIONS, type ProxyChoice, proxyFor, type TunnelProxy } from './proxy.ts'
import { lettingGo, type RequestBody } from './request-body.ts'
import { tellClientStream } from './sight.ts'
import { chosenProtocol } from './switch-check.ts'
import { parseUrl, readTarget, type Target } from './target.ts'

/** How long the answer to an upgrade may take, in milliseconds, where nothing else is said. */
export const DEFAULT_HANDSHAKE_TIMEOUT_MS: number = 10_000

/** What every client of this library may choose about its request. */
export interface RequestChoices {
  /**
   * More fields of the request: an object, a Headers, a Map or pairs; a list gives a line for each value. Options in
   * a Connection of yours are kept.
   */
  readonly headers?: GivenFields | undefined
  /** How long the head of the answer may take, connecting included, in milliseconds. Infinity: for ever. Default 10,000. */
  readonly timeoutMs?: number | undefined
  /** The agent of node:http or node:https that makes the connection, a Unix socket's for instance. False: a connection of its own. */
  readonly agent?: HttpAgent | HttpsAgent | false | undefined
  /**
   * A Unix socket, or on Windows a named pipe, to connect to in the place of the URL's host and port, which still
   * name the server in Host and TLS. Rules out a `proxy`. Default: none.
   */
  readonly socketPath?: string | undefined
  /**
   * The proxy to go through, by CONNECT: `http://user:password@host:port`, an https: one, more about it in an
   * object, or `'env'` for HTTPS_PROXY, HTTP_PROXY and NO_PROXY. Rules out an `agent`. Default: none.
   */
  readonly proxy?: ProxyChoice | undefined
  /** For https: passed to `tls.connect`. `rejectUnauthorized: false` believes every server. */
  readonly tls?: TlsOptions | undefined
  /** Where time comes from. Default: the machine's clock. For tests. */
  readonly clock?: Clock | undefined
}

export const REQUEST_CHOICES: OptionNames<RequestChoices> = {
  headers: true,
  timeoutMs: true,
  agent: true,
  socketPath: true,
  proxy: PROXY_OPTIONS,
  tls: true,
  clock: true,
}

/** What is asked for, and how. */
export interface UpgradeOptions extends RequestChoices {
  /**
   * `name` or `name/version`, in descending preference. For `h2c` take `connectH2c`, for `websocket` `connect`; here
   * they need an HTTP2-Settings or a Sec-WebSocket-Key of yours in `headers`, such as the one that a gateway passes on,
   * and the stream is then yours to speak HTTP/2 or WebSocket on. Nobody compares Sec-WebSocket-Accept for you.
   */
  readonly protocols: string | readonly string[]
  /** Default GET. */
  readonly method?: string | undefined
  /** A string goes as UTF-8; a stream or an async iterable goes chunked. Default: none. */
  readonly body?: RequestBody | undefined
  /** Ends whatever is going on: the request, the reading of a declined response, the stream after the switch. */
  readonly signal?: AbortSignal | undefined
}

export const UPGRADE_OPTIONS: OptionNames<UpgradeOptions> = {
  ...REQUEST_CHOICES,
  protocols: true,
  method: true,
  body: true,
  signal: true,
}

/** The connection in its new protocol; or, where `protocol` is undefined, the ordinary response of a server that declined. */
export type UpgradeResult =
  | {
      /** The protocol that the server chose, spelled as in `protocols`. */
      readonly protocol: string
      /**
       * The connection, every byte behind the 101 already in it. It can be half-closed: end your side yourself,
       * also behind a `for await` that has come to its end.
       * `destroy` with an error resets TCP, so that the server does not take a part for the whole.
       */
      readonly stream: Duplex
      /** The 101. */
      readonly response: IncomingMessage
    }
  | {
      readonly protocol: undefined
      readonly stream: undefined
      /** The ordinary response. Read its body, or `resume()` it: then the agent uses the connection again. */
      readonly response: IncomingMessage
    }

/**
 * Asks for one of the protocols (RFC 9110 section 7.8). Being declined is an outcome, not an error.
 * Rejects with a MisuseError, before a byte is written, for what must not be sent; with a PeerError for a server
 * that cannot be reached, does not answer in time or answers with a 101 that nobody may follow; with an
 * AnsweredError for a 426 that does not say what to upgrade to; with the signal's reason.
 */
export async function upgrade(url: string | URL, options: UpgradeOptions): Promise<UpgradeResult> {
  assertOptions('upgrade', options, UPGRADE_OPTIONS, "{ protocols: 'example/1' }")
  return lettingGo(options.body, () => performUpgrade(url, options))
}

/** The same for options whose names were looked at. */
export async function performUpgrade(url: string | URL, options: UpgradeOptions): Promise<UpgradeResult> {
  const target = readTarget(parseUrl(url), ['http:', 'https:'], readSocketPath(options))
  const offered = readOffer(options.protocols)
  const method = options.method ?? 'GET'
  assertToken('method', method)
  if (method.toUpperCase() === 'CONNECT') {
    throw new MisuseError('ERR_INVALID_ARGUMENT', 'CONNECT makes a tunnel of its own; it cannot be upgraded')
  }
  const own = fieldsOf(options.headers ?? {})
  if (has(own, 'upgrade')) {
    throw new MisuseError('ERR_INVALID_ARGUMENT', 'the field Upgrade is made from `protocols`')
  }
  if (offered.some((protocol) => isBare(protocol, 'websocket')) && !has(own, 'sec-websocket-key')) {
    throw new MisuseError(
      'ERR_INVALID_ARGUMENT',
      'websocket without Sec-WebSocket-Key, which every server refuses; connect(url) sends it, and performs the handshake',
      { section: 'RFC 6455 section 4.1' },
    )
  }
  if (offered.some((protocol) => isBare(protocol, 'h2c')) && !has(own, 'http2-settings')) {
    throw new MisuseError(
      'ERR_INVALID_ARGUMENT',
      'h2c without HTTP2-Settings, which every server declines; connectH2c(url) sends it, and goes on in HTTP/2',
      { section: 'RFC 7540 section 3.2.1' },
    )
  }
  const clock = options.clock ?? systemClock
  const { signal } = options
  assertSignal(signal)
  let chosen: Protocol | undefined
  const outcome = await perform({
    target,
    method,
    fields: withUpgrade(withCredentials(own, target.credentials), offered.map(formatProtocol).join(', ')),
    body: options.body,
    signal,
    timeoutMs: readTimeout(options.timeoutMs),
    clock,
    agent: options.agent,
    tls: given(options.tls),
    proxy: chosenProxy(options, target),
    judge: (response) => {
      chosen = chosenProtocol(response.rawHeaders, offered)
    },
  })
  const { response } = outcome
  if (outcome.kind === 'switched') {
    breakOffOnError(outcome.stream)
    keepHalfOpen(outcome.stream)
    if (signal !== undefined) endWith(signal, outcome.stream)
    const protocol = formatProtocol(chosen!)
    tellClientStream(protocol, outcome.stream, clock)
    return { protocol, stream: outcome.stream, response }
  }
  if (response.statusCode === 426 && !namesUpgrade(response)) {
    const answer = await readAnswer(response, clock, signal)
    throw new AnsweredError('ERR_UPGRADE_REQUIRED_WITHOUT_UPGRADE', 'a 426 that names no protocol', answer, {
      section: 'RFC 9110 section 15.5.22',
    })
  }
  return { protocol: undefined, stream: undefined, response }
}

/**
 * The fields with Upgrade, and with it, and HTTP2-Settings where that is, among the Connection options in a single
 * line.
 * @throws MisuseError for an option that would take from the message what the server must see
 */
export function withUpgrade(own: Fields, protocols: string): Fields {
  const options = splitList(own.filter(([name]) => sameName(name, 'connection')).map(([, value]) => value))
  const lost = options.find(isEndToEnd)
  if (lost !== undefined) {
    throw new MisuseError(
      'ERR_INVALID_ARGUMENT',
      `Connection names ${lost}, which is for every recipient, not for the next one alone`,
      { section: 'RFC 9110 section 7.6.1' },
    )
  }
  const others = own.filter(([name]) => !sameName(name, 'connection'))
  const named = connectionOptions(options)
  const wanted = has(own, 'http2-settings') ? ['HTTP2-Settings', 'Upgrade'] : ['Upgrade']
  return [
    ...others,
    ['Connection', [...options, ...wanted.filter((name) => !named.has(name.toLowerCase()))].join(', ')],
    ['Upgrade', protocols],
  ]
}

/** The URL's userinfo speaks only where the application did not. */
export function withCredentials(own: Fields, credentials: Fields): Fields {
  return has(own, 'authorization') ? own : [...own, ...credentials]
}

/** @throws MisuseError for what is no proxy, and for an agent beside it: each makes the connection */
export function chosenProxy(options: RequestChoices, target: Target): TunnelProxy | undefined {
  const { proxy, agent } = options
  if (proxy !== undefined && proxy !== false && agent !== undefined && agent !== false) {
    throw new MisuseError(
      'ERR_INVALID_ARGUMENT',
      'both `proxy` and `agent`, of which each makes the connection',
    )
  }
  return proxyFor(proxy, target)
}

/** @throws MisuseError for what is no path, and for a proxy beside it, which could not reach it */
export function readSocketPath({ socketPath, proxy }: RequestChoices): string | undefined {
  if (socketPath === undefined) return undefined
  if (typeof socketPath !== 'string' || socketPath === '' || socketPath.includes('\0')) {
    throw oddOption('socketPath', socketPath, 'a path')
  }
  if (proxy !== undefined && proxy !== false) {
    throw new MisuseError('ERR_INVALID_ARGUMENT', 'both `socketPath` and `proxy`, which cannot reach it')
  }
  return socketPath
}

/** @throws MisuseError for what is no span of time */
export function readTimeout(timeoutMs: number = DEFAULT_HANDSHAKE_TIMEOUT_MS): number {
  assertAboveZero('timeoutMs', timeoutMs)
  return timeoutMs
}

function readOffer(protocols: string | readonly string[]): Protocol[] {
  const list = typeof protocols === 'string' ? [protocols] : protocols
  if (!Array.isArray(list) || list.length === 0) {
    throw new MisuseError('ERR_INVALID_ARGUMENT', 'an upgrade without `protocols` asks for nothing')
  }
  return list.map((text) => {
    const protocol = typeof text === 'string' ? parseProtocol(text) : undefined
    if (protocol !== undefined) return protocol
    throw new MisuseError(
      'ERR_INVALID_TOKEN',
      `protocol ${JSON.stringify(text)} is not name or name/version`,
      {
        section: 'RFC 9110 section 7.8',
      },
    )
  })
}

/** That name, without a version. */
function isBare({ name, version }: Protocol, wanted: string): boolean {
  return version === undefined && sameName(name, wanted)
}

function has(fields: Fields, wanted: string): boolean {
  return fields.some(([name]) => sameName(name, wanted))
}

function namesUpgrade(response: IncomingMessage): boolean {
  const { protocols, malformed } = parseUpgrade(fieldLines(response.rawHeaders, 'upgrade'))
  return !malformed && protocols.length > 0
}
