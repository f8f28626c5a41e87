import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CloseEvent, FailureEvent } from '../../src/websocket/events.ts'

test('WHATWG WebSockets section 6: a CloseEvent says whether it was clean, the code and the reason', () => {
  const event = new CloseEvent('close', { wasClean: true, code: 3000, reason: 'done' })
  assert.ok(event instanceof Event)
  assert.deepEqual([event.type, event.wasClean, event.code, event.reason], ['close', true, 3000, 'done'])
  assert.equal(Object.prototype.toString.call(event), '[object CloseEvent]')
  const bare = new CloseEvent('close')
  assert.deepEqual([bare.wasClean, bare.code, bare.reason], [false, 0, ''])
  assert.deepEqual([bare.bubbles, new CloseEvent('close', { bubbles: true }).bubbles], [false, true])
})

test('a FailureEvent says why', () => {
  const error = new Error('why')
  assert.equal(new FailureEvent('error', { error }).error, error)
  assert.equal(new FailureEvent('error').error, undefined)
})
