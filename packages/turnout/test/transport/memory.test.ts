import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { memoryTransportPair } from '../../src/transport/memory.ts'
import { turn } from '../base/turns.ts'
import { bytes, started } from './sink.ts'

test('what one end writes the other reads, both ways, piece by piece', async () => {
  const [left, right] = memoryTransportPair()
  const heard = [started(left), started(right)] as const
  assert.equal(left.write([bytes('one'), bytes('two')]), true)
  right.write([bytes('three')])
  await turn()
  assert.deepEqual(heard[0].told, ['data three'])
  assert.deepEqual(heard[1].told, ['data one', 'data two'])
})

test('nothing is delivered within a call, neither of write nor of start', async () => {
  const [left, right] = memoryTransportPair()
  left.write([bytes('early')])
  const heard = started(right)
  assert.deepEqual(heard.told, [])
  await turn()
  left.write([bytes('late')])
  assert.deepEqual(heard.told, ['data early'])
  await turn()
  assert.deepEqual(heard.told, ['data early', 'data late'])
})

test('fake timers that take microtasks, too, hold nothing up', async (t) => {
  t.mock.method(globalThis, 'queueMicrotask', () => {})
  const [left, right] = memoryTransportPair()
  const heard = [started(left), started(right)] as const
  left.write([bytes('one')])
  left.end()
  right.end()
  await turn()
  assert.deepEqual(heard[1].told, ['data one', 'end', 'close'])
  assert.deepEqual(heard[0].told, ['end', 'close'])
})

test('writes are cut where the test wants them cut, and are copies', async () => {
  const [left, right] = memoryTransportPair({ chunkBytes: 2 })
  const heard = started(right, (chunk) => chunk.fill(0))
  const piece = bytes('abcde')
  left.write([piece])
  piece.fill('x')
  await turn()
  assert.deepEqual(heard.told, ['data ab', 'data cd', 'data e'])
  assert.equal(piece.toString(), 'xxxxx')
})

test('a paused end keeps what comes, and may pause between two chunks', async () => {
  const [left, right] = memoryTransportPair({ chunkBytes: 1 })
  const heard = started(right, (chunk) => {
    if (chunk.toString() === 'b') right.pause()
  })
  left.write([bytes('abc')])
  await turn()
  assert.deepEqual(heard.told, ['data a', 'data b'])
  assert.equal(left.bufferedBytes, 1)
  right.resume()
  await turn()
  assert.deepEqual(heard.told, ['data a', 'data b', 'data c'])
})

test('write asks to wait above the high-water mark, and drain comes once when all was read', async () => {
  const [left, right] = memoryTransportPair({ highWaterMarkBytes: 4 })
  const [near, far] = [started(left), started(right)]
  right.pause()
  assert.equal(left.write([bytes('abc')]), true)
  assert.equal(left.write([bytes('d')]), false)
  assert.equal(left.write([bytes('e')]), false)
  assert.equal(left.bufferedBytes, 5)
  await turn()
  assert.deepEqual(near.told, [])
  right.resume()
  await turn()
  assert.deepEqual(near.told, ['drain'])
  assert.equal(far.bytes.toString(), 'abcde')
  left.write([bytes('f')])
  await turn()
  assert.deepEqual(near.told, ['drain'])
})

test('one direction can be ended while the other goes on; both ended is closed', async () => {
  const [left, right] = memoryTransportPair()
  const [near, far] = [started(left), started(right)]
  left.write([bytes('last')])
  left.end()
  left.end()
  await turn()
  assert.deepEqual(far.told, ['data last', 'end'])
  assert.equal(left.write([bytes('too late')]), false)
  right.write([bytes('reply')])
  await turn()
  assert.deepEqual(near.told, ['data reply'])
  right.end()
  await turn()
  assert.deepEqual(near.told, ['data reply', 'end', 'close'])
  assert.deepEqual(far.told, ['data last', 'end', 'close'])
})

