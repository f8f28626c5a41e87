// Knows one frame (RFC 6455 section 5.2): its header there and back, and every rule that a header alone can break.
import { Buffer } from 'node:buffer'
import { PeerError } from '../base/errors.ts'
import { kept } from '../base/lent.ts'
import { borrow, heldBytes } from '../base/loan.ts'
import { COPY_BYTES, type Outbox } from '../base/outbox.ts'
import { slab } from '../base/slab.ts'
import { applyMask, copyMasked, createMaskKey } from './mask.ts'
import { endScan, scan, scannedAscii, scannedEnd, scannedHead, scannedStart, unscan } from './scan.ts'
import { borrowText, encodeText } from './text.ts'

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export const FIN = 0x80
export const RSV1 = 0x40
export const RSV = 0x70
const OPCODE_BITS = 0x0f
const CONTROL_BIT = 0x08
const MASK = 0x80

/** Longest payload of a control frame (section 5.5). */
export const MAX_CONTROL_BYTES = 125

const LONGEST_HEADER_BYTES = 14

export type Role = 'server' | 'client'

/** Who hears of frames, in the order in which they arrive. May throw a PeerError to fail the connection. */
export interface FrameSink {
  /** A header is complete and keeps the rules of section 5. */
  onFrame(head: number, length: number): void
  /** Payload in `chunk[start, end)`, unmasked; at least one call a frame, the last with `last`. `ascii` is never true in error. */
  onPayload(chunk: Buffer, start: number, end: number, ascii: boolean, last: boolean): void
  /** Whether such a frame, when all of it is there as of almost every one, is to go to `onWhole` instead of those two. */
  takesWhole(head: number, length: number): boolean
  onWhole(head: number, chunk: Buffer, start: number, end: number, ascii: boolean): void
}

export interface FrameReaderOptions {
  /** Our own role: a server wants masked frames, a client unmasked ones (section 5.1). */
  readonly role: Role
  /** RSV bits that a negotiated extension owns (section 5.8), such as `RSV1`. Default 0. */
  readonly rsv?: number
  readonly sink: FrameSink
}

/** Cuts a stream of bytes into frames. Changes the bytes it is given: payloads are unmasked in place. */
export class FrameReader {
  readonly #sink: FrameSink
  readonly #maskBit: number
  readonly #foreignRsv: number
  /** The header that is being read: first byte, length of the payload, key. */
  #head = 0
  #length = 0
  #key = 0
  /** Payload still to come, once the header is there. */
  #inPayload = false
  #remaining = 0
  /** The beginning of a header that a chunk's end has cut. */
  #cut: Buffer | undefined
  #stopped = false
  /** Something came behind where it was told to stop. */
  #beyond = false
  /** What arrived while the reader was suspended; undefined when it is not. */
  #held: Buffer[] | undefined

  constructor(options: FrameReaderOptions) {
    this.#sink = options.sink
    this.#maskBit = options.role === 'server' ? MASK : 0
    this.#foreignRsv = RSV & ~(options.rsv ?? 0)
  }

  /** Takes nothing more: whatever is left of this chunk and all that follow are ignored. */
  stop(): void {
    this.#stopped = true
    this.#cut = undefined
    this.#held = undefined
  }

  /** Nothing has come behind where it was told to stop. */
  get isAtEnd(): boolean {
    return this.#stopped && !this.#beyond
  }

  /** Keeps what arrives from now on, the rest of this chunk too, until `resume`. */
  suspend(): void {
    this.#held ??= []
  }

