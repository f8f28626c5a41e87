import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MisuseError } from '../../src/base/errors.ts'
import { assertToken, isToken, sameName } from '../../src/http/token.ts'

test('RFC 9110 section 5.6.2: a token is one or more tchar, and every other character spoils it', () => {
  const tchars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
  for (let code = 0; code < 0x200; code++) {
    const char = String.fromCharCode(code)
    assert.equal(isToken(char), tchars.includes(char), `U+${code.toString(16)}`)
    assert.equal(isToken(`a${char}b`), tchars.includes(char))
  }
  assert.equal(isToken(''), false)
})

test('assertToken names the value that is no token', () => {
  assertToken('subprotocol', 'chat.v2')
  for (const bad of ['', 'a b', 'a\r\nb', 'a\0', 'é', '"a"']) {
    assert.throws(
      () => assertToken('subprotocol', bad),
      (error) =>
        error instanceof MisuseError &&
        error.code === 'ERR_INVALID_TOKEN' &&
        error.message.includes(`subprotocol ${JSON.stringify(bad)}`),
    )
  }
})

test('assertToken refuses what is no string at all', () => {
  assert.throws(() => assertToken('subprotocol', undefined as unknown as string), {
    code: 'ERR_INVALID_TOKEN',
  })
})

test('R6: names compare without regard to ASCII case, and to ASCII case only', () => {
  assert.equal(sameName('WebSocket', 'websocket'), true)
  assert.equal(sameName('websocket', 'websockets'), false)
  assert.equal(sameName('[', '{'), false)
  assert.equal(sameName('K', '\u212a'), false)
  assert.equal(sameName('É', 'é'), false)
})
