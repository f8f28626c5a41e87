import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Inbox } from '../../src/websocket/inbox.ts'
import { movedBy } from '../base/moved.ts'

test('items are taken in the order in which they were put', async () => {
  const inbox = new Inbox<string>()
  assert.equal(inbox.take(), undefined)
  for (const item of ['', 'b', 'c']) assert.equal(inbox.put(item), false)
  assert.equal(inbox.size, 3)
  assert.deepEqual(await inbox.next(), { value: '', done: false })
  assert.equal(inbox.take(), 'b')
  inbox.put('d')
  assert.equal(inbox.take(), 'c')
  assert.equal(inbox.take(), 'd')
  assert.equal(inbox.size, 0)
})

test('whoever waits gets the next item, first come, first served, and it is not kept', async () => {
  const inbox = new Inbox<number>()
  const waiting = [inbox.next(), inbox.next()]
  assert.equal(inbox.put(1), true)
  assert.equal(inbox.put(2), true)
  assert.equal(inbox.put(3), false)
  assert.equal(inbox.size, 1)
  assert.deepEqual(await Promise.all(waiting), [
    { value: 1, done: false },
    { value: 2, done: false },
  ])
})

test('whoever leaves waits no longer, and takes nothing from those who stay', async () => {
  const inbox = new Inbox<number>()
  const [one, other] = [{}, {}]
  const left = [inbox.next(one), inbox.next(one)]
  const stays = inbox.next(other)
  inbox.leave(one)
  for (const each of left) assert.deepEqual(await each, { value: undefined, done: true })
  assert.equal(inbox.put(1), true)
  assert.deepEqual(await stays, { value: 1, done: false })
  inbox.leave(one)
  assert.equal(inbox.put(2), false)
  assert.deepEqual(await inbox.next(one), { value: 2, done: false })
})

test('a closed inbox gives what it holds, then ends, for those who waited too', async () => {
  const inbox = new Inbox<number>()
  const waiting = inbox.next()
  inbox.close()
  inbox.close()
  assert.deepEqual(await waiting, { value: undefined, done: true })

  const full = new Inbox<number>()
  full.put(1)
  full.close()
  assert.deepEqual(await full.next(), { value: 1, done: false })
  assert.deepEqual(await full.next(), { value: undefined, done: true })
  assert.deepEqual(await full.next(), { value: undefined, done: true })
})

test('items come out in order, however many went through while others waited', () => {
  const inbox = new Inbox<number>()
  let taken = 0
  for (let count = 0; count < 10_000; count++) {
    inbox.put(count)
    if (count % 3 !== 0) assert.equal(inbox.take(), taken++)
  }
  assert.equal(inbox.size, 10_000 - taken)
  while (inbox.size > 0) assert.equal(inbox.take(), taken++)
  assert.equal(taken, 10_000)
})

test('an item costs no more the more of them wait, nor does whoever waits', async () => {
  const items = 50_000
  const inbox = new Inbox<number>()
  const moved = await movedBy(() => {
    for (let count = 0; count < items; count++) inbox.put(count)
    for (let count = 0; count < items; count++) assert.equal(inbox.take(), count)
    for (let count = 0; count < items; count++) void inbox.next()
    for (let count = 0; count < items; count++) inbox.put(count)
  })
  assert.ok(moved.slots <= 4 * items, `${moved.slots} slots moved for ${items} items`)
})
