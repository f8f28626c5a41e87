// Knows how a Transport looks as a Duplex of Node, for what expects a socket: an http server, a protocol's handler.
import { Buffer } from 'node:buffer'
import { Duplex } from 'node:stream'
import { kept } from '../base/lent.ts'
import type { Transport } from '../transport/transport.ts'
import { keepHalfOpen } from '../upgrade/half-close.ts'

/** The transport as a stream, with half-close and backpressure. Starts it. */
export function transportDuplex(transport: Transport): Duplex {
  let written: (() => void) | undefined
  let isWhole = false
  const stream: Duplex = new Duplex({
    allowHalfOpen: true,
    read: () => transport.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (transport.write([Buffer.from(chunk)])) done()
      else written = done
    },
    final(done) {
      transport.end()
      done()
    },
    destroy(error, done) {
      // where both sides have said their end there is nothing left to reset
      const isOver = stream.writableFinished && stream.readableEnded
      transport.destroy(isOver ? undefined : (error ?? undefined))
      done(error)
    },
  })
  transport.start({
    onData(chunk) {
      if (!stream.push(kept(chunk, 0, chunk.length))) transport.pause()
    },
    onEnd() {
      isWhole = true
      stream.push(null)
    },
    onDrain() {
      const done = written
      written = undefined
      done?.()
    },
    onClose(error) {
      // as with a socket, what came whole can still be read
      if (error !== undefined || !isWhole || stream.readableEnded) stream.destroy(error)
      else stream.once('end', () => stream.destroy())
    },
  })
  keepHalfOpen(stream)
  return stream
}
