import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MisuseError } from '../../src/base/errors.ts'
import { Backoff, type BackoffOptions } from '../../src/websocket/backoff.ts'

function delays(options: BackoffOptions, count: number): number[] {
  const backoff = new Backoff(options)
  return Array.from({ length: count }, (_, at) => backoff.delayMs(at + 1))
}

test('waits grow by the factor up to the longest, and jitter takes any part of them', () => {
  const options = { minDelayMs: 100, maxDelayMs: 1_000, factor: 3 }
  assert.deepEqual(delays({ ...options, random: () => 1 }, 5), [100, 300, 900, 1_000, 1_000])
  assert.deepEqual(delays({ ...options, random: () => 0 }, 3), [0, 0, 0])
  const parts = [0.5, 0.25, 0.1]
  assert.deepEqual(delays({ ...options, random: () => parts.shift()! }, 3), [50, 75, 90])
})

test('the defaults: 1 s, doubled, 30 s at most, by chance', () => {
  assert.deepEqual(delays({ random: () => 1 }, 7), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  const drawn = delays({}, 1_000)
  assert.ok(drawn.every((ms) => ms >= 0 && ms < 30_000))
  assert.ok(new Set(drawn).size > 900)
})

test('a thousand failures are no overflow, and no wait at all stays none', () => {
  assert.equal(new Backoff({ random: () => 1 }).delayMs(1e6), 30_000)
  assert.equal(new Backoff({ minDelayMs: 0, random: () => 1 }).delayMs(1e6), 0)
  assert.deepEqual(delays({ minDelayMs: 5, maxDelayMs: 5, factor: 1, random: () => 1 }, 2), [5, 5])
})

test('what is no span of time, or shrinks, is misuse', () => {
  for (const options of [
    { minDelayMs: -1 },
    { minDelayMs: Number.NaN },
    { maxDelayMs: 999 },
    { maxDelayMs: Number.POSITIVE_INFINITY },
    { factor: 0.5 },
    { factor: Number.NaN },
  ]) {
    assert.throws(() => new Backoff(options), MisuseError, JSON.stringify(options))
  }
})

test('the message names both of two options that do not fit together, and quotes what is no number', () => {
  for (const [options, message] of [
    [{ maxDelayMs: 1 }, 'maxDelayMs of 1 is below minDelayMs of 1000'],
    [{ minDelayMs: 60_000 }, 'maxDelayMs of 30000 is below minDelayMs of 60000'],
    [{ minDelayMs: '5' as never }, 'option minDelayMs is "5", not a number from 0 up'],
    [{ maxDelayMs: Number.POSITIVE_INFINITY }, 'option maxDelayMs is Infinity, not a finite number'],
    [{ factor: 0.5 }, 'option factor is 0.5, not 1 or more'],
    [{ factor: '2' as never }, 'option factor is "2", not 1 or more'],
  ] as const) {
    assert.throws(() => new Backoff(options), { code: 'ERR_INVALID_ARGUMENT', message })
  }
})
