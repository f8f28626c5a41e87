// Knows a client that does as it is told: raw requests, raw frames, and what comes back, with deadlines.
import { connect, type Socket } from 'node:net'

export interface Head {
  readonly status: number
  /** The status line and the fields, as they came. */
  readonly text: string
}

export interface Frame {
  readonly fin: boolean
  readonly compressed: boolean
  readonly opcode: number
  readonly payload: Buffer
}

export class RawClient {
  readonly socket: Socket
  #chunks: Buffer[] = []
  #over = false
  #wake: (() => void) | undefined

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' })
    this.socket.on('data', (chunk) => {
      this.#chunks.push(chunk)
      this.#wake?.()
    })
    const over = () => {
      this.#over = true
      this.#wake?.()
    }
    this.socket.on('end', over).on('close', over).on('error', over)
  }

  /** The peer has ended the connection, and nothing is left to read. */
  get over(): boolean {
    return this.#over
  }

  write(bytes: string | Buffer): void {
    if (!this.socket.destroyed) this.socket.write(bytes)
  }

  /** The next response head, its body (of a known length) skipped; undefined: none within the time. */
  async head(withinMs = 2_000): Promise<Head | undefined> {
    return this.#until(withinMs, () => {
      const end = this.#bytes.indexOf('\r\n\r\n')
      if (end === -1) return undefined
      const text = this.#bytes.toString('latin1', 0, end)
      const length = Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? 0)
      if (this.#bytes.length < end + 4 + length) return undefined
      this.#bytes = this.#bytes.subarray(end + 4 + length)
      return { status: Number(text.slice(9, 12)), text }
    })
  }

  /** The next frame; undefined: none within the time, or the connection ended. */
  async frame(withinMs = 2_000): Promise<Frame | undefined> {
    return this.#until(withinMs, () => {
      const bytes = this.#bytes
      if (bytes.length < 2) return undefined
      let [start, length] = [2, bytes[1]! & 0x7f]
      if (length === 126 && bytes.length >= 4) [start, length] = [4, bytes.readUInt16BE(2)]
      else if (length === 127 && bytes.length >= 10) [start, length] = [10, Number(bytes.readBigUInt64BE(2))]
      else if (length >= 126) return undefined
      if (bytes.length < start + length) return undefined
      this.#bytes = bytes.subarray(start + length)
      const payload = bytes.subarray(start, start + length)
      return { fin: bytes[0]! > 0x7f, compressed: (bytes[0]! & 0x40) > 0, opcode: bytes[0]! & 15, payload }
    })
  }

  /** The next frame that is no ping and not engine.io's own. */
  async message(withinMs = 2_000): Promise<Frame | undefined> {
    for (;;) {
      const frame = await this.frame(withinMs)
      if (frame === undefined || (frame.opcode !== 9 && frame.payload[0] !== 0x30)) return frame
    }
  }

  /**
   * How the peer ended the connection: the code of its Close frame, `closed` without one; undefined: it did not
   * within the time. Messages before that are skipped.
   */
  async ending(withinMs = 2_000): Promise<number | 'closed' | undefined> {
    const deadline = performance.now() + withinMs
    for (;;) {
      const frame = await this.frame(Math.max(deadline - performance.now(), 1))
      if (frame?.opcode === 8) return frame.payload.length < 2 ? 1005 : frame.payload.readUInt16BE(0)
      if (frame === undefined) return this.#over ? 'closed' : undefined
    }
  }

  destroy(): void {
    this.socket.destroy()
  }

  /** What came and was not taken yet. */
  get #bytes(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0]!
  }

  set #bytes(rest: Buffer) {
    this.#chunks = [rest]
  }

  async #until<Value>(withinMs: number, look: () => Value | undefined): Promise<Value | undefined> {
    const deadline = performance.now() + withinMs
    for (;;) {
      const value = look()
      const leftMs = deadline - performance.now()
      if (value !== undefined || this.#over || leftMs <= 0) return value
      await new Promise<void>((resolve) => {
        const timer = realSetTimeout(resolve, leftMs)
        this.#wake = () => {
          realClearTimeout(timer)
          resolve()
        }
      })
      this.#wake = undefined
    }
  }
}

// Kept from before a check stops the clock.
const realSetTimeout = setTimeout
const realClearTimeout = clearTimeout

export function requestHead(target: string, fields: readonly string[] = []): string {
  return [`GET ${target} HTTP/1.1`, 'Host: 127.0.0.1', ...fields, '', ''].join('\r\n')
}

export const handshakeFields: readonly string[] = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

/** A frame as a client sends it, masked with zeros. `length`: claims so many bytes, whatever the payload. */
export function frame(opcode: number, payload: string | Buffer, options: FrameOptions = {}): Buffer {
  const body = Buffer.from(payload)
  const { fin = true, compressed = false, length = body.length } = options
  const first = (fin ? 0x80 : 0) | (compressed ? 0x40 : 0) | opcode
  const wide = options.wide === true ? 126 : length < 126 ? length : length < 65_536 ? 126 : 127
  const size = wide === 126 ? Buffer.alloc(2) : wide === 127 ? Buffer.alloc(8) : Buffer.alloc(0)
  if (wide === 126) size.writeUInt16BE(length)
  if (wide === 127) size.writeBigUInt64BE(BigInt(length))
  return Buffer.concat([Buffer.from([first, 0x80 | wide]), size, Buffer.alloc(4), body])
}

export interface FrameOptions {
  readonly fin?: boolean
  readonly compressed?: boolean
  readonly length?: number
  /** Writes the length in 16 bits although 7 would do. */
  readonly wide?: boolean
}
