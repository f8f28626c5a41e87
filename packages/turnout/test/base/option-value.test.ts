import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  assertAboveZero,
  assertFromZero,
  assertFunction,
  assertOneOf,
  assertSignal,
  given,
  oddOption,
} from '../../src/base/option-value.ts'

const check = (assertion: (name: string, value: unknown) => void, good: unknown[], bad: unknown[]) => {
  for (const value of [undefined, ...good]) assertion('x', value)
  for (const value of bad) {
    assert.throws(() => assertion('x', value), { code: 'ERR_INVALID_ARGUMENT', message: /^option x is / })
  }
}

test('a number is no text, not NaN, and not below its least', () => {
  check(assertFromZero, [0, 1.5, Number.POSITIVE_INFINITY], ['1', Number.NaN, -1, null, {}, 1n])
  check(assertAboveZero, [0.1, Number.POSITIVE_INFINITY], [0, '1', Number.NaN, null])
})

test('a function can be called, and a choice is one that there is', () => {
  check(assertFunction, [() => {}, class {}], [null, {}, 'x', true])
  check((name, value) => assertOneOf(name, value, ['a', 'b']), ['a', 'b'], ['c', null, ['a'], 0])
})

test('a signal is one that can be asked and listened to, of whichever realm', () => {
  const own = { aborted: false, addEventListener() {} }
  for (const value of [undefined, AbortSignal.abort(), AbortSignal.timeout(1), own]) assertSignal(value)
  for (const value of [null, 5, {}, new AbortController(), 'x']) {
    assert.throws(() => assertSignal(value), {
      code: 'ERR_INVALID_ARGUMENT',
      message: /^option signal is .*, not an AbortSignal$/,
    })
  }
})

test('an error says the value as it is, a text in quotes and cut', () => {
  for (const [value, seen] of [
    ['5', '"5"'],
    ['x'.repeat(500), `"${'x'.repeat(100)}"`],
    [5, '5'],
    [null, 'null'],
    [Symbol('s'), 'Symbol(s)'],
    [[1], 'a list'],
    [Object.create(null), 'an object'],
    [() => {}, 'a function'],
  ] as const) {
    assert.equal(oddOption('x', value, 'y').message, `option x is ${seen}, not y`)
  }
})

test('what is undefined was not given; false, 0 and null were', () => {
  const options: Record<string, unknown> = { a: undefined, b: false, c: 0, d: null, e: '', f: Number.NaN }
  assert.deepEqual(Object.keys(given(options)), ['b', 'c', 'd', 'e', 'f'])
  assert.equal({ a: 1, ...given(options) }.a, 1)
  assert.deepEqual(given({}), {})
  assert.equal(given(undefined), undefined)
})
