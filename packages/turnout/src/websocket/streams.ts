// Knows the messages of one connection that are delivered in parts.
import { Inbox } from './inbox.ts'
import { type Pace, WAIT } from './pace.ts'
import { MessageStream, type StreamPace } from './stream.ts'

/** Unread parts from which on the peer is slowed down, in bytes. */
const WAITING_HIGH_BYTES = 65_536

export class Streams implements StreamPace {
  readonly #pace: Pace
  readonly #inbox = new Inbox<MessageStream>()
  /** Being received. */
  #incoming: MessageStream | undefined
  /** Handed out last. */
  #current: MessageStream | undefined
  #waitingBytes = 0

  constructor(pace: Pace) {
    this.#pace = pace
  }

  begin(text: boolean): void {
    this.#incoming = new MessageStream(text ? 'text' : 'binary', this)
    this.#inbox.put(this.#incoming)
  }

  part(part: string | Buffer): void {
    this.#incoming?.put(part)
  }

  complete(): void {
    this.#incoming?.end()
    this.#incoming = undefined
  }

  /** A message that was complete before. */
  whole(message: string | Buffer): void {
    this.begin(typeof message === 'string')
    this.part(message)
    this.complete()
  }

  /** No more will come. */
  end(failure: Error): void {
    this.#incoming?.end(failure)
    this.#inbox.close()
  }

  onWaiting(bytes: number): void {
    this.#waitingBytes += bytes
    if (this.#waitingBytes >= WAITING_HIGH_BYTES) this.#pace.wait(WAIT.parts)
    else if (this.#waitingBytes === 0) this.#pace.go(WAIT.parts)
  }

  iterate(): AsyncIterableIterator<MessageStream> {
    const iterator: AsyncIterableIterator<MessageStream> = {
      next: async () => {
        this.#current?.discard()
        const result = await this.#inbox.next()
        this.#current = result.value
        return result
      },
      return: () => Promise.resolve({ value: undefined, done: true }),
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }
}
