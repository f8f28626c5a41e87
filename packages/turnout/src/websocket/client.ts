// Knows how a client opens a WebSocket, from a URL to an open connection: over HTTP/1.1 (RFC 6455 section 4.1) or
// HTTP/2 (RFC 8441).
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../base/clock.ts'
import { type ErrorCode, MisuseError, PeerError } from '../base/errors.ts'
import { assertOptions, type OptionNames } from '../base/option-names.ts'
import { assertFunction, assertSignal, given, oddOption } from '../base/option-value.ts'
import { tellOrWarn } from '../base/tell.ts'
import { assertFieldValue, fieldsOf } from '../http/fields.ts'
import { assertHttp2Fields } from '../http/http2-fields.ts'
import type { Fields } from '../http/message.ts'
import { sameName } from '../http/token.ts'
import { duplexTransport } from '../transport/duplex.ts'
import { AnsweredError, type ReadAnswer, readAnswer } from '../upgrade/answered.ts'
import {
  chosenProxy,
  REQUEST_CHOICES,
  type RequestChoices,
  readSocketPath,
  readTimeout,
  withCredentials,
  withUpgrade,
} from '../upgrade/client.ts'
import { type Outcome, perform } from '../upgrade/exchange.ts'
import { performConnect } from '../upgrade/h2-client.ts'
import { type Carrier, type Http2Choice, openCarrier } from '../upgrade/h2-session.ts'
import type { Params } from '../upgrade/protocol.ts'
import { parseUrl, readTarget, shownUrl, type Target, where } from '../upgrade/target.ts'
import { checkConnected } from './connect-handshake.ts'
import type { AnyConnection, WebSocketConnection } from './connection.ts'
import { compressionExtension } from './deflate.ts'
import { type ExtensionOffer, formatExtensions } from './extension.ts'
import { checkSwitch, createKey, readVersions, requestFields } from './handshake.ts'
import { abandonConnection, createConnection, failHandler, openConnection } from './inside.ts'
import { assertConnectionOptions } from './option-check.ts'
import {
  type BinaryForm,
  type ChosenProtocol,
  CONNECTION_EVENTS,
  CONNECTION_OPTIONS,
  type ConnectionEvents,
  type ConnectionOptions,
} from './options.ts'
import { watch } from './receiver.ts'
import { type Hop, type Redirect, readRedirect, toWebSocketScheme } from './redirect.ts'
import { type Agreed, confirmExtensions, type Extension, stackTransforms } from './transform.ts'
import { takeTurn } from './turns.ts'

export interface ConnectOptions<
  Data = unknown,
  Form extends BinaryForm = 'buffer',
  Subprotocol extends string = string,
> extends RequestChoices,
    ConnectionOptions<Form>,
    ConnectionEvents<Data, Form, Params, ChosenProtocol<Subprotocol>> {
  /**
   * Subprotocols in order of preference, each once. Default none. Written where they are chosen, they are the
   * type of `socket.protocol`; it is empty where the server chose none.
   */
  readonly protocols?: Subprotocol | readonly Subprotocol[] | undefined
  /** The Origin field, for a server that asks for one. Default: none, as no browser is at work. */
  readonly origin?: string | undefined
  /** Ends the handshake, also while it waits for its turn. It means nothing once the connection is open. */
  readonly signal?: AbortSignal | undefined
  /**
   * How many redirects to follow. Another origin is sent no Authorization, Cookie, Proxy-Authorization, Host or
   * client certificate, and is not looked for at `socketPath`; wss: never becomes ws:. Default 0: a redirect rejects,
   * as in a browser.
   */
  readonly maxRedirects?: number | undefined
  /**
   * Go over HTTP/2 (RFC 8441), where many sockets to one origin share a connection. `auto`: where the server takes
   * it, else HTTP/1.1, also where it answers HTTP_1_1_REQUIRED; over TLS only, and not together with an `agent`. `true`: or reject with
   * ERR_HTTP2_NOT_OFFERED; a ws: URL then means a server that speaks nothing else. A session of node:http2: that
   * one, except for redirects to another origin; closing it is up to you. Default false: HTTP/1.1.
   */
  readonly http2?: Http2Choice | false | undefined
  /** Kept for you as `socket.data`. */
  readonly data?: Data
  /**
   * Told once what the server answered, such as its Set-Cookie, before `open`; nothing of it is kept. What it throws
   * rejects, and ends the connection; what its promise rejects with closes with 1011, like that of a callback.
   */
  readonly onResponse?:
    | ((
        response: SwitchResponse,
        socket: WebSocketConnection<Data, NoInfer<Form>, Params, ChosenProtocol<Subprotocol>>,
      ) => void | Promise<void>)
    | undefined
  /**
   * Told what a callback threw; the connection is closed with 1011. What it throws itself is a process warning.
   * Default: a process warning.
   */
  readonly onError?:
    | ((
        error: unknown,
        socket: WebSocketConnection<Data, NoInfer<Form>, Params, ChosenProtocol<Subprotocol>>,
      ) => void)
    | undefined
}

