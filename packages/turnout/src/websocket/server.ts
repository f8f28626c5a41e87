// Knows how a server turns an upgrade request into a WebSocket: checks, asks `accept`, answers, opens.
// Never knows how requests reach it or how answers are written: that is the dispatcher's.

import type { ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { MisuseError, shown } from '../base/errors.ts'
import { assertFunction } from '../base/option-value.ts'
import { isPromise } from '../base/promise.ts'
import type { Tally } from '../base/tally.ts'
import { fieldLines, fieldsOf } from '../http/fields.ts'
import type { Answer, Protocol } from '../http/message.ts'
import { assertToken, sameName } from '../http/token.ts'
import { duplexTransport } from '../transport/duplex.ts'
import { http2Transport } from '../transport/http2.ts'
import type { Transport } from '../transport/transport.ts'
import { assertAccepted, isResponse } from '../upgrade/accepted.ts'
import { compilePath } from '../upgrade/path.ts'
import type { Decision, Occupant, Offer, Params, UpgradeProtocol } from '../upgrade/protocol.ts'
import { checkConnect } from './connect-handshake.ts'
import type { AnyConnection } from './connection.ts'
import { compressionExtension } from './deflate.ts'
import { type ExtensionOffer, formatExtensions } from './extension.ts'
import { assertOrigins, checkHandshake, checkOrigin, chooseSubprotocol, switchFields } from './handshake.ts'
import { abandonConnection, createConnection, failHandler, openConnection, tallyOf } from './inside.ts'
import { assertConnectionOptions } from './option-check.ts'
import type { AcceptContext, Accepted, AcceptResult, BinaryForm, WebSocketOptions } from './options.ts'
import type { Part } from './shell.ts'
import { type Agreed, answerExtensions, type Extension, stackTransforms } from './transform.ts'

/** Told what the application's own code threw, on which connection, and where. */
export type OnSocketError = (error: unknown, socket: AnyConnection, place: string) => void

/** A WebSocket route as the dispatcher takes it, plus the socket of its latest switch for an upgrade inside the app. */
export interface WebSocketProtocol<Data> extends UpgradeProtocol {
  /** Called with each connection as soon as it is decided, before its 101 is written. */
  onDecided?: (socket: AnyConnection<Data>) => void
}

/**
 * The protocol `websocket` on one path; on every path without one.
 * @throws MisuseError for options that could never work.
 */
export function websocketProtocol<
  Data,
  Path extends string,
  Form extends BinaryForm = 'buffer',
  Subprotocol extends string = string,
  Strict extends boolean = boolean,
>(
  path: Path | undefined,
  options: WebSocketOptions<Data, Path, Form, Subprotocol, Strict>,
  onError?: OnSocketError,
): WebSocketProtocol<Data> {
  // what the types say of each other is for whoever writes the options; from here on any will do
  const route = options as unknown as RouteOptions<Data>
  assertOrigins(route.origins)
  assertProtocols(route.protocols)
  assertConnectionOptions(route)
  assertFunction('accept', route.accept)
  assertFunction('handler', route.handler)
  return new WebSocketRoute(path, route, onError)
}

type RouteOptions<Data> = WebSocketOptions<Data, string, BinaryForm>

class WebSocketRoute<Data> implements WebSocketProtocol<Data> {
  onDecided?: (socket: AnyConnection<Data>) => void
  tally?: Tally
  readonly #matchPath: (pathname: string) => Params | undefined
  readonly #options: RouteOptions<Data>
  readonly #onError: OnSocketError
  readonly #extensions: readonly Extension[]

  constructor(path: string | undefined, options: RouteOptions<Data>, onError: OnSocketError | undefined) {
    this.#matchPath = path === undefined ? () => NO_PARAMS : compilePath(path)
    this.#options = options
    this.#onError = onError ?? (() => {})
    const compression = compressionExtension(options.compression)
    this.#extensions = [...(compression === undefined ? [] : [compression]), ...(options.extensions ?? [])]
  }

  match(protocol: Protocol, pathname: string): Params | undefined {
    return this.connects(protocol) ? this.#matchPath(pathname) : undefined
  }

  connects(protocol: Protocol): boolean {
    return protocol.version === undefined && sameName(protocol.name, 'websocket')
  }

  decide(offer: Offer): Decision | Promise<Decision> {
    const { request } = offer
    const check = offer.via === 'connect' ? checkConnect(request) : checkHandshake(request)
    if (check.kind === 'refused') return { kind: 'respond', response: check.answer }
    const refusal = checkOrigin(request.rawHeaders, ownOrigin(offer), this.#options.origins)
    if (refusal !== undefined) return { kind: 'respond', response: refusal }
    const handshake: Handshake = check
    const { accept } = this.#options
    if (accept === undefined) return this.#accepted(offer, handshake, true)
    const result = accept.call(this.#options, request, new Context(offer, check.protocols))
    if (!isPromise(result)) return this.#accepted(offer, handshake, result)
    return result.then((settled) => this.#accepted(offer, handshake, settled))
  }

  #accepted(offer: Offer, handshake: Handshake, result: AcceptResult<Data>): Decision {
    if (result === undefined || result === null || result === false) return { kind: 'pass' }
    if (result !== true && isResponse(result)) return { kind: 'respond', response: result }
    const accepted: Accepted<Data> = result === true ? NOTHING_MORE : result
    assertAccepted<Accepted<Data>>(accepted, ACCEPTED)
    const protocol = this.#subprotocol(handshake, accepted)
    if (protocol === undefined && this.#options.requireProtocol === true) {
      return { kind: 'respond', response: noSubprotocol(this.#options.protocols ?? []) }
    }
    const agreed =
      this.#extensions.length === 0 ? NO_EXTENSIONS : answerExtensions(handshake.extensions, this.#extensions)
    const extensions = agreed.length === 0 ? '' : formatExtensions(agreed.map((one) => one.answer))
    const fields = switchFields({
      key: handshake.key,
      protocol,
      extensions,
      headers: accepted.headers === undefined ? undefined : fieldsOf(accepted.headers),
    })
    const socket = createConnection<Data>({
      role: 'server',
      data: accepted.data as Data,
      protocol: protocol ?? '',
      extensions,
      tally: this.tally,
      transform: stackTransforms(agreed.map((one) => one.create('server', this.#options))),
      params: offer.params,
      options: this.#options,
      events: this.#options,
      onError: this.#onFailure,
    })
    this.onDecided?.(socket)
    return {
      kind: 'switch',
      upgrade: offer.protocol.name,
      fields,
      attach: (stream) => {
        openConnection(socket, this.#transport(offer, stream), offer.request)
        this.#handle(socket, offer)
        return new Guest(socket)
      },
      abandon: (error) => abandonConnection(socket, error),
    }
  }

  readonly #onFailure = (error: unknown, socket: AnyConnection<Data>, part: Part): void => {
    this.#onError(error, socket, tallyOf(socket).placeOf(part))
  }

  #subprotocol(handshake: Handshake, accepted: Accepted<Data>): string | undefined {
    const { protocol } = accepted
    if (protocol === '') return undefined
    if (protocol === undefined) return chooseSubprotocol(handshake.protocols, this.#options.protocols ?? [])
    if (handshake.protocols.includes(protocol)) return protocol
    throw new MisuseError('ERR_INVALID_ARGUMENT', `subprotocol ${JSON.stringify(protocol)} was not offered`, {
      section: 'RFC 6455 section 4.2.2',
    })
  }

  #transport(offer: Offer, stream: Duplex): Transport {
    if (offer.via === 'upgrade') return duplexTransport(stream)
    return http2Transport(stream as ServerHttp2Stream, this.#options.clock)
  }

  #handle(socket: AnyConnection<Data>, offer: Offer): void {
    const { handler } = this.#options
    if (handler === undefined) return
    const context = { request: offer.request, params: offer.params }
    try {
      const result = handler.call(this.#options, socket, context)
      if (isPromise(result)) result.then(undefined, (error) => failHandler(socket, error))
    } catch (error) {
      failHandler(socket, error)
    }
  }
}

/** A class, because a closure would hold on to the request for as long as the connection lives. */
class Guest implements Occupant {
  readonly #socket: AnyConnection

  constructor(socket: AnyConnection) {
    this.#socket = socket
  }

  leave(code: number, reason: string): void {
    this.#socket.close(code, reason)
  }

  get tally(): Tally {
    return tallyOf(this.#socket)
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedBytes
  }
}

interface Handshake {
  /** Undefined over HTTP/2. */
  readonly key?: string
  readonly protocols: readonly string[]
  readonly extensions: readonly ExtensionOffer[]
}

const NO_PARAMS: Params = {}
const NO_EXTENSIONS: readonly Agreed[] = []
const NOTHING_MORE = {}
const ACCEPTED = ['data', 'protocol', 'headers'] as const

/** What `accept` is told, put together only where it looks. */
class Context implements AcceptContext {
  readonly protocols: readonly string[]
  readonly #offer: Offer

  constructor(offer: Offer, protocols: readonly string[]) {
    this.#offer = offer
    this.protocols = protocols
  }

  get params(): Params {
    return this.#offer.params
  }

  get url(): URL {
    return this.#offer.url
  }

  get signal(): AbortSignal {
    return this.#offer.signal
  }
}

function ownOrigin(offer: Offer): { readonly scheme: 'http' | 'https'; readonly host: string } {
  const { request } = offer
  const scheme = 'encrypted' in request.socket && request.socket.encrypted === true ? 'https' : 'http'
  return { scheme, host: fieldLines(request.rawHeaders, 'host')[0] ?? '' }
}

/** @throws MisuseError ERR_INVALID_ARGUMENT, ERR_INVALID_TOKEN: a single text would match by its parts. */
function assertProtocols(protocols: readonly string[] | undefined): void {
  if (protocols === undefined) return
  if (!Array.isArray(protocols)) {
    const seen = `protocols wants a list, such as ['chat.v1']; this is ${shown(protocols)}`
    throw new MisuseError('ERR_INVALID_ARGUMENT', seen)
  }
  for (const protocol of protocols) assertToken('subprotocol', protocol)
}

function noSubprotocol(supported: readonly string[]): Answer {
  return {
    status: 400,
    fields: [],
    body: `None of the offered subprotocols is spoken here: ${supported.join(', ')} (RFC 6455 section 4.2.2).\n`,
  }
}