test('an end that has not left yet keeps its own side open', async () => {
  const [left, right] = memoryTransportPair()
  const [near, far] = [started(left), started(right)]
  right.pause()
  left.write([bytes('unread')])
  left.end()
  right.end()
  await turn()
  assert.deepEqual(near.told, ['end'])
  right.resume()
  await turn()
  assert.deepEqual(far.told, ['data unread', 'end', 'close'])
  assert.deepEqual(near.told, ['end', 'close'])
})

test('destroy closes at once; the other end reads what was on the way, then its end', async () => {
  const [left, right] = memoryTransportPair()
  const [near, far] = [started(left), started(right)]
  left.write([bytes('sent')])
  right.write([bytes('never read')])
  left.destroy()
  assert.deepEqual(near.told, [])
  await turn()
  assert.deepEqual(near.told, ['close'])
  assert.deepEqual(far.told, ['data sent', 'end', 'close'])
  assert.equal(right.write([bytes('into the void')]), false)
  await turn()
  assert.deepEqual(near.told, ['close'])
})

test('destroy with an error closes with it; the other end reads what was on the way, then the error and no end', async () => {
  const [left, right] = memoryTransportPair()
  const [near, far] = [started(left), started(right)]
  left.write([bytes('sent')])
  right.write([bytes('never read')])
  left.destroy(new Error('reset'))
  left.destroy(new Error('again'))
  assert.deepEqual(near.told, [])
  await turn()
  assert.deepEqual(near.told, ['close reset'])
  await turn()
  assert.deepEqual(far.told, ['data sent', 'close reset'])
  assert.equal(right.write([bytes('into the void')]), false)
  await turn()
  assert.deepEqual(near.told, ['close reset'])
})

test('what is on the way behind a pause is read before the error of the other end', async () => {
  const [left, right] = memoryTransportPair()
  const far = started(right)
  right.pause()
  left.write([bytes('sent')])
  left.destroy(new Error('reset'))
  for (let turns = 0; turns < 3; turns++) await turn()
  assert.deepEqual(far.told, [])
  right.resume()
  for (let turns = 0; turns < 3; turns++) await turn()
  assert.deepEqual(far.told, ['data sent', 'close reset'])
})

test('destroy from within onData delivers nothing more', async () => {
  const [left, right] = memoryTransportPair({ chunkBytes: 1 })
  const heard = started(right, () => right.destroy())
  left.write([bytes('abc')])
  await turn()
  assert.deepEqual(heard.told, ['data a', 'close'])
})

test('close is the last call, and every byte that was written before an orderly end arrives in order', async () => {
  const act = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('write' as const), size: fc.nat({ max: 50 }) }) },
    fc.record({
      kind: fc.constantFrom('pause' as const, 'resume' as const, 'turn' as const),
      size: fc.constant(0),
    }),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { maxLength: 30 }),
      fc.integer({ min: 1, max: 9 }),
      async (acts, chunkBytes) => {
        const [left, right] = memoryTransportPair({ chunkBytes, highWaterMarkBytes: 20 })
        const [near, far] = [started(left), started(right)]
        const due: Buffer[] = []
        for (const [number, each] of acts.entries()) {
          if (each.kind === 'pause') right.pause()
          else if (each.kind === 'resume') right.resume()
          else if (each.kind === 'turn') await turn()
          else {
            const piece = Buffer.alloc(each.size, number)
            due.push(piece)
            left.write([piece])
          }
        }
        left.end()
        right.end()
        right.resume()
        await turn()
        assert.ok(far.bytes.equals(Buffer.concat(due)))
        assert.deepEqual(far.told.slice(-2), ['end', 'close'])
        assert.equal(near.told.at(-1), 'close')
        assert.equal([...near.told, ...far.told].filter((entry) => entry === 'close').length, 2)
      },
    ),
    { numRuns: 60 },
  )
})
