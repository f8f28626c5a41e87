import assert from 'node:assert/strict'
import { test } from 'node:test'
import { figureOf, quantile, ratioOf, spreadOf } from '../src/statistics.ts'

test('a figure is the middle of its samples, between their quarters', () => {
  const samples = [9, 1, 5, 3, 7]
  assert.deepEqual(figureOf(samples), { median: 5, low: 3, high: 7, samples })
  assert.equal(figureOf([1, 2])?.median, 1.5)
})

test('without samples there is no figure', () => {
  assert.equal(figureOf([]), undefined)
  assert.equal(ratioOf([1], []), undefined)
})

test('one outlier moves neither the middle nor the quarters of five samples', () => {
  assert.deepEqual([figureOf([4, 5, 6, 7, 8])?.median, figureOf([4, 5, 6, 7, 800])?.median], [6, 6])
  assert.equal(figureOf([4, 5, 6, 7, 800])?.high, 7)
})

test('the spread is the farther quarter, as a part of the middle', () => {
  assert.equal(spreadOf({ median: 10, low: 9, high: 12, samples: [] }), 0.2)
})

test('a ratio compares window by window, so what slowed both in one window cancels out', () => {
  const ratio = ratioOf([1, 10, 1], [2, 20, 2])
  assert.deepEqual([ratio?.median, ratio?.low, ratio?.high], [0.5, 0.5, 0.5])
})

test('a quantile between two samples lies between them in proportion', () => {
  assert.equal(quantile([0, 10], 0.25), 2.5)
  assert.equal(quantile([7], 0.99), 7)
})
