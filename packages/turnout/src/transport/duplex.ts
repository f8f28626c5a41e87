// Knows how to carry bytes over any Duplex of Node: a TCP or TLS socket, an HTTP/2 stream.
import { Buffer } from 'node:buffer'
import { Socket } from 'node:net'
import process from 'node:process'
import { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { lent } from '../base/lent.ts'
import { IN_NODE } from '../base/runtime.ts'
import { readLent } from './lent-reads.ts'
import type { Transport, TransportSink } from './transport.ts'

/** The Duplex as a Transport. Whatever it has buffered, and whatever was unshifted into it, comes first. */
export function duplexTransport(stream: Duplex): Transport {
  return new DuplexTransport(stream)
}

/** Of other streams nobody knows whether what they call written is still read from where it lies. */
function writesAsNode(stream: Duplex): boolean {
  if (!IN_NODE || !(stream instanceof Socket) || stream.write !== Duplex.prototype.write) return false
  const own = stream as WritingSocket
  return (
    own._write === NODE._write && own._writev === NODE._writev && own._writeGeneric === NODE._writeGeneric
  )
}

/** How a socket writes, for itself and for what builds on it. */
type WritingSocket = { readonly [Name in '_write' | '_writev' | '_writeGeneric']?: unknown }
const NODE = Socket.prototype as WritingSocket

class DuplexTransport implements Transport {
  readonly #stream: Duplex
  /** Behind each write, where none is done when it returns. */
  readonly #onWritten: (() => void) | undefined
  #sink: TransportSink | undefined
  /** It is read into lent memory, past its stream's buffer. */
  #lent = false
  /** The last read took as much as fits: there may be more. */
  #brimful = false
  #paused = false
  /** What came during a pause, or before the start. */
  #waiting: Buffer | undefined
  /** The end has come, and then the close, perhaps behind what waits. */
  #ended = false
  #closed = false
  #over = false
  #failure: Error | undefined

  constructor(stream: Duplex) {
    this.#stream = stream
    if (stream instanceof TLSSocket) this.#onWritten = () => this.#written()
  }

  start(sink: TransportSink): void {
    const stream = this.#stream
    this.#sink = sink
    stream.on('error', (error) => {
      this.#failure = error
      // most streams do so themselves, unless they were made with autoDestroy: false
      stream.destroy()
    })
    const close = () => this.#close(stream.errored ?? undefined)
    stream.on('close', close)
    if (stream.destroyed) {
      // it died before anyone listened; `close` may have been and gone, or be about to come
      if (stream.closed) process.nextTick(close)
      return
    }
    stream.on('drain', () => this.#sink?.onDrain())
    stream.on('end', () => this.#end())
    const before = readLent(stream, (bytes) => this.#receive(bytes))
    if (before === undefined) stream.on('data', (chunk: Buffer) => this.#sink?.onData(chunk))
    else {
      this.#lent = true
      if (before.length > 0) {
        this.#waiting = before
        process.nextTick(() => this.#deliver())
      }
    }
    // whoever had it before may have paused it, or read its end
    stream.resume()
    if (stream.readableEnded) process.nextTick(() => this.#end())
  }

  write(pieces: readonly Uint8Array[]): boolean {
    const stream = this.#stream
    const last = pieces.length - 1
    if (last === 0) return stream.write(pieces[0], this.#onWritten)
    stream.cork()
    for (let index = 0; index < last; index++) stream.write(pieces[index])
    const flowing = stream.write(pieces[last], this.#onWritten)
    stream.uncork()
    return flowing
  }

  #written(): void {
    if (this.settled) this.#sink?.onSettled?.()
  }

  get bufferedBytes(): number {
    return this.#stream.writableLength
  }

  get settled(): boolean {
    return this.#stream.writableLength === 0 && writesAsNode(this.#stream)
  }

  get tellsSettled(): boolean {
    return this.#onWritten !== undefined && writesAsNode(this.#stream)
  }

  pause(): void {
    this.#paused = true
    // where nothing holds back what comes, one read more tells that the peer is gone
    if (!this.#lent) this.#stream.pause()
  }

  resume(): void {
    this.#paused = false
    if (this.#waiting === undefined) this.#stream.resume()
    else process.nextTick(() => this.#deliver())
  }

  end(): void {
    this.#stream.end()
  }

  /**
   * Once everything is with the system, its `close` sends that and a FIN, as a `shutdown` would, and there is no end of
   * the peer's to be woken by. What came and was not read, or comes later, is answered by a reset.
   */
  close(): boolean {
    const isRead = this.#waiting === undefined && (this.#ended || !this.#brimful)
    if (!this.#lent || !isRead || !this.settled || this.#stream instanceof TLSSocket) return false
    this.#stream.destroy()
    return true
  }

  destroy(error?: Error): void {
    this.#waiting = undefined
    this.#stream.destroy(error)
  }

  /** False: no more for now. */
  #receive(bytes: number): boolean {
    const chunk = lent.subarray(0, bytes)
    this.#brimful = bytes === lent.length
    if (this.#paused || this.#waiting !== undefined) {
      this.#waiting = Buffer.concat(this.#waiting === undefined ? [chunk] : [this.#waiting, chunk])
      return false
    }
    this.#sink?.onData(chunk)
    return true
  }

  #deliver(): void {
    const waiting = this.#waiting
    if (waiting === undefined || this.#paused) return
    this.#waiting = undefined
    this.#sink?.onData(waiting)
    if (this.#ended) this.#end()
    if (this.#closed) this.#close(undefined)
    else if (!this.#paused) this.#stream.resume()
  }

  #end(): void {
    this.#ended = true
    if (this.#waiting !== undefined) return
    this.#sink?.onEnd()
    // a stream of HTTP/2 that was reset with NO_ERROR: before Node 26 it waits for what nobody takes any more
    if (this.#stream.closed) this.#stream.destroy()
  }

  /** A stream that has ended both ways closes by itself, though what came before its end may still wait. */
  #close(error: Error | undefined): void {
    this.#failure ??= error
    this.#closed = true
    if (this.#over || (this.#ended && this.#waiting !== undefined && this.#failure === undefined)) return
    this.#over = true
    this.#waiting = undefined
    const sink = this.#sink
    // whoever keeps the stream is not to keep what lived on it: Node 26 does so until the next full collection
    this.#sink = undefined
    sink?.onClose(this.#failure)
  }
}
