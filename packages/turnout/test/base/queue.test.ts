import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Queue } from '../../src/base/queue.ts'
import { movedBy } from './moved.ts'

test('what came first goes first, whatever the sequence', () => {
  const act = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('push' as const), times: fc.nat(150) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('take' as const), times: fc.nat(150) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('takeAll' as const), times: fc.constant(1) }) },
  )
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      const queue = new Queue<number>()
      let model: number[] = []
      let count = 0
      for (const { kind, times } of acts) {
        for (let time = 0; time < times; time++) {
          if (kind === 'push') {
            queue.push(count)
            model.push(count++)
          } else if (kind === 'take') {
            assert.equal(queue.first(), model[0])
            assert.equal(queue.take(), model.shift())
          } else {
            assert.deepEqual(queue.takeAll(), model)
            model = []
          }
          assert.equal(queue.size, model.length)
        }
      }
      assert.deepEqual(queue.takeAll(), model)
    }),
  )
})

test('emptied, it has nothing more to give', () => {
  const queue = new Queue<object>()
  for (let count = 0; count < 100; count++) queue.push({})
  while (queue.size > 0) queue.take()
  assert.equal(queue.first(), undefined)
  assert.equal(queue.take(), undefined)
  assert.deepEqual(queue.takeAll(), [])
})

test('an item costs no more the more of them wait, also where there are always some', async () => {
  for (const items of [1_000, 100_000]) {
    const queue = new Queue<number>()
    const moved = await movedBy(() => {
      for (let count = 0; count < items; count++) queue.push(count)
      for (let count = 0; count < items; count++) {
        queue.take()
        queue.push(count)
      }
      while (queue.size > 0) queue.take()
    })
    assert.ok(moved.slots <= items * 3, `${moved.slots} slots moved for ${items}`)
  }
})
