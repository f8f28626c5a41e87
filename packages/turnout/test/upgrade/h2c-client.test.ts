// Proves upgrade/h2c-client.ts against a server of our own and against exact bytes.
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import { createVirtualClock, settle } from '../../src/base/clock.ts'
import { connectH2c, type H2cResult } from '../../src/upgrade/h2c-client.ts'
import {
  DATA,
  END_HEADERS,
  END_STREAM,
  HEADERS,
  PREFACE,
  settingsFrame,
} from '../../src/upgrade/h2c-frames.ts'
import { readHttp2Settings } from '../../src/upgrade/h2c-settings.ts'
import { until } from '../base/turns.ts'
import { frameOf } from './http2-wire.ts'
import { fieldOf, head, rawServer } from './raw-server.ts'
import { openStation, watchProcess, within } from './wire.ts'

/** Not by iteration: Node 26 takes a stream of HTTP/2 that is complete and unread for one that broke off. */
function textOf(stream: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    stream.on('data', (chunk) => {
      text += chunk
    })
    stream.on('end', () => resolve(text))
    stream.on('error', reject)
  })
}

/** How many bytes there are. */
async function contentOf(body: Readable): Promise<number> {
  let bytes = 0
  for await (const chunk of body) bytes += (chunk as Buffer).length
  return bytes
}

async function ended(stream: ClientHttp2Stream): Promise<void> {
  if (!stream.destroyed) await new Promise((done) => stream.once('close', done))
  await settle()
}

function switchedOf(result: H2cResult): Extract<H2cResult, { readonly protocol: 'h2c' }> {
  assert.equal(result.protocol, 'h2c')
  return result as Extract<H2cResult, { readonly protocol: 'h2c' }>
}

async function closed(session: ClientHttp2Session): Promise<void> {
  session.close()
  if (!session.destroyed)
    await within('session closes', new Promise<void>((done) => session.once('close', done)))
}

/** Index 8 of the static table is :status 200; then DATA. */
const RESPONSE = Buffer.from('00000101040000000188' + '000002000100000001' + '6f6b', 'hex')

async function h2cStation() {
  return openStation({
    setUp: (turnout) => turnout.h2c(),
    app: (request, response) => {
      response.setHeader('X-Url', request.url ?? '')
      if (request.url === '/big') return void response.end(Buffer.alloc(300_000, 97))
      if (request.method === 'HEAD') {
        response.setHeader('Content-Length', 5)
        return void response.end()
      }
      const { 'x-a': a, 'x-b': b } = request.headers
      textOf(request).then((body) => response.end(`${request.httpVersion} ${a} ${b} ${body}`))
    },
  })
}

test('R38: R14: RFC 7540 section 3.2: the response to the request that asked comes on stream 1', async () => {
  const station = await h2cStation()
  const url = `http://127.0.0.1:${station.port}/a?b`
  const result = switchedOf(await connectH2c(url, { headers: { 'X-A': '1', 'X-B': '2' } }))
  assert.equal(result.stream.id, 1)
  assert.equal(result.status, 200)
  assert.equal(result.headers['x-url'], '/a?b')
  assert.equal(await textOf(result.body), '2.0 1 2 ')
  await closed(result.session)
  await station.stop()
})

test('R38: more requests go over the session; field compression stays in step with the server', async () => {
  const station = await h2cStation()
  const result = switchedOf(await connectH2c(`http://127.0.0.1:${station.port}/big`))
  assert.equal((await textOf(result.body)).length, 300_000)
  for (let round = 0; round < 20; round++) {
    const stream = result.session.request({ ':path': '/n', 'x-a': `a${round % 3}`, 'x-b': 'same' })
    assert.equal(await textOf(stream), `2.0 a${round % 3} same `)
  }
  const posted = result.session.request({ ':method': 'POST', ':path': '/p', 'x-a': 'a0', 'x-b': 'b' })
  posted.end('body')
  assert.equal(await textOf(posted), '2.0 a0 b body')
  await closed(result.session)
  await station.stop()
})

test('R38: a HEAD is answered without a body on stream 1', async () => {
  const station = await h2cStation()
  const result = switchedOf(await connectH2c(`http://127.0.0.1:${station.port}/h`, { method: 'HEAD' }))
  assert.equal(result.headers['content-length'], '5')
  assert.equal(await textOf(result.body), '')
  await closed(result.session)
  await station.stop()
})