export const CONNECT_OPTIONS: OptionNames<ConnectOptions> = {
  ...REQUEST_CHOICES,
  ...CONNECTION_OPTIONS,
  ...CONNECTION_EVENTS,
  protocols: true,
  origin: true,
  signal: true,
  maxRedirects: true,
  http2: true,
  data: true,
  onResponse: true,
  onError: true,
}
/** What the types say of each other is for whoever writes the options; in here any will do. */
export type AnyConnectOptions<Data> = ConnectOptions<Data, BinaryForm>

/** The head of the response that opened a WebSocket. */
export interface SwitchResponse {
  /** 101; over HTTP/2 mostly 200. */
  readonly status: number
  /** As in node:http, or over HTTP/2 as in node:http2. */
  readonly headers: IncomingHttpHeaders
  /** Names and values in turns, as they came. */
  readonly rawHeaders: readonly string[]
}

/** The server answered the handshake in HTTP: 401, 404, 426, a redirect that was not followed, … */
export class HandshakeError extends AnsweredError {
  override readonly name: string = 'HandshakeError'
  /** The versions of WebSocket that the server says it speaks (RFC 6455 section 4.4); empty when it says nothing. */
  readonly versions: readonly number[]

  constructor(code: ErrorCode, seen: string, answer: ReadAnswer) {
    const section = isHttp2(answer.response) ? 'RFC 8441 section 5' : 'RFC 6455 section 4.1'
    super(code, seen, answer, { section })
    this.versions = readVersions(answer.response.rawHeaders)
  }
}

/**
 * Opens a WebSocket to a URL of scheme ws:, wss:, http: or https:. At most one connection to a host and port is
 * being opened at a time; `timeoutMs` runs from when this one's turn has come.
 *
 * Rejects with a MisuseError, before a byte is written, for what must not be sent; with a HandshakeError when the
 * server answers in HTTP; with a PeerError when it cannot be reached, does not answer in time, or its 101 does
 * not answer this handshake; with the signal's reason.
 */
export async function connect<
  Data = undefined,
  Form extends BinaryForm = 'buffer',
  Subprotocol extends string = string,
>(
  url: string | URL,
  options: ConnectOptions<Data, Form, Subprotocol> = {},
): Promise<WebSocketConnection<Data, Form, Params, ChosenProtocol<Subprotocol>>> {
  assertOptions('connect', options, CONNECT_OPTIONS)
  const opened = dial(prepareDial(url, options as unknown as AnyConnectOptions<Data>))
  return opened as Promise<WebSocketConnection<Data, Form, Params, ChosenProtocol<Subprotocol>>>
}

/** A handshake whose every part was checked. */
export interface Dial<Data> {
  readonly hop: Hop
  readonly protocols: readonly string[]
  /** Fail where the server chooses none of them, as the standard's classes do. */
  readonly requireProtocol?: boolean
  /** To be offered, in order of preference. */
  readonly extensions: readonly Extension[]
  readonly timeoutMs: number
  readonly options: AnyConnectOptions<Data>
}

/** @throws MisuseError for whatever must not be sent */
export function prepareDial<Data>(url: string | URL, options: AnyConnectOptions<Data>): Dial<Data> {
  const parsed = parseUrl(url)
  if (parsed.href.includes('#')) {
    throw new MisuseError('ERR_INVALID_ARGUMENT', `the URL '${shownUrl(url)}' has a fragment`, {
      section: 'RFC 6455 section 3',
    })
  }
  const socketPath = readSocketPath(options)
  const target = readTarget(parsed, ['ws:', 'wss:', 'http:', 'https:'], socketPath)
  const to = toWebSocketScheme(parsed)
  to.username = ''
  to.password = ''
  const { protocols = [], maxRedirects = 0 } = options
  const list = typeof protocols === 'string' ? [protocols] : [...protocols]
  // what cannot be offered is told now, not when the turn has come
  requestFields({ key: '', protocols: list })
  if (!Number.isInteger(maxRedirects) || maxRedirects < 0) {
    throw oddOption('maxRedirects', maxRedirects, 'a whole number from 0 up')
  }
  assertConnectionOptions(options)
  assertSignal(options.signal)
  assertFunction('onResponse', options.onResponse)
  assertFunction('onError', options.onError)
  chosenProxy(options, target)
  assertHttp2(options)
  const compression = compressionExtension(options.compression)
  return {
    hop: {
      url: to,
      fields: withCredentials(ownFields(options), target.credentials),
      tls: given(options.tls),
      socketPath,
    },
    protocols: list,
    extensions: [...(compression === undefined ? [] : [compression]), ...(options.extensions ?? [])],
    timeoutMs: readTimeout(options.timeoutMs),
    options,
  }
}

