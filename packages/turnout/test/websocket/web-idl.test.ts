import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MisuseError } from '../../src/base/errors.ts'
import {
  assertDictionary,
  bothInits,
  clampToUnsignedShort,
  toChunk,
  toInit,
  toProtocols,
  toSendable,
  toUnsignedShort,
} from '../../src/websocket/web-idl.ts'

test('the second argument is a string, a sequence or options', () => {
  assert.deepEqual(toInit('a'), { protocols: ['a'] })
  assert.deepEqual(toInit(['a', 5]), { protocols: ['a', '5'] })
  assert.deepEqual(toInit(new Set(['a', 'b'])), { protocols: ['a', 'b'] })
  assert.deepEqual(toInit({ protocols: 'a', timeoutMs: 5 }), { protocols: ['a'], timeoutMs: 5 })
  assert.deepEqual(toInit({ protocols: ['a'] }), { protocols: ['a'] })
  assert.deepEqual(toInit({ origin: 'b' }), { origin: 'b' })
  assert.deepEqual(toInit(null), { protocols: ['null'] })
})

test('two arguments with options are one, unless they say a thing twice', () => {
  assert.deepEqual(bothInits({ protocols: ['a'] }, { timeoutMs: 5 }), { protocols: ['a'], timeoutMs: 5 })
  assert.deepEqual(bothInits({ protocols: [] }, { protocols: ['b'] }), { protocols: ['b'] })
  assert.deepEqual(bothInits({ timeoutMs: 5 }, { timeoutMs: undefined }), { timeoutMs: 5 })
  assert.deepEqual(bothInits({ timeoutMs: undefined }, { timeoutMs: 5 }), { timeoutMs: 5 })
  assert.throws(() => bothInits({ protocols: ['a'] }, { protocols: ['a'] }), MisuseError)
  assert.throws(() => bothInits({ timeoutMs: 5 }, { timeoutMs: 5 }), MisuseError)
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
  assert.throws(() => clampToUnsignedShort(1000n), TypeError)
})

test('bytes and Blobs are sent as they are, everything else as its string', () => {
  for (const data of ['text', new ArrayBuffer(1), new DataView(new ArrayBuffer(1)), new Blob([])]) {
    assert.equal(toSendable(data), data)
  }
  assert.equal(toSendable(undefined), 'undefined')
  assert.equal(toSendable(5), '5')
  assert.throws(() => toSendable(Symbol('x')), TypeError)
})

test('[EnforceRange] goes towards zero, and what is out of range is a TypeError', () => {
  for (const [value, number] of [
    [0, 0],
    [-0.9, 0],
    ['12', 12],
    [3000.9, 3000],
    [65_535.9, 65_535],
    [null, 0],
    [true, 1],
  ] as const) {
    assert.ok(Object.is(toUnsignedShort(value), number), String(value))
  }
  for (const value of [
    -1,
    65_536,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    'a',
    undefined,
    {},
    1000n,
    Symbol('s'),
  ]) {
    assert.throws(() => toUnsignedShort(value), TypeError, String(value))
  }
})

test('a view on shared memory is a TypeError; shared memory itself is no bytes at all', () => {
  const shared = new SharedArrayBuffer(2)
  for (const convert of [toSendable, toChunk]) {
    for (const view of [new Uint8Array(shared), new DataView(shared)]) {
      assert.throws(() => convert(view), TypeError)
    }
    assert.equal(convert(shared), '[object SharedArrayBuffer]')
  }
})

test('a dictionary is made of an object, a function too, of null or of nothing', () => {
  for (const value of [undefined, null, {}, [], () => {}]) assertDictionary(value)
  for (const value of [true, 1, 1n, '', Symbol('s')]) assert.throws(() => assertDictionary(value), TypeError)
})

test('a sequence is an object that can be iterated, of strings', () => {
  assert.deepEqual(toProtocols(undefined), [])
  assert.deepEqual(toProtocols(['a', 1]), ['a', '1'])
  assert.deepEqual(toProtocols(new Set(['b'])), ['b'])
  for (const wrong of ['a', null, 1, {}, [Symbol('s')]]) assert.throws(() => toProtocols(wrong), TypeError)
})

test('a chunk is bytes or a string', () => {
  const bytes = new Uint8Array(1)
  assert.equal(toChunk(bytes), bytes)
  assert.equal(toChunk(bytes.buffer), bytes.buffer)
  assert.deepEqual(
    [toChunk('a'), toChunk(1), toChunk(null), toChunk(new Blob([]))],
    ['a', '1', 'null', '[object Blob]'],
  )
  assert.throws(() => toChunk(Symbol('s')), TypeError)
})
