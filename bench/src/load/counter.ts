// Knows how to count the messages in what comes back, cheaply, and how to compare them with what was sent.
import { type Agreement, Inflater } from './deflate.ts'
import type { Ring } from './ring.ts'

/** Counts messages over the chunks of one connection. Throws at the first thing that is not right. */
export interface Counter {
  /** Compare payloads, too, from the next message on; where they are compressed, only from the first message on. */
  verify: boolean
  /** How many messages end within the first `length` bytes of `chunk`. */
  count(chunk: Buffer, length: number): number
}

export interface CounterOptions {
  /** With it every answer has to be compressed, as that is what is measured. */
  readonly agreement?: Agreement | undefined
  /** A Ping came, with this payload; who does not answer is given up as lost. */
  readonly ping?: ((payload: Buffer) => void) | undefined
}

export function createCounter(
  framing: 'websocket' | 'raw',
  ring: Ring,
  { agreement, ping }: CounterOptions = {},
): Counter {
  return framing === 'raw'
    ? new ByteCounter(ring)
    : new FrameCounter(ring, agreement && new Inflater(agreement), ping)
}

/** Reads frame headers and skips payloads. The echo of message `n` must be the `n`th to come. */
class FrameCounter implements Counter {
  verify = false
  readonly #ring: Ring
  readonly #inflater: Inflater | undefined
  readonly #ping: ((payload: Buffer) => void) | undefined
  #pingPayload: Buffer = Buffer.alloc(0)
  readonly #header = Buffer.alloc(10)
  #headerBytes = 0
  #payloadBytes = 0
  /** Of the frame's payload. */
  #missing = 0
  #opcode = 0
  #final = false
  /** Of the message so far. */
  #messageBytes = 0
  #position = 0

  constructor(ring: Ring, inflater: Inflater | undefined, ping: ((payload: Buffer) => void) | undefined) {
    this.#ring = ring
    this.#inflater = inflater
    this.#ping = ping
  }

  count(chunk: Buffer, length: number): number {
    let messages = 0
    let offset = 0
    while (offset < length) {
      if (this.#missing === 0) {
        const taken = this.#readHeader(chunk, offset, length)
        if (taken === 0) return messages
        offset += taken
      }
      const part = Math.min(this.#missing, length - offset)
      if (this.verify && this.#opcode < 8) this.#compare(chunk, offset, part)
      if (this.#opcode === 9) {
        this.#pingPayload = Buffer.concat([this.#pingPayload, chunk.subarray(offset, offset + part)])
      }
      this.#missing -= part
      offset += part
      if (this.#missing === 0) messages += this.#opcode < 8 ? this.#endFrame() : this.#endControl()
    }
    return messages
  }

  /** Bytes taken from the chunk; 0 when the header goes on in the next chunk (it is kept then). */
  #readHeader(chunk: Buffer, offset: number, length: number): number {
    if (this.#headerBytes === 0 && length - offset >= 10) return this.#parse(chunk, offset)
    const kept = this.#headerBytes
    const taken = Math.min(10 - kept, length - offset)
    chunk.copy(this.#header, kept, offset, offset + taken)
    const known = kept + taken
    if (known < 2 || known < headerLength(this.#header[1]!)) {
      this.#headerBytes = known
      return 0
    }
    this.#headerBytes = 0
    return this.#parse(this.#header, 0) - kept
  }

  #parse(bytes: Buffer, offset: number): number {
    const first = bytes[offset]!
    const second = bytes[offset + 1]!
    this.#opcode = first & 0x0f
    this.#final = first >= 0x80
    // RSV1 belongs to the first frame of a message (RFC 7692 section 6).
    const compressed = this.#inflater !== undefined && (this.#opcode === 1 || this.#opcode === 2)
    if ((first & (compressed ? 0x30 : 0x70)) !== 0) throw new Error('a frame came with a reserved bit set')
    if (compressed && (first & 0x40) === 0) throw new Error('an answer came without compression')
    if (second >= 0x80) throw new Error('a masked frame came from the server')
    if (this.#opcode === 8) throw new Error('the server sent Close')
    const length = headerLength(second)
    this.#payloadBytes =
      length === 2
        ? second
        : length === 4
          ? bytes[offset + 2]! * 256 + bytes[offset + 3]!
          : bytes.readUIntBE(offset + 4, 6)
    this.#missing = this.#payloadBytes
    return length
  }

  #compare(chunk: Buffer, offset: number, length: number): void {
    if (this.#inflater !== undefined) {
      this.#inflater.add(chunk.subarray(offset, offset + length))
      return
    }
    const expected = this.#ring.payloads[this.#position]!
    const from = this.#messageBytes + this.#payloadBytes - this.#missing
    if (
      chunk.compare(expected, from, Math.min(from + length, expected.length), offset, offset + length) !== 0
    ) {
      throw new Error('a message came back with another content')
    }
  }

  #endFrame(): number {
    this.#messageBytes += this.#payloadBytes
    if (!this.#final) return 0
    const expected = this.#ring.payloads[this.#position]!
    if (this.#inflater !== undefined) this.#endCompressed(this.#inflater, expected)
    else if (this.#messageBytes !== expected.length) {
      throw new Error(`a message of ${this.#messageBytes} bytes came back, ${expected.length} were sent`)
    }
    this.#messageBytes = 0
    this.#position = (this.#position + 1) % this.#ring.length
    return 1
  }

  #endControl(): number {
    if (this.#opcode === 9) {
      this.#ping?.(this.#pingPayload)
      this.#pingPayload = Buffer.alloc(0)
    }
    return 0
  }

  /** How long a compressed answer is tells nothing. */
  #endCompressed(inflater: Inflater, expected: Buffer): void {
    if (!this.verify) inflater.skip()
    else if (!inflater.end().equals(expected)) throw new Error('a message came back with another content')
  }
}

/** Without frames: every frame's worth of bytes is a message. */
class ByteCounter implements Counter {
  verify = false
  readonly #ring: Ring
  #bytes = 0
  #position = 0

  constructor(ring: Ring) {
    this.#ring = ring
  }

  count(chunk: Buffer, length: number): number {
    if (this.verify) this.#compare(chunk, length)
    const total = this.#bytes + length
    const messages = Math.floor(total / this.#ring.frameBytes)
    this.#bytes = total - messages * this.#ring.frameBytes
    this.#position = (this.#position + messages) % this.#ring.length
    return messages
  }

  #compare(chunk: Buffer, length: number): void {
    let within = this.#bytes
    let position = this.#position
    for (let offset = 0; offset < length; ) {
      const part = Math.min(this.#ring.frameBytes - within, length - offset)
      if (chunk.compare(this.#ring.frames[position]!, within, within + part, offset, offset + part) !== 0) {
        throw new Error('other bytes came back')
      }
      offset += part
      within = 0
      position = (position + 1) % this.#ring.length
    }
  }
}

function headerLength(second: number): number {
  const short = second & 0x7f
  return short < 126 ? 2 : short === 126 ? 4 : 10
}
