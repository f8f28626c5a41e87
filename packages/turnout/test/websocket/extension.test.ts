import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatExtensions, parseExtensions } from '../../src/websocket/extension.ts'

test('R25: superspeed, colormode; depth=16 is two extensions, one of them with a parameter', () => {
  assert.deepEqual(parseExtensions(['superspeed, colormode; depth=16']), [
    { name: 'superspeed', parameters: [] },
    { name: 'colormode', parameters: [['depth', '16']] },
  ])
})

test('R24: repeated lines are one list, as if joined by a comma', () => {
  const offer = 'permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate'
  assert.deepEqual(parseExtensions([offer, 'foo']), parseExtensions([`${offer}, foo`]))
  assert.deepEqual(
    parseExtensions([offer, 'foo'])?.map(({ name }) => name),
    ['permessage-deflate', 'permessage-deflate', 'foo'],
  )
})

test('RFC 6455 section 9.1: a quoted value is a token without its quotes', () => {
  assert.deepEqual(parseExtensions(['foo; bar="10"; baz'])?.[0]?.parameters, [
    ['bar', '10'],
    ['baz', undefined],
  ])
  for (const bad of ['foo; bar="1 0"', 'foo; bar=""', 'foo; bar="a,b"', 'foo; bar="a;b"']) {
    assert.equal(parseExtensions([bad]), undefined, bad)
  }
})

test('R24: a malformed list is told from an empty one', () => {
  assert.deepEqual(parseExtensions([]), [])
  for (const bad of [
    '',
    ',',
    'foo;',
    ';a',
    'foo bar',
    'foo; =1',
    'foo; a=',
    'foo; a="b',
    'fo\0o',
    'foo, b@r',
  ]) {
    assert.equal(parseExtensions([bad]), undefined, JSON.stringify(bad))
  }
  assert.equal(parseExtensions(['foo', 'bar;']), undefined)
})

test('what is written is read back, and what no line may carry is refused', () => {
  const text = 'superspeed, colormode; depth=16; grey'
  assert.equal(formatExtensions(parseExtensions([text])!), text)
  assert.throws(() => formatExtensions([{ name: 'a\r\n', parameters: [] }]), { code: 'ERR_INVALID_TOKEN' })
})
