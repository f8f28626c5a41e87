import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerMs } from '../src/child.ts'
import { workloads } from '../src/workloads.ts'

test('a window of any length has the time that it takes, and half a minute', () => {
  assert.equal(answerMs({ durationMs: 400, verify: false }), 30_400)
  assert.equal(answerMs({ durationMs: 120_000, verify: false }), 150_000)
})

test('many connections have more time to open than few', () => {
  const workload = workloads.find(({ name }) => name === 'idle')!
  assert.equal(answerMs({ port: 1, workload, framing: 'websocket' }), 55_000)
})

test('whatever takes no time of its own has half a minute', () => {
  assert.equal(answerMs(undefined), 30_000)
  assert.equal(answerMs({ kind: 'echo', compressed: false, heartbeats: false, secure: false }), 30_000)
})
