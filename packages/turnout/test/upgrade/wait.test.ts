import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import type { PeerError } from '../../src/base/errors.ts'
import { Wait } from '../../src/upgrade/wait.ts'

function waiting(timeoutMs: number = 1_000) {
  const clock = createVirtualClock()
  const abort = new AbortController()
  const failures: unknown[] = []
  const { signal } = abort
  const where = 'example.org:80'
  const wait = new Wait({ clock, timeoutMs, signal, where }, (error) => failures.push(error))
  const left = () => [clock.waiting, getEventListeners(signal, 'abort').length]
  return { clock, abort, failures, wait, left }
}

test('what has come can fail no more, and leaves no alarm and no listener', () => {
  const { clock, abort, failures, wait, left } = waiting()
  assert.deepEqual([wait.settled, left()], [false, [1, 1]])
  assert.equal(wait.settle(), true)
  assert.deepEqual([wait.settled, left()], [true, [0, 0]])
  assert.equal(wait.settle(), false)
  wait.fail(new Error('late'))
  clock.advance(10_000)
  abort.abort()
  assert.deepEqual(failures, [])
})

test('it fails once: by its deadline, by its signal, or by what is seen first', () => {
  const late = waiting(1_000.4)
  late.clock.advance(1_000)
  assert.equal(late.failures.length, 0)
  late.clock.advance(1)
  late.abort.abort()
  const { code, message } = late.failures[0] as PeerError
  assert.deepEqual([code, message], ['ERR_HANDSHAKE_TIMEOUT', 'no answer from example.org:80 in 1000 ms'])
  assert.deepEqual([late.failures.length, late.left()], [1, [0, 0]])

  const aborted = waiting()
  aborted.abort.abort('enough')
  aborted.clock.advance(1_000)
  aborted.wait.fail('late')
  assert.deepEqual([aborted.failures, aborted.left()], [['enough'], [0, 0]])

  const broken = waiting(Number.POSITIVE_INFINITY)
  broken.wait.fail('broken')
  broken.abort.abort('enough')
  assert.deepEqual([broken.failures, broken.left(), broken.wait.settle()], [['broken'], [0, 0], false])
})
