// Knows that others may listen for `upgrade` on the same server, and how a request is left to them without the
// risk that nobody answers it.
import type { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { oddOption } from '../base/option-value.ts'
import type { Arrival } from './arrival.ts'
import { currentResponse } from './internals.ts'

/**
 * Who answers an upgrade that no route of turnout claims while others listen on the server too. `pass`: they
 * get it as Node would have given it, and if they leave it untouched until the decision's deadline the app answers
 * and the connection ends. `own`: the app answers at once; the others never see an upgrade. A function says for each request
 * whether it is theirs.
 */
export type Foreign = 'pass' | 'own' | ((request: IncomingMessage) => boolean)

/** @throws MisuseError ERR_INVALID_ARGUMENT */
export function assertForeign(foreign: Foreign | undefined): void {
  if (foreign === undefined || foreign === 'pass' || foreign === 'own' || typeof foreign === 'function')
    return
  throw oddOption('foreign', foreign, 'pass, own or a function')
}

/** Where the application's function threw, for a message about it. */
export const IN_FOREIGN = 'in `foreign` of attach'

/** Hands the request over; calls `decline` when it was still untouched after the deadline. */
export function passToOthers(
  arrival: Arrival,
  emit: (request: IncomingMessage, stream: Arrival['stream'], head: Buffer) => void,
  timeoutMs: number,
  decline: () => void,
): void {
  const { stream, socket, original, clock } = arrival
  const head = arrival.takeHead()
  const before = socket.bytesWritten
  emit(original, stream, head)
  const untouched = () =>
    !stream.destroyed &&
    stream.writable &&
    socket.bytesWritten === before &&
    stream.listenerCount('data') === 0 &&
    stream.listenerCount('readable') === 0 &&
    stream.readableFlowing !== true &&
    currentResponse(stream) === undefined
  if (!untouched()) return
  const alarm = clock.after(timeoutMs, () => {
    stream.off('close', forget)
    if (!untouched()) return
    if (head.length > 0) stream.unshift(head)
    // One that claims it later finds it ended, and not in the midst of the next request.
    arrival.shared = true
    decline()
  })
  const forget = () => alarm.cancel()
  stream.once('close', forget)
}
