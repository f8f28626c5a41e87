import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createHttp2Server, createSecureServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { test } from 'node:test'
import { type AttachableServer, assertAttachable, connectionEvent } from '../../src/upgrade/http-server.ts'

test('servers that speak HTTP/1.1 are taken, and get connections back by their own event', () => {
  for (const [server, event] of [
    [createServer(), 'connection'],
    [createHttpsServer(), 'secureConnection'],
    [createSecureServer({ allowHTTP1: true }), 'secureConnection'],
  ] as const) {
    assert.equal(connectionEvent(assertAttachable(server)), event)
  }
})

test('RFC 8441 section 3: servers that speak HTTP/2 only are taken, too', () => {
  for (const server of [createHttp2Server(), createSecureServer()])
    assert.equal(assertAttachable(server), server)
})

test('what is no server is refused', () => {
  for (const server of [undefined, null, {}, () => {}]) {
    assert.throws(() => assertAttachable(server as never), { code: 'ERR_INVALID_ARGUMENT' })
  }
  assert.ok(assertAttachable(new EventEmitter() as AttachableServer))
})
