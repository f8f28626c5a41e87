import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { MisuseError } from '../../src/base/errors.ts'
import { parseUrl, readTarget, shownUrl } from '../../src/upgrade/target.ts'

const schemes = ['http:', 'https:', 'ws:', 'wss:']
const read = (url: string) => readTarget(parseUrl(url), schemes)

test('a URL says host, port, path with query, and whether TLS goes first', () => {
  assert.deepEqual(read('http://example.com'), {
    secure: false,
    host: 'example.com',
    port: 80,
    path: '/',
    credentials: [],
  })
  assert.deepEqual(read('wss://example.com:8443/a%20b?c=d#e'), {
    secure: true,
    host: 'example.com',
    port: 8443,
    path: '/a%20b?c=d',
    credentials: [],
  })
})

test('R21: the port is 80, and 443 where TLS goes first', () => {
  assert.deepEqual(
    ['http://a', 'ws://a', 'https://a', 'wss://a'].map((url) => read(url).port),
    [80, 80, 443, 443],
  )
})

test('an IPv6 address is dialled without its brackets', () => {
  assert.equal(read('ws://[::1]:81/').host, '::1')
})

test('RFC 7617 section 2: userinfo becomes Basic credentials, in UTF-8', () => {
  assert.deepEqual(read('http://Aladdin:open%20sesame@a/').credentials, [
    ['Authorization', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='],
  ])
  assert.deepEqual(read('http://test:123%C2%A3@a/').credentials, [
    ['Authorization', 'Basic dGVzdDoxMjPCow=='],
  ])
  assert.deepEqual(read('http://u@a/').credentials, [['Authorization', 'Basic dTo=']])
})

test('userinfo with a stray percent sign is taken as it stands', () => {
  assert.deepEqual(read('http://u%zz:p@a/').credentials, [
    ['Authorization', `Basic ${Buffer.from('u%zz:p').toString('base64')}`],
  ])
})

test('what is no absolute URL, or of another scheme, is misuse', () => {
  for (const url of ['', '/chat', 'example.com', 'ftp://a/', 'mailto:a@b', 'http://']) {
    assert.throws(() => read(url), MisuseError)
  }
  assert.throws(() => readTarget(parseUrl('ws://a/'), ['http:', 'https:']), MisuseError)
})

test('a message never quotes what may be a password', () => {
  for (const [url, shown] of [
    ['ws://a:1/b', 'ws://a:1/b'],
    ['ws://eve:hunter2@a/#b', 'ws://…@a/#b'],
    ['ws://eve:hun/ter2@a', 'ws://…@a'],
    ['eve:hunter2@a', '…@a'],
    ['/chat', '/chat'],
  ] as const) {
    assert.equal(shownUrl(url), shown)
  }
  for (const url of ['ws://eve:hun/ter2@a', 'ws://eve:hunter2@a:99999/']) {
    try {
      parseUrl(url)
      assert.fail('taken')
    } catch (error) {
      assert.match(inspect(error), /no absolute URL/)
      assert.doesNotMatch(inspect(error), /ter2/)
    }
  }
})
