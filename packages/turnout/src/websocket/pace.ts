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

  open(transport: Transport): void {
    this.#transport = transport
    if (!this.reading) transport.pause()
  }

  get reading(): boolean {
    return (this.#closing ? this.#reasons & WAIT.decoding : this.#reasons) === 0
  }

  wait(reason: number): void {
    const before = this.reading
    this.#reasons |= reason
    if (before && !this.reading) this.#transport?.pause()
  }

  go(reason: number): void {
    const before = this.reading
    this.#reasons &= ~reason
    if (!before && this.reading) this.#transport?.resume()
  }

  /** The connection is closing: whatever held the reading back, its end must be seen. */
  close(): void {
    const before = this.reading
    this.#closing = true
    if (!before && this.reading) this.#transport?.resume()
  }
}
