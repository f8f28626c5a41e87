// Knows which Pings of ours a Pong may still come for (RFC 6455 section 5.5.3).
import { Buffer } from 'node:buffer'

export class OpenPings {
  /** The payload of the latest; of those before it nothing comes any more. */
  #payload: Buffer | undefined
  /** How many went out with that payload, one after the other. */
  #count = 0

  get any(): boolean {
    return this.#count > 0
  }

  sent(payload: Uint8Array): void {
    this.#count = this.#is(payload) ? this.#count + 1 : 1
    this.#payload = Buffer.from(payload)
  }

  answered(payload: Uint8Array): void {
    // an empty one may be one that nobody asked for
    if (payload.length > 0 && this.#is(payload) && --this.#count === 0) this.#payload = undefined
  }

  #is(payload: Uint8Array): boolean {
    return this.#payload !== undefined && Buffer.compare(this.#payload, payload) === 0
  }
}
