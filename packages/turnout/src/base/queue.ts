// Knows things that wait in a row: what came first goes first, at the same cost however many wait.

/** From so many empty slots at the front on, the row is moved up now and then; a shorter one keeps its memory. */
const COMPACT_FROM = 64

export class Queue<Item> {
  #slots: (Item | undefined)[] = []
  /** What waits: `#slots[#from, #to)`. */
  #from = 0
  #to = 0

  get size(): number {
    return this.#to - this.#from
  }

  push(item: Item): void {
    this.#slots[this.#to++] = item
  }

  /** The next one, which stays. */
  first(): Item | undefined {
    return this.size === 0 ? undefined : this.#slots[this.#from]
  }

  take(): Item | undefined {
    if (this.size === 0) return undefined
    const item = this.#slots[this.#from]
    this.#slots[this.#from++] = undefined
    if (this.#from === this.#to || this.#from >= COMPACT_FROM) this.#moveUp()
    return item
  }

  /** Everything that waits, in order. */
  takeAll(): readonly Item[] {
    const items = this.#slots.slice(this.#from, this.#to) as Item[]
    this.#slots = []
    this.#from = this.#to = 0
    return items
  }

  /** Only when no more is left than has gone, so that it costs nothing an item. */
  #moveUp(): void {
    if (this.size > this.#from) return
    if (this.#slots.length > COMPACT_FROM) this.#slots = this.#slots.slice(this.#from, this.#to)
    this.#to -= this.#from
    this.#from = 0
  }
}
