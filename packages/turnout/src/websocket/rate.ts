// Knows how much a peer may send in a while: a bucket that fills with time and empties with use.
import type { Clock } from '../base/clock.ts'
import type { OptionNames } from '../base/option-names.ts'

export interface RateOptions {
  /** Messages a second, on average. Default: no limit. */
  readonly messagesPerSecond?: number | undefined
  /** Bytes a second, frames and all, on average. Default: no limit. */
  readonly bytesPerSecond?: number | undefined
  /** How many seconds' worth may come at once. Default 5. */
  readonly burstSeconds?: number | undefined
}

export const RATE_OPTIONS: OptionNames<RateOptions> = {
  messagesPerSecond: true,
  bytesPerSecond: true,
  burstSeconds: true,
}

const DEFAULT_BURST_SECONDS = 5

export class Rate {
  readonly #clock: Clock
  readonly #messages: Bucket
  readonly #bytes: Bucket

  constructor(clock: Clock, options: RateOptions) {
    const burst = options.burstSeconds ?? DEFAULT_BURST_SECONDS
    const nowMs = clock.now()
    this.#clock = clock
    this.#messages = new Bucket(options.messagesPerSecond ?? Infinity, burst, nowMs)
    this.#bytes = new Bucket(options.bytesPerSecond ?? Infinity, burst, nowMs)
  }

  /** What was too much, or undefined. */
  onBytes(bytes: number): string | undefined {
    return this.#bytes.take(bytes, this.#clock.now())
      ? undefined
      : `more than ${this.#bytes.perSecond} bytes a second`
  }

  onMessage(): string | undefined {
    if (this.#messages.take(1, this.#clock.now())) return undefined
    return `more than ${this.#messages.perSecond} messages a second`
  }
}

class Bucket {
  readonly perSecond: number
  readonly #most: number
  #left: number
  #atMs: number

  constructor(perSecond: number, burstSeconds: number, nowMs: number) {
    this.perSecond = perSecond
    // at least one, or nothing could ever pass
    this.#most = this.#left = Math.max(1, perSecond * burstSeconds)
    this.#atMs = nowMs
  }

  take(amount: number, nowMs: number): boolean {
    if (this.perSecond === Infinity) return true
    this.#left = Math.min(this.#most, this.#left + ((nowMs - this.#atMs) / 1000) * this.perSecond)
    this.#atMs = nowMs
    this.#left -= amount
    return this.#left >= 0
  }
}
