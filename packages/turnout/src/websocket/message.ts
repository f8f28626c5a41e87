// Knows a message that comes in parts, fragments (RFC 6455 section 5.4) and frames that chunks have cut, and then stays.
import { Buffer } from 'node:buffer'
import { isLent } from '../base/lent.ts'
import { allocateApart } from '../base/message-memory.ts'

/** The least that is set aside for parts that cannot be kept as views. */
const SMALLEST_BLOCK_BYTES = 512
/** The most, where pieces are wanted anyway. */
const LARGEST_BLOCK_BYTES = 65_536

/** How much room is made for what has come: more where the header says that more will. */
const GROWTH = 2
const GROWTH_ANNOUNCED = 4

/** Room for a message of which so many bytes have come, and that will be `whole` bytes long; Infinity: nobody knows. */
export function roomFor(bytes: number, whole: number): number {
  const growth = whole === Number.POSITIVE_INFINITY ? GROWTH : GROWTH_ANNOUNCED
  return Math.min(Math.max(SMALLEST_BLOCK_BYTES, growth * bytes), whole)
}

/** A smaller part costs more as a view of its own than as a copy. */
const SMALLEST_VIEW_BYTES = 4096

/**
 * Collects the parts of one message.
 *
 * A part that fills most of the memory it is a view on is kept as it is, unless that is only lent. Others are copied
 * to where they stay: one place that grows, or blocks where pieces are wanted. What a message retains is at most twice
 * its payload, and four times of what a header has announced, however many fragments a peer makes of it.
 */
export class MessageParts {
  /** Payload so far. */
  bytes = 0
  readonly #parts: Buffer[] = []
  readonly #pieces: boolean
  /** Where parts are copied: `#block[#blockFrom, #blockUsed)` is not yet among the parts. */
  #block: Buffer | undefined
  #blockFrom = 0
  #blockUsed = 0

  /** @param pieces whether the parts are taken as they are, and not as one. */
  constructor(pieces: boolean) {
    this.#pieces = pieces
  }

  /** @param whole how long the message will be; Infinity: nobody knows. */
  add(chunk: Buffer, start: number, end: number, whole: number): void {
    const length = end - start
    this.bytes += length
    if (length >= SMALLEST_VIEW_BYTES && length * 2 >= chunk.buffer.byteLength && !isLent(chunk)) {
      this.#sealBlock()
      this.#parts.push(chunk.subarray(start, end))
    } else this.#copy(chunk, start, end, whole)
  }

  /** The whole message, in memory of its own. */
  takeWhole(): Buffer {
    this.#sealBlock()
    const bytes = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts, this.bytes)
    return bytes.length === bytes.buffer.byteLength ? bytes : Buffer.from(bytes)
  }

  /** The whole message as it came, in pieces; nothing is copied. */
  takeChunks(): Buffer[] {
    this.#sealBlock()
    return this.#parts
  }

  #copy(chunk: Buffer, start: number, end: number, whole: number): void {
    let at = start
    while (at < end) {
      if (this.#block === undefined || this.#blockUsed === this.#block.length) this.#makeRoom(end - at, whole)
      const copied = chunk.copy(this.#block!, this.#blockUsed, at, end)
      this.#blockUsed += copied
      at += copied
    }
  }

  /** Room for `due` bytes that have come, at least for the first of them. */
  #makeRoom(due: number, whole: number): void {
    const isAll = this.#parts.length === 0 && this.#blockFrom === 0
    if (!this.#pieces && isAll) return this.#grow(whole)
    this.#sealBlock()
    const room = Math.min(Math.max(SMALLEST_BLOCK_BYTES, this.bytes + due), LARGEST_BLOCK_BYTES)
    this.#block = allocateApart(Math.min(room, whole - (this.bytes - due)))
    this.#blockFrom = this.#blockUsed = 0
  }

  /** All that has come lies in one block, and goes on to do so. */
  #grow(whole: number): void {
    const block = allocateApart(roomFor(this.bytes, whole))
    this.#block?.copy(block, 0, 0, this.#blockUsed)
    this.#block = block
  }

  #sealBlock(): void {
    if (this.#block === undefined || this.#blockUsed === this.#blockFrom) return
    this.#parts.push(this.#block.subarray(this.#blockFrom, this.#blockUsed))
    this.#blockFrom = this.#blockUsed
  }
}
