// Knows a message that comes in parts: fragments (RFC 6455 section 5.4) and frames that chunks have cut.
import { decodeText, Utf8Check, utf8Error } from './text.ts'

/** First block for parts too small to keep as views; blocks double up to the largest. */
const FIRST_BLOCK_BYTES = 512
const LARGEST_BLOCK_BYTES = 65_536

/** A smaller part costs more as a view of its own than as a copy. */
const SMALLEST_VIEW_BYTES = 4096

/**
 * Collects the parts of one message.
 *
 * A part that fills most of the memory it is a view on is kept as it is; a smaller one is copied. So what a
 * message retains is at most twice its payload plus one block, however many fragments a peer makes of it.
 */
export class MessageParts {
  /** Payload so far. */
  bytes = 0
  readonly #check: Utf8Check | undefined
  #ascii = true
  readonly #parts: Buffer[] = []
  /** Where small parts are copied: `#block[#blockFrom, #blockUsed)` is not yet among the parts. */
  #block: Buffer | undefined
  #blockFrom = 0
  #blockUsed = 0

  /** @param text whether the parts have to be UTF-8, checked as they come. */
  constructor(text: boolean) {
    this.#check = text ? new Utf8Check() : undefined
  }

  /** @throws PeerError ERR_UTF8 as soon as the text can become no UTF-8 any more. */
  add(chunk: Buffer, start: number, end: number, ascii: boolean): void {
    const length = end - start
    if (this.#check !== undefined) {
      if (!(ascii && this.#check.complete)) {
        this.#ascii = false
        if (!this.#check.add(chunk, start, end)) throw utf8Error()
      }
    }
    this.bytes += length
    if (length >= SMALLEST_VIEW_BYTES && length * 2 >= chunk.buffer.byteLength) {
      this.#sealBlock()
      this.#parts.push(chunk.subarray(start, end))
    } else this.#copy(chunk, start, end)
  }

  /** The whole message as binary. */
  takeBinary(): Buffer {
    this.#sealBlock()
    return this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts, this.bytes)
  }

  /** The whole message as it came, in pieces; nothing is copied. */
  takeChunks(): Buffer[] {
    this.#sealBlock()
    return this.#parts
  }

  /** The whole message as text. @throws PeerError ERR_UTF8 when it ends inside a code point. */
  takeText(): string {
    if (this.#check?.complete === false) throw utf8Error()
    const bytes = this.takeBinary()
    return decodeText(bytes, 0, bytes.length, this.#ascii)
  }

  #copy(chunk: Buffer, start: number, end: number): void {
    let at = start
    while (at < end) {
      if (this.#block === undefined || this.#blockUsed === this.#block.length) this.#nextBlock()
      const block = this.#block!
      const copied = chunk.copy(block, this.#blockUsed, at, end)
      this.#blockUsed += copied
      at += copied
    }
  }

  #nextBlock(): void {
    this.#sealBlock()
    const bytes = this.#block === undefined ? FIRST_BLOCK_BYTES : this.#block.length * 2
    this.#block = Buffer.allocUnsafeSlow(Math.min(bytes, LARGEST_BLOCK_BYTES))
    this.#blockFrom = this.#blockUsed = 0
  }

  #sealBlock(): void {
    if (this.#block === undefined || this.#blockUsed === this.#blockFrom) return
    this.#parts.push(this.#block.subarray(this.#blockFrom, this.#blockUsed))
    this.#blockFrom = this.#blockUsed
  }
}
