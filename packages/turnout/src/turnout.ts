// Knows the server side as its users see it: routes, protocols, servers, and the way out.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { type Clock, systemClock } from './base/clock.ts'
import { MisuseError, shown } from './base/errors.ts'
import { assertObject, assertOptions } from './base/option-names.ts'
import { tellOrWarn } from './base/tell.ts'
import {
  type AsyncUpgradeInAppOptions,
  type ErrorContext,
  PROTOCOL_IN_APP_OPTIONS,
  type ProtocolInAppOptions,
  readCloseOptions,
  readTurnoutOptions,
  type TurnoutCloseOptions,
  type TurnoutOptions,
  type UpgradeInAppOptions,
  withDefaults,
} from './turnout-options.ts'
import { type AttachOptions, Dispatcher } from './upgrade/dispatcher.ts'
import {
  genericProtocol,
  PROTOCOL_OPTIONS,
  type ProtocolOptions,
  type ProtocolToken,
  tokenShape,
} from './upgrade/generic.ts'
import { H2C_OPTIONS, type H2cOptions, h2cProtocol } from './upgrade/h2c-server.ts'
import type { AttachableServer } from './upgrade/http-server.ts'
import { invitationTo, WEBSOCKET_INVITATION } from './upgrade/invitation.ts'
import { type Metrics, readMetrics } from './upgrade/metrics.ts'
import type { CloseCounts } from './upgrade/occupants.ts'
import type { Params } from './upgrade/protocol.ts'
import { Routes } from './upgrade/routes.ts'
import { type TlsInPlaceOptions, tlsProtocol } from './upgrade/tls-server.ts'
import { type Broadcastable, broadcast } from './websocket/broadcast.ts'
import type { AnyConnection, WebSocketConnection } from './websocket/connection.ts'
import {
  type BinaryForm,
  type ChosenProtocol,
  type ConnectionOptions,
  WEBSOCKET_OPTIONS,
  type WebSocketOptions,
} from './websocket/options.ts'
import { websocketProtocol } from './websocket/server.ts'

