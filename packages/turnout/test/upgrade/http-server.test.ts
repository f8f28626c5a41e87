import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { Agent, createServer, Server } from 'node:http'
import { createServer as createHttp2Server, createSecureServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTcpServer, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import {
  type AttachableServer,
  assertAttachable,
  connectionEvent,
  type HttpServer,
  parseAgain,
} from '../../src/upgrade/http-server.ts'

test('servers that speak HTTP/1.1 are taken, and get connections back by their own event', () => {
  for (const [server, event] of [
    [createServer(), 'connection'],
    [createHttpsServer(), 'secureConnection'],
    [createSecureServer({ allowHTTP1: true }), 'secureConnection'],
  ] as const) {
    assert.equal(connectionEvent(assertAttachable(server)), event)
  }
})

test('the parser alone is told of a connection again, on each kind of server', () => {
  for (const server of [
    createServer(),
    createHttpsServer(),
    createSecureServer({ allowHTTP1: true }),
    new (class extends Server {})(),
  ]) {
    let heard = 0
    const event = connectionEvent(server as HttpServer)
    // In front of it, as whoever wraps a server may stand.
    server.prependListener(event, () => heard++)
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
    Object.assign(stream, { alpnProtocol: false, server })
    parseAgain(server as HttpServer, stream)
    assert.equal(heard, 0)
    assert.ok(stream.listenerCount('data') > 0)
    stream.destroy()
  }
})

test('a server whose parser is not known hears of the connection as a whole', () => {
  const server = Object.assign(new EventEmitter(), { listen() {}, setTimeout() {} })
  const heard: unknown[] = []
  server.on('connection', (stream) => heard.push(stream))
  const stream = new Duplex()
  parseAgain(server, stream)
  assert.deepEqual(heard, [stream])
})

test('RFC 8441 section 3: servers that speak HTTP/2 only are taken, too', () => {
  for (const server of [createHttp2Server(), createSecureServer()])
    assert.equal(assertAttachable(server), server)
})

test('servers of a class of their own, behind a proxy object or of another runtime are taken', () => {
  const { proxy } = Proxy.revocable(createServer(), {})
  const foreign = Object.assign(new EventEmitter(), { listen() {}, setTimeout() {} })
  for (const server of [new (class extends Server {})(), proxy, foreign]) {
    assert.equal(assertAttachable(server as AttachableServer), server)
  }
})

/** As Express makes them: a function with the methods of an EventEmitter. */
const likeExpress = Object.assign(() => {}, EventEmitter.prototype, { listen() {}, use() {}, set() {} })
const likeKoa = Object.assign(new EventEmitter(), { listen() {}, use() {}, callback() {} })
const likeFastify = { listen() {}, server: createServer() }
const NOT_THE_APP = /wants the server, not the app: createServer\(app\) or what app\.listen\(…\) returns/

for (const [what, given, message] of [
  ['nothing', undefined, /wants a server of node:http, node:https or node:http2; this is undefined/],
  ['null', null, /this is null/],
  ['a port', 8080, /this is 8080/],
  ['an empty object', {}, /this is an object/],
  ['an EventEmitter', new EventEmitter(), /this is an object/],
  ['an Express app', likeExpress, NOT_THE_APP],
  ['a request listener', () => {}, NOT_THE_APP],
  ['a Koa app', likeKoa, NOT_THE_APP],
  ['a Fastify app', likeFastify, /wants the server, not the app: app\.server/],
  ['an Agent', new Agent(), /this is an Agent, which is a client's/],
  ['a server of node:net', createTcpServer(), /this is a server of node:net, which speaks no HTTP/],
  ['a server of node:tls', createTlsServer(), /this is a server of node:tls, which speaks no HTTP/],
  ['a socket', new Socket(), /this is an object/],
] as const) {
  test(`${what} is no server to attach to`, () => {
    assert.throws(() => assertAttachable(given as never), { code: 'ERR_INVALID_ARGUMENT', message })
  })
}
