import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionError, readCloseInfo, WebSocketError } from '../../src/websocket/websocket-error.ts'

test('WebSocketError is a DOMException of that name, without code and reason unless given', () => {
  const error = new WebSocketError()
  assert.ok(error instanceof DOMException && error instanceof Error)
  assert.deepEqual(
    [error.name, error.message, error.code, error.closeCode, error.reason],
    ['WebSocketError', '', 0, null, ''],
  )
  const told = new WebSocketError('over', { closeCode: 3456, reason: 'done' })
  assert.deepEqual([told.message, told.closeCode, told.reason], ['over', 3456, 'done'])
  assert.ok(told instanceof WebSocketError)
  assert.equal(Object.prototype.toString.call(told), '[object WebSocketError]')
})

test('a reason alone gets 1000; an empty one does not', () => {
  assert.equal(new WebSocketError('', { reason: 'why' }).closeCode, 1000)
  assert.equal(new WebSocketError('', { reason: '' }).closeCode, null)
  assert.deepEqual(readCloseInfo(undefined), { closeCode: undefined, reason: '' })
  assert.deepEqual(readCloseInfo(null), { closeCode: undefined, reason: '' })
  assert.deepEqual(readCloseInfo({ closeCode: 3000.9, reason: 5 }), { closeCode: 3000, reason: '5' })
})

test('close info is converted and checked as Web IDL says', () => {
  for (const info of [true, 1000, 'x', Symbol('x')]) assert.throws(() => readCloseInfo(info), TypeError)
  for (const closeCode of [-1, 65_536, Number.NaN, Number.POSITIVE_INFINITY, 'a']) {
    assert.throws(() => readCloseInfo({ closeCode }), TypeError, String(closeCode))
  }
  for (const closeCode of [0, 999, 1001, 1006, 2999, 5000, 65_535, -0.5, null]) {
    assert.throws(() => readCloseInfo({ closeCode }), { name: 'InvalidAccessError' }, String(closeCode))
    assert.throws(() => new WebSocketError('', { closeCode: closeCode as number }), {
      name: 'InvalidAccessError',
    })
  }
  assert.throws(() => readCloseInfo({ reason: 'x'.repeat(124) }), { name: 'SyntaxError' })
  assert.throws(() => readCloseInfo({ closeCode: 1000, reason: '\u00e4'.repeat(62) }), {
    name: 'SyntaxError',
  })
  assert.equal(readCloseInfo({ reason: 'x'.repeat(123) }).reason.length, 123)
})

test('what was received may be any code, and says why', () => {
  const cause = new Error('reset')
  const error = connectionError('lost', { closeCode: 1006 }, cause)
  assert.deepEqual([error.closeCode, error.reason, error.cause], [1006, '', cause])
  assert.ok(!('cause' in connectionError('lost', { closeCode: 1006 }, undefined)))
})
