// Knows how to carry bytes over any Duplex of Node: a TCP or TLS socket, an HTTP/2 stream.
import type { Duplex } from 'node:stream'
import type { Transport, TransportSink } from './transport.ts'

/** The Duplex as a Transport. Whatever it has buffered, and whatever was unshifted into it, comes first. */
export function duplexTransport(stream: Duplex): Transport {
  return new DuplexTransport(stream)
}

class DuplexTransport implements Transport {
  readonly #stream: Duplex

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  start(sink: TransportSink): void {
    const stream = this.#stream
    let failure: Error | undefined
    stream.on('error', (error) => {
      failure = error
      // most streams do so themselves, unless they were made with autoDestroy: false
      stream.destroy()
    })
    let over = false
    const close = () => {
      if (!over) sink.onClose(failure ?? stream.errored ?? undefined)
      over = true
    }
    stream.on('close', close)
    if (stream.destroyed) {
      // it died before anyone listened; `close` may have been and gone, or be about to come
      if (stream.closed) process.nextTick(close)
      return
    }
    stream.on('drain', () => sink.onDrain())
    stream.on('end', () => sink.onEnd())
    stream.on('data', (chunk: Buffer) => sink.onData(chunk))
    // whoever had it before may have paused it, or read its end
    stream.resume()
    if (stream.readableEnded) process.nextTick(() => sink.onEnd())
  }

  write(pieces: readonly Uint8Array[]): boolean {
    const stream = this.#stream
    if (pieces.length === 1) return stream.write(pieces[0])
    stream.cork()
    let flowing = true
    for (const piece of pieces) flowing = stream.write(piece)
    stream.uncork()
    return flowing
  }

  get bufferedBytes(): number {
    return this.#stream.writableLength
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  end(): void {
    this.#stream.end()
  }

  destroy(error?: Error): void {
    this.#stream.destroy(error)
  }
}
