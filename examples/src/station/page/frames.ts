// Knows how a WebSocket frame is laid out (RFC 6455 section 5.2), and takes one apart for a reader's eyes. It
// judges nothing: what breaks a rule is shown as it came.
import { type Bytes, hexByte, join, latin1, noBytes, utf8 } from './bytes.ts'

/** A run of a frame's bytes that means one thing. */
export interface Piece {
  readonly part: 'opcode' | 'length' | 'extended' | 'mask' | 'payload'
  readonly bytes: Bytes
  /** What the bytes say, in a word or two. */
  readonly says: string
}

export interface Frame {
  readonly fin: boolean
  /** RSV1 to RSV3 as a number: 0b100 is RSV1. */
  readonly rsv: number
  readonly opcode: number
  /** `text`, `ping`, …; `reserved` for an opcode that has no meaning yet. */
  readonly name: string
  /** The four bytes of the masking key; undefined: not masked. */
  readonly mask: Bytes | undefined
  readonly length: number
  /** As the sender meant it: unmasked. */
  readonly payload: Bytes
  /** The frame as it went over the wire, in order. */
  readonly pieces: readonly Piece[]
  /** What the payload says: text, a close code and reason; undefined: bytes only. */
  readonly text: string | undefined
}

const names: Readonly<Record<number, string>> = {
  0: 'continuation',
  1: 'text',
  2: 'binary',
  8: 'close',
  9: 'ping',
  10: 'pong',
}

/** Bytes in, frames out; a frame may come in any number of pieces. */
export class FrameReader {
  #held: Bytes = noBytes
  /** Opcode of the message that continuation frames go on with. */
  #message = 0

  read(bytes: Bytes): Frame[] {
    this.#held = join([this.#held, bytes])
    const frames: Frame[] = []
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame)
    return frames
  }

  #next(): Frame | undefined {
    const held = this.#held
    const first = held[0]
    const second = held[1]
    if (first === undefined || second === undefined) return undefined

    const short = second & 0x7f
    const extendedBytes = short === 126 ? 2 : short === 127 ? 8 : 0
    const masked = (second & 0x80) !== 0
    const headBytes = 2 + extendedBytes + (masked ? 4 : 0)
    if (held.length < headBytes) return undefined

    const extended = held.slice(2, 2 + extendedBytes)
    const length = extendedBytes === 0 ? short : extended.reduce((sum, byte) => sum * 256 + byte, 0)
    if (held.length < headBytes + length) return undefined

    const mask = masked ? held.slice(headBytes - 4, headBytes) : undefined
    const wire = held.slice(headBytes, headBytes + length)
    this.#held = held.slice(headBytes + length)

    const opcode = first & 0x0f
    const fin = (first & 0x80) !== 0
    const rsv = (first >> 4) & 0b111
    const name = names[opcode] ?? 'reserved'
    const payload = mask === undefined ? wire : wire.map((byte, index) => byte ^ mask[index % 4]!)
    if (opcode === 1 || opcode === 2) this.#message = opcode

    const pieces: Piece[] = [
      { part: 'opcode', bytes: held.slice(0, 1), says: `${fin ? 'FIN' : 'more follows'}, ${name}` },
      { part: 'length', bytes: held.slice(1, 2), says: saysLength(masked, short) },
    ]
    if (extendedBytes > 0) pieces.push({ part: 'extended', bytes: extended, says: `length ${length}` })
    if (mask !== undefined) pieces.push({ part: 'mask', bytes: mask, says: 'masking key' })
    if (length > 0)
      pieces.push({ part: 'payload', bytes: wire, says: masked ? 'payload, masked' : 'payload' })

    // With RSV1 a payload is compressed (RFC 7692): its bytes say nothing to the eye.
    const text = rsv === 0 ? this.#says(opcode, payload) : undefined
    return { fin, rsv, opcode, name, mask, length, payload, pieces, text }
  }

  #says(opcode: number, payload: Bytes): string | undefined {
    if (opcode === 8) return saysClose(payload)
    const isText = opcode === 1 || opcode === 9 || opcode === 10 || (opcode === 0 && this.#message === 1)
    if (!isText) return undefined
    const text = utf8(payload)
    if (text === undefined) return undefined
    // A ping's payload is any bytes; only what can be read is worth showing as text.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    return opcode < 8 || !/[\u0000-\u001f\u007f]/.test(text) ? text : undefined
  }
}

function saysLength(masked: boolean, short: number): string {
  const length =
    short === 126 ? '126: 2 bytes follow' : short === 127 ? '127: 8 bytes follow' : `length ${short}`
  return `${masked ? 'MASK' : 'no mask'}, ${length}`
}

function saysClose(payload: Bytes): string {
  if (payload.length < 2) return 'no code'
  const code = payload[0]! * 256 + payload[1]!
  const reason = utf8(payload.slice(2)) ?? latin1(payload.slice(2))
  return reason === '' ? `${code}` : `${code} ${reason}`
}

/** The two fixed bytes of a frame, bit by bit, as the RFC draws them. */
export function bits(frame: Frame): readonly { readonly name: string; readonly bits: string }[] {
  const first = frame.pieces[0]!.bytes[0]!.toString(2).padStart(8, '0')
  const second = frame.pieces[1]!.bytes[0]!.toString(2).padStart(8, '0')
  return [
    { name: 'FIN', bits: first.slice(0, 1) },
    { name: 'RSV', bits: first.slice(1, 4) },
    { name: 'opcode', bits: first.slice(4) },
    { name: 'MASK', bits: second.slice(0, 1) },
    { name: 'length', bits: second.slice(1) },
  ]
}

/** `0x1`, as the RFC writes opcodes. */
export function opcodeHex(frame: Frame): string {
  return `0x${hexByte(frame.opcode).slice(1).toUpperCase()}`
}
