// Knows the messages of one connection after the other as those of one: who reads them notices no seam.
import { type Deferred, deferred } from '../base/promise.ts'

/** Connections whose messages nobody has read, of which the oldest are forgotten. */
const MAX_UNREAD = 16

export class Sources<Message> {
  /** Those that may have messages to be read, the oldest first. */
  readonly #unread: AsyncIterator<Message>[] = []
  /** Rung when there is one more, or the end. */
  #arrival: Deferred<void> | undefined
  #over = false

  /** Is read behind those that are there. */
  add(source: AsyncIterator<Message>): void {
    this.#unread.push(source)
    if (this.#unread.length > MAX_UNREAD) this.#unread.shift()
    this.#arrival?.resolve()
    this.#arrival = undefined
  }

  /** No more are added; what is there may still be read. */
  end(): void {
    this.#over = true
    this.#arrival?.resolve()
  }

  /** Several share what there is. One that stops takes nothing from the others. */
  iterate(): AsyncIterableIterator<Message> {
    const iterator: AsyncIterableIterator<Message> = {
      next: () => this.#next(),
      return: () => Promise.resolve({ value: undefined, done: true }),
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }

  async #next(): Promise<IteratorResult<Message, undefined>> {
    for (;;) {
      const source = this.#unread[0]
      if (source !== undefined) {
        const result = await source.next()
        if (!result.done) return result
        if (this.#unread[0] === source) this.#unread.shift()
      } else if (this.#over) {
        return { value: undefined, done: true }
      } else {
        this.#arrival ??= deferred()
        await this.#arrival.promise
      }
    }
  }
}
