// Knows how messages reach the user of one connection: to a callback at once, or kept until somebody asks.

import { Buffer } from 'node:buffer'
import { MisuseError } from '../base/errors.ts'
import { isPromise } from '../base/promise.ts'
import type { AnyConnection } from './connection.ts'
import { Inbox } from './inbox.ts'
import type { BinaryForm, ConnectionEvents, Message } from './options.ts'
import { type Pace, WAIT } from './pace.ts'
import type { MessageStream } from './stream.ts'
import { Streams } from './streams.ts'

/** Unread messages from which on the peer is slowed down, by count and by bytes. */
const UNREAD_HIGH_MESSAGES = 1024
const UNREAD_HIGH_BYTES = 1_048_576

/** Callbacks whose promises have not settled, from which on the peer is slowed down. */
const PENDING_HIGH = 256

export interface ReceiverOptions<Data> {
  readonly socket: AnyConnection<Data>
  readonly events: ConnectionEvents<Data, BinaryForm>
  readonly binary: BinaryForm
  readonly pace: Pace
  readonly host: ReceiverHost
}

export interface ReceiverHost {
  /** Takes what the user's callback threw. */
  failHandler(error: unknown): void
}

export class Receiver<Data> {
  readonly #socket: AnyConnection<Data>
  readonly #events: ConnectionEvents<Data, BinaryForm>
  readonly #binary: BinaryForm
  readonly #pace: Pace
  readonly #host: ReceiverHost
  /** Messages that nobody has taken; made when the first one has to wait. */
  #inbox: Inbox<Message> | undefined
  #unreadBytes = 0
  /** The user asked for no more. */
  #paused = false
  /** Promises of callbacks that have not settled. */
  #pending = 0
  /** Messages in parts, once somebody asked for them. */
  #streams: Streams | undefined
  #ended = false
  /** `resume` is delivering, further down the stack perhaps. */
  #resuming = false

  constructor(options: ReceiverOptions<Data>) {
    this.#socket = options.socket
    this.#events = options.events
    this.#binary = options.binary
    this.#pace = options.pace
    this.#host = options.host
  }

  /** How many messages nobody has taken. */
  get unread(): number {
    return this.#inbox?.size ?? 0
  }

