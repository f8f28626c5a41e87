// Knows the messages that arrived and nobody has taken yet, and who waits for the next one.
import { Queue } from '../base/queue.ts'

interface Claim<Item> {
  readonly by: object | undefined
  resolve(result: IteratorResult<Item, undefined>): void
}

/** A queue that `for await` reads. Ends when it is closed and empty. */
export class Inbox<Item> {
  readonly #items = new Queue<Item>()
  readonly #waiting = new Queue<Claim<Item>>()
  #closed = false

  get size(): number {
    return this.#items.size
  }

  /** Somebody waits for the next item. */
  get awaited(): boolean {
    return this.#waiting.size > 0
  }

  /** Tells whether somebody was waiting for it; if not, it is kept. */
  put(item: Item): boolean {
    const next = this.#waiting.take()
    if (next === undefined) this.#items.push(item)
    else next.resolve({ value: item, done: false })
    return next !== undefined
  }

  /** The next item, or undefined when there is none now. */
  take(): Item | undefined {
    return this.#items.take()
  }

  /** @param by who may leave before it comes */
  next(by?: object): Promise<IteratorResult<Item, undefined>> {
    const item = this.take()
    if (item !== undefined) return Promise.resolve({ value: item, done: false })
    if (this.#closed) return Promise.resolve({ value: undefined, done: true })
    return new Promise((resolve) => this.#waiting.push({ by, resolve }))
  }

  /** Whoever that is waits no longer: what comes is for others. */
  leave(by: object): void {
    for (const claim of this.#waiting.takeAll()) {
      if (claim.by === by) claim.resolve({ value: undefined, done: true })
      else this.#waiting.push(claim)
    }
  }

  /** No more will come; what is here can still be taken. */
  close(): void {
    this.#closed = true
    for (const { resolve } of this.#waiting.takeAll()) resolve({ value: undefined, done: true })
  }
}
