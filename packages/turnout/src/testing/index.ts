// The door for tests: both ends of a connection in memory, faults between them, and a clock that stands still.
import type { Duplex } from 'node:stream'
import { createVirtualClock, type VirtualClock } from '../base/clock.ts'
import { memoryTransportPair } from '../transport/memory.ts'
import type { Transport } from '../transport/transport.ts'
import type { AnyConnection, WebSocketConnection } from '../websocket/connection.ts'
import type { Role } from '../websocket/frame.ts'
import { createConnection, openConnection } from '../websocket/inside.ts'
import type { BinaryForm, ConnectionEvents, ConnectionOptions } from '../websocket/options.ts'
import { type Agreement, agree } from './agreement.ts'
import { transportDuplex } from './duplex.ts'
import { createLink, type Link } from './link.ts'

export { createVirtualClock, settle, type VirtualClock } from '../base/clock.ts'
export type { Link, Way } from './link.ts'

/** One end: its options, callbacks, subprotocol and data, as a route or `connect` would take them. */
export interface EndOptions<Data = unknown, Form extends BinaryForm = 'buffer'>
  extends ConnectionOptions<Form>,
    ConnectionEvents<Data, Form> {
  readonly data?: Data
  readonly protocol?: string | undefined
}

export interface WebSocketPairOptions<
  ServerData,
  ClientData,
  ServerForm extends BinaryForm = 'buffer',
  ClientForm extends BinaryForm = 'buffer',
> {
  readonly server?: EndOptions<ServerData, ServerForm> | undefined
  readonly client?: EndOptions<ClientData, ClientForm> | undefined
  /** Time for both ends and for delays. Default: a new clock that stands still. */
  readonly clock?: VirtualClock | undefined
}

export interface WebSocketPair<
  ServerData,
  ClientData,
  ServerForm extends BinaryForm = 'buffer',
  ClientForm extends BinaryForm = 'buffer',
> {
  readonly server: WebSocketConnection<ServerData, ServerForm>
  readonly client: WebSocketConnection<ClientData, ClientForm>
  readonly link: Link
  readonly clock: VirtualClock
}

/**
 * Two WebSockets that are joined in memory, both open: frames, masks, limits, deadlines and all, without a
 * handshake. `compression` and `extensions` that both ends have are agreed upon as one would. Bytes need a turn
 * of the event loop to arrive: `await settle()`.
 */
export function webSocketPair<
  ServerData = undefined,
  ClientData = undefined,
  ServerForm extends BinaryForm = 'buffer',
  ClientForm extends BinaryForm = 'buffer',
>(
  options: WebSocketPairOptions<ServerData, ClientData, ServerForm, ClientForm> = {},
): WebSocketPair<ServerData, ClientData, ServerForm, ClientForm> {
  const clock = options.clock ?? createVirtualClock()
  const { near, link } = joined(clock)
  const agreement = agree(options.server ?? {}, options.client ?? {})
  const server = end('server', options.server ?? {}, { clock, agreement })
  const client = end('client', options.client ?? {}, { clock, agreement })
  openConnection(server, near.server)
  openConnection(client, near.client)
  return { server, client, link, clock }
}

export interface StreamPair {
  readonly server: Duplex
  readonly client: Duplex
  readonly link: Link
  readonly clock: VirtualClock
}

/** Two streams that are joined in memory, for the handlers of `.protocol()` and for whatever takes a socket. */
export function streamPair(clock: VirtualClock = createVirtualClock()): StreamPair {
  const { near, link } = joined(clock)
  return { server: transportDuplex(near.server), client: transportDuplex(near.client), link, clock }
}

function joined(clock: VirtualClock): { near: { server: Transport; client: Transport }; link: Link } {
  const server = memoryTransportPair()
  const client = memoryTransportPair()
  return { near: { server: server[0], client: client[0] }, link: createLink(server, client, { clock }) }
}

function end<Data, Form extends BinaryForm>(
  role: Role,
  options: EndOptions<Data, Form>,
  { clock, agreement }: { readonly clock: VirtualClock; readonly agreement: Agreement },
): WebSocketConnection<Data, Form> {
  const settled = { ...options, clock: options.clock ?? clock }
  const connection: AnyConnection<Data> = createConnection<Data>({
    role,
    data: options.data as Data,
    protocol: options.protocol ?? '',
    extensions: agreement.extensions,
    transform: agreement.transform(role, settled),
    options: settled,
    events: options as unknown as ConnectionEvents<Data, BinaryForm>,
  })
  return connection as WebSocketConnection<Data, Form>
}