/** Performs it, redirects included. Rejects as `connect` does. */
export async function dial<Data>(plan: Dial<Data>): Promise<AnyConnection<Data>> {
  const { maxRedirects = 0, clock = systemClock, signal, agent } = plan.options
  let { hop, timeoutMs: leftMs } = plan
  for (let redirects = 0; ; redirects++) {
    const target = readTarget(hop.url, ['ws:', 'wss:'], hop.socketPath)
    const endTurn = await takeTurn(where(target), signal)
    const beganMs = clock.now()
    const { outcome, agreed } = await shakeHands(plan, hop, target, leftMs).finally(endTurn)
    const { response } = outcome
    if (outcome.kind === 'switched') return open(plan, agreed, outcome.stream, response)
    const redirect = maxRedirects === 0 ? NOT_WANTED : readRedirect(response, hop, agent)
    const refused = (code: ErrorCode, why?: string) => refusal({ code, why, response, target, signal, clock })
    if (redirect.kind === 'none') throw await refused('ERR_UPGRADE_DECLINED')
    if (redirect.kind === 'refused') throw await refused('ERR_REDIRECT', redirect.why)
    if (redirects === maxRedirects) {
      throw await refused('ERR_REDIRECT', `one redirect more than the ${maxRedirects} allowed`)
    }
    response.destroy()
    leftMs = Math.max(1, leftMs - (clock.now() - beganMs))
    hop = redirect.hop
  }
}

const NOT_WANTED: Redirect = { kind: 'none' }

/** What the 101 says was agreed. */
interface Agreement {
  readonly protocol: string
  readonly extensions: readonly ExtensionOffer[]
  /** What those extensions do. */
  readonly transforms: readonly Agreed[]
}

const NOTHING: Agreement = { protocol: '', extensions: [], transforms: [] }

/** One request and its answer. */
async function shakeHands<Data>(
  plan: Dial<Data>,
  hop: Hop,
  target: Target,
  timeoutMs: number,
): Promise<{ readonly outcome: Outcome; readonly agreed: Agreement }> {
  const { options, protocols, requireProtocol, extensions } = plan
  const { clock = systemClock, signal, agent = false } = options
  const offers = extensions.flatMap((extension) => extension.offer())
  const expected = { protocols, requireProtocol, extensions: offers.map(({ name }) => name) }
  // what cannot be said is told before anybody is connected to
  const offered = formatExtensions(offers)
  const beganMs = clock.now()
  const leftMs = () => Math.max(1, timeoutMs - (clock.now() - beganMs))
  const choice = choiceFor(plan, hop)
  const carrier = await chooseCarrier(choice, plan, hop, target, timeoutMs)
  let agreed = NOTHING
  let connection: Duplex | undefined
  if (carrier.kind === 'http1') connection = carrier.connection
  else {
    let refused = false
    const asked = performConnect({
      session: carrier.session,
      protocol: 'websocket',
      target,
      fields: [...requestFields({ protocols, extensions: offered }), ...hop.fields],
      signal,
      timeoutMs: leftMs(),
      clock,
      judge: (response, ended) => {
        const { statusCode, rawHeaders } = response
        const answer = checkConnected({ statusCode, rawHeaders, ended }, expected)
        agreed = { ...answer, transforms: confirmExtensions(answer.extensions, extensions) }
      },
      onOver: carrier.release,
      onSilence: carrier.doubt,
      onRefused() {
        refused = true
        carrier.doubt()
      },
    })
    try {
      return { outcome: await asked, agreed }
    } catch (error) {
      // a connection that others use may end just then, which a new one would not have
      if (refused && carrier.reused) return shakeHands(plan, hop, target, leftMs())
      const http1Required = error instanceof PeerError && error.code === 'ERR_HTTP2_NOT_OFFERED'
      if (choice !== 'auto' || !http1Required) throw error
      carrier.avoid()
    }
  }
  const key = createKey()
  const fields = [...requestFields({ key, protocols, extensions: offered }), ...hop.fields]
  const outcome = await perform({
    target,
    method: 'GET',
    fields: withUpgrade(fields, 'websocket'),
    signal,
    timeoutMs: leftMs(),
    clock,
    agent,
    connection,
    tls: hop.tls,
    proxy: chosenProxy(options, target),
    judge: (response) => {
      const answer = checkSwitch(response, { key, ...expected })
      agreed = { ...answer, transforms: confirmExtensions(answer.extensions, extensions) }
    },
  })
  return { outcome, agreed }
}

function choiceFor<Data>(plan: Dial<Data>, hop: Hop): Http2Choice | false {
  const { http2 = false, agent } = plan.options
  if (http2 === 'auto' && agent) return false
  // a session was given for the place that the application named, not for where its server sends us
  return typeof http2 === 'object' && hop.url.origin !== plan.hop.url.origin ? 'auto' : http2
}

