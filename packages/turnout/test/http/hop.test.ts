import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endToEndFields } from '../../src/http/hop.ts'

test('R8: the fields of one hop are removed, whether Connection names them or not', () => {
  const fields = endToEndFields([
    ...['Host', 'a', 'Connection', 'Upgrade, HTTP2-Settings', 'Upgrade', 'h2c', 'HTTP2-Settings', 'AA'],
    ...['Keep-Alive', 'timeout=5', 'Proxy-Connection', 'keep-alive', 'TE', 'trailers'],
    ...['transfer-encoding', 'chunked', 'X-A', 'b'],
  ])
  assert.deepEqual(fields, [
    ['Host', 'a'],
    ['X-A', 'b'],
  ])
})

test('R8: what Connection names is removed, from every line and in any case', () => {
  const raw = [
    'connection',
    'X-One',
    'CONNECTION',
    'close, x-two',
    'x-ONE',
    '1',
    'X-Two',
    '2',
    'X-Three',
    '3',
  ]
  assert.deepEqual(endToEndFields(raw), [['X-Three', '3']])
})

test('R8: Connection cannot make Host disappear, nor what else gives the message its meaning', () => {
  const kept = [
    'Host',
    'Content-Length',
    'Authorization',
    'Cookie',
    'X-Forwarded-For',
    'Origin',
    'Cache-Control',
  ]
  const raw = ['Connection', kept.join(', '), ...kept.flatMap((name) => [name, 'v'])]
  assert.deepEqual(
    endToEndFields(raw),
    kept.map((name) => [name, 'v']),
  )
})

test('R8: order, spelling and repetition stay', () => {
  const raw = ['X-B', '1', 'x-a', '2', 'X-b', '3']
  assert.deepEqual(endToEndFields(raw).flat(), raw)
})

test('RFC 9112 section 6.3: a Content-Length beside Transfer-Encoding is not carried on', () => {
  assert.deepEqual(endToEndFields(['Content-Length', '3', 'Transfer-Encoding', 'chunked']), [])
})
