// Knows a message that comes in parts and is whole for a moment only (RFC 6455 section 5.4): a text, which is decoded at
// once, or bytes that are lent to whoever hears of them.
import type { Buffer } from 'node:buffer'
import { borrow, type Loan } from '../base/loan.ts'
import { roomFor } from './message.ts'
import { decodeText, Utf8Check, utf8Error } from './text.ts'

/** Collects its parts in one block, whose memory another message gets after it. */
export class LentMessage {
  #bytes = 0
  #loan: Loan | undefined
  readonly #check: Utf8Check | undefined
  #ascii = true

  /** @param text whether the parts have to be UTF-8, checked as they come. */
  constructor(text: boolean) {
    this.#check = text ? new Utf8Check() : undefined
  }

  /**
   * @param whole how long the message will be; Infinity: nobody knows.
   * @throws PeerError ERR_UTF8 as soon as the text can become no UTF-8 any more.
   */
  add(chunk: Buffer, start: number, end: number, ascii: boolean, whole: number): void {
    if (this.#check !== undefined && !(ascii && this.#check.complete)) {
      this.#ascii = false
      if (!this.#check.add(chunk, start, end)) throw utf8Error()
    }
    const bytes = this.#bytes + end - start
    if (this.#loan === undefined || bytes > this.#loan.bytes.length) this.#grow(roomFor(bytes, whole))
    chunk.copy(this.#loan!.bytes, this.#bytes, start, end)
    this.#bytes = bytes
  }

  /** The whole message, until `end`. */
  get bytes(): Buffer {
    return this.#loan!.bytes.subarray(0, this.#bytes)
  }

  /** The whole message as text, which needs its memory no more. @throws PeerError ERR_UTF8 when it ends inside a code point. */
  takeText(): string {
    try {
      if (this.#check?.complete === false) throw utf8Error()
      return decodeText(this.#loan!.bytes, 0, this.#bytes, this.#ascii)
    } finally {
      this.end()
    }
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
