import assert from 'node:assert/strict'
import { createServer, IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'node:test'
import type { HttpServer } from '../../src/upgrade/http-server.ts'
import {
  closeResponse,
  currentResponse,
  drainResponse,
  endsConnection,
  expectContinue,
  markLast,
  responseClass,
} from '../../src/upgrade/internals.ts'

function responseOn(socket: Socket, headers: Record<string, string> = {}): ServerResponse {
  const request = new IncomingMessage(socket)
  Object.assign(request, { httpVersionMajor: 1, httpVersionMinor: 1, method: 'GET', headers })
  const response = new ServerResponse(request)
  response.shouldKeepAlive = true
  return response
}

test('the response that has the socket is the current one', () => {
  const socket = new Socket()
  assert.equal(currentResponse(socket), undefined)
  const response = responseOn(socket)
  response.assignSocket(socket)
  assert.equal(currentResponse(socket), response)
  response.detachSocket(socket)
  assert.equal(currentResponse(socket), undefined)
})

test('the class of the responses is the server’s', () => {
  class Mine<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {}
  assert.equal(responseClass(createServer({ ServerResponse: Mine }) as HttpServer), Mine)
  assert.equal(responseClass(createServer() as HttpServer), ServerResponse)
})

test('what ends the connection is known from the response', () => {
  for (const [write, ends] of [
    [(response: ServerResponse) => response.setHeader('Content-Length', 0), false],
    [(response: ServerResponse) => response.setHeader('Connection', 'close'), true],
    [(response: ServerResponse) => response.setHeader('Connection', 'Upgrade'), false],
    [(response: ServerResponse) => response.setHeader('Connection', 'Upgrade, close'), true],
    [(response: ServerResponse) => Object.assign(response, { shouldKeepAlive: false }), true],
    [(response: ServerResponse) => markLast(response), true],
    // RFC 9110 section 10.1.1: a final status instead of the 100.
    [(response: ServerResponse) => expectContinue(response, false), true],
    [(response: ServerResponse) => expectContinue(response, true), false],
  ] as const) {
    const response = responseOn(new Socket())
    write(response)
    response.writeHead(200)
    assert.equal(endsConnection(response), ends, String(write))
  }
})

test('drain is told once, and the need is over', () => {
  const response = responseOn(new Socket())
  let drained = 0
  response.on('drain', () => drained++)
  drainResponse(response)
  assert.equal(drained, 0)
  while (response.write(Buffer.alloc(65_536)));
  assert.equal(response.writableNeedDrain, true)
  drainResponse(response)
  drainResponse(response)
  assert.equal(drained, 1)
  assert.equal(response.writableNeedDrain, false)
})

test('a response is closed once', () => {
  const response = responseOn(new Socket())
  let closed = 0
  response.on('close', () => closed++)
  closeResponse(response)
  closeResponse(response)
  assert.equal(closed, 1)
  assert.equal(response.destroyed, true)
})
