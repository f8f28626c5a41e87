import assert from 'node:assert/strict'
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { test } from 'node:test'
import { type Clock, createVirtualClock, systemClock } from '../../src/base/clock.ts'
import { Sweep, sweepFor, sweepOf } from '../../src/base/sweep.ts'

test('ten thousand members are looked at on one alarm', () => {
  const clock = createVirtualClock()
  const sweep = new Sweep(clock, 1_000)
  let looks = 0
  for (let count = 0; count < 10_000; count++) sweep.add({ onSweep: () => looks++ })
  assert.equal(clock.waiting, 1)
  clock.advance(3_000)
  assert.equal(looks, 30_000)
  assert.equal(clock.waiting, 1)
})

test('nobody to look at, no alarm; somebody again, and the time is right at once', () => {
  const clock = createVirtualClock()
  const sweep = new Sweep(clock, 1_000)
  const member = { onSweep: () => {} }
  sweep.add(member)
  sweep.remove(member)
  sweep.remove(member)
  assert.equal(clock.waiting, 0)
  clock.advance(60_000)
  sweep.add(member)
  assert.equal(sweep.nowMs, 60_000)
  assert.equal(sweep.size, 1)
})

test('those who come and go alone set one timer of the system in a period, which ends when nobody comes', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const set = t.mock.method(globalThis, 'setTimeout')
  const sweep = new Sweep(systemClock, 1_000)
  let looks = 0
  const member = { onSweep: () => looks++ }
  for (let count = 0; count < 100; count++) {
    sweep.add(member)
    sweep.remove(member)
  }
  assert.equal(set.mock.callCount(), 1)
  t.mock.timers.tick(5_000)
  assert.equal(set.mock.callCount(), 1)
  assert.equal(looks, 0)
  sweep.add(member)
  t.mock.timers.tick(1_000)
  assert.equal(looks, 1)
  sweep.remove(member)
  t.mock.timers.tick(5_000)
  assert.deepEqual([looks, set.mock.callCount()], [1, 3])
})

test('who comes when nobody is there finds the time right, though an alarm is left from before', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let nowMs = 5_000
  t.mock.method(performance, 'now', () => nowMs)
  const sweep = new Sweep(systemClock, 1_000)
  const member = { onSweep: () => {} }
  sweep.add(member)
  sweep.remove(member)
  nowMs = 5_900
  sweep.add(member)
  assert.equal(sweep.nowMs, 5_900)
  sweep.remove(member)
})

test('the time that the process was held up is not counted as awake, but for two periods', () => {
  let [nowMs, ring] = [0, () => {}]
  const clock = {
    now: () => nowMs,
    after(_delayMs: number, wake: () => void) {
      ring = wake
      return { cancel() {} }
    },
  }
  const sweep = new Sweep(clock, 100)
  const seen: [number, number][] = []
  sweep.add({ onSweep: (atMs) => void seen.push([atMs, sweep.awakeMs]) })
  for (const atMs of [100, 205, 60_000, 60_150, 60_400]) {
    nowMs = atMs
    ring()
  }
  assert.deepEqual(seen, [
    [100, 100],
    [205, 205],
    [60_000, 405],
    [60_150, 555],
    [60_400, 755],
  ])
})

test('members may come and go while they are looked at; who comes is looked at the next time', () => {
  const clock = createVirtualClock()
  const sweep = new Sweep(clock, 10)
  const seen: string[] = []
  const second = { onSweep: () => void seen.push('second') }
  const late = { onSweep: () => void seen.push('late') }
  const first = {
    onSweep: () => {
      seen.push('first')
      sweep.remove(first)
      sweep.remove(second)
      sweep.add(late)
    },
  }
  sweep.add(first)
  sweep.add(second)
  clock.advance(20)
  assert.deepEqual(seen, ['first', 'late'])
})

test('one clock and period have one sweep, others have their own', () => {
  const [one, other] = [createVirtualClock(), createVirtualClock()]
  assert.equal(sweepOf(one, 100), sweepOf(one, 100))
  assert.notEqual(sweepOf(one, 100), sweepOf(one, 200))
  assert.notEqual(sweepOf(one, 100), sweepOf(other, 100))
})

test('whoever waits is looked at ten times meanwhile, between every 20 ms and every second', () => {
  const clock = createVirtualClock()
  for (const [waitMs, periodMs] of [
    [1, 20],
    [2_345, 235],
    [30_000, 1_000],
    [Number.POSITIVE_INFINITY, 1_000],
  ] as const) {
    assert.equal(sweepFor(clock, waitMs), sweepOf(clock, periodMs))
  }
})

test('an alarm for all is not rung, nor asked for again, in the context of who came first', () => {
  const contexts: unknown[] = []
  const store = new AsyncLocalStorage<string>()
  const virtual = createVirtualClock()
  const clock: Clock = {
    now: virtual.now,
    after(delayMs, ring) {
      contexts.push(store.getStore())
      return virtual.after(delayMs, AsyncResource.bind(ring))
    },
  }
  const sweep = new Sweep(clock, 1_000)
  store.run('first', () => sweep.add({ onSweep: () => contexts.push(store.getStore()) }))
  virtual.advance(2_000)
  assert.deepEqual(
    contexts,
    Array.from({ length: 5 }, () => undefined),
  )
})
