import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flushSoon } from '../../src/websocket/flush.ts'

/** Lets the next ticks and microtasks of this turn run. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

test('everybody who waits is flushed once the turn is over, in order, and not before', async () => {
  const flushed: string[] = []
  flushSoon({ flush: () => flushed.push('a') })
  flushSoon({ flush: () => flushed.push('b') })
  assert.deepEqual(flushed, [])
  await settled()
  assert.deepEqual(flushed, ['a', 'b'])
  await settled()
  assert.deepEqual(flushed, ['a', 'b'])
})

test('who asks during a flush is flushed after it', async () => {
  const flushed: string[] = []
  const again = { flush: () => flushed.push('again') }
  flushSoon({
    flush() {
      flushed.push('first')
      flushSoon(again)
    },
  })
  flushSoon({ flush: () => flushed.push('second') })
  await settled()
  assert.deepEqual(flushed, ['first', 'second', 'again'])
})

test('a flush that throws takes nobody else’s with it', async () => {
  const thrown = new Error('a write that throws')
  const seen: unknown[] = []
  const flushed: string[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.once('uncaughtException', (error) => seen.push(error))
  try {
    flushSoon({ flush: () => flushed.push('before') })
    flushSoon({
      flush() {
        throw thrown
      },
    })
    flushSoon({ flush: () => flushed.push('after') })
    await settled()
    await settled()
  } finally {
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
  assert.deepEqual(seen, [thrown])
  assert.deepEqual(flushed, ['before', 'after'])
})
