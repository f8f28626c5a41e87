// Knows how a stream that was read to its end stays open for what is still to be said.
import type { Duplex } from 'node:stream'
import { breakOff } from './break-off.ts'

/**
 * From now on the end of the peer's side leaves ours to us, twice against Node's ways. A socket of its TLS servers is
 * ended with the peer. And `for await`, and what reads by it, such as the consumers of node:stream, destroys the whole
 * stream at its end, with an error that over TCP would be a reset: the peer would lose the answer, and what it had got
 * of it. Who leaves the loop before the end breaks the stream off, as ever.
 * @param socket what the stream lies on, where that is another: Node 26 may put a Duplex before it
 */
export function keepHalfOpen(stream: Duplex, socket: Duplex = stream): void {
  stream.allowHalfOpen = true
  socket.allowHalfOpen = true
  stream[Symbol.asyncIterator] = () => toTheEnd(stream)
}

/** Whoever is done with a stream that was read to its end, and has not ended it, has nothing more to say. */
export function endIfRead(stream: Duplex): void {
  if (stream.readableEnded && !stream.writableEnded) stream.end()
}

async function* toTheEnd(stream: Duplex): NodeJS.AsyncIterator<unknown, undefined> {
  let isWhole = false
  try {
    yield* stream.iterator({ destroyOnReturn: false })
    isWhole = true
  } finally {
    if (!isWhole) breakOff(stream)
  }
  return undefined
}
