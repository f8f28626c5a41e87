// Knows how often a measure fell into which range, in integers.

/** What was counted, as Prometheus and OpenTelemetry take it once differences are made into sums. */
export interface HistogramCounts {
  /** Upper bounds of the ranges, inclusive, ascending; a last range without a bound stands behind them. */
  readonly bounds: readonly number[]
  /** How many fell into each range: one more entry than `bounds`. Not cumulative. */
  readonly counts: readonly number[]
  /** Of all values. */
  readonly count: number
  /** Of all values, in the unit of `bounds`: milliseconds in `metrics()`. */
  readonly sum: number
}

export class Histogram {
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #count = 0
  #sum = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Array<number>(bounds.length + 1).fill(0)
  }

  add(value: number): void {
    let range = 0
    while (range < this.#bounds.length && value > this.#bounds[range]!) range++
    this.#counts[range]!++
    this.#count++
    this.#sum += value
  }

  read(): HistogramCounts {
    return { bounds: this.#bounds, counts: [...this.#counts], count: this.#count, sum: this.#sum }
  }
}
