// Knows the notation of the suite: bytes as the RFC prints them, frames with and without a mask, and how to cut them.
import { createHash } from 'node:crypto'

/** Bytes in the notation of `bytes`, or as they are. */
export type Bytes = string | Uint8Array

/** The key of the RFC's own examples (section 5.7). */
export const RFC_KEY = '37 fa 21 3d'

/** Hex pairs and quoted text (as UTF-8), either of them repeated: `81 05 "Hello"`, `89 7d fe*125`. */
export function bytes(notation: Bytes): Buffer {
  if (typeof notation !== 'string') return Buffer.isBuffer(notation) ? notation : Buffer.from(notation)
  const parts: Buffer[] = []
  for (const [all, quoted, pair, count] of notation.matchAll(
    /(?:"([^"]*)"|([0-9a-f]{2}))(?:\*(\d+))?|\S/gi,
  )) {
    if (quoted === undefined && pair === undefined) throw new Error(`${all} in ${notation} is no byte`)
    const once = pair === undefined ? Buffer.from(quoted!) : Buffer.from(pair, 'hex')
    parts.push(count === undefined ? once : Buffer.alloc(once.length * Number(count), once))
  }
  return Buffer.concat(parts)
}

const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Bytes for people: pairs of hex digits; what is too long to read ends in a digest. */
export function hex(data: Uint8Array): string {
  const pairs = (part: Uint8Array) => Array.from(part, (byte) => PAIRS[byte]).join(' ')
  if (data.length <= 160) return pairs(data)
  return `${pairs(data.subarray(0, 24))} … (${data.length} bytes, SHA-1 ${digest(data)})`
}

export function digest(data: Uint8Array | string): string {
  return createHash('sha1').update(data).digest('hex').slice(0, 12)
}

/** An unmasked frame with the shortest header: `frame(0x81, '"Hello"')`. */
export function frame(first: number, payload: Bytes = ''): Buffer {
  const body = bytes(payload)
  const header =
    body.length < 126
      ? Buffer.of(first, body.length)
      : body.length < 65_536
        ? Buffer.of(first, 126, body.length >>> 8, body.length)
        : Buffer.of(
            first,
            127,
            0,
            0,
            0,
            0,
            body.length >>> 24,
            body.length >>> 16,
            body.length >>> 8,
            body.length,
          )
  return Buffer.concat([header, body])
}

/** A Close frame: no code, a code, or a code and a reason. */
export function close(code?: number, reason: Bytes = ''): Buffer {
  if (code === undefined) return frame(0x88)
  return frame(0x88, Buffer.concat([Buffer.of(code >>> 8, code), bytes(reason)]))
}

/** The frame as a client sends it (section 5.3). It may break every other rule, and may stop short anywhere. */
export function masked(unmasked: Bytes, key: Bytes = RFC_KEY): Buffer {
  const plain = bytes(unmasked)
  const header = headerBytes(plain)
  if (plain.length < header) return plain.length < 2 ? plain : withMaskBit(plain)
  const fourBytes = bytes(key)
  const body = plain.subarray(header).map((byte, at) => byte ^ fourBytes[at % 4]!)
  return Buffer.concat([withMaskBit(plain.subarray(0, header)), fourBytes, body])
}

/** Bytes before the payload of an unmasked frame, read off its second byte. */
export function headerBytes(unmasked: Uint8Array): number {
  const short = unmasked[1]! & 0x7f
  return short === 126 ? 4 : short === 127 ? 10 : 2
}

function withMaskBit(header: Uint8Array): Buffer {
  const copy = Buffer.from(header)
  copy[1] = copy[1]! | 0x80
  return copy
}

/** A message cut into fragments: `fragments(0x81, [a, b, c])` gives frames 01, 00 and 80. */
export function fragments(first: number, payloads: readonly Bytes[]): Buffer[] {
  return payloads.map((payload, at) => {
    const fin = at === payloads.length - 1 ? 0x80 : 0
    return frame(fin | (at === 0 ? first & 0x7f : 0), payload)
  })
}

/** Where the chunks of a stream end: the four ways of the suite, or one cut at an offset. */
export type Split = 'all at once' | 'a frame at a time' | 'two bytes at a time' | 'a byte at a time' | number

export const SPLITS = ['all at once', 'a frame at a time', 'two bytes at a time', 'a byte at a time'] as const

export function cut(frames: readonly Buffer[], split: Split): Buffer[] {
  if (split === 'a frame at a time') return frames.filter((part) => part.length > 0)
  const whole = Buffer.concat(frames)
  if (split === 'all at once') return whole.length === 0 ? [] : [whole]
  if (typeof split === 'number') return [whole.subarray(0, split), whole.subarray(split)]
  const step = split === 'a byte at a time' ? 1 : 2
  return Array.from({ length: Math.ceil(whole.length / step) }, (_, at) =>
    whole.subarray(at * step, at * step + step),
  )
}
