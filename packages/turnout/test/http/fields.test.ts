import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  assertFields,
  assertFieldValue,
  fieldLines,
  fieldsOf,
  type GivenFields,
  type GivenValue,
  hasField,
  isFieldValue,
  linesByName,
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

test('fieldsOf takes a Headers, a Map and pairs as it takes an object', () => {
  const pairs = [
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
    ['x-a', 'c'],
  ] as const
  assert.deepEqual(fieldsOf(new Headers(pairs as unknown as [string, string][])), pairs)
  assert.deepEqual(fieldsOf(pairs), pairs)
  const given = { 'set-cookie': ['a=1', 'b=2'], 'x-a': 'c', 'x-b': undefined }
  assert.deepEqual(fieldsOf(new Map<string, GivenValue>(Object.entries(given))), pairs)
  assert.deepEqual(fieldsOf(Object.assign(Object.create(null), given)), pairs)
  for (const none of [{}, [], new Map(), new Headers()]) assert.deepEqual(fieldsOf(none as GivenFields), [])
})

test('fieldsOf takes a number as Node does', () => {
  assert.deepEqual(fieldsOf({ 'Max-Forwards': 0, 'X-A': [1.5, '2'] }), [
    ['Max-Forwards', '0'],
    ['X-A', '1.5'],
    ['X-A', '2'],
  ])
})

test('an odd value is misuse that names its field, and does not tell the value', () => {
  for (const [value, kind] of [
    [null, 'null'],
    [Number.NaN, 'NaN'],
    [true, 'of type boolean'],
    [{ secret: 1 }, 'of type object'],
    [[['secret']], 'of type object'],
    [Buffer.from('secret'), 'of type object'],
    [Symbol('secret'), 'of type symbol'],
  ] as const) {
    const message = `value of X-A is ${kind}, neither a string nor a number nor a list of them (RFC 9110 section 5.5)`
    for (const headers of [{ 'X-A': value }, [['X-A', value]], new Map([['X-A', value]])]) {
      assert.throws(() => fieldsOf(headers as unknown as GivenFields), {
        name: 'MisuseError',
        code: 'ERR_INVALID_FIELD_VALUE',
        message,
      })
    }
  }
})

test('what holds no fields is misuse, and not silently nothing', () => {
  const pairs = Object.entries({ 'X-A': '1' })
  for (const [given, seen] of [
    ['X-A: 1', '"X-A: 1"'],
    [5, '5'],
    [null, 'null'],
    [() => pairs, 'a function'],
    [['X-A', '1'], 'a list that has more in it than pairs of name and value'],
    [[['X-A', '1', '2']], 'a list that has more in it than pairs of name and value'],
    [Promise.resolve({ 'X-A': '1' }), 'an object without a field in it'],
    [new Map(pairs).entries(), 'an iterator, which can be read only once'],
  ] as const) {
    assert.throws(() => fieldsOf(given as unknown as GivenFields), {
      name: 'MisuseError',
      code: 'ERR_INVALID_ARGUMENT',
      message: `\`headers\` is ${seen}, not an object of fields, a Headers, a Map or a list of pairs`,
    })
  }
  assert.throws(() => fieldsOf([[1, 'b']] as unknown as GivenFields), { code: 'ERR_INVALID_TOKEN' })
})

test('lines of a name are one list, whatever their case, and a name may be one that objects inherit', () => {
  const lines = linesByName([
    ['X-A', '1'],
    ['constructor', 'v'],
    ['x-a', '2'],
    ['__proto__', 'p'],
    ['X-a', '3'],
  ])
  assert.deepEqual(Object.entries(lines), [
    ['X-A', ['1', '2', '3']],
    ['constructor', 'v'],
    ['__proto__', 'p'],
  ])
})
