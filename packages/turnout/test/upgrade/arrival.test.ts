import assert from 'node:assert/strict'
import { createServer, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { Arrival } from '../../src/upgrade/arrival.ts'
import type { HttpServer } from '../../src/upgrade/http-server.ts'
import { KeepAlive } from '../../src/upgrade/keep-alive.ts'
import { leavesBodyRaw } from '../../src/upgrade/probe.ts'
import { turn } from '../base/turns.ts'

function arrive(
  options: { readonly head?: string; readonly version?: string; readonly fields?: string[] } = {},
) {
  const { head = '', version = '1.1', fields = [] } = options
  const written: string[] = []
  const stream = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      written.push(String(chunk))
      done()
    },
  })
  const request = new IncomingMessage(stream as Socket)
  Object.assign(request, { httpVersion: version, rawHeaders: ['Host', 'x', ...fields], complete: true })
  const arrival = new Arrival({
    server: createServer() as HttpServer,
    request,
    stream,
    head: Buffer.from(head),
    clock: systemClock,
    keepAlive: new KeepAlive(systemClock),
  })
  return { arrival, stream, request, written }
}

/** Node 26 gives one chunk at a time, others all at once. */
function readAll(stream: Duplex): string {
  let text = ''
  for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) text += chunk
  return text
}

test('the head comes out of the stream first, once it is returned', () => {
  const { arrival, stream } = arrive({ head: 'early' })
  stream.push(' later')
  arrival.returnHead()
  arrival.returnHead()
  assert.equal(readAll(stream), 'early later')
})

test('the head can be had beside the stream, also after it was returned', () => {
  const untouched = arrive({ head: 'early' })
  untouched.stream.push(' later')
  assert.equal(String(untouched.arrival.takeHead()), 'early')
  assert.equal(String(untouched.stream.read()), ' later')
  const returned = arrive({ head: 'early' })
  returned.stream.push(' later')
  returned.arrival.returnHead()
  assert.equal(String(returned.arrival.takeHead()) + readAll(returned.stream), 'early later')
  assert.equal(returned.arrival.takeHead().length, 0)
})

test('a reset ends nothing but the stream', async () => {
  const { arrival, stream } = arrive()
  assert.equal(arrival.gone, false)
  stream.destroy(new Error('reset'))
  assert.equal(arrival.gone, true)
  arrival.returnHead()
  await turn()
})

test('R16: a 100 is due once, and in HTTP/1.1 only', () => {
  const fields = ['Expect', '100-Continue']
  const { arrival } = arrive({ fields })
  assert.equal(arrival.continued, false)
  assert.equal(arrival.takeContinue(), 'HTTP/1.1 100 Continue\r\n\r\n')
  assert.equal(arrival.continued, true)
  assert.equal(arrival.takeContinue(), '')
  assert.equal(arrive({ fields, version: '1.0' }).arrival.takeContinue(), '')
  assert.equal(arrive({ fields: ['Expect', 'miracles'] }).arrival.takeContinue(), '')
})

test('a request without a body is the one that Node made', () => {
  const { arrival, request } = arrive({ fields: ['Content-Length', '0'] })
  assert.equal(arrival.request, request)
  assert.equal(arrival.body, undefined)
})

test('a body that Node leaves raw is fed into a request of its own', () => {
  const { arrival, request } = arrive({ fields: ['Content-Length', '5'], head: 'HELLOrest' })
  assert.equal(arrival.original, request)
  assert.equal(arrival.request !== request, leavesBodyRaw())
  arrival.request.destroy()
})

test('a body without a known end has its answer ready', () => {
  const { arrival } = arrive({ fields: ['Content-Length', '5', 'Transfer-Encoding', 'chunked'] })
  assert.equal(arrival.badFraming?.status, 400)
  assert.equal(arrival.body, undefined)
})
