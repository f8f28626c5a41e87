import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clampToUnsignedShort, toInit, toSendable } from '../../src/websocket/web-idl.ts'

test('the second argument is a string, a sequence or options', () => {
  assert.deepEqual(toInit('a'), { protocols: ['a'] })
  assert.deepEqual(toInit(['a', 5]), { protocols: ['a', '5'] })
  assert.deepEqual(toInit(new Set(['a', 'b'])), { protocols: ['a', 'b'] })
  assert.deepEqual(toInit({ protocols: 'a', timeoutMs: 5 }), { protocols: ['a'], timeoutMs: 5 })
  assert.deepEqual(toInit({ protocols: ['a'] }), { protocols: ['a'] })
  assert.deepEqual(toInit({ origin: 'b' }), { origin: 'b' })
  assert.deepEqual(toInit(null), { protocols: ['null'] })
})

test('[Clamp] unsigned short: within the range, to the nearest, to the even one of two', () => {
  for (const [value, clamped] of [
    [1000, 1000],
    ['3000', 3000],
    [-1, 0],
    [Number.NaN, 0],
    [null, 0],
    ['x', 0],
    [1e9, 65_535],
    [Number.POSITIVE_INFINITY, 65_535],
    [65_534.6, 65_535],
    [2999.4, 2999],
    [2999.5, 3000],
    [3000.5, 3000],
    [0.5, 0],
    [1.5, 2],
  ] as const) {
    assert.equal(clampToUnsignedShort(value), clamped, String(value))
  }
})

test('bytes and Blobs are sent as they are, everything else as its string', () => {
  for (const data of ['text', new ArrayBuffer(1), new DataView(new ArrayBuffer(1)), new Blob([])]) {
    assert.equal(toSendable(data), data)
  }
  assert.equal(toSendable(undefined), 'undefined')
  assert.equal(toSendable(5), '5')
  assert.throws(() => toSendable(Symbol('x')), TypeError)
})
