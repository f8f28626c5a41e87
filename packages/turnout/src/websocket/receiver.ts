// Knows how messages reach the user of one connection: to a callback at once, or kept until somebody asks.
import { MisuseError } from '../base/errors.ts'
import type { Transport } from '../transport/transport.ts'
import type { WebSocketConnection } from './connection.ts'
import { Inbox } from './inbox.ts'
import type { ConnectionEvents, Message } from './options.ts'

/** Unread messages from which on the peer is slowed down, by count and by bytes. */
const UNREAD_HIGH_MESSAGES = 1024
const UNREAD_HIGH_BYTES = 1_048_576

export interface ReceiverOptions<Data> {
  readonly socket: WebSocketConnection<Data>
  readonly events: ConnectionEvents<Data>
  readonly binary: 'buffer' | 'arraybuffer'
  /** Takes what the user's callback threw. */
  readonly onError: (error: unknown) => void
}

export class Receiver<Data> {
  readonly #options: ReceiverOptions<Data>
  #transport: Transport | undefined
  /** Messages that nobody has taken; made when the first one has to wait. */
  #inbox: Inbox<Message> | undefined
  #unreadBytes = 0
  /** The user asked for no more. */
  #paused = false
  #transportPaused = false
  /** A message is being decoded apart; the next ones have to wait. */
  #held = false
  #ended = false
  /** `resume` is delivering, further down the stack perhaps. */
  #resuming = false

  constructor(options: ReceiverOptions<Data>) {
    this.#options = options
  }

  open(transport: Transport): void {
    this.#transport = transport
    if (this.#transportPaused) transport.pause()
  }

  /** How many messages nobody has taken. */
  get unread(): number {
    return this.#inbox?.size ?? 0
  }

  /**
   * Takes a message. Whoever closes and reads no more must not miss the peer's Close frame behind what is
   * unread: `closing` drops what is beyond the bound instead of slowing the peer.
   */
  put(message: string | Buffer, closing: boolean): void {
    const shaped = this.#shape(message)
    if (this.#options.events.message !== undefined && !this.#paused) return this.#deliver(shaped)
    this.#inbox ??= new Inbox()
    const full = this.#inbox.size >= UNREAD_HIGH_MESSAGES || this.#unreadBytes >= UNREAD_HIGH_BYTES
    if (full && closing) return
    if (this.#inbox.put(shaped)) return
    this.#unreadBytes += message.length
    if (full) this.#slowDown()
  }

  pause(): void {
    this.#paused = true
    this.#slowDown()
  }

  resume(): void {
    this.#paused = false
    // a callback that pauses and resumes comes by here: the loop that called it goes on
    if (this.#resuming) return
    this.#resuming = true
    try {
      while (this.#options.events.message !== undefined && !this.#paused && this.unread > 0) {
        this.#deliver(this.#take()!)
      }
    } finally {
      this.#resuming = false
    }
    if (!this.#paused) this.listen()
  }

  /** Reads from the transport again, if only to see the peer's end. */
  listen(): void {
    if (!this.#transportPaused || this.#held) return
    this.#transportPaused = false
    this.#transport?.resume()
  }

  /** Reads nothing until `release`. */
  hold(): void {
    this.#held = true
    this.#slowDown()
  }

  release(): void {
    this.#held = false
    if (!this.#paused && this.unread === 0) this.listen()
  }

  /** No message will come any more; those that are unread can still be taken. */
  end(): void {
    this.#ended = true
    this.#inbox?.close()
  }

  /** @throws MisuseError beside a `message` callback. */
  iterate(): AsyncIterableIterator<Message> {
    if (this.#options.events.message !== undefined) {
      throw new MisuseError(
        'ERR_INVALID_ARGUMENT',
        'a socket with a `message` callback cannot be iterated as well',
      )
    }
    const iterator: AsyncIterableIterator<Message> = {
      next: () => this.#next(),
      return: () => Promise.resolve({ value: undefined, done: true }),
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }

  #next(): Promise<IteratorResult<Message, undefined>> {
    const message = this.#take()
    if (message !== undefined) return Promise.resolve({ value: message, done: false })
    this.#inbox ??= new Inbox()
    if (this.#ended) this.#inbox.close()
    return this.#inbox.next()
  }

  #take(): Message | undefined {
    const message = this.#inbox?.take()
    if (message === undefined) return undefined
    this.#unreadBytes -= typeof message === 'string' ? message.length : message.byteLength
    if (this.unread === 0) {
      this.#unreadBytes = 0
      if (!this.#paused) this.listen()
    }
    return message
  }

  #shape(message: string | Buffer): Message {
    if (typeof message === 'string' || this.#options.binary !== 'arraybuffer') return message
    const copy = new ArrayBuffer(message.length)
    new Uint8Array(copy).set(message)
    return copy
  }

  #deliver(message: Message): void {
    const { events, socket } = this.#options
    try {
      watch(events.message!(socket, message), this.#options.onError)
    } catch (error) {
      this.#options.onError(error)
    }
  }

  #slowDown(): void {
    if (this.#transportPaused) return
    this.#transportPaused = true
    this.#transport?.pause()
  }
}

/** Hears of a rejection, if what a callback returned is a promise; anything else is nobody's business. */
export function watch(returned: unknown, onError: (error: unknown) => void): void {
  if (returned === undefined || returned === null) return
  const { then } = returned as { then?: unknown }
  if (typeof then === 'function') then.call(returned, undefined, onError)
}
