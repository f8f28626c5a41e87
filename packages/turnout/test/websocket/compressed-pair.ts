// Knows how to put two connections with compression under test: agreed upon as in a handshake, joined by a pipe in memory.
import { createVirtualClock, type VirtualClock } from '../../src/base/clock.ts'
import { type MemoryPairOptions, memoryTransportPair } from '../../src/transport/memory.ts'
import type { Transport } from '../../src/transport/transport.ts'
import type { AnyConnection, CloseInfo } from '../../src/websocket/connection.ts'
import { compressionExtension } from '../../src/websocket/deflate.ts'
import { formatExtensions, parseExtensions } from '../../src/websocket/extension.ts'
import type { Role } from '../../src/websocket/frame.ts'
import { createConnection, openConnection } from '../../src/websocket/inside.ts'
import type {
  BinaryForm,
  CompressionOptions,
  ConnectionOptions,
  Message,
} from '../../src/websocket/options.ts'
import {
  answerExtensions,
  confirmExtensions,
  type Extension,
  type MessageTransform,
  stackTransforms,
} from '../../src/websocket/transform.ts'

export interface PairOptions {
  readonly server?: CompressionOptions
  readonly client?: CompressionOptions
  /** Of both sides. */
  readonly options?: ConnectionOptions<BinaryForm>
  readonly pipe?: MemoryPairOptions
  /** Beside compression, on both sides. */
  readonly extensions?: readonly Extension[]
}

export interface Side {
  readonly socket: AnyConnection
  readonly transport: Transport
  /** Whatever arrived. */
  readonly messages: Message[]
}

export interface Pair {
  readonly server: Side
  readonly client: Side
  readonly clock: VirtualClock
  /** What was agreed upon. */
  readonly extensions: string
  /** Closes from the client and waits for both ends: whatever was sent has arrived then. */
  close(): Promise<readonly [server: CloseInfo, client: CloseInfo]>
}

/** What the two sides of a handshake would make of these options. */
export function agree(options: PairOptions = {}): {
  readonly extensions: string
  create(role: Role, connection: ConnectionOptions<BinaryForm>): MessageTransform
} {
  const beside = options.extensions ?? []
  const ours = [compressionExtension(options.server ?? {})!, ...beside]
  const theirs = [compressionExtension(options.client ?? {})!, ...beside]
  const offered = formatExtensions(theirs.flatMap((extension) => extension.offer()))
  const server = answerExtensions(parseExtensions([offered])!, ours)
  const extensions = formatExtensions(server.map(({ answer }) => answer))
  const client = confirmExtensions(parseExtensions([extensions])!, theirs)
  return {
    extensions,
    create: (role, connection) =>
      stackTransforms((role === 'server' ? server : client).map((one) => one.create(role, connection)))!,
  }
}

export function createPair(options: PairOptions = {}): Pair {
  const clock = createVirtualClock()
  const agreed = agree(options)
  const [near, far] = memoryTransportPair(options.pipe)
  const side = (role: Role, transport: Transport): Side => {
    const messages: Message[] = []
    const connection: ConnectionOptions<BinaryForm> = { clock, heartbeat: false, ...options.options }
    const socket = createConnection<unknown>({
      role,
      data: undefined,
      protocol: '',
      extensions: agreed.extensions,
      transform: agreed.create(role, connection),
      options: connection,
      events: { message: (_, message) => void messages.push(message) },
    })
    openConnection(socket, transport)
    return { socket, transport, messages }
  }
  const server = side('server', near)
  const client = side('client', far)
  return {
    server,
    client,
    clock,
    extensions: agreed.extensions,
    close: () => {
      void client.socket.close(1000)
      return Promise.all([server.socket.closed, client.socket.closed])
    },
  }
}