/** HTTP/2 where it was asked for and is to be had. */
function chooseCarrier<Data>(
  choice: Http2Choice | false,
  plan: Dial<Data>,
  hop: Hop,
  target: Target,
  timeoutMs: number,
): Carrier | Promise<Carrier> {
  if (choice === false) return { kind: 'http1', connection: undefined }
  const { clock = systemClock, signal } = plan.options
  const proxy = chosenProxy(plan.options, target)
  return openCarrier({ choice, target, tls: hop.tls, proxy, signal, timeoutMs, clock })
}

function open<Data>(
  plan: Dial<Data>,
  agreed: Agreement,
  stream: Duplex,
  response: IncomingMessage,
): AnyConnection<Data> {
  const { options } = plan
  try {
    // it may fire between the 101 and here
    options.signal?.throwIfAborted()
    const socket = createConnection<Data>({
      role: 'client',
      data: options.data as Data,
      protocol: agreed.protocol,
      extensions: formatExtensions(agreed.extensions),
      transform: stackTransforms(agreed.transforms.map((one) => one.create('client', options))),
      options,
      events: options,
      onError: (error, socket, part) => tellOrWarn(options.onError, [error, socket], `in ${part} of connect`),
    })
    tellResponse(options, response, socket)
    openConnection(socket, duplexTransport(stream))
    return socket
  } catch (error) {
    // an extension of the application's may throw, and so may its onResponse
    stream.destroy()
    throw error
  }
}

function tellResponse<Data>(
  { onResponse }: AnyConnectOptions<Data>,
  { statusCode = 0, headers, rawHeaders }: IncomingMessage,
  socket: AnyConnection<Data>,
): void {
  if (onResponse === undefined) return
  try {
    watch(onResponse({ status: statusCode, headers, rawHeaders }, socket), (error) =>
      failHandler(socket, error),
    )
  } catch (error) {
    abandonConnection(socket, error as Error)
    throw error
  }
}

interface Refused {
  readonly code: ErrorCode
  readonly why: string | undefined
  readonly response: IncomingMessage
  readonly target: Target
  readonly signal: AbortSignal | undefined
  readonly clock: Clock
}

/** The error of an answer in HTTP. Rejects with the signal's reason where that fires before the answer is read. */
async function refusal({ code, why, response, target, signal, clock }: Refused): Promise<HandshakeError> {
  const answer = await readAnswer(response, clock, signal)
  const { statusCode, statusMessage } = response
  const seen = `${statusCode} ${statusMessage} from ${where(target)}`
  const wanted = `instead of a ${isHttp2(response) ? 200 : 101}`
  return new HandshakeError(code, why === undefined ? `${seen} ${wanted}` : `${seen}: ${why}`, answer)
}

/** There a 200 is success. */
function isHttp2({ httpVersion }: IncomingMessage): boolean {
  return httpVersion === '2.0'
}

/** @throws MisuseError for a choice of HTTP/2 that is none, or that nothing can come of */
function assertHttp2<Data>({ http2 = false, agent }: AnyConnectOptions<Data>): void {
  if (typeof http2 !== 'boolean' && http2 !== 'auto' && typeof http2?.request !== 'function') {
    throw oddOption('http2', http2, "false, true, 'auto' or a session of node:http2")
  }
  if (agent && http2 !== false && http2 !== 'auto') {
    throw new MisuseError(
      'ERR_INVALID_ARGUMENT',
      'both `http2` and `agent`, whose connections are of HTTP/1.1',
    )
  }
}

/** The application's fields, of which none may be one that makes the handshake or frames a body. */
function ownFields<Data>(options: AnyConnectOptions<Data>): Fields {
  const fields = fieldsOf(options.headers ?? {})
  // Where HTTP/1.1 is out of the question, its handshake is no reason.
  if (options.http2 === true || typeof options.http2 === 'object') assertHttp2Fields(fields)
  for (const [name] of fields) {
    const lower = name.toLowerCase()
    if (!HANDSHAKE_FIELDS.has(lower) && !lower.startsWith('sec-websocket-')) continue
    throw new MisuseError('ERR_INVALID_ARGUMENT', `the field ${name} belongs to the handshake itself`, {
      section: 'RFC 6455 section 4.1',
    })
  }
  if (options.origin === undefined) return fields
  assertFieldValue('Origin', options.origin)
  if (fields.some(([name]) => sameName(name, 'origin'))) {
    throw new MisuseError('ERR_INVALID_ARGUMENT', 'Origin both in `origin` and in `headers`')
  }
  return [...fields, ['Origin', options.origin]]
}

const HANDSHAKE_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'transfer-encoding',
  'upgrade',
])
