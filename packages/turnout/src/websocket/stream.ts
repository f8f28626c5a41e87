// Knows one message that is read while it is still coming.
import { Buffer } from 'node:buffer'
import { Inbox } from './inbox.ts'

/** What a part counts for beside its bytes, so that many of one byte are not for nothing. */
const PART_BYTES = 64

/** Who keeps the pace: told how many bytes wait to be read. */
export interface StreamPace {
  /** So many bytes more (or, below zero, fewer) wait in this message. */
  onWaiting(bytes: number): void
}

/**
 * A message in parts, as they arrive: strings, never cut inside a character, or Buffers. Read it with
 * `for await`, which slows the peer to the loop's pace; leave the loop, or never enter it, and the rest is
 * thrown away when the next message is asked for. When the connection ends inside the message, reading throws.
 */
export class MessageStream implements AsyncIterable<string | Buffer> {
  readonly type: 'text' | 'binary'
  readonly #pace: StreamPace
  readonly #parts = new Inbox<string | Buffer>()
  #discarding = false
  #failure: Error | undefined

  /** @internal Comes from `socket.streams()`. */
  constructor(type: 'text' | 'binary', pace: StreamPace) {
    this.type = type
    this.#pace = pace
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string | Buffer, void> {
    try {
      for (;;) {
        const { value } = await this.#parts.next()
        if (value === undefined) break
        this.#pace.onWaiting(-value.length - PART_BYTES)
        yield value
      }
      if (this.#failure !== undefined) throw this.#failure
    } finally {
      this.discard()
    }
  }

  /** The rest, joined: for a message that turns out to be small. */
  async read(): Promise<string | Buffer> {
    const texts: string[] = []
    const bytes: Buffer[] = []
    for await (const part of this) typeof part === 'string' ? texts.push(part) : bytes.push(part)
    return this.type === 'text' ? texts.join('') : Buffer.concat(bytes)
  }

  /** Throws away what is here and what still comes. */
  discard(): void {
    this.#discarding = true
    for (let part = this.#parts.take(); part !== undefined; part = this.#parts.take()) {
      this.#pace.onWaiting(-part.length - PART_BYTES)
    }
  }

  /** @internal */
  put(part: string | Buffer): void {
    if (this.#discarding) return
    // told first: whoever waits takes it at once
    this.#pace.onWaiting(part.length + PART_BYTES)
    this.#parts.put(part)
  }

  /** @internal The message is complete or, with `failure`, will never be. */
  end(failure?: Error): void {
    this.#failure = failure
    this.#parts.close()
  }
}
