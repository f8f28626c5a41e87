import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatList, splitList, trimSpace } from '../../src/http/list.ts'

test('RFC 9110 section 5.6.1: a list is divided at commas, and space around its elements is dropped', () => {
  assert.deepEqual(splitList(['a,b ,\tc\t, d e']), ['a', 'b', 'c', 'd e'])
})

test('RFC 9110 section 5.6.1: a recipient ignores empty elements', () => {
  assert.deepEqual(splitList([', ,a,,b, ']), ['a', 'b'])
  assert.deepEqual(splitList(['']), [])
  assert.deepEqual(splitList([]), [])
})

test('R24: several lines are one list', () => {
  assert.deepEqual(splitList(['a, b', '', 'c']), ['a', 'b', 'c'])
})

test('a comma inside quotes does not divide, and an escaped quote does not end them', () => {
  assert.deepEqual(splitList(['a="x,y", b="\\",\\\\", c']), ['a="x,y"', 'b="\\",\\\\"', 'c'])
})

test('an open quote reaches to the end, over lines too', () => {
  assert.deepEqual(splitList(['a, "b, c', 'd']), ['a', '"b, c, d'])
  assert.deepEqual(splitList(['"a\\']), ['"a\\'])
})

test('only space and tab are space', () => {
  assert.equal(trimSpace(' \ta b\t '), 'a b')
  assert.equal(trimSpace('\va\u00a0'), '\va\u00a0')
  assert.equal(trimSpace(' \t'), '')
})

test('what formatList wrote, splitList reads back', () => {
  const item = fc.stringMatching(/^[a-z0-9]{1,8}$/)
  fc.assert(
    fc.property(fc.array(item), (items) => {
      assert.deepEqual(splitList([formatList(items)]), items)
    }),
  )
})
