import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatParameters, parseParameters } from '../../src/http/parameters.ts'

test('R25: an element has a name and parameters with and without a value', () => {
  assert.deepEqual(parseParameters('colormode'), { name: 'colormode', parameters: [] })
  assert.deepEqual(parseParameters('colormode; depth=16 ;grey'), {
    name: 'colormode',
    parameters: [
      ['depth', '16'],
      ['grey', undefined],
    ],
  })
})

test('RFC 9110 section 5.6.4: a quoted value comes out without quotes and escapes', () => {
  assert.deepEqual(parseParameters('a; b="c, \\"d\\" \\\\; e"; f=""')?.parameters, [
    ['b', 'c, "d" \\; e'],
    ['f', ''],
  ])
})

test('RFC 6455 section 4.3: space around the equals sign is let pass', () => {
  assert.deepEqual(parseParameters('a; b = 1; c\t=\t"2"')?.parameters, [
    ['b', '1'],
    ['c', '2'],
  ])
})

test('a malformed element gives nothing at all', () => {
  for (const bad of [
    '',
    ';',
    'a;',
    'a; ',
    'a;;b',
    'a b',
    'a ',
    ' a',
    'a; =1',
    'a; b=',
    'a; b=;c',
    'a; b=c d',
    'a; b="c',
    'a; b="c\\',
    'a; b="c"d',
    'a; b=c"d"',
    'a; "b"',
    'a; b="\0"',
    'a; b="\\\r"',
    'a=1',
    '"a"',
  ]) {
    assert.equal(parseParameters(bad), undefined, JSON.stringify(bad))
  }
})

test('a name that no line may carry is refused, and so is a value that not even quotes can hold', () => {
  assert.throws(() => formatParameters({ name: 'a;b', parameters: [] }), { code: 'ERR_INVALID_TOKEN' })
  assert.throws(() => formatParameters({ name: 'a', parameters: [['', '1']] }), { code: 'ERR_INVALID_TOKEN' })
  assert.throws(() => formatParameters({ name: 'a', parameters: [['b', '1\r\n']] }), {
    code: 'ERR_INVALID_TOKEN',
  })
})

test('what formatParameters wrote, parseParameters reads back', () => {
  const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,6}$/)
  const value = fc.option(fc.stringMatching(/^[\t\x20-\x7e\x80-\xff]{0,8}$/), { nil: undefined })
  fc.assert(
    fc.property(token, fc.array(fc.tuple(token, value)), (name, parameters) => {
      assert.deepEqual(parseParameters(formatParameters({ name, parameters })), { name, parameters })
    }),
  )
})
