// Knows how long to wait before the next attempt: exponentially longer, with full jitter.
import { MisuseError } from '../base/errors.ts'
import type { OptionNames } from '../base/option-names.ts'
import { assertFromZero, oddOption } from '../base/option-value.ts'
import { warn } from '../base/tell.ts'

export interface BackoffOptions {
  /** The first wait is somewhere between 0 and this, in milliseconds. Default 1,000. */
  readonly minDelayMs?: number | undefined
  /** No wait is longer, in milliseconds. Default 30,000. */
  readonly maxDelayMs?: number | undefined
  /** How many times longer than the one before a wait may be. Default 2. */
  readonly factor?: number | undefined
  /** From 0 up to 1, a wait for each: thousands of clients must not come back at the same moment. For tests. */
  readonly random?: (() => number) | undefined
}

export const BACKOFF_OPTIONS: OptionNames<BackoffOptions> = {
  minDelayMs: true,
  maxDelayMs: true,
  factor: true,
  random: true,
}

export class Backoff {
  readonly #minDelayMs: number
  readonly #maxDelayMs: number
  readonly #factor: number
  readonly #random: () => number

  /** @throws MisuseError for what is no span of time, and for a factor below 1 */
  constructor(options: BackoffOptions) {
    const { minDelayMs = 1_000, maxDelayMs = 30_000, factor = 2, random = Math.random } = options
    assertFromZero('minDelayMs', minDelayMs)
    assertFromZero('maxDelayMs', maxDelayMs)
    if (maxDelayMs === Number.POSITIVE_INFINITY) throw oddOption('maxDelayMs', maxDelayMs, 'a finite number')
    if (maxDelayMs < minDelayMs) {
      const seen = `maxDelayMs of ${maxDelayMs} is below minDelayMs of ${minDelayMs}`
      throw new MisuseError('ERR_INVALID_ARGUMENT', seen)
    }
    if (typeof factor !== 'number' || !(factor >= 1)) throw oddOption('factor', factor, '1 or more')
    this.#minDelayMs = minDelayMs
    this.#maxDelayMs = maxDelayMs
    this.#factor = factor
    this.#random = random
  }

  /** @param failures attempts that failed in a row, from 1 on */
  delayMs(failures: number): number {
    const mostMs = Math.min(this.#maxDelayMs, this.#minDelayMs * this.#factor ** (failures - 1))
    // 0 * Infinity is no number
    return this.#part() * (Number.isNaN(mostMs) ? 0 : mostMs)
  }

  #part(): number {
    try {
      return this.#random()
    } catch (error) {
      warn(error, 'in random')
      return 1
    }
  }
}
