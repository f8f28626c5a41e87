// Knows how a stream of bytes is broken off over TCP, so that nobody takes its part for the whole.
import type { Duplex } from 'node:stream'

interface Resettable extends Duplex {
  readonly encrypted?: boolean
  resetAndDestroy?(): unknown
}

/** Ends it by a reset, not by an end that could pass for the protocol's own, where it can. */
export function breakOff(stream: Resettable, error?: Error): void {
  if (stream.destroyed) return
  try {
    // of what TLS has secured Node resets nothing
    if (stream.encrypted !== true && !isEnding(stream)) stream.resetAndDestroy?.()
  } catch {
    // a socket of the file system
  }
  stream.destroy(error)
}

/**
 * Whether everything that was said has left, and the end of it is on its way: Node cannot reset a socket then, and
 * one on which it has tried it never closes.
 */
function isEnding({ writableEnded, writableFinished, writableLength }: Duplex): boolean {
  return writableEnded && !writableFinished && writableLength === 0
}

/** From now on whoever destroys it with an error, as `pipeline` does where the other side fails, breaks it off. */
export function breakOffOnError(stream: Resettable): void {
  const { destroy } = stream
  let failure: Error | undefined
  stream.destroy = function (this: Resettable, error?: Error) {
    if (error == null || failure !== undefined) return destroy.call(this, failure ?? error)
    failure = error
    // comes back here, from inside too
    breakOff(this, error)
    return this
  }
}
