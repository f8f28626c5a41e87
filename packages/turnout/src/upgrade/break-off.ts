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
    if (stream.encrypted !== true) stream.resetAndDestroy?.()
  } catch {
    // a socket of the file system
  }
  stream.destroy(error)
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
