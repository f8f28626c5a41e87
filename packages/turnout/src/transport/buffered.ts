// Knows how to take at once all that a stream has read and nobody has taken.
import { Buffer } from 'node:buffer'
import type { Readable } from 'node:stream'

/** Empty: there is nothing. `read` alone gives no more than one chunk where the stream flows, and from Node 26 on anyway. */
export function takeBuffered(stream: Readable): Buffer {
  if (stream.readableLength === 0) return NOTHING
  const chunks: Buffer[] = []
  while (stream.readableLength > 0) {
    const chunk = stream.read() as Buffer | null
    if (chunk === null) break
    chunks.push(chunk)
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}

const NOTHING = Buffer.alloc(0)