/** `Default` is the option `binary` of `createTurnout`: what binary messages arrive as where a route says nothing. */
export interface Turnout<Default extends BinaryForm = 'buffer'> {
  /**
   * Opens a route for WebSockets: `/ws`, `/chat/:room`, `/*`.
   * @throws MisuseError ERR_DUPLICATE_ROUTE, ERR_INVALID_ARGUMENT
   */
  websocket<
    Data = undefined,
    const Path extends string = string,
    Form extends BinaryForm = Default,
    Subprotocol extends string = string,
    Strict extends boolean = false,
  >(path: Path, options: WebSocketOptions<Data, Path, Form, Subprotocol, Strict>): this
  /**
   * Speaks another protocol: `example/1` (this version), `example` (any), or a function of what is offered.
   * @throws MisuseError ERR_DUPLICATE_ROUTE, ERR_INVALID_TOKEN, ERR_INVALID_ARGUMENT
   */
  protocol<Data = undefined>(token: ProtocolToken, options: ProtocolOptions<Data>): this
  /**
   * Lets clients go on in HTTP/2 without TLS (`Upgrade: h2c`, RFC 7540 section 3.2). Off unless called, for two
   * reasons. RFC 9113 has withdrawn it: what comes out is for old clients, such as `curl --http2`. And it is
   * a known way past proxies: one that forwards `Upgrade: h2c` believes the connection to be a tunnel from then
   * on, and every later request on it goes by its access rules unseen (request smuggling). Call this only where
   * no proxy stands before the server, or where the proxy drops Upgrade and HTTP2-Settings as it must. Never before
   * an Express app: it throws on HTTP/2, which ends the process; see the option `server`.
   * @throws MisuseError ERR_DUPLICATE_ROUTE, ERR_INVALID_ARGUMENT
   */
  h2c(options?: H2cOptions): this
  /**
   * Lets clients secure the connection that they have, on the port of plain HTTP (`Upgrade: TLS/1.2`, RFC 2817):
   * IPP printing knows it, browsers do not. Off unless called: whoever sits between can take the offer out, and
   * a client that does not insist goes on in the clear. Where you may choose, serve https.
   * @throws MisuseError ERR_DUPLICATE_ROUTE, ERR_INVALID_ARGUMENT; what Node throws for a bad key or certificate
   */
  tlsInPlace(options: TlsInPlaceOptions): this
  /**
   * Takes the upgrades of a server of node:http, node:https, or node:http2 with `allowHTTP1`. Its own handlers
   * stay as they are and get every upgrade request that nobody takes as an ordinary request. Once is enough.
   * A server of node:http2 serves WebSockets over HTTP/2, too (RFC 8441): its clients are told from now on, so
   * attach before it listens. See docs/http2.md.
   * @throws MisuseError ERR_INVALID_ARGUMENT for what is no server, ERR_CLOSED after `close`
   */
  attach(server: AttachableServer, options?: AttachOptions): this
  /** Leaves the server as it was before `attach`. Connections live on. */
  detach(server: AttachableServer): this
  /**
   * Switches from inside an ordinary route, after its middleware. A request that did not ask for it gets a 426
   * with the invitation, and undefined is returned: the response is then sent. Undefined also when `accept`
   * answered with a Response or the client is gone; only an `accept` that returns nothing leaves the response
   * to the route. With an async `accept`, a promise of the same. Both are what a listener of the server is given, one
   * of node:http2 included; an ordinary request of HTTP/2, which has no Upgrade, gets a 400, and `onError` is told
   * ERR_HTTP2_FORBIDS_UPGRADE once.
   * @throws MisuseError ERR_ALREADY_ANSWERED, ERR_NOT_ATTACHED
   */
  upgrade<
    Data = undefined,
    Form extends BinaryForm = Default,
    Subprotocol extends string = string,
    Strict extends boolean = false,
  >(
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    options: AsyncUpgradeInAppOptions<Data, Form, Subprotocol, Strict>,
  ): Promise<WebSocketConnection<Data, Form, Params, ChosenProtocol<Subprotocol, Strict>> | undefined>
  /** The same for another protocol; true: its handler has the stream. */
  upgrade<Data = undefined>(
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    options: ProtocolInAppOptions<Data>,
  ): boolean | Promise<boolean>
  upgrade<
    Data = undefined,
    Form extends BinaryForm = Default,
    Subprotocol extends string = string,
    Strict extends boolean = false,
  >(
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    options?: UpgradeInAppOptions<Data, Form, Subprotocol, Strict>,
  ): WebSocketConnection<Data, Form, Params, ChosenProtocol<Subprotocol, Strict>> | undefined
  /** Everything that was counted, as it is now. Reading costs a look at every open connection. */
  metrics(): Metrics
  /**
   * Sends one message to many, encoded once, and leaves out who is closing. Returns how many took it.
   * @throws MisuseError ERR_INVALID_ARGUMENT for what cannot be sent, and for what is no socket
   */
  broadcast(sockets: Iterable<AnyConnection>, message: Broadcastable): number
  /**
   * Takes no more upgrades, asks every connection to leave (WebSockets with a Close frame, others by the end of
   * their stream), destroys who has not left after the grace period, and leaves its servers. A server's own
   * `close()` completes after that. Rejects, and closes nothing, with a MisuseError for a code or reason that a
   * socket's own `close` would throw for, and for a grace that is no span of time.
   */
  close(options?: TurnoutCloseOptions): Promise<CloseCounts>
}

/**
 * The server side of every upgrade. Register, attach, close.
 * @throws MisuseError ERR_INVALID_ARGUMENT for an option that could never work
 */
export function createTurnout<Form extends BinaryForm = 'buffer'>(
  options: TurnoutOptions<Form> = {},
): Turnout<Form> {
  return new ServerSide(options)
}

class ServerSide implements Turnout {
  readonly #onError: TurnoutOptions['onError']
  readonly #defaults: ConnectionOptions<BinaryForm>
  readonly #dispatcher: Dispatcher
  readonly #clock: Clock
  readonly #routes = new Routes()