test('R38: R11: a server that declines, for a body for instance, answers in HTTP/1.1', async () => {
  const station = await h2cStation()
  const url = `http://127.0.0.1:${station.port}/`
  const result = await connectH2c(url, { method: 'POST', body: 'x', agent: false })
  assert.equal(result.protocol, undefined)
  assert.equal(await textOf((result as { response: Readable }).response), '1.1 undefined undefined x')
  await station.stop()
})

test('R38: RFC 7540 section 3.2.1: the client sends HTTP2-Settings once, named in Connection, beside its own', async () => {
  const server = await rawServer(({ socket }) => socket.end(head('HTTP/1.1 200 OK', 'Content-Length: 0')))
  const result = await connectH2c(server.url, {
    settings: { initialWindowSize: 99_999 },
    headers: { Connection: 'x-mine', 'X-Mine': '1' },
    agent: false,
  })
  ;(result as { response: Readable }).response.resume()
  const request = server.requests[0]!.head
  assert.equal(fieldOf(request, 'upgrade'), 'h2c')
  assert.equal(fieldOf(request, 'connection'), 'x-mine, HTTP2-Settings, Upgrade')
  const sent = fieldOf(request, 'http2-settings')!
  const payload = readHttp2Settings(['Connection', 'HTTP2-Settings', 'HTTP2-Settings', sent])
  assert.equal(payload?.toString('hex'), '00040001869f')
  const again = await connectH2c(server.url, { headers: new Headers({ 'X-Mine': '1' }), agent: false })
  ;(again as { response: Readable }).response.resume()
  assert.equal(fieldOf(server.requests[1]!.head, 'x-mine'), '1')
  await server.close()
})

test('R38: RFC 7540 section 3.2: the preface goes out behind the 101, the request not again, and bytes behind the 101 are read', async () => {
  const watch = watchProcess()
  const server = await rawServer(({ socket }) => {
    const switching = head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: h2c')
    socket.write(Buffer.concat([Buffer.from(switching), settingsFrame(Buffer.alloc(0)), RESPONSE]))
  })
  const result = switchedOf(await connectH2c(server.url))
  assert.equal(await textOf(result.body), 'ok')
  const sent = Buffer.from(await server.requests[0]!.received(PREFACE.length + 9), 'latin1')
  assert.ok(sent.subarray(0, PREFACE.length).equals(PREFACE))
  assert.equal(sent[PREFACE.length + 3], 4)
  for (let at = PREFACE.length; at < sent.length; at += 9 + sent.readUIntBE(at, 3))
    assert.notEqual(sent[at + 3], 1)
  result.session.destroy()
  await server.close()
  watch.stop()
})

test('HTTP/2 that breaks before the response is ERR_CONNECT; no answer in time is ERR_HANDSHAKE_TIMEOUT', async () => {
  const watch = watchProcess()
  const switching = head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: h2c')
  const broken = await rawServer(({ socket }) =>
    socket.end(`${switching}no HTTP/2 at all, and long enough for a frame`),
  )
  await assert.rejects(connectH2c(broken.url), { code: 'ERR_CONNECT' })
  await broken.close()
  const gone = await rawServer(({ socket }) => socket.end(switching))
  await assert.rejects(connectH2c(gone.url), { code: 'ERR_CONNECT' })
  await gone.close()
  const silent = await rawServer(({ socket }) => socket.write(switching))
  await assert.rejects(connectH2c(silent.url, { timeoutMs: 50 }), { code: 'ERR_HANDSHAKE_TIMEOUT' })
  await within('the connection is closed', silent.idle())
  await silent.close()
  watch.stop()
})

test('the signal ends it before and after the response', async () => {
  const watch = watchProcess()
  const switching = head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: h2c')
  const silent = await rawServer(({ socket }) => socket.write(switching))
  const reason = new Error('enough')
  const controller = new AbortController()
  const waiting = connectH2c(silent.url, { signal: controller.signal })
  await until(() => silent.requests.length > 0)
  await silent.requests[0]!.received(PREFACE.length)
  controller.abort(reason)
  await assert.rejects(waiting, reason)
  await silent.close()

  const station = await h2cStation()
  const second = new AbortController()
  const url = `http://127.0.0.1:${station.port}/`
  const { session } = switchedOf(await connectH2c(url, { signal: second.signal }))
  second.abort(reason)
  await within('session ends', new Promise<void>((done) => session.once('close', done)))
  await station.stop()
  watch.stop()
})

