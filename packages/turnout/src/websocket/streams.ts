// Knows the messages of one connection that are delivered in parts.
import type { Buffer } from 'node:buffer'
import { PeerError } from '../base/errors.ts'
import { Inbox } from './inbox.ts'
import { type Pace, WAIT } from './pace.ts'
import { MessageStream, type StreamPace } from './stream.ts'

/** Unread parts from which on the peer is slowed down, in bytes. */
const WAITING_HIGH_BYTES = 65_536

/** What a message counts for beside its parts, so that many empty ones are not for nothing. */
const STREAM_BYTES = 256

export class Streams implements StreamPace {
  readonly #pace: Pace
  readonly #inbox = new Inbox<MessageStream>()
  /** Being received. */
  #incoming: MessageStream | undefined
  /** Handed out last. */
  #current: MessageStream | undefined
  #waitingBytes = 0
  /** What readers of a message are told whose rest will not come. */
  #loss: PeerError | undefined

  constructor(pace: Pace) {
    this.#pace = pace
  }

  /** `closing`: nothing slows the peer any more; what is beyond the bound is thrown away. */
  begin(text: boolean, closing: boolean): void {
    if (closing && this.#isFull()) return
    this.#incoming = new MessageStream(text ? 'text' : 'binary', this)
    if (!this.#inbox.put(this.#incoming)) this.onWaiting(STREAM_BYTES)
  }

  part(part: string | Buffer, closing: boolean): void {
    if (closing && this.#isFull()) this.#lose()
    else this.#incoming?.put(part)
  }

  complete(): void {
    this.#incoming?.end()
    this.#incoming = undefined
  }

  /** A message that was complete before. */
  whole(message: string | Buffer, closing: boolean): void {
    this.begin(typeof message === 'string', closing)
    if (message.length > 0) this.part(message, closing)
    this.complete()
  }

  /** No more will come. */
  end(): void {
    this.#lose()
    this.#inbox.close()
  }

  /** Whether that is what a reader was told, and no fault of the reader's. */
  isLoss(error: unknown): boolean {
    return error !== undefined && error === this.#loss
  }

  onWaiting(bytes: number): void {
    this.#waitingBytes += bytes
    if (this.#isFull()) this.#pace.wait(WAIT.parts)
    else if (this.#waitingBytes === 0) this.#pace.go(WAIT.parts)
  }

  iterate(): AsyncIterableIterator<MessageStream> {
    const iterator: AsyncIterableIterator<MessageStream> = {
      next: async () => {
        this.#current?.discard()
        if (this.#inbox.size > 0) this.onWaiting(-STREAM_BYTES)
        const result = await this.#inbox.next(iterator)
        this.#current = result.value
        return result
      },
      return: () => {
        this.#inbox.leave(iterator)
        return Promise.resolve({ value: undefined, done: true })
      },
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }

  #isFull(): boolean {
    return this.#waitingBytes >= WAITING_HIGH_BYTES
  }

  /** The rest of the message that is coming will not. */
  #lose(): void {
    if (this.#incoming === undefined) return
    this.#loss ??= cutShort()
    this.#incoming.end(this.#loss)
    this.#incoming = undefined
  }
}

function cutShort(): PeerError {
  return new PeerError('ERR_CONNECTION_LOST', 'the connection ended inside a message', {
    section: 'RFC 6455 section 7.1.5',
  })
}
