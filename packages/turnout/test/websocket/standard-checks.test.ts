import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertClose, assertSubprotocols, readUrl } from '../../src/websocket/standard-checks.ts'

const syntaxError = { name: 'SyntaxError', constructor: DOMException }

test('R20: a URL record: absolute, of a scheme that means WebSocket, without fragment', () => {
  for (const [text, href] of [
    ['ws://a', 'ws://a/'],
    ['WSS://A:443/b c?d', 'wss://a/b%20c?d'],
    ['http://a:80/', 'ws://a/'],
    ['https://u:p@[::1]:1/', 'wss://u:p@[::1]:1/'],
  ] as const) {
    assert.equal(readUrl(text).href, href)
  }
  for (const text of [
    '',
    'a',
    '/a',
    'ftp://a',
    'blob:ws://a',
    'ws://',
    'ws://a#',
    'wss://a/#b',
    'https://a?b#c',
  ]) {
    assert.throws(() => readUrl(text), syntaxError, text)
  }
})

test('R20: subprotocols are tokens, each once, letter by letter', () => {
  assertSubprotocols([])
  assertSubprotocols(['a', 'A', "!#$%&'*+-.^_`|~", 'chat.v2'])
  for (const protocols of [
    ['a', 'a'],
    [''],
    ['a b'],
    ['a', 'b,c'],
    ['a/1'],
    ['\u00e4'],
    ['a\r\n'],
    ['"a"'],
  ]) {
    assert.throws(() => assertSubprotocols(protocols), syntaxError, JSON.stringify(protocols))
  }
})

test('a page may close with 1000, or 3000 to 4999, and 123 bytes of reason', () => {
  const allowed = Array.from({ length: 65_536 }, (_, code) => code).filter((code) => {
    try {
      assertClose(code, '')
      return true
    } catch (error) {
      assert.equal((error as Error).name, 'InvalidAccessError')
      return false
    }
  })
  assert.deepEqual([allowed.length, allowed[0], allowed[1], allowed.at(-1)], [2_001, 1000, 3000, 4999])
  assertClose(undefined, 'x'.repeat(123))
  assertClose(1000, '\u00e4'.repeat(61))
  assert.throws(() => assertClose(1000, '\u00e4'.repeat(62)), syntaxError)
  // the code is judged first
  assert.throws(() => assertClose(1, 'x'.repeat(124)), { name: 'InvalidAccessError' })
})
