// Knows UTF-8 as it arrives (RFC 6455 section 8.1): in parts, code points cut anywhere, wrong at the first wrong byte.
import { Buffer, isUtf8 } from 'node:buffer'
import { TextEncoder } from 'node:util'
import { PeerError } from '../base/errors.ts'
import { borrow, type Loan } from '../base/loan.ts'
import { NODE_MAJOR } from '../base/runtime.ts'

/** From this length on, the bulk goes to the native check and only the cut ends byte by byte. */
const BULK_FROM_BYTES = 32

/** Checks one text from its first byte to its last. */
export class Utf8Check {
  /** Continuation bytes that the current code point still wants. */
  #wanted = 0
  /** What the next continuation byte may be: narrower after E0, ED, F0 and F4 (overlongs, surrogates, above U+10FFFF). */
  #low = 0x80
  #high = 0xbf

  /** Whether the text, with these bytes added, can still become UTF-8. */
  add(bytes: Buffer, start: number, end: number): boolean {
    let at = start
    while (this.#wanted > 0 && at < end) {
      if (!this.#step(bytes[at++]!)) return false
    }
    if (end - at >= BULK_FROM_BYTES) {
      const cut = lastBoundary(bytes, end)
      if (!isUtf8(bytes.subarray(at, cut))) return false
      at = cut
    }
    while (at < end) {
      if (!this.#step(bytes[at++]!)) return false
    }
    return true
  }

  /** Whether the text may end here. */
  get complete(): boolean {
    return this.#wanted === 0
  }

  #step(byte: number): boolean {
    if (this.#wanted > 0) {
      if (byte < this.#low || byte > this.#high) return false
      this.#wanted--
      this.#low = 0x80
      this.#high = 0xbf
      return true
    }
    if (byte < 0x80) return true
    if (byte < 0xc2 || byte > 0xf4) return false
    this.#wanted = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3
    if (byte === 0xe0) this.#low = 0xa0
    else if (byte === 0xed) this.#high = 0x9f
    else if (byte === 0xf0) this.#low = 0x90
    else if (byte === 0xf4) this.#high = 0x8f
    return true
  }
}

/** Where the last code point begins if `end` may cut it, else `end`: at most three bytes back. */
function lastBoundary(bytes: Buffer, end: number): number {
  for (let back = 1; back <= 3; back++) {
    const byte = bytes[end - back]!
    if (byte < 0x80) return end
    if (byte >= 0xc0) {
      const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
      return length > back ? end - back : end
    }
  }
  return end
}

/**
 * The text of bytes that are known to be UTF-8. A byte order mark is kept.
 * @throws PeerError ERR_MESSAGE_TOO_BIG for more than a string holds, which a limit of the user's may well allow.
 */
export function decodeText(bytes: Buffer, start: number, end: number, ascii: boolean): string {
  try {
    return ascii ? sliceLatin1(bytes, start, end) : bytes.toString('utf8', start, end)
  } catch (cause) {
    throw new PeerError('ERR_MESSAGE_TOO_BIG', `a text of ${end - start} bytes, more than a string holds`, {
      cause,
    })
  }
}

/** What `toString('latin1')` calls in the end; without the way there a short text costs less. */
const sliceLatin1: (bytes: Buffer, start: number, end: number) => string =
  typeof (Buffer.prototype as DirectBuffer).latin1Slice === 'function'
    ? (bytes, start, end) => (bytes as DirectBuffer).latin1Slice!(start, end)
    : (bytes, start, end) => bytes.toString('latin1', start, end)

type DirectBuffer = Buffer & { latin1Slice?(start: number, end: number): string }

/** From Node 22 on a text is written by a call that costs a third of what it did. */
const FAST_WRITE = NODE_MAJOR >= 22

/** Longest text that is written faster by hand. */
const BY_HAND_UNITS = FAST_WRITE ? 20 : 32

/** Writes a text as UTF-8; room for three bytes a unit must be there. Gives the number of bytes. */
export function encodeText(bytes: Buffer, at: number, text: string): number {
  const units = text.length
  if (units > BY_HAND_UNITS) return bytes.write(text, at)
  for (let index = 0; index < units; index++) {
    const unit = text.charCodeAt(index)
    if (unit > 0x7f) return bytes.write(text, at)
    bytes[at + index] = unit
  }
  return units
}

const encoder = new TextEncoder()

/** The same into borrowed memory, for a text of any length. */
export function borrowText(text: string): { readonly loan: Loan; readonly length: number } {
  const units = text.length
  const loan = borrow(units)
  const { read, written } = encoder.encodeInto(text, loan.bytes)
  if (read === units) return { loan, length: written }
  // more than a byte a unit
  const rest = text.slice(read)
  const length = written + Buffer.byteLength(rest)
  const whole = borrow(length)
  loan.bytes.copy(whole.bytes, 0, 0, written)
  loan.letGo()
  encoder.encodeInto(rest, whole.bytes.subarray(written))
  return { loan: whole, length }
}

/** A text delivered in parts as it comes, none cut inside a code point. */
export class TextParts {
  readonly #check = new Utf8Check()
  /** The bytes of a code point whose end has not come: at most three. */
  #cut: Buffer | undefined

  /** What can be told by now; may be empty. @throws PeerError ERR_UTF8 at the first wrong byte. */
  add(bytes: Buffer, start: number, end: number): string {
    if (!this.#check.add(bytes, start, end)) throw utf8Error()
    const before = this.#cut
    if (before !== undefined) {
      bytes = Buffer.concat([before, bytes.subarray(start, end)])
      start = 0
      end = bytes.length
    }
    const whole = this.#check.complete ? end : lastBoundary(bytes, end)
    this.#cut = whole === end ? undefined : Buffer.from(bytes.subarray(whole, end))
    return decodeText(bytes, start, whole, false)
  }

  /** @throws PeerError ERR_UTF8 when the text ends inside a code point. */
  end(): void {
    if (!this.#check.complete) throw utf8Error()
  }
}

export function utf8Error(): PeerError {
  return new PeerError('ERR_UTF8', 'a text message that is not UTF-8', { section: 'RFC 6455 section 8.1' })
}
