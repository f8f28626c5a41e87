// Knows the messages that are sent: a ring of different ones, framed and masked before the clock runs.
import { randomBytes } from 'node:crypto'
import { jsonText } from './json.ts'

/** Messages of one size. Any `count` neighbours are one view of the same bytes, so they can leave in one write. */
export class Ring {
  /** How many different messages there are. */
  readonly length: number
  /** Of the first one; without compression all are alike. */
  readonly frameBytes: number
  readonly payloads: readonly Buffer[]
  readonly frames: readonly Buffer[]
  readonly #twice: Buffer
  /** Where each frame begins in `#twice`, and where the last one ends. */
  readonly #starts: readonly number[]
  readonly #views = new Map<number, Buffer>()

  /** With `compress`, which makes the payload of a frame from a message, the messages are JSON. */
  constructor(sizeBytes: number, binary: boolean, inFlight: number, compress?: (plain: Buffer) => Buffer) {
    // Together more than 32 KiB where it matters: no compressor finds a message in its window as a whole.
    this.length = Math.max(inFlight, sizeBytes >= 262_144 ? 1 : sizeBytes >= 16_384 ? 8 : 64)
    this.payloads = Array.from({ length: this.length }, (_, index) =>
      compress === undefined
        ? payload(sizeBytes, binary, index)
        : Buffer.from(jsonText(sizeBytes, index), 'latin1'),
    )
    const firstByte = binary ? 0x82 : 0x81
    const framed = this.payloads.map((plain) =>
      // RSV1 says that it is compressed (RFC 7692 section 6).
      compress === undefined ? maskedFrame(firstByte, plain) : maskedFrame(firstByte | 0x40, compress(plain)),
    )
    this.frameBytes = framed[0]!.length
    this.#twice = Buffer.concat([...framed, ...framed])
    let end = 0
    this.#starts = [0, ...[...framed, ...framed].map(({ length }) => (end += length))]
    this.frames = Array.from({ length: this.length }, (_, index) => this.take(index, 1))
  }

  /** The frames of `count` messages from `position` on; `count` is at most the ring's length. */
  take(position: number, count: number): Buffer {
    const key = position * (this.length + 1) + count
    let view = this.#views.get(key)
    if (view === undefined) {
      view = this.#twice.subarray(this.#starts[position], this.#starts[position + count])
      this.#views.set(key, view)
    }
    return view
  }
}

/** One final frame, masked with a fresh key (RFC 6455 section 5.2). */
export function maskedFrame(firstByte: number, plain: Uint8Array): Buffer {
  const key = randomBytes(4)
  const frame = Buffer.concat([header(firstByte, plain.length, 0x80), key, plain])
  const start = frame.length - plain.length
  for (let index = 0; index < plain.length; index++) frame[start + index]! ^= key[index & 3]!
  return frame
}

/** First byte and length; `mask` is 0x80 for a masked frame, else 0. */
export function header(firstByte: number, length: number, mask: 0 | 0x80): Buffer {
  if (length < 126) return Buffer.from([firstByte, mask | length])
  if (length < 65_536) return Buffer.from([firstByte, mask | 126, length >> 8, length & 0xff])
  const bytes = Buffer.alloc(10)
  bytes[0] = firstByte
  bytes[1] = mask | 127
  bytes.writeUIntBE(length, 4, 6)
  return bytes
}

function payload(sizeBytes: number, binary: boolean, index: number): Buffer {
  if (binary) return randomBytes(sizeBytes)
  const text = Buffer.alloc(sizeBytes)
  for (let place = 0; place < sizeBytes; place++) text[place] = 0x61 + ((place * 7 + index * 3) % 26)
  return text
}
