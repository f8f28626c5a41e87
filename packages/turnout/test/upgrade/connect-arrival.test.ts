import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import {
  ConnectArrival,
  connectArrivalOf,
  isExtendedConnect,
  speaksHttp2,
} from '../../src/upgrade/connect-arrival.ts'

const CONNECT = {
  ':method': 'CONNECT',
  ':protocol': 'websocket',
  ':scheme': 'http',
  ':path': '/chat?a',
  ':authority': 'host:81',
}

/** One that came with these fields, in memory. */
function arrival(fields: Readonly<Record<string, string>> = CONNECT): {
  came: ConnectArrival
  stream: Duplex
} {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  // an HTTP/2 stream is closed before it is destroyed
  Object.assign(stream, { close() {} })
  const clock = createVirtualClock()
  clock.advance(7)
  const setup = { server: createServer() as never, clock }
  const headers = { ...fields }
  const came = new ConnectArrival(setup, stream as never, headers, Object.entries(fields).flat())
  return { came, stream }
}

test('a CONNECT with :protocol is one, and no other request', () => {
  assert.equal(isExtendedConnect(CONNECT), true)
  assert.equal(isExtendedConnect({ ':method': 'CONNECT' }), false)
  assert.equal(isExtendedConnect({ ':method': 'GET', ':protocol': 'websocket' }), false)
})

test('a server that speaks HTTP/2 is told from one of node:http', () => {
  assert.equal(speaksHttp2(createHttp2Server()), true)
  assert.equal(speaksHttp2(createServer()), false)
})

test('the application reads a request whose Host is :authority, unless one was sent', () => {
  const { came } = arrival()
  const { request, protocol, cameMs } = came
  assert.deepEqual([request.method, request.url, request.headers.host], ['CONNECT', '/chat?a', 'host:81'])
  assert.deepEqual(request.rawHeaders.slice(-2), ['host', 'host:81'])
  assert.deepEqual([protocol, cameMs], [{ name: 'websocket', version: undefined }, 7])
  assert.equal(connectArrivalOf(request), came)
  const sent = arrival({ ...CONNECT, host: 'HOST:81' }).came.request
  assert.equal(sent.headers.host, 'HOST:81')
  assert.equal(sent.rawHeaders.filter((name) => name === 'host').length, 1)
})

test('a request that is none of ours has no arrival', () => {
  assert.equal(connectArrivalOf({} as never), undefined)
  assert.equal(connectArrivalOf({ stream: new Duplex() } as never), undefined)
})

const { ':authority': _authority, ...WITHOUT_AUTHORITY } = CONNECT

for (const [what, fields, status] of [
  ['a proper request', CONNECT, undefined],
  ['its Host in another spelling', { ...CONNECT, host: 'HOST:81' }, undefined],
  ['no :authority', WITHOUT_AUTHORITY, 400],
  ['an :authority that is no host', { ...CONNECT, ':authority': 'a b' }, 400],
  ['another Host', { ...CONNECT, host: 'elsewhere' }, 400],
  ['RFC 9110 section 9.3.6: content', { ...CONNECT, 'content-length': '0' }, 400],
] as const) {
  test(`RFC 9113 section 8.3.1: ${what}: ${status ?? 'goes on'}`, () => {
    assert.equal(arrival(fields).came.check()?.status, status)
  })
}

test('a :protocol that is no token is none', () => {
  assert.equal(arrival({ ...CONNECT, ':protocol': 'a b' }).came.protocol, undefined)
})

test('it is gone with its stream, or when nothing can be written on that', () => {
  for (const leave of [(stream: Duplex) => stream.destroy(), (stream: Duplex) => stream.end()]) {
    const { came, stream } = arrival()
    assert.equal(came.gone, false)
    leave(stream)
    assert.equal(came.gone, true)
  }
})

test('a stream that is reset ends no process', () => {
  const { stream } = arrival()
  assert.equal(stream.emit('error', new Error('reset')), true)
})
