// Knows whether one connection reads: it does unless somebody has a reason to wait.
import type { Transport } from '../transport/transport.ts'

/** Why not to read, each a bit. */
export const WAIT = {
  /** The user said `pause`. */
  paused: 1,
  /** Messages that nobody has taken. */
  unread: 2,
  /** A message is being decoded apart. */
  decoding: 4,
  /** A message in parts whose reader is behind. */
  parts: 8,
  /** Callbacks that have not settled. */
  callbacks: 16,
} as const

export class Pace {
  #transport: Transport | undefined
  #reasons = 0
  #closing = false
  readonly #onGo: () => void

  /** @param onGo told when reading goes on, before the transport is: what was held back comes first */
  constructor(onGo: () => void = () => {}) {
    this.#onGo = onGo
  }

  open(transport: Transport): void {
    this.#transport = transport
    if (!this.reading) transport.pause()
  }

  get reading(): boolean {
    return (this.#closing ? this.#reasons & WAIT.decoding : this.#reasons) === 0
  }

  /** More was delivered than is taken: bring no more, also of what has been read already. */
  get crowded(): boolean {
    return !this.#closing && (this.#reasons & ~WAIT.decoding) !== 0
  }

  wait(reason: number): void {
    const before = this.reading
    this.#reasons |= reason
    if (before && !this.reading) this.#transport?.pause()
  }

  go(reason: number): void {
    const before = this.reading
    this.#reasons &= ~reason
    this.#goOn(before)
  }

  /** The connection is closing: whatever held the reading back, its end must be seen. */
  close(): void {
    const before = this.reading
    this.#closing = true
    this.#goOn(before)
  }

  #goOn(before: boolean): void {
    if (before || !this.reading) return
    this.#onGo()
    if (this.reading) this.#transport?.resume()
  }
}
