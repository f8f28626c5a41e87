import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MisuseError } from '../../src/base/errors.ts'
import { Held, type Taker } from '../../src/websocket/held.ts'
import type { Sendable } from '../../src/websocket/options.ts'
import { movedBy } from '../base/moved.ts'
import { turn } from '../base/turns.ts'

/** To a connection that is there for as long as it takes. */
const release = (held: Held, send: Taker['send']) => held.release({ isOver: () => false, send })

const roomy = { maxMessages: 10, maxBytes: 100 }

test('messages are handed over in order, and each is told', async () => {
  const held = new Held(roomy)
  const told = ['a', 'b', 'c'].map((message) => held.hold(message))
  assert.deepEqual([held.messages, held.bytes], [3, 3])
  const seen: Sendable[] = []
  assert.equal(await release(held, (message) => seen.push(message) > 0), true)
  assert.deepEqual(seen, ['a', 'b', 'c'])
  assert.deepEqual(await Promise.all(told), [true, true, true])
  assert.deepEqual([held.messages, held.bytes], [0, 0])
})

test('bounds: by count and by bytes, and room again once something has gone', async () => {
  const held = new Held({ maxMessages: 2, maxBytes: 10 })
  void held.hold('h\u00e4')
  assert.equal(held.bytes, 3)
  assert.equal(held.hold(new Uint8Array(8)), false)
  void held.hold(new Blob(['1234567']))
  assert.equal(held.bytes, 10)
  assert.equal(held.hold(''), false)
  await release(held, () => true)
  assert.notEqual(held.hold(''), false)
})

test('what is refused where others are taken is told as not sent', async () => {
  const held = new Held(roomy)
  const told = ['a', 'b', 'c'].map((message) => held.hold(message))
  assert.equal(await release(held, (message) => message !== 'b'), true)
  assert.deepEqual(await Promise.all(told), [true, false, true])
  assert.deepEqual([held.messages, held.bytes], [0, 0])
})

test('what is not taken stays, in its place', async () => {
  const held = new Held(roomy)
  for (const message of ['a', 'b', 'c']) void held.hold(message)
  const seen: Sendable[] = []
  assert.equal(
    await held.release({
      isOver: () => seen.length === 1,
      send: (message) => message !== 'b' && seen.push(message) > 0,
    }),
    false,
  )
  assert.deepEqual([seen, held.messages], [['a'], 2])
  assert.equal(await release(held, (message) => seen.push(message) > 0), true)
  assert.deepEqual(seen, ['a', 'b', 'c'])
})

test('a connection that is slow sets the pace, and one that ends takes what it took', async () => {
  const held = new Held(roomy)
  const told = ['a', 'b', 'c'].map((message) => held.hold(message))
  let go = (_taken: boolean): void => {}
  const seen: Sendable[] = []
  const released = release(held, (message) => {
    seen.push(message)
    if (message === 'a') return new Promise<boolean>((resolve) => (go = resolve))
    return message === 'b' ? Promise.reject(new Error('of its parts')) : true
  })
  await turn()
  assert.deepEqual([seen, held.messages], [['a'], 2])
  go(false)
  assert.equal(await released, true)
  assert.deepEqual(await Promise.all(told), [false, false, true])
})

test('what is dropped is told as not sent', async () => {
  const held = new Held(roomy)
  const told = [held.hold('a'), held.hold('b')]
  held.drop()
  assert.deepEqual(await Promise.all(told), [false, false])
  assert.deepEqual([held.messages, held.bytes], [0, 0])
  assert.equal(await release(held, () => assert.fail('nothing is left')), true)
})

test('bytes are kept as they were; what cannot be sent is misuse at once', async () => {
  const held = new Held(roomy)
  const bytes = Uint8Array.of(1, 2, 3, 4)
  void held.hold(bytes.subarray(1, 3))
  void held.hold(new DataView(bytes.buffer, 3))
  void held.hold(bytes.buffer)
  const shared = new SharedArrayBuffer(1)
  void held.hold(shared)
  const parts = (async function* () {
    yield 'a'
  })()
  void held.hold(parts)
  bytes.fill(0)
  const seen: Sendable[] = []
  await release(held, (message) => seen.push(message) > 0)
  assert.deepEqual(
    seen.slice(0, 4).map((one) => [...(one as Buffer)]),
    [[2, 3], [4], [1, 2, 3, 4], [0]],
  )
  assert.equal(seen[4], parts)
  for (const wrong of [5, null, undefined, {}, Symbol('s')]) {
    assert.throws(() => held.hold(wrong as unknown as Sendable), MisuseError)
  }
})

test('an array is kept as it was, too, and each of its parts counts', async () => {
  const held = new Held({ maxMessages: 10, maxBytes: 10 })
  assert.equal(held.hold([Buffer.alloc(6), new Uint8Array(5)]), false)
  assert.equal(held.hold(['h\u00e4\u00e4\u00e4\u00e4', 'ab']), false)
  const bytes = Buffer.from('AAAA')
  const list = [bytes]
  void held.hold(list)
  const words = ['h\u00e4', 'b']
  void held.hold(words)
  assert.deepEqual([held.messages, held.bytes], [2, 8])
  bytes.fill('B')
  list.push(Buffer.from('C'))
  words.pop()
  const seen: Sendable[] = []
  await release(held, (message) => seen.push(message) > 0)
  assert.deepEqual(seen, [[Buffer.from('AAAA')], ['h\u00e4', 'b']])
  assert.throws(() => held.hold([5] as unknown as Sendable), MisuseError)
})

test('a message costs no more the more of them are held', async () => {
  const messages = 50_000
  const held = new Held({ maxMessages: messages, maxBytes: messages })
  for (let count = 0; count < messages; count++) void held.hold('a')
  const moved = await movedBy(() => release(held, () => true))
  assert.equal(held.messages, 0)
  assert.ok(moved.slots <= 2 * messages, `${moved.slots} slots moved for ${messages} messages`)
})
