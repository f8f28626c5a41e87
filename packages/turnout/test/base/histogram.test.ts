import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Histogram } from '../../src/base/histogram.ts'

test('a value falls into the first range whose bound it does not exceed', () => {
  const histogram = new Histogram([1, 10, 100])
  for (const value of [0, 1, 1.5, 10, 99, 101, 5_000]) histogram.add(value)
  assert.deepEqual(histogram.read(), { bounds: [1, 10, 100], counts: [2, 2, 1, 2], count: 7, sum: 5_212.5 })
})

test('what was read does not change any more', () => {
  const histogram = new Histogram([1])
  const before = histogram.read()
  histogram.add(1)
  assert.deepEqual(
    [before.counts, histogram.read().counts],
    [
      [0, 0],
      [1, 0],
    ],
  )
})
