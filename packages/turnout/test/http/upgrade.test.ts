import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatProtocol, parseProtocol, parseUpgrade, sameName } from '../../src/http/upgrade.ts'

test('R5: protocols come out in the order of preference, over several lines too', () => {
  assert.deepEqual(parseUpgrade(['example/1, foo/2', 'WebSocket']), {
    protocols: [
      { name: 'example', version: '1' },
      { name: 'foo', version: '2' },
      { name: 'WebSocket', version: undefined },
    ],
    malformed: false,
  })
})

test('R6: a name and its version are tokens, divided by one slash', () => {
  assert.deepEqual(parseProtocol('TLS/1.2'), { name: 'TLS', version: '1.2' })
  assert.deepEqual(parseProtocol('h2c'), { name: 'h2c', version: undefined })
  for (const bad of ['', '/', 'a/', '/1', 'a/b/c', 'a b', 'a / 1', '"a"', 'a;q=1', 'a\0', 'é']) {
    assert.equal(parseProtocol(bad), undefined, JSON.stringify(bad))
  }
})

test('R6: a syntax error anywhere marks the whole field, and what could be read is kept', () => {
  assert.deepEqual(parseUpgrade(['websocket, foo/']), {
    protocols: [{ name: 'websocket', version: undefined }],
    malformed: true,
  })
})

test('R6: empty elements are no syntax error', () => {
  assert.deepEqual(parseUpgrade([',, foo ,']).malformed, false)
  assert.deepEqual(parseUpgrade(['', ',']), { protocols: [], malformed: false })
})

test('R6: names compare without case, versions are the caller’s to compare exactly', () => {
  assert.equal(sameName(parseProtocol('WEBSOCKET')!.name, 'websocket'), true)
  assert.equal(parseProtocol('example/V1')!.version, 'V1')
})

test('a protocol is written as it was read, and a false one is refused before a byte is written', () => {
  assert.equal(formatProtocol({ name: 'example', version: '1' }), 'example/1')
  assert.equal(formatProtocol({ name: 'websocket', version: undefined }), 'websocket')
  assert.throws(() => formatProtocol({ name: 'a\r\nb', version: undefined }), { code: 'ERR_INVALID_TOKEN' })
  assert.throws(() => formatProtocol({ name: 'a', version: '' }), { code: 'ERR_INVALID_TOKEN' })
})