  /** Reads what was kept, in order. @throws as `read` does. */
  resume(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const chunk of held) this.read(chunk)
  }

  /** @throws PeerError ERR_FRAME when a rule of section 5 is broken, and what the sink throws. */
  read(chunk: Buffer): void {
    if (this.#stopped) {
      this.#beyond = true
      return
    }
    if (this.#held !== undefined) return void this.#keep(chunk, 0)
    let at = 0
    if (this.#inPayload) at = this.#payload(chunk, 0)
    else if (this.#cut !== undefined) at = this.#joinHeader(chunk)
    const end = chunk.length
    while (at < end && !this.#stopped) {
      if (this.#held !== undefined) return void this.#keep(chunk, at)
      const wholesEnd = this.#wholes(chunk, at, end)
      if (wholesEnd > at) {
        at = wholesEnd
        continue
      }
      const headerBytes = this.#header(chunk, at, end)
      if (headerBytes === 0) {
        this.#cut = Buffer.from(chunk.subarray(at))
        return
      }
      const start = at + headerBytes
      const isWhole = start + this.#length <= end && this.#sink.takesWhole(this.#head, this.#length)
      at = isWhole ? this.#whole(chunk, start) : this.#begin(chunk, start)
    }
    if (at < end) this.#beyond = true
  }

  #keep(chunk: Buffer, at: number): void {
    this.#held!.push(kept(chunk, at, chunk.length))
  }

  /** Completes a header that began in earlier chunks; gives where its payload begins. */
  #joinHeader(chunk: Buffer): number {
    const before = this.#cut!
    const joined = Buffer.concat([before, chunk.subarray(0, LONGEST_HEADER_BYTES - before.length)])
    const headerBytes = this.#header(joined, 0, joined.length)
    if (headerBytes === 0) {
      this.#cut = joined
      return chunk.length
    }
    this.#cut = undefined
    return this.#begin(chunk, headerBytes - before.length)
  }

  /** The whole messages from `at` on, as many as there are in one go; gives where they end, `at` if there are none. */
  #wholes(chunk: Buffer, at: number, end: number): number {
    // whoever takes not even an empty one would have each chunk masked again
    if (this.#maskBit === 0 || !this.#sink.takesWhole(FIN | OPCODE.text, 0)) return at
    const count = scan(chunk, at, end)
    if (count === 0) return at
    try {
      for (let frame = 0; frame < count; frame++) {
        const head = scannedHead(frame)
        const start = scannedStart(frame)
        const frameEnd = scannedEnd(frame)
        const isTaken =
          !this.#stopped && this.#held === undefined && this.#sink.takesWhole(head, frameEnd - start)
        if (!isTaken) {
          unscan(chunk, frame, count)
          break
        }
        this.#sink.onWhole(head, chunk, start, frameEnd, scannedAscii(frame))
        at = frameEnd
      }
    } finally {
      endScan()
    }
    return at
  }

  #whole(chunk: Buffer, start: number): number {
    const end = start + this.#length
    const ascii = this.#maskBit !== 0 && applyMask(chunk, start, end, this.#key, 0)
    this.#sink.onWhole(this.#head, chunk, start, end, ascii)
    return end
  }

  #begin(chunk: Buffer, at: number): number {
    this.#inPayload = true
    this.#remaining = this.#length
    this.#sink.onFrame(this.#head, this.#length)
    return this.#remaining === 0 || at < chunk.length ? this.#payload(chunk, at) : at
  }

  #payload(chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + this.#remaining)
    const last = end - start === this.#remaining
    const phase = this.#length - this.#remaining
    this.#remaining -= end - start
    if (last) this.#inPayload = false
    const ascii = this.#maskBit !== 0 && applyMask(chunk, start, end, this.#key, phase)
    if (!this.#stopped) this.#sink.onPayload(chunk, start, end, ascii, last)
    return end
  }

  /** Reads the header at `at`; gives its size, or 0 when `end` comes before its end. */
  #header(bytes: Buffer, at: number, end: number): number {
    if (end - at < 2) return 0
    const head = bytes[at]!
    const second = bytes[at + 1]!
    const short = second & 0x7f
    if ((second & MASK) !== this.#maskBit) throw maskError(this.#maskBit)
    if ((head & this.#foreignRsv) !== 0) throw rsvError(head)
    checkOpcode(head, short)
    let lengthEnd = at + 2
    let length = short
    if (short >= 126) {
      lengthEnd += short === 126 ? 2 : 8
      if (end < lengthEnd) return 0
      length = short === 126 ? bytes.readUInt16BE(at + 2) : readLength64(bytes, at + 2)
      if (length < (short === 126 ? 126 : 65_536)) throw minimalError(length, short)
    }
    this.#head = head
    this.#length = length
    if (this.#maskBit === 0) return lengthEnd - at
    if (end < lengthEnd + 4) return 0
    this.#key =
      bytes[lengthEnd]! |
      (bytes[lengthEnd + 1]! << 8) |
      (bytes[lengthEnd + 2]! << 16) |
      (bytes[lengthEnd + 3]! << 24)
    return lengthEnd + 4 - at
  }
}

function checkOpcode(head: number, short: number): void {
  const opcode = head & OPCODE_BITS
  if (opcode <= OPCODE.binary) return
  if (opcode < OPCODE.close || opcode > OPCODE.pong) {
    throw new PeerError('ERR_FRAME', `a frame with opcode ${opcode}`, { section: 'RFC 6455 section 5.2' })
  }
  if ((head & FIN) === 0) {
    throw new PeerError('ERR_FRAME', 'a fragmented control frame', { section: 'RFC 6455 section 5.5' })
  }
  if (short > MAX_CONTROL_BYTES) {
    throw new PeerError('ERR_FRAME', `a control frame of more than ${MAX_CONTROL_BYTES} bytes`, {
      section: 'RFC 6455 section 5.5',
    })
  }
}

/** A length that no memory holds still is a number: the size limit refuses it. */
function readLength64(bytes: Buffer, at: number): number {
  const high = bytes.readUInt32BE(at)
  if (high > 0x7fffffff) {
    throw new PeerError('ERR_FRAME', 'a 64-bit length with its top bit set', {
      section: 'RFC 6455 section 5.2',
    })
  }
  return high * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
}

function maskError(maskBit: number): PeerError {
  const seen = maskBit === 0 ? 'a masked frame from a server' : 'an unmasked frame from a client'
  return new PeerError('ERR_FRAME', seen, { section: 'RFC 6455 section 5.1' })
}

function rsvError(head: number): PeerError {
  const bits = ((head & RSV) >> 4).toString(2).padStart(3, '0')
  return new PeerError('ERR_FRAME', `RSV bits ${bits} that no extension owns`, {
    section: 'RFC 6455 section 5.2',
  })
}

function minimalError(length: number, short: number): PeerError {
  const bits = short === 126 ? 16 : 64
  return new PeerError('ERR_FRAME', `a length of ${length} written in ${bits} bits`, {
    section: 'RFC 6455 section 5.2',
  })
}

export function isControl(head: number): boolean {
  return (head & CONTROL_BIT) !== 0
}

export function opcodeOf(head: number): number {
  return head & OPCODE_BITS
}

/** Writes one frame. An unmasked payload above 4 KiB is not copied: leave it alone until it has left. */
export function writeFrame(outbox: Outbox, head: number, payload: Uint8Array, role: Role): void {
  const length = payload.length
  if (length > COPY_BYTES) return writeLongFrame(outbox, head, payload, role)
  const mask = role === 'client'
  outbox.room(LONGEST_HEADER_BYTES + length)
  const bytes = slab.buffer
  const start = slab.used
  let at = writeHeader(bytes, start, head, length, mask)
  const key = mask ? writeKey(bytes, at) : 0
  if (mask) at += 4
  bytes.set(payload, at)
  if (mask) applyMask(bytes, at, at + length, key, 0)
  outbox.filled(at + length - start)
}

/** The payload leaves from where it lies; what has to be masked, or would not lie there so long, from borrowed memory. */
function writeLongFrame(outbox: Outbox, head: number, payload: Uint8Array, role: Role): void {
  if (role === 'client') {
    const loan = borrow(payload.length)
    const masked = loan.bytes.subarray(0, payload.length)
    copyMasked(masked, payload, writeFrameHead(outbox, head, payload.length, role))
    return outbox.pushLent(masked, loan)
  }
  const held = heldBytes(payload)
  writeFrameHead(outbox, head, payload.length, role)
  if (held === undefined) outbox.push(payload)
  else outbox.pushLent(held.bytes, held.loan)
}

/** Writes the header of a frame whose payload follows; gives the key that a client has to mask it with, else 0. */
export function writeFrameHead(outbox: Outbox, head: number, length: number, role: Role): number {
  const mask = role === 'client'
  outbox.room(LONGEST_HEADER_BYTES)
  const start = slab.used
  const end = writeHeader(slab.buffer, start, head, length, mask)
  const key = mask ? writeKey(slab.buffer, end) : 0
  outbox.filled(end + (mask ? 4 : 0) - start)
  return key
}

/** Writes a text as one frame; short ones are encoded where they will leave from. */
export function writeTextFrame(outbox: Outbox, head: number, text: string, role: Role): void {
  const units = text.length
  if (units > COPY_BYTES) return writeLongTextFrame(outbox, head, text, role)
  const mask = role === 'client'
  outbox.room(LONGEST_HEADER_BYTES + units * 3)
  const bytes = slab.buffer
  const start = slab.used
  // as if it were ASCII; if it was not and the length needs a longer header, the payload moves up
  let payloadAt = start + headerBytes(units, mask)
  const length = encodeText(bytes, payloadAt, text)
  const rightAt = start + headerBytes(length, mask)
  if (rightAt !== payloadAt) {
    bytes.copyWithin(rightAt, payloadAt, payloadAt + length)
    payloadAt = rightAt
  }
  const at = writeHeader(bytes, start, head, length, mask)
  if (mask) applyMask(bytes, payloadAt, payloadAt + length, writeKey(bytes, at), 0)
  outbox.filled(payloadAt + length - start)
}

/** The text leaves from borrowed memory. */
function writeLongTextFrame(outbox: Outbox, head: number, text: string, role: Role): void {
  const { loan, length } = borrowText(text)
  const bytes = loan.bytes.subarray(0, length)
  const key = writeFrameHead(outbox, head, length, role)
  if (role === 'client') applyMask(bytes, 0, length, key, 0)
  outbox.pushLent(bytes, loan)
}

/** One frame of a server, ready to be pushed to many connections. */
export function encodeFrame(head: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes(payload.length, false) + payload.length)
  frame.set(payload, writeHeader(frame, 0, head, payload.length, false))
  return frame
}

function headerBytes(length: number, mask: boolean): number {
  return (length < 126 ? 2 : length < 65_536 ? 4 : 10) + (mask ? 4 : 0)
}

/** Gives where the key or the payload goes. */
function writeHeader(bytes: Buffer, at: number, head: number, length: number, mask: boolean): number {
  const maskBit = mask ? MASK : 0
  bytes[at] = head
  if (length < 126) {
    bytes[at + 1] = maskBit | length
    return at + 2
  }
  if (length < 65_536) {
    bytes[at + 1] = maskBit | 126
    bytes[at + 2] = length >>> 8
    bytes[at + 3] = length
    return at + 4
  }
  bytes[at + 1] = maskBit | 127
  bytes.writeUInt32BE(Math.floor(length / 0x1_0000_0000), at + 2)
  bytes.writeUInt32BE(length >>> 0, at + 6)
  return at + 10
}

/** A fresh key for this frame alone (section 5.3). */
function writeKey(bytes: Buffer, at: number): number {
  const key = createMaskKey()
  bytes[at] = key
  bytes[at + 1] = key >>> 8
  bytes[at + 2] = key >>> 16
  bytes[at + 3] = key >>> 24
  return key
}