  constructor(options: TurnoutOptions<BinaryForm>) {
    const { decisionTimeoutMs, prefer, admission, defaults } = readTurnoutOptions(options)
    this.#onError = options.onError
    this.#defaults = defaults
    this.#clock = options.clock ?? systemClock
    this.#dispatcher = new Dispatcher({
      decisionTimeoutMs,
      prefer,
      ...admission,
      others: this.#routes.unasked,
      clock: this.#clock,
      onError: (error, request, place) =>
        this.#report(error, request === undefined ? {} : { request }, place),
    })
  }

  websocket<
    Data,
    const Path extends string,
    Form extends BinaryForm,
    Subprotocol extends string,
    Strict extends boolean,
  >(path: Path, options: WebSocketOptions<Data, Path, Form, Subprotocol, Strict>): this {
    if (typeof path !== 'string') {
      const wanted = "websocket wants a path and then options, such as '/chat/:room', { handler }"
      throw new MisuseError('ERR_INVALID_ARGUMENT', `${wanted}; this is ${shown(path)}`)
    }
    assertOptions(`websocket ${path}`, options, WEBSOCKET_OPTIONS, HANDLER)
    const protocol = websocketProtocol(path, withDefaults(this.#defaults, options), this.#onSocketError)
    this.#routes.add('websocket', path)
    protocol.tally = this.#routes.tallyOf(path, 'websocket')
    this.#dispatcher.add(protocol)
    return this
  }

  protocol<Data = undefined>(token: ProtocolToken, options: ProtocolOptions<Data>): this {
    assertOptions(`protocol ${nameOf(token)}`, options, PROTOCOL_OPTIONS, HANDLER)
    const protocol = genericProtocol(token, options, this.#onProtocolError, this.#clock)
    const shape = tokenShape(token)
    if (shape !== undefined) this.#routes.add(shape, options.path)
    protocol.tally = this.#routes.tallyOf(options.path, nameOf(token))
    this.#dispatcher.add(protocol)
    return this
  }

  h2c(options: H2cOptions = {}): this {
    assertOptions('h2c', options, H2C_OPTIONS)
    const protocol = h2cProtocol(options, this.#clock, (event) => this.#dispatcher.takesStream(event))
    this.#routes.add('h2c', options.path)
    protocol.tally = this.#routes.tallyOf(options.path, 'h2c')
    this.#dispatcher.add(protocol)
    return this
  }

  tlsInPlace(options: TlsInPlaceOptions): this {
    assertObject('tlsInPlace', options, '{ key, cert }')
    const protocol = tlsProtocol(options, { clock: this.#clock, onError: this.#onProtocolError })
    this.#routes.add('TLS in place', undefined)
    protocol.tally = this.#routes.tallyOf('*', 'TLS')
    this.#dispatcher.add(protocol)
    return this
  }

  attach(server: AttachableServer, options?: AttachOptions): this {
    this.#dispatcher.attach(server, options)
    return this
  }

  detach(server: AttachableServer): this {
    this.#dispatcher.detach(server)
    return this
  }

  upgrade<Data>(
    request: IncomingMessage,
    response: ServerResponse,
    options: WebSocketOptions<Data, string, BinaryForm> | ProtocolInAppOptions<Data> = {},
    // Which of them is told by the overloads.
  ): never {
    const known = 'protocol' in Object(options) ? PROTOCOL_IN_APP_OPTIONS : WEBSOCKET_OPTIONS
    assertOptions('turnout.upgrade', options, known)
    if ('protocol' in options) return this.#upgradeToProtocol(request, response, options) as never
    const protocol = websocketProtocol<Data, string, BinaryForm>(
      undefined,
      withDefaults(this.#defaults, options),
      this.#onSocketError,
    )
    let socket: AnyConnection<Data> | undefined
    protocol.tally = this.#routes.tallyOf('app', 'websocket')
    protocol.onDecided = (decided) => {
      socket = decided
    }
    const taken = this.#dispatcher.takeOver(request, response, protocol, WEBSOCKET_INVITATION)
    if (taken instanceof Promise) {
      return taken.then((occupant) => (occupant === undefined ? undefined : socket)) as never
    }
    return (taken === undefined ? undefined : socket) as never
  }

  #upgradeToProtocol<Data>(
    request: IncomingMessage,
    response: ServerResponse,
    options: ProtocolInAppOptions<Data>,
  ): boolean | Promise<boolean> {
    const { protocol: token, ...others } = options
    const protocol = genericProtocol(token, others, this.#onProtocolError, this.#clock)
    protocol.tally = this.#routes.tallyOf('app', token)
    const taken = this.#dispatcher.takeOver(request, response, protocol, invitationTo(token))
    if (taken instanceof Promise) return taken.then((occupant) => occupant !== undefined)
    return taken !== undefined
  }

  metrics(): Metrics {
    const { occupants, handshakes } = this.#dispatcher
    return readMetrics(this.#routes.tallies, occupants, handshakes)
  }

  broadcast(sockets: Iterable<AnyConnection>, message: Broadcastable): number {
    return broadcast(sockets, message)
  }

  close(options: TurnoutCloseOptions = {}): Promise<CloseCounts> {
    try {
      return this.#dispatcher.close(readCloseOptions(options))
    } catch (error) {
      // nothing was closed yet
      return Promise.reject(error)
    }
  }

  readonly #onProtocolError = (error: unknown, request: IncomingMessage, place: string): void => {
    this.#report(error, { request }, place)
  }

  readonly #onSocketError = (error: unknown, socket: AnyConnection, place: string): void => {
    this.#report(error, { socket }, place)
  }

  #report(error: unknown, context: ErrorContext, place: string | undefined): void {
    tellOrWarn(this.#onError, [error, context], place)
  }
}

/** What stands where options ought to. */
const HANDLER = '{ handler }'

/** How metrics name it; a function may take any protocol. */
function nameOf(token: ProtocolToken): string {
  return typeof token === 'function' ? 'any' : token
}
