// The door for tests: both ends of a connection in memory, faults between them, and a clock that stands still.
import type { Duplex } from 'node:stream'
import { createVirtualClock, type VirtualClock } from '../base/clock.ts'
import { assertObject, assertOptions, type OptionNames } from '../base/option-names.ts'
import { assertFunction } from '../base/option-value.ts'
import { tellOrWarn } from '../base/tell.ts'
import { memoryTransportPair } from '../transport/memory.ts'
import type { Transport } from '../transport/transport.ts'
import type { Params } from '../upgrade/protocol.ts'
import type { AnyConnection, WebSocketConnection } from '../websocket/connection.ts'
import type { Role } from '../websocket/frame.ts'
import { createConnection, openConnection } from '../websocket/inside.ts'
import { assertConnectionOptions } from '../websocket/option-check.ts'
import {
  type BinaryForm,
  CONNECTION_EVENTS,
  CONNECTION_OPTIONS,
  type ConnectionEvents,
  type ConnectionOptions,
} from '../websocket/options.ts'
import { type Agreement, agree } from './agreement.ts'
import { transportDuplex } from './duplex.ts'
import { createLink, type Link } from './link.ts'

export { createVirtualClock, settle, type VirtualClock } from '../base/clock.ts'
export type { Link, Way } from './link.ts'

/** One end: its options, callbacks, subprotocol, parameters and data, as a route or `connect` would take them. */
export interface EndOptions<
  Data = unknown,
  Form extends BinaryForm = 'buffer',
  RouteParams extends Record<keyof RouteParams, string> = Params,
  Chosen extends string = string,
> extends ConnectionOptions<Form>,
    ConnectionEvents<Data, Form, RouteParams, Chosen> {
  /** Kept for you as `socket.data`. */
  readonly data?: Data
  /** The subprotocol in use. Default none. */
  readonly protocol?: Chosen | undefined
  /** What the path of a route would have given as `socket.params`. Default none. */
  readonly params?: RouteParams | undefined
  /**
   * Told what a callback threw; the connection is closed with 1011. What it throws itself is a process warning.
   * Default: a process warning.
   */
  readonly onError?:
    | ((error: unknown, socket: WebSocketConnection<Data, NoInfer<Form>, RouteParams, Chosen>) => void)
    | undefined
}

const END_OPTIONS: OptionNames<EndOptions> = {
  ...CONNECTION_OPTIONS,
  ...CONNECTION_EVENTS,
  data: true,
  protocol: true,
  params: true,
  onError: true,
}

/** Of the options of either end. */
export interface WebSocketPairOptions<Server = EndOptions, Client = EndOptions> {
  readonly server?: Server | undefined
  readonly client?: Client | undefined
  /** Time for both ends and for delays. Default: a new clock that stands still. */
  readonly clock?: VirtualClock | undefined
}

const PAIR_OPTIONS: OptionNames<WebSocketPairOptions> = {
  server: END_OPTIONS,
  client: END_OPTIONS,
  clock: true,
}

/** Of the two sockets. */
export interface WebSocketPair<Server = WebSocketConnection, Client = WebSocketConnection> {
  readonly server: Server
  readonly client: Client
  readonly link: Link
  readonly clock: VirtualClock
}

/**
 * Two WebSockets that are joined in memory, both open: frames, masks, limits, deadlines and all, without a
 * handshake. `compression` and `extensions` that both ends have are agreed upon as one would. Bytes need a turn
 * of the event loop to arrive: `await settle()`.
 * @throws MisuseError ERR_INVALID_ARGUMENT
 */
export function webSocketPair<
  ServerData = undefined,
  ClientData = undefined,
  ServerForm extends BinaryForm = 'buffer',
  ClientForm extends BinaryForm = 'buffer',
  ServerParams extends Record<keyof ServerParams, string> = Params,
  ClientParams extends Record<keyof ClientParams, string> = Params,
  ServerProtocol extends string = string,
  ClientProtocol extends string = string,
>(
  options: WebSocketPairOptions<
    EndOptions<ServerData, ServerForm, ServerParams, ServerProtocol>,
    EndOptions<ClientData, ClientForm, ClientParams, ClientProtocol>
  > = {},
): WebSocketPair<
  WebSocketConnection<ServerData, ServerForm, ServerParams, ServerProtocol>,
  WebSocketConnection<ClientData, ClientForm, ClientParams, ClientProtocol>
> {
  assertOptions('webSocketPair', options, PAIR_OPTIONS)
  const { server: serverEnd = {}, client: clientEnd = {}, clock = createVirtualClock() } = options
  assertConnectionOptions({ clock })
  assertEnd('server', serverEnd)
  assertEnd('client', clientEnd)
  const { near, link } = joined(clock)
  const agreement = agree(serverEnd, clientEnd)
  const server = end('server', serverEnd, { clock, agreement })
  const client = end('client', clientEnd, { clock, agreement })
  openConnection(server, near.server)
  openConnection(client, near.client)
  return { server, client, link, clock }
}

/** Two streams, what is between them, and their time. */
export interface StreamPair {
  readonly server: Duplex
  readonly client: Duplex
  readonly link: Link
  readonly clock: VirtualClock
}

/**
 * Two streams that are joined in memory, for the handlers of `.protocol()` and for whatever takes a socket.
 * @throws MisuseError ERR_INVALID_ARGUMENT
 */
export function streamPair(clock: VirtualClock = createVirtualClock()): StreamPair {
  assertConnectionOptions({ clock })
  const { near, link } = joined(clock)
  return { server: transportDuplex(near.server), client: transportDuplex(near.client), link, clock }
}

function joined(clock: VirtualClock): { near: { server: Transport; client: Transport }; link: Link } {
  const server = memoryTransportPair()
  const client = memoryTransportPair()
  return { near: { server: server[0], client: client[0] }, link: createLink(server, client, { clock }) }
}

/** @throws MisuseError ERR_INVALID_ARGUMENT */
function assertEnd(role: Role, options: unknown): void {
  assertObject(`webSocketPair: ${role}`, options)
  const { onError, ...others } = options as EndOptions<unknown, BinaryForm>
  assertConnectionOptions(others)
  assertFunction('onError', onError)
}

function end<
  Data,
  Form extends BinaryForm,
  RouteParams extends Record<keyof RouteParams, string>,
  Chosen extends string,
>(
  role: Role,
  options: EndOptions<Data, Form, RouteParams, Chosen>,
  { clock, agreement }: { readonly clock: VirtualClock; readonly agreement: Agreement },
): WebSocketConnection<Data, Form, RouteParams, Chosen> {
  type Socket = WebSocketConnection<Data, Form, RouteParams, Chosen>
  const settled = { ...options, clock: options.clock ?? clock }
  const connection: AnyConnection<Data> = createConnection<Data>({
    role,
    data: options.data as Data,
    protocol: options.protocol ?? '',
    extensions: agreement.extensions,
    params: (options.params ?? {}) as Params,
    transform: agreement.transform(role, settled),
    options: settled,
    events: options as unknown as ConnectionEvents<Data, BinaryForm>,
    onError: (error, socket, part) =>
      tellOrWarn(options.onError, [error, socket as Socket], `in ${part} of webSocketPair: ${role}`),
  })
  return connection as Socket
}
