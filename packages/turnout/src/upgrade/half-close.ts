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

/** Read to their end by a loop, which elsewhere would have destroyed them. */
const readByLoop = new WeakSet<Duplex>()

/**
 * Whoever is done with a stream that a loop has read to its end, and has not ended it, has nothing more to say. What is
 * piped into it still is. Who listens for its end instead may be at the answer, for as long as that takes.
 */
export function endIfRead(stream: Duplex): void {
  if (readByLoop.has(stream) && !stream.writableEnded && stream.listenerCount('unpipe') === 0) stream.end()
}

async function* toTheEnd(stream: Duplex): NodeJS.AsyncIterator<unknown, undefined> {
  let isWhole = false
  try {
    yield* stream.iterator({ destroyOnReturn: false })
    isWhole = true
    readByLoop.add(stream)
  } finally {
    if (!isWhole) breakOff(stream)
  }
  return undefined
}
