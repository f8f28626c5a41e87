// Knows a binary message that comes in parts and is only lent to whoever hears of it (RFC 6455 section 5.4).
import type { Buffer } from 'node:buffer'
import { borrow, type Loan } from '../base/loan.ts'
import { roomFor } from './message.ts'

/** Collects its parts in one block, whose memory another message gets after it. */
export class LentMessage {
  #bytes = 0
  #loan: Loan | undefined

  /** @param whole how long the message will be; Infinity: nobody knows. */
  add(chunk: Buffer, start: number, end: number, whole: number): void {
    const bytes = this.#bytes + end - start
    if (this.#loan === undefined || bytes > this.#loan.bytes.length) this.#grow(roomFor(bytes, whole))
    chunk.copy(this.#loan!.bytes, this.#bytes, start, end)
    this.#bytes = bytes
  }

  /** The whole message, until `end`. */
  get bytes(): Buffer {
    return this.#loan!.bytes.subarray(0, this.#bytes)
  }

  /** It was heard, or nobody will hear of it. */
  end(): void {
    this.#loan?.letGo()
    this.#loan = undefined
  }

  #grow(room: number): void {
    const loan = borrow(room)
    this.#loan?.bytes.copy(loan.bytes, 0, 0, this.#bytes)
    this.end()
    this.#loan = loan
  }
}
