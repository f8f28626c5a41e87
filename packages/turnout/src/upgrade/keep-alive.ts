// Knows the connections that went back to HTTP and wait for their next request, and how long they may.
import type { Duplex } from 'node:stream'
import type { Alarm, Clock } from '../base/clock.ts'
import type { Arrival } from './arrival.ts'
import { currentResponse } from './internals.ts'

/**
 * Node starts its own keep-alive timer only behind a response that it has finished itself. This one does not
 * need to be lifted: it looks whether anything came.
 */
export class KeepAlive {
  readonly #clock: Clock
  readonly #resting = new Map<Duplex, { readonly bytesRead: number; readonly alarm: Alarm }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Ends the connection if nothing arrives on it for as long as the server waits between requests. */
  rest(arrival: Arrival): void {
    const { keepAliveTimeout = 0, keepAliveTimeoutBuffer = 1_000 } = arrival.server
    const { stream, socket } = arrival
    if (!(keepAliveTimeout > 0) || stream.readableLength > 0) return
    const { bytesRead } = socket
    this.#resting.get(stream)?.alarm.cancel()
    const alarm = this.#clock.after(keepAliveTimeout + keepAliveTimeoutBuffer, () => {
      this.#resting.delete(stream)
      if (socket.bytesRead === bytesRead && currentResponse(stream) === undefined) stream.destroy()
    })
    this.#resting.set(stream, { bytesRead, alarm })
  }

  /** Ends every connection that is still waiting: the server closes. */
  endAll(): void {
    for (const [stream, { bytesRead, alarm }] of this.#resting) {
      alarm.cancel()
      const { bytesRead: now } = stream as { bytesRead?: number }
      if (now === bytesRead && currentResponse(stream) === undefined) stream.destroy()
    }
    this.#resting.clear()
  }
}
