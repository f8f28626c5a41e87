import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  assertHttp2Fields,
  hostContradicts,
  http2Headers,
  withoutConnectionSpecific,
} from '../../src/http/http2-fields.ts'

test('RFC 9113 section 8.2.2: fields of an HTTP/1.1 connection are misuse in HTTP/2', () => {
  for (const name of [
    'Connection',
    'keep-alive',
    'Proxy-Connection',
    'Transfer-Encoding',
    'UPGRADE',
    'HTTP2-Settings',
  ]) {
    assert.throws(
      () =>
        assertHttp2Fields([
          ['X-A', '1'],
          [name, 'x'],
        ]),
      { code: 'ERR_HTTP2_FORBIDS_UPGRADE' },
    )
  }
  assertHttp2Fields([['X-A', '1']])
})

test('RFC 9113 section 8.2.2: TE may say trailers, and nothing else', () => {
  assertHttp2Fields([['TE', ' Trailers']])
  assert.throws(() => assertHttp2Fields([['te', 'gzip']]), { code: 'ERR_HTTP2_FORBIDS_UPGRADE' })
})

test('R3: an answer for both versions loses them', () => {
  assert.deepEqual(
    withoutConnectionSpecific([
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ['Allow', 'GET'],
    ]),
    [['Allow', 'GET']],
  )
})

test('RFC 9113 section 8.2.1: names are in lower case, several lines are a list', () => {
  assert.deepEqual(
    Object.entries(
      http2Headers([
        ['Set-Cookie', 'a=1'],
        ['X-A', '1'],
        ['set-cookie', 'b=2'],
        ['SET-COOKIE', 'c=3'],
      ]),
    ),
    [
      ['set-cookie', ['a=1', 'b=2', 'c=3']],
      ['x-a', '1'],
    ],
  )
})

test('RFC 9113 section 8.3.1: Host may come beside :authority, and must say the same', () => {
  assert.equal(hostContradicts([], 'a.example'), false)
  assert.equal(hostContradicts(['Host', 'A.example'], 'a.example'), false)
  assert.equal(hostContradicts(['host', 'a.example', 'host', 'b.example'], 'a.example'), true)
})