const SWITCHING = head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: h2c')
const GO_AWAY = Buffer.from('000008070000000000' + '0000000100000000', 'hex')

/** A server that says this behind its 101 and never closes, and our own end of the connection. */
async function neverClosing(...frames: Buffer[]) {
  const own: Socket[] = []
  const note = (message: unknown) => void own.push((message as { socket: Socket }).socket)
  subscribe('net.client.socket', note)
  const server = await rawServer(({ socket }) => {
    socket.allowHalfOpen = true
    socket.write(Buffer.concat([Buffer.from(SWITCHING), settingsFrame(Buffer.alloc(0)), ...frames]))
  })
  return {
    ...server,
    own: () => own.at(-1)!,
    async close() {
      unsubscribe('net.client.socket', note)
      await server.close()
    },
  }
}

test('a GOAWAY before a response that never comes leaves nothing open', async () => {
  const clock = createVirtualClock()
  const server = await neverClosing(GO_AWAY)
  const waiting = connectH2c(server.url, { clock, timeoutMs: 500 })
  await until(() => server.requests.length > 0)
  await server.requests[0]!.received(PREFACE.length)
  await settle()
  clock.advance(500)
  await assert.rejects(waiting, { code: 'ERR_HANDSHAKE_TIMEOUT' })
  await until(() => server.own().destroyed)
  assert.equal(clock.waiting, 0)
  await server.close()
})

test('a server that does not close has ten seconds for it after session.close()', async () => {
  const clock = createVirtualClock()
  const server = await neverClosing(RESPONSE)
  const { body, session } = switchedOf(await connectH2c(server.url, { clock }))
  assert.equal(await textOf(body), 'ok')
  session.close()
  await until(() => server.own().writableFinished)
  clock.advance(9_999)
  await settle()
  assert.equal(server.own().destroyed, false)
  clock.advance(1)
  await until(() => server.own().destroyed && session.destroyed)

  const other = switchedOf(await connectH2c(server.url, { clock }))
  other.body.resume()
  other.session.close()
  await until(() => server.own().writableFinished)
  for (const socket of server.sockets) socket.end()
  await until(() => server.own().destroyed && clock.waiting === 0)
  await server.close()
})

const HEAD = frameOf(HEADERS, END_HEADERS, 1, Buffer.from('88', 'hex'))
/** Literals without indexing; 28 is content-length in the static table. */
const HEAD_OF_1000 = frameOf(HEADERS, END_HEADERS, 1, Buffer.from('880f0d0431303030', 'hex'))
const SOME = frameOf(DATA, 0, 1, Buffer.alloc(400))
const LAST = frameOf(DATA, END_STREAM, 1, Buffer.alloc(400))
const TRAILERS = frameOf(HEADERS, END_HEADERS | END_STREAM, 1, Buffer.from('00017801' + '79', 'hex'))
/** More than a stream and the body behind it hold while nobody reads, less than the window. */
const LONG = Buffer.concat([...Array.from({ length: 100 }, () => SOME), LAST])
const resetFrame = (code: number) => frameOf(3, 0, 1, Buffer.from([0, 0, 0, code]))

/** A server that says this behind its 101. */
async function answering(frames: readonly Buffer[], finish: (socket: Socket) => void = stay) {
  return rawServer(({ socket }) => {
    socket.write(Buffer.concat([Buffer.from(SWITCHING), settingsFrame(Buffer.alloc(0)), ...frames]))
    finish(socket)
  })
}

const stay = () => {}
const end = (socket: Socket) => void socket.end()
const reset = (socket: Socket) => void socket.resetAndDestroy()

