// Knows the peer of the endpoint under test: it speaks hex and checks bytes; of WebSocket it knows masks and where a frame ends.
import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { type Bytes, bytes, cut, headerBytes, hex, masked, type Split } from './hex.ts'

/** What carries the peer's bytes: a TCP socket, or a pipe in memory. */
export interface Carrier {
  start(sink: CarrierSink): void
  /** A promise: the chunk has left by then, and the next one is another chunk for the reader. */
  write(chunk: Buffer): Promise<void> | void
  end(): void
  reset(): void
  /** Resolves when whatever the other side does by itself, with no further byte from us, has been done. */
  quiet(): Promise<void>
}

export interface CarrierSink {
  arrived(chunk: Uint8Array): void
  over(how: 'FIN' | 'RST'): void
}

/** How long the peer waits for bytes that are due before it gives up. */
const PATIENCE_MS = 10_000

export class Peer implements CarrierSink {
  /** The endpoint under test is the other one: a peer of a server masks. */
  readonly masks: boolean
  /** Keys of the masked frames that came, in order. */
  readonly keys: string[] = []
  readonly #carrier: Carrier
  #chunks: Buffer[] = []
  #length = 0
  /** The endpoint's FIN came, or its RST. */
  #over: 'FIN' | 'RST' | undefined
  #wake: () => void = () => {}

  constructor(role: 'client' | 'server', carrier: Carrier) {
    this.masks = role === 'client'
    this.#carrier = carrier
    carrier.start(this)
  }

  arrived(chunk: Uint8Array): void {
    this.#chunks.push(Buffer.from(chunk))
    this.#length += chunk.length
    this.#wake()
  }

  over(how: 'FIN' | 'RST'): void {
    this.#over ??= how
    this.#wake()
  }

  /** Sends frames, given unmasked, in the way of our role, cut into chunks. Stops when the endpoint has ended. */
  send(frames: readonly Bytes[], split: Split = 'all at once'): Promise<void> {
    return this.sendBytes(
      frames.map((frame) => (this.masks ? masked(frame) : bytes(frame))),
      split,
    )
  }

  /** Sends bytes as they are. */
  async sendBytes(parts: readonly Bytes[], split: Split = 'all at once'): Promise<void> {
    for (const chunk of cut(parts.map(bytes), split)) {
      if (this.#over !== undefined) return
      const left = this.#carrier.write(chunk)
      if (left instanceof Promise) await left
    }
  }

  end(): void {
    this.#carrier.end()
  }

  reset(): void {
    this.#carrier.reset()
  }

  /** The next frames are exactly these, byte for byte (less the mask, when the endpoint is a client). */
  async expect(...frames: readonly Bytes[]): Promise<void> {
    for (const expected of frames) {
      const wanted = hex(bytes(expected))
      assert.equal(hex(await this.frame(`the frame ${wanted}`)), wanted)
    }
  }

  /** The next frame is a Close: with this code and any reason, or (1005) with an empty body. */
  async expectClose(code: number): Promise<string> {
    const came = await this.frame(`a Close with ${code}`)
    assert.equal(came[0], 0x88, `a Close with ${code} was due, ${hex(came)} came`)
    assert.equal(
      came.length > 2 ? came.readUInt16BE(2) : 1005,
      code,
      `a Close with ${code} was due, ${hex(came)} came`,
    )
    assert.ok(came[1]! <= 125 && isUtf8(came.subarray(4)), `${hex(came)} carries no fit reason`)
    return came.subarray(4).toString()
  }

  /** The endpoint ends its side; not one byte comes before that. Our side need not have ended. */
  async expectEnd(): Promise<void> {
    while (this.#over === undefined && this.#length === 0) await this.#change('FIN')
    assert.equal(hex(this.#rest()), '', 'bytes after the last one')
  }

  /** Nothing comes and the endpoint does not end, unless we go on. */
  async expectNothing(): Promise<void> {
    await this.#carrier.quiet()
    assert.equal(hex(this.#rest()), '', 'nothing was due')
    assert.equal(this.#over, undefined, 'the endpoint ended first')
  }

  /** The next frame, without its mask. */
  async frame(due: string = 'a frame'): Promise<Buffer> {
    for (;;) {
      const frame = this.#takeFrame()
      if (frame !== undefined) return frame
      await this.#change(due)
    }
  }

  /** Every frame up to and with the Close, or up to the endpoint's end. */
  async framesToClose(): Promise<Buffer[]> {
    const frames: Buffer[] = []
    while (frames.at(-1)?.[0] !== 0x88) {
      const frame = this.#takeFrame()
      if (frame !== undefined) frames.push(frame)
      else if (this.#over !== undefined && this.#length === 0) break
      else await this.#change('a frame or FIN')
    }
    return frames
  }

  /** Lines of text up to the empty one: the head of an HTTP message. */
  async head(): Promise<string> {
    for (;;) {
      const all = this.#join()
      const end = all.indexOf('\r\n\r\n')
      if (end >= 0) return this.#take(end + 4).toString('latin1')
      await this.#change('an HTTP head')
    }
  }

  /** The next frame, without its mask, if it is all there. */
  #takeFrame(): Buffer | undefined {
    if (this.#length < 2) return undefined
    const all = this.#join()
    assert.equal(
      all[1]! >= 0x80,
      !this.masks,
      `mask bit of ${hex(all.subarray(0, 2))} (RFC 6455 section 5.1)`,
    )
    const keyAt = headerBytes(all)
    const payloadAt = keyAt + (this.masks ? 0 : 4)
    if (all.length < payloadAt) return undefined
    const short = all[1]! & 0x7f
    const length = keyAt === 2 ? short : keyAt === 4 ? all.readUInt16BE(2) : Number(all.readBigUInt64BE(2))
    if (all.length < payloadAt + length) return undefined
    const frame = this.#take(payloadAt + length)
    if (this.masks) return frame
    const key = frame.subarray(keyAt, payloadAt)
    this.keys.push(key.toString('hex'))
    const payload = frame.subarray(payloadAt)
    for (let at = 0; at < length; at++) payload[at] = payload[at]! ^ key[at & 3]!
    frame[1] = short
    return Buffer.concat([frame.subarray(0, keyAt), payload])
  }

  #take(count: number): Buffer {
    const all = this.#join()
    this.#chunks = [all.subarray(count)]
    this.#length -= count
    return Buffer.from(all.subarray(0, count))
  }

  #rest(): Buffer {
    return this.#take(this.#length)
  }

  #join(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0]!
  }

  /** Resolves when something came. Fails when nothing can come any more, or in time. */
  async #change(due: string): Promise<void> {
    if (this.#over !== undefined) assert.fail(`${due} was due; ${this.#over} after ${hex(this.#join())}`)
    await new Promise<void>((resolve, reject) => {
      const late = () =>
        reject(new assert.AssertionError({ message: `${due} was due; so far: ${hex(this.#join())}` }))
      const timer = setTimeout(late, PATIENCE_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
