import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  BENCH_AT,
  BENCH_BYTES,
  instantiate,
  LENT_AT,
  LENT_BYTES,
  linear,
  linearBytes,
  TABLE_AT,
  TABLE_BYTES,
} from '../../src/base/linear.ts'

/** Exports `at`, which gives the byte at an address. */
const peek = Buffer.from(
  '0061736d0100000001060160017f017f02130107747572' +
    '6e6f7574066d656d6f72790200000302010007060102617400000a09010700200' +
    '02d00000b',
  'hex',
)

test('code sees what lies in linear memory, and that does not move', () => {
  const { at } = instantiate<{ at(address: number): number }>(peek)!
  linearBytes(5, 2).write('hi')
  assert.equal(at(5), 'h'.charCodeAt(0))
  assert.equal(at(6), 'i'.charCodeAt(0))
  assert.ok(Object.is(linearBytes(0, 1).buffer, linear))
})

test('its parts do not overlap, and all of them are there', () => {
  assert.ok(LENT_AT + LENT_BYTES <= BENCH_AT)
  assert.ok(BENCH_AT + BENCH_BYTES <= TABLE_AT)
  assert.ok(TABLE_AT + TABLE_BYTES <= linear.byteLength)
})

test('code that cannot run here is not there', () => {
  assert.equal(instantiate(Buffer.from('no code')), undefined)
  assert.equal(instantiate(peek.subarray(0, peek.length - 1)), undefined)
})
