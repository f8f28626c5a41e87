import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  assertFields,
  assertFieldValue,
  fieldLines,
  fieldsOf,
  hasField,
  isFieldValue,
} from '../../src/http/fields.ts'

const raw = ['Host', 'a', 'X-Upgrade', 'no', 'UPGRADE', 'one', 'upgrade', 'two']

test('every line of a name comes out in order, whatever its case', () => {
  assert.deepEqual(fieldLines(raw, 'Upgrade'), ['one', 'two'])
  assert.deepEqual(fieldLines(raw, 'host'), ['a'])
  assert.deepEqual(fieldLines(raw, 'grade'), [])
})

test('a value that looks like a name is not taken for one', () => {
  assert.deepEqual(fieldLines(['A', 'upgrade', 'B', 'c'], 'upgrade'), [])
  assert.equal(hasField(['A', 'upgrade'], 'upgrade'), false)
  assert.equal(hasField(raw, 'upGrade'), true)
})

test('CR, LF, NUL, other controls and what Latin-1 lacks stand in no field value', () => {
  for (let code = 0; code < 0x180; code++) {
    const allowed = code === 9 || (code >= 0x20 && code < 0x7f) || (code >= 0x80 && code <= 0xff)
    assert.equal(isFieldValue(`a${String.fromCharCode(code)}b`), allowed, `U+${code.toString(16)}`)
  }
  assert.equal(isFieldValue('\u{1f600}'), false)
})

test('assertFieldValue names the field and what is wrong with its value, which may be secret', () => {
  assertFieldValue('X-A', 'fine')
  assert.throws(() => assertFieldValue('X-A', 'a\r\nSet-Cookie: b'), {
    code: 'ERR_INVALID_FIELD_VALUE',
    message: 'value of X-A has U+000D at index 1, which no field may carry (RFC 9110 section 5.5)',
  })
  for (const [value, message] of [
    ['\u{1f600}', /U\+1F600 at index 0/],
    [1, /value of X-A is a number, not a string/],
  ] as const) {
    assert.throws(() => assertFieldValue('X-A', value as string), {
      code: 'ERR_INVALID_FIELD_VALUE',
      message,
    })
  }
})

test('assertFields checks names as tokens, and values', () => {
  assertFields([['X-A', 'b']])
  assert.throws(() => assertFields([['X A', 'b']]), { code: 'ERR_INVALID_TOKEN' })
  assert.throws(() => assertFields([['', 'b']]), { code: 'ERR_INVALID_TOKEN' })
  assert.throws(() => assertFields([['X-A', 'b\n']]), { code: 'ERR_INVALID_FIELD_VALUE' })
})

test('fieldsOf makes a line of each value, skips undefined, and checks what it made', () => {
  assert.deepEqual(fieldsOf({ 'Set-Cookie': ['a=1', 'b=2'], 'X-A': 'c', 'X-B': undefined }), [
    ['Set-Cookie', 'a=1'],
    ['Set-Cookie', 'b=2'],
    ['X-A', 'c'],
  ])
  assert.throws(() => fieldsOf({ 'X-A': ['fine', 'b\0'] }), { code: 'ERR_INVALID_FIELD_VALUE' })
  assert.throws(() => fieldsOf({ 'X:A': 'b' }), { code: 'ERR_INVALID_TOKEN' })
})
