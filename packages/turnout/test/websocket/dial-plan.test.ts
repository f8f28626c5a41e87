import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { test } from 'node:test'
import type { AnyConnectOptions } from '../../src/websocket/client.ts'
import { prepareDial } from '../../src/websocket/dial-plan.ts'

const prepare = (url: string, options: AnyConnectOptions<undefined> = {}) => prepareDial(url, options)

for (const [given, url] of [
  ['ws://host/a?b', 'ws://host/a?b'],
  ['wss://host:8443', 'wss://host:8443/'],
  ['http://host/', 'ws://host/'],
  ['https://host/', 'wss://host/'],
] as const) {
  test(`${given} is dialled as ${url}`, () => {
    assert.equal(prepare(given).hop.url.href, url)
  })
}

test('what stands before the host goes out as credentials, and in no URL', () => {
  const { hop } = prepare('ws://ada:secret@host/')
  assert.equal(hop.url.href, 'ws://host/')
  const basic = `Basic ${Buffer.from('ada:secret').toString('base64')}`
  assert.deepEqual(hop.fields, [['Authorization', basic]])
  const own = prepare('ws://ada:secret@host/', { headers: { authorization: 'Bearer 1' } })
  assert.deepEqual(own.hop.fields, [['authorization', 'Bearer 1']])
})

test('one subprotocol or a list, and compression before the application’s own extensions', () => {
  assert.deepEqual(prepare('ws://host').protocols, [])
  assert.deepEqual(prepare('ws://host', { protocols: 'a' }).protocols, ['a'])
  assert.deepEqual(prepare('ws://host', { protocols: ['a', 'b'] }).protocols, ['a', 'b'])
  const extension = { name: 'own', rsv: 0x20 } as never
  assert.deepEqual(prepare('ws://host', { extensions: [extension] }).extensions, [extension])
  const both = prepare('ws://host', { extensions: [extension], compression: true }).extensions
  assert.deepEqual([both.length, both[1]], [2, extension])
})

test('origin is a field like those that were given', () => {
  const { hop } = prepare('ws://host', { headers: { 'X-A': '1' }, origin: 'https://a' })
  assert.deepEqual(hop.fields, [
    ['X-A', '1'],
    ['Origin', 'https://a'],
  ])
})

for (const [what, url, options, message] of [
  ['a fragment', 'ws://host/#a', {}, /has a fragment \(RFC 6455 section 3\)$/],
  ['an empty fragment', 'ws://host/#', {}, /has a fragment/],
  ['another scheme', 'ftp://host/', {}, /ftp:/],
  ['no URL', 'host', {}, /is no absolute URL/],
  ['a subprotocol twice', 'ws://host', { protocols: ['a', 'a'] }, /./],
  ['a redirect and a half', 'ws://host', { maxRedirects: 1.5 }, /option maxRedirects is 1\.5/],
  ['fewer redirects than none', 'ws://host', { maxRedirects: -1 }, /option maxRedirects is -1/],
  ['a choice of HTTP/2 that is none', 'ws://host', { http2: 'yes' }, /option http2 is "yes"/],
  ['HTTP/2 and an agent', 'ws://host', { http2: true, agent: new Agent() }, /both `http2` and `agent`/],
  ['a proxy that is none', 'ws://host', { proxy: 'nowhere' }, /./],
  ['two origins', 'ws://host', { origin: 'a', headers: { origin: 'b' } }, /Origin both in/],
  [
    'a field of HTTP/1.1 where only HTTP/2 will do',
    'ws://host',
    { http2: true, headers: { TE: 'gzip' } },
    /./,
  ],
  ...['Connection', 'upgrade', 'Content-Length', 'Expect', 'Sec-WebSocket-Key', 'sec-websocket-anything'].map(
    (name) =>
      [
        `the field ${name}`,
        'ws://host',
        { headers: { [name]: '1' } },
        /belongs to the handshake itself \(RFC 6455 section 4\.1\)$/,
      ] as const,
  ),
] as const) {
  test(`${what} is misuse before anybody is connected to`, () => {
    assert.throws(() => prepare(url, options as never), { name: 'MisuseError', message })
  })
}
