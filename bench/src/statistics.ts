// Knows medians and spreads, and how two peers compare window by window.

/** A figure with its spread: the middle, and the quarters on both sides of it. */
export interface Figure {
  readonly median: number
  readonly low: number
  readonly high: number
  readonly samples: readonly number[]
}

/** The figure of some samples; undefined without any. */
export function figureOf(samples: readonly number[]): Figure | undefined {
  if (samples.length === 0) return undefined
  const sorted = [...samples].sort((a, b) => a - b)
  return {
    median: quantile(sorted, 0.5),
    low: quantile(sorted, 0.25),
    high: quantile(sorted, 0.75),
    samples,
  }
}

/** How far the quarters lie from the median, as a fraction of it. */
export function spreadOf({ median, low, high }: Figure): number {
  return median === 0 ? 0 : Math.max(high - median, median - low) / median
}

/**
 * Pair by pair: sample `i` of one against sample `i` of the other, which were taken in the same turn of windows, with
 * those of other peers before, between and after them, the one first as often as the other. What the machine did for
 * longer than such a turn hits both alike, so the ratio is steadier than either figure.
 */
export function ratioOf(samples: readonly number[], base: readonly number[]): Figure | undefined {
  const pairs = Math.min(samples.length, base.length)
  return figureOf(Array.from({ length: pairs }, (_, index) => samples[index]! / base[index]!))
}

/** Of samples in ascending order; between two samples in proportion. */
export function quantile(sorted: ArrayLike<number>, fraction: number): number {
  const place = (sorted.length - 1) * fraction
  const below = Math.floor(place)
  const lower = sorted[below]!
  const upper = sorted[Math.min(below + 1, sorted.length - 1)]!
  return lower + (upper - lower) * (place - below)
}