for (const [how, frames, finish] of [
  ['by the end of the connection', [HEAD, SOME], end],
  ['by a connection that is reset', [HEAD, SOME], reset],
  ['by GOAWAY and the end of the connection', [HEAD, SOME, GO_AWAY], end],
  ['by the end of the connection inside the last frame', [HEAD, SOME, LAST.subarray(0, 100)], end],
  ['before the first byte', [HEAD], end],
  ['by RST_STREAM with NO_ERROR', [HEAD, SOME, resetFrame(0)], stay],
  ['by RST_STREAM with CANCEL', [HEAD, SOME, resetFrame(8)], stay],
  ['by RST_STREAM with INTERNAL_ERROR', [HEAD, SOME, resetFrame(2)], stay],
  ['by RST_STREAM with NO_ERROR, before its Content-Length', [HEAD_OF_1000, SOME, resetFrame(0)], stay],
  ['by END_STREAM before its Content-Length', [HEAD_OF_1000, SOME, LAST], stay],
] as const) {
  for (const isLate of [false, true]) {
    test(`RFC 9113 section 8.1: a body that is cut off ${how} fails, ${isLate ? 'read late' : 'read at once'}`, async () => {
      const watch = watchProcess()
      const server = await answering(frames)
      const { body, session, stream } = switchedOf(await connectH2c(server.url))
      for (const socket of server.sockets) finish(socket)
      if (isLate) await within('the stream ends', ended(stream))
      await assert.rejects(within('the body ends', contentOf(body)), {
        name: 'PeerError',
        code: 'ERR_CONNECTION_LOST',
        section: 'RFC 9113 section 8.1',
      })
      session.destroy()
      await server.close()
      watch.stop()
    })
  }
}

for (const [how, frames, finish] of [
  ['END_STREAM', [HEAD, LONG], stay],
  ['END_STREAM and the end of the connection', [HEAD, LONG], end],
  ['GOAWAY and the end of the connection', [HEAD, LONG, GO_AWAY], end],
  ['RST_STREAM with NO_ERROR', [HEAD, LONG, resetFrame(0)], stay],
  ['RST_STREAM with NO_ERROR and the end of the connection', [HEAD, LONG, resetFrame(0)], end],
  ['trailers and the end of the connection', [HEAD, LONG.subarray(0, -LAST.length), SOME, TRAILERS], end],
] as const) {
  for (const isLate of [false, true]) {
    test(`RFC 9113 section 8.1: a body that is complete with ${how} is whole, ${isLate ? 'read late' : 'read at once'}`, async () => {
      const watch = watchProcess()
      const server = await answering(frames, finish)
      const { body, session, stream } = switchedOf(await connectH2c(server.url))
      if (isLate) await within('the stream ends', ended(stream))
      assert.equal(await within('the body ends', contentOf(body)), 40_400)
      session.destroy()
      await server.close()
      watch.stop()
    })
  }
}

test('a body that nobody reads any more cancels its stream, and leaves the session', async () => {
  const server = await answering([HEAD, SOME])
  const { body, session, stream } = switchedOf(await connectH2c(server.url))
  body.destroy()
  await within('the stream ends', ended(stream))
  assert.equal(stream.rstCode, 8)
  const cancelled = resetFrame(8).toString('latin1')
  await until(() => server.requests[0]!.rest().includes(cancelled))
  assert.equal(session.closed, false)
  session.destroy()
  await server.close()
})

test('a body slower than its server holds it up, and is whole', async () => {
  const station = await h2cStation()
  const { body, session } = switchedOf(await connectH2c(`http://127.0.0.1:${station.port}/big`))
  await settle(20)
  assert.ok(body.readableLength < 200_000, `${body.readableLength} bytes are held`)
  assert.equal(await contentOf(body), 300_000)
  await closed(session)
  await station.stop()
})

test('the signal ends a body with its reason, of whatever kind', async () => {
  const server = await answering([HEAD, SOME])
  for (const reason of [new Error('enough'), null, 'enough']) {
    const controller = new AbortController()
    const { body } = switchedOf(await connectH2c(server.url, { signal: controller.signal }))
    const reading = contentOf(body)
    controller.abort(reason)
    const failed = reading.then(
      () => undefined,
      (error: unknown) => error,
    )
    const error = await within('the body ends', failed)
    assert.ok(error instanceof Error)
    assert.equal(reason instanceof Error ? error : error.cause, reason)
  }
  await server.close()
})

test('what could never be is refused before a byte is written', async () => {
  await assert.rejects(connectH2c('https://127.0.0.1/'), { code: 'ERR_INVALID_ARGUMENT' })
  await assert.rejects(connectH2c('http://127.0.0.1/', { headers: { 'http2-settings': 'AA' } }), {
    code: 'ERR_INVALID_ARGUMENT',
  })
})
