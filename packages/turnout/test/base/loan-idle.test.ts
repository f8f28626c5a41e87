// Knows that blocks which nobody needs any more are not kept for ever. On its own: the look at them is one for all.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { borrow, idleBytes } from '../../src/base/loan.ts'

test('what nobody has needed for a while is left to the collector, and what is in use stays', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const set = t.mock.method(globalThis, 'setTimeout')
  const lend = (count: number) => {
    const loans = Array.from({ length: count }, () => borrow(65_536))
    for (const loan of loans) loan.letGo()
  }
  lend(20)
  assert.equal(idleBytes(), 20 * 65_536)
  // only the first of them has been idle all the time
  t.mock.timers.tick(10_000)
  assert.equal(idleBytes(), 19 * 65_536)
  // three of them are needed now and then
  t.mock.timers.tick(5_000)
  lend(3)
  t.mock.timers.tick(5_000)
  assert.equal(idleBytes(), 3 * 65_536)
  lend(3)
  t.mock.timers.tick(10_000)
  assert.equal(idleBytes(), 3 * 65_536)
  t.mock.timers.tick(10_000)
  assert.equal(idleBytes(), 0)

  // nothing to look at, nothing that rings; and somebody who comes again is served as before
  const alarms = set.mock.callCount()
  t.mock.timers.tick(100_000)
  assert.equal(set.mock.callCount(), alarms)
  const loan = borrow(65_536)
  loan.letGo()
  assert.equal(borrow(65_536), loan)
})
