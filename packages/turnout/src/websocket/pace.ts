// Knows whether one connection reads: it does unless somebody has a reason to wait; and then still a little, to hear
// whether the peer lives.
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

/** So much is read of what has to wait, one chunk (of at most 128 KiB) at a time; no chunk begins beyond it. */
const AHEAD_BYTES = 65_536

export interface PaceHost {
  /** Reading goes on; the transport is told so afterwards: what was held back comes first. */
  onGo(): void
}

export class Pace {
  #transport: Transport | undefined
  #reasons = 0
  #closing = false
  /** One chunk is read though there are reasons to wait. */
  #readingOne = false
  /** How much was read so since there are any. */
  #aheadBytes = 0
  readonly #host: PaceHost

  constructor(host: PaceHost) {
    this.#host = host
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
    if (!before || this.reading) return
    this.#aheadBytes = 0
    this.#transport?.pause()
  }

  /** Reads the next chunk whatever the reasons, so that the peer can be heard. False: enough was read ahead. */
  readOne(): boolean {
    if (this.reading || this.#readingOne) return true
    if (this.#aheadBytes >= AHEAD_BYTES || (this.#reasons & WAIT.decoding) !== 0) return false
    this.#readingOne = true
    this.#transport?.resume()
    return true
  }

  /** A chunk was read. */
  onChunk(bytes: number): void {
    if (!this.#readingOne) return
    this.#readingOne = false
    this.#aheadBytes += bytes
    this.#transport?.pause()
  }

  /** What was read waits to be decoded, and an end would have to wait behind it: read nothing ahead. */
  readNoneAhead(): void {
    this.#aheadBytes = AHEAD_BYTES
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
    this.#readingOne = false
    this.#host.onGo()
    if (this.reading) this.#transport?.resume()
  }
}
