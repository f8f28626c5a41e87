// Knows the connection of a client between the 101 and HTTP/2: node:http2 sends the first request once more, and
// this takes it out, since the server has it already (RFC 7540 section 3.2).
import { Buffer } from 'node:buffer'
import { Duplex } from 'node:stream'
import {
  CONTINUATION,
  END_HEADERS,
  FRAME_HEADER_BYTES,
  HEADERS,
  PREFACE,
  readFrameHeader,
} from './h2c-frames.ts'

/**
 * A Duplex over `connection` that drops the first request written to it. Nothing is read before that: the
 * response would come on a stream that node:http2 does not know yet. `onRead` reads along.
 */
export function swallowFirstRequest(connection: Duplex, onRead: (chunk: Buffer) => void = ignore): Duplex {
  return new FirstRequestSwallower(connection, onRead)
}

class FirstRequestSwallower extends Duplex {
  readonly #connection: Duplex
  readonly #onRead: (chunk: Buffer) => void
  /** Written and not passed on yet; undefined: the request is gone, everything passes. */
  #held: Buffer | undefined = Buffer.alloc(0)
  #prefacePassed = false

  constructor(connection: Duplex, onRead: (chunk: Buffer) => void) {
    super({ allowHalfOpen: false })
    this.#connection = connection
    this.#onRead = onRead
    connection.on('error', (error) => this.destroy(error))
    connection.on('close', () => this.destroy())
  }

  override _read(): void {
    if (this.#held === undefined) this.#connection.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#pass(chunk, done)
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#pass(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#connection.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#connection.destroy(error ?? undefined)
    done(error)
  }

  #pass(chunk: Buffer, done: (error?: Error | null) => void): void {
    const rest = this.#held === undefined ? chunk : this.#withoutRequest(Buffer.concat([this.#held, chunk]))
    if (rest.length === 0) done()
    else this.#connection.write(rest, done)
  }

  #withoutRequest(bytes: Buffer): Buffer {
    const passed: Buffer[] = []
    let at = 0
    if (!this.#prefacePassed && bytes.length >= PREFACE.length) {
      at = PREFACE.length
      passed.push(bytes.subarray(0, at))
      this.#prefacePassed = true
    }
    while (this.#prefacePassed && bytes.length - at >= FRAME_HEADER_BYTES) {
      const frame = readFrameHeader(bytes, at)
      const end = at + FRAME_HEADER_BYTES + frame.bytes
      if (bytes.length < end) break
      const isRequest = frame.streamId === 1 && (frame.type === HEADERS || frame.type === CONTINUATION)
      if (!isRequest) passed.push(bytes.subarray(at, end))
      at = end
      if (!isRequest || (frame.flags & END_HEADERS) === 0) continue
      this.#held = undefined
      this.#listen()
      return Buffer.concat([...passed, bytes.subarray(at)])
    }
    this.#held = bytes.subarray(at)
    return Buffer.concat(passed)
  }

  #listen(): void {
    const connection = this.#connection
    connection.on('data', (chunk: Buffer) => {
      this.#onRead(chunk)
      if (!this.push(chunk)) connection.pause()
    })
    connection.on('end', () => this.push(null))
  }
}

function ignore(): void {}
