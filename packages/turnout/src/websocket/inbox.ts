// Knows the messages that arrived and nobody has taken yet, and who waits for the next one.

/** So many empty slots at the front are given back, though the queue never gets empty. */
const COMPACT_FROM = 1024

/** A queue that `for await` reads. Ends when it is closed and empty. */
export class Inbox<Item> {
  #items: Item[] = []
  #read = 0
  #waiting: ((result: IteratorResult<Item, undefined>) => void)[] = []
  #closed = false

  get size(): number {
    return this.#items.length - this.#read
  }

  /** Tells whether somebody was waiting for it; if not, it is kept. */
  put(item: Item): boolean {
    const next = this.#waiting.shift()
    if (next === undefined) this.#items.push(item)
    else next({ value: item, done: false })
    return next !== undefined
  }

  /** The next item, or undefined when there is none now. */
  take(): Item | undefined {
    if (this.#read === this.#items.length) return undefined
    const item = this.#items[this.#read]
    this.#items[this.#read++] = undefined as Item
    if (this.#read === this.#items.length) {
      this.#items = []
      this.#read = 0
    } else if (this.#read === COMPACT_FROM) {
      this.#items.splice(0, COMPACT_FROM)
      this.#read = 0
    }
    return item
  }

  next(): Promise<IteratorResult<Item, undefined>> {
    const item = this.take()
    if (item !== undefined) return Promise.resolve({ value: item, done: false })
    if (this.#closed) return Promise.resolve({ value: undefined, done: true })
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** No more will come; what is here can still be taken. */
  close(): void {
    this.#closed = true
    for (const resolve of this.#waiting) resolve({ value: undefined, done: true })
    this.#waiting = []
  }
}