  /**
   * Takes a message. Whoever closes and reads no more must not miss the peer's Close frame behind what is
   * unread: `closing` drops what is beyond the bound instead of slowing the peer.
   */
  put(message: string | Buffer | Buffer[], closing: boolean): void {
    if (this.#streams !== undefined) return this.#streams.whole(joined(this.#lasting(message)), closing)
    const shaped = this.#shape(message)
    // what waits goes first: a callback that `resume` calls may let more come
    if (this.#events.message !== undefined && !this.#paused && this.unread === 0) return this.#deliver(shaped)
    this.#inbox ??= new Inbox()
    const lasting = this.#lasting(shaped)
    const full = this.#inbox.size >= UNREAD_HIGH_MESSAGES || this.#unreadBytes >= UNREAD_HIGH_BYTES
    if (full && closing) return
    if (this.#inbox.put(lasting)) return
    this.#unreadBytes += sizeOf(lasting)
    if (full) this.#pace.wait(WAIT.unread)
  }

  pause(): void {
    this.#paused = true
    this.#pace.wait(WAIT.paused)
  }

  resume(): void {
    this.#paused = false
    // a callback that pauses and resumes comes by here: the loop that called it goes on
    if (this.#resuming) return
    this.#resuming = true
    try {
      while (this.#events.message !== undefined && !this.#paused && this.unread > 0) {
        this.#deliver(this.#take()!)
      }
    } finally {
      this.#resuming = false
    }
    if (!this.#paused) this.#pace.go(WAIT.paused)
  }

  /** No message will come any more; those that are unread can still be taken. */
  end(): void {
    this.#ended = true
    this.#inbox?.close()
    this.#streams?.end()
  }

  /** Messages in parts from now on; those that are here already come first. @throws MisuseError beside a callback or a loop. */
  streams(): AsyncIterableIterator<MessageStream> {
    this.#assertUnclaimed()
    if (this.#inbox?.awaited) {
      throw new MisuseError(
        'ERR_INVALID_ARGUMENT',
        'a socket that a loop is reading cannot be streamed as well: leave the loop first',
      )
    }
    if (this.#streams === undefined) {
      this.#streams = new Streams(this.#pace)
      for (let message = this.#take(); message !== undefined; message = this.#take()) {
        this.#streams.whole(message instanceof ArrayBuffer ? Buffer.from(message) : joined(message), false)
      }
      if (this.#ended) this.#streams.end()
    }
    return this.#streams.iterate()
  }

  onStream(text: boolean, closing: boolean): void {
    this.#streams?.begin(text, closing)
  }

  onPart(part: string | Buffer, closing: boolean): void {
    this.#streams?.part(part, closing)
  }

  onStreamEnd(): void {
    this.#streams?.complete()
  }

  /** Whether who reads was told that of the end of the connection, and hands it on as it is. */
  isLoss(error: unknown): boolean {
    return this.#streams?.isLoss(error) === true
  }

  /** @throws MisuseError beside a `message` callback or `streams`. */
  iterate(): AsyncIterableIterator<Message> {
    this.#assertUnclaimed()
    if (this.#streams !== undefined) throw streamed()
    const iterator: AsyncIterableIterator<Message> = {
      next: () => this.#next(iterator),
      return: () => {
        this.#inbox?.leave(iterator)
        return Promise.resolve({ value: undefined, done: true })
      },
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }

  #assertUnclaimed(): void {
    if (this.#events.message === undefined) return
    throw new MisuseError(
      'ERR_INVALID_ARGUMENT',
      'a socket with a `message` callback cannot be iterated as well',
    )
  }

  #next(by: object): Promise<IteratorResult<Message, undefined>> {
    const message = this.#take()
    if (message !== undefined) return Promise.resolve({ value: message, done: false })
    // it would wait for what goes to the streams
    if (this.#streams !== undefined && !this.#ended) return Promise.reject(streamed())
    this.#inbox ??= new Inbox()
    if (this.#ended) this.#inbox.close()
    return this.#inbox.next(by)
  }

  #take(): Message | undefined {
    const message = this.#inbox?.take()
    if (message === undefined) return undefined
    this.#unreadBytes -= sizeOf(message)
    if (this.unread === 0) {
      this.#unreadBytes = 0
      this.#pace.go(WAIT.unread)
    }
    return message
  }

  #shape(message: string | Buffer | Buffer[]): Message {
    const binary = this.#binary
    if (typeof message === 'string' || binary === 'buffer' || binary === 'lent') return message
    if (binary === 'chunks') return Array.isArray(message) ? message : [message]
    const bytes = joined(message) as Buffer
    const copy = new ArrayBuffer(bytes.length)
    new Uint8Array(copy).set(bytes)
    return copy
  }

  /** What has to wait outlives the memory that is only lent. */
  #lasting<Shape extends Message>(message: Shape): Shape {
    return this.#binary === 'lent' && Buffer.isBuffer(message) ? (Buffer.from(message) as Shape) : message
  }

  #deliver(message: Message): void {
    try {
      const returned: unknown = this.#events.message!(this.#socket, message)
      if (isPromise(returned)) this.#await(returned)
    } catch (error) {
      this.#host.failHandler(error)
    }
  }

  /** A callback that takes its time: enough of them together slow the peer. */
  #await(returned: PromiseLike<unknown>): void {
    if (++this.#pending === PENDING_HIGH) this.#pace.wait(WAIT.callbacks)
    const settle = () => {
      if (--this.#pending === PENDING_HIGH - 1) this.#pace.go(WAIT.callbacks)
    }
    returned.then(settle, (error) => {
      settle()
      this.#host.failHandler(error)
    })
  }
}

/** Hears of a rejection, if what a callback returned is a promise; anything else is nobody's business. */
export function watch(returned: unknown, onError: (error: unknown) => void): void {
  if (isPromise(returned)) returned.then(undefined, onError)
}

function streamed(): MisuseError {
  return new MisuseError(
    'ERR_INVALID_ARGUMENT',
    'a socket whose messages are streamed cannot be iterated as well',
  )
}

function joined(message: string | Buffer | Buffer[]): string | Buffer {
  return Array.isArray(message) ? Buffer.concat(message) : message
}

/** Of text in UTF-16 units, of bytes in bytes: what it takes of memory, near enough. */
function sizeOf(message: Message): number {
  if (typeof message === 'string') return message.length
  if (!Array.isArray(message)) return message.byteLength
  return message.reduce((sum, chunk) => sum + chunk.length, 0)
}
