// Knows how to put one connection under test: a pipe in memory, a clock that stands still, and a peer made of raw bytes.
import { createVirtualClock, type VirtualClock } from '../../src/base/clock.ts'
import { type MemoryPairOptions, memoryTransportPair } from '../../src/transport/memory.ts'
import type { Transport } from '../../src/transport/transport.ts'
import type { AnyConnection, CloseInfo } from '../../src/websocket/connection.ts'
import type { Role } from '../../src/websocket/frame.ts'
import { createConnection, openConnection } from '../../src/websocket/inside.ts'
import type { BinaryForm, ConnectionEvents, ConnectionOptions, Message } from '../../src/websocket/options.ts'
import type { MessageTransform } from '../../src/websocket/transform.ts'
import { turn } from '../base/turns.ts'
import { frame, shown } from './frames.ts'

/** The other end of the pipe, without any WebSocket in it. */
export class RawPeer {
  /** What arrived, one entry for each piece that was written. */
  readonly chunks: Buffer[] = []
  ended = false
  closed = false
  drains = 0
  readonly transport: Transport
  readonly #key: string | undefined

  constructor(transport: Transport, key: string | undefined) {
    this.transport = transport
    this.#key = key
    transport.start({
      onData: (chunk) => this.chunks.push(Buffer.from(chunk)),
      onEnd: () => {
        this.ended = true
      },
      onDrain: () => this.drains++,
      onClose: () => {
        this.closed = true
      },
    })
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }

  /** Every frame that arrived, as `81 "text"`. */
  get frames(): string[] {
    return shown(this.bytes)
  }

  write(bytes: Uint8Array): void {
    this.transport.write([bytes])
  }

  /** Sends frames as this role must, all in one write; lets them be read. */
  async send(...frames: (readonly [head: number, payload?: string | Uint8Array])[]): Promise<void> {
    this.write(Buffer.concat(frames.map(([head, payload]) => frame(head, payload, this.#key))))
    await turn()
  }
}

export interface Rig {
  readonly socket: AnyConnection
  readonly transport: Transport
  readonly peer: RawPeer
  readonly clock: VirtualClock
  /** What the callbacks were told, in order. */
  readonly log: string[]
  /** What `onError` was told. */
  readonly errors: unknown[]
  open(): void
  /** The CloseInfo when the connection has closed, else undefined. */
  info(): Promise<CloseInfo | undefined>
}

export interface RigOptions {
  readonly role?: Role
  readonly options?: ConnectionOptions<BinaryForm>
  readonly events?: ConnectionEvents<unknown, BinaryForm>
  readonly pipe?: MemoryPairOptions
  /** Leaves out the `message` callback, for those who iterate. */
  readonly iterated?: boolean
  /** Leaves opening to the test. */
  readonly closed?: boolean
  /** What an extension does to messages. */
  readonly transform?: MessageTransform
}

export function createRig({
  role = 'server',
  options,
  events,
  pipe,
  iterated,
  closed,
  transform,
}: RigOptions = {}): Rig {
  const [near, far] = memoryTransportPair(pipe)
  const clock = createVirtualClock()
  const log: string[] = []
  const errors: unknown[] = []
  const told = <Args extends unknown[]>(
    name: keyof ConnectionEvents<unknown, BinaryForm>,
    describe: (...args: Args) => string,
  ) => ({
    [name](socket: AnyConnection, ...args: Args): unknown {
      log.push(`${name}${describe(...args)}`)
      const callback = events?.[name] as ((...args: unknown[]) => unknown) | undefined
      return callback?.call(this, socket, ...args)
    },
  })
  const socket = createConnection<unknown>({
    role,
    data: undefined,
    protocol: '',
    extensions: '',
    transform,
    options: { clock, ...options },
    events: {
      ...told('open', () => ''),
      ...(iterated ? {} : told('message', (message: Message) => ` ${describe(message)}`)),
      ...told('drain', () => ''),
      ...told('ping', (payload: Buffer) => ` ${payload}`),
      ...told('pong', (payload: Buffer) => ` ${payload}`),
      ...told('close', (info: CloseInfo) => ` ${info.code}${info.clean ? '' : ' unclean'}`),
    },
    onError: (error) => errors.push(error),
  })
  const peer = new RawPeer(far, role === 'server' ? '37fa213d' : undefined)
  const open = () => openConnection(socket, near)
  if (!closed) open()
  return {
    socket,
    transport: near,
    peer,
    clock,
    log,
    errors,
    open,
    info: () => Promise.race([socket.closed, turn().then(() => undefined)]),
  }
}

export function describe(message: Message): string {
  if (typeof message === 'string') return message.length > 40 ? `text of ${message.length}` : message
  const bytes = Buffer.from(message as ArrayBuffer)
  return bytes.length > 20 ? `binary of ${bytes.length}` : `<${bytes.toString('hex')}>`
}
