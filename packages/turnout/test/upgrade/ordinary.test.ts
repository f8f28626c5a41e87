import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { createVirtualClock } from '../../src/base/clock.ts'
import type { TurnoutError } from '../../src/base/errors.ts'
import { leavesBodyRaw } from '../../src/upgrade/probe.ts'
import { turn, until } from '../base/turns.ts'
import { get, stationTest, upgradeHead, within } from './wire.ts'

const MEGABYTE = 1_048_576

const clock = createVirtualClock()
const strict = createVirtualClock()
const idle = createVirtualClock()
const endless = createVirtualClock()

stationTest('R11: a large response waits for a slow client and arrives whole', async ({ server, dial }) => {
  const size = 8 * MEGABYTE
  let drains = 0
  server.removeAllListeners('request')
  server.on('request', (_request, response) => {
    let left = size
    const write = () => {
      while (left > 0) {
        left -= 65_536
        if (!response.write(Buffer.alloc(65_536, 'x'))) return
      }
      response.end()
    }
    response.on('drain', () => {
      drains++
      assert.equal(response.writableNeedDrain, false)
      write()
    })
    write()
  })
  const wire = dial()
  wire.socket.pause()
  wire.send(upgradeHead())
  await once(server, 'request')
  wire.socket.resume()
  assert.equal((await wire.response()).body.length, size)
  assert.ok(drains > 0)
})

stationTest(
  'R11: an unread body of the declined request is thrown away before the next request',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead({ method: 'POST', fields: ['Content-Length: 300000'] }))
    wire.send('x'.repeat(100_000))
    assert.equal((await wire.response()).body, 'no thanks')
    wire.send('x'.repeat(200_000) + get('/2'))
    assert.equal((await wire.response()).body, 'no thanks')
  },
  { app: (_request, response) => void response.end('no thanks') },
)

stationTest(
  'R11: however long an unread body is, the connection goes on behind it, as in Node',
  async ({ dial }) => {
    const wire = dial()
    const size = 5 * MEGABYTE
    wire.send(upgradeHead({ method: 'POST', fields: [`Content-Length: ${size}`] }))
    assert.equal((await wire.response()).body, 'no thanks')
    wire.send(Buffer.alloc(size), get('/2'))
    assert.equal((await wire.response()).body, 'no thanks')
    wire.send(upgradeHead({ method: 'POST', fields: ['Transfer-Encoding: chunked'] }))
    const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(MEGABYTE), Buffer.from('\r\n')])
    wire.send(chunk, chunk, chunk, `0\r\n\r\n${get('/2')}`)
    for (let round = 0; round < 2; round++) assert.equal((await wire.response()).body, 'no thanks')
  },
  { app: (_request, response) => void response.end('no thanks') },
)

stationTest(
  'R11: an unread body that never ends is read no longer than requestTimeout',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead({ method: 'POST', fields: ['Transfer-Encoding: chunked'] }))
    assert.equal((await wire.response()).body, 'no thanks')
    wire.send(`2\r\nHE\r\n`)
    await until(() => endless.waiting > 0)
    endless.advance(301_000)
    await wire.closed()
    assert.equal(wire.rest, '')
  },
  { app: (_request, response) => void response.end('no thanks'), clock: endless },
)

stationTest(
  'R11: an app that reads slowly slows the client down',
  async ({ server, dial }) => {
    const wire = dial()
    const size = 20 * MEGABYTE
    wire.send(upgradeHead({ method: 'POST', fields: [`Content-Length: ${size}`] }))
    const asked = once(server, 'request')
    wire.socket.write(Buffer.alloc(size, 'x'))
    const [request, response] = (await asked) as [IncomingMessage, ServerResponse]
    request.once('readable', () => {})
    // Until nothing moves any more.
    for (let before = -1; before !== request.socket.bytesRead; ) {
      before = request.socket.bytesRead
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
    assert.ok(request.socket.bytesRead < MEGABYTE, `${request.socket.bytesRead} bytes were read`)
    let read = 0
    request.on('data', (chunk: Buffer) => {
      read += chunk.length
    })
    await once(request, 'end')
    assert.equal(read, size)
    response.end('read')
    assert.equal((await wire.response()).body, 'read')
    wire.send(get('/2'))
    await once(server, 'request')
  },
  { app: () => {} },
)

stationTest(
  'R11: a client that resets while its response is written is noticed as in Node',
  async ({ server, dial }) => {
    const wire = dial()
    wire.send(upgradeHead())
    const [request, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse]
    const heard: string[] = []
    request.on('aborted', () => heard.push('request aborted'))
    request.on('close', () => heard.push('request close'))
    response.on('close', () => heard.push(`response close, finished ${response.writableFinished}`))
    response.write('half')
    const closed = once(response, 'close')
    wire.socket.resetAndDestroy()
    await within('close', closed)
    await turn()
    assert.deepEqual(heard, ['request aborted', 'response close, finished false', 'request close'])
    assert.equal(response.destroyed, true)
    assert.equal(request.destroyed, true)
  },
  { app: () => {} },
)

stationTest(
  'R11: a client that ends its side before the response is gone, as in Node',
  async ({ server, dial }) => {
    const wire = dial()
    wire.send(upgradeHead())
    const [, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse]
    const closed = once(response, 'close')
    wire.socket.end()
    await wire.closed()
    await closed
  },
  { app: () => {} },
)

stationTest(
  'R11: a client that ends its side with its request still gets what is ready',
  async ({ dial }) => {
    const wire = dial()
    wire.socket.end(upgradeHead())
    assert.equal((await wire.response()).body, '/up:')
    await wire.closed()
  },
)

stationTest(
  'R11: httpAllowHalfOpen serves a client that ended its side',
  async ({ server, dial }) => {
    Object.assign(server, { httpAllowHalfOpen: true })
    const wire = dial()
    wire.send(upgradeHead())
    const [request, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse]
    wire.socket.end()
    await once(request.socket, 'end')
    response.end('still here')
    assert.equal((await wire.response()).body, 'still here')
    await wire.closed()
  },
  { app: () => {} },
)

stationTest(
  'R11: a client that resets inside its body takes the request with it',
  async ({ server, dial }) => {
    const wire = dial()
    server.removeAllListeners('request')
    const seen = new Promise<Error>((resolve) => {
      server.on('request', (request: IncomingMessage) => {
        request.on('error', resolve)
        request.resume()
        request.once('data', () => wire.socket.resetAndDestroy())
      })
    })
    wire.send(`${upgradeHead({ method: 'POST', fields: ['Content-Length: 5'] })}HE`)
    const error = await within('error', seen)
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET')
  },
)

stationTest(
  'R11: a body that breaks its framing gets an error and the end',
  async ({ server, dial }) => {
    const wire = dial()
    const asked = once(server, 'request')
    const failed = new Promise<TurnoutError>((resolve) => {
      server.prependListener('request', (request: IncomingMessage) => request.on('error', resolve as never))
    })
    wire.send(`${upgradeHead({ method: 'POST', fields: ['Transfer-Encoding: chunked'] })}2\r\nHE\r\nXX\r\n`)
    await asked
    // Node 26 reads the body itself, and says nothing when it breaks: only time tells.
    if (!leavesBodyRaw()) strict.advance(301_000)
    const response = await wire.response({ toEnd: true })
    assert.equal(response.status, leavesBodyRaw() ? 400 : 408)
    assert.equal(response.field('connection'), 'close')
    assert.equal((await within('error', failed)).code, 'ERR_BODY')
  },
  { clock: strict },
)

for (const part of ['HE', '']) {
  stationTest(`R11: a body that ends after ${part.length} of 5 bytes gets the end`, async ({ dial, log }) => {
    const wire = dial()
    wire.socket.end(`${upgradeHead({ method: 'POST', fields: ['Content-Length: 5'] })}${part}`)
    const answer = await wire.ended()
    // Where Node reads the body itself, it ends the connection without a word.
    if (leavesBodyRaw()) assert.match(answer, /^HTTP\/1\.1 400 /)
    assert.deepEqual(log, [])
  })
}

for (const [name, fields] of [
  ['two Content-Length', ['Content-Length: 2', 'Content-Length: 3']],
  ['Content-Length beside Transfer-Encoding', ['Content-Length: 2', 'Transfer-Encoding: chunked']],
  ['an unknown coding', ['Transfer-Encoding: gzip']],
] as const) {
  stationTest(`R11: ${name} is refused, and the connection with it`, async ({ dial, log }) => {
    const wire = dial()
    wire.send(`${upgradeHead({ method: 'POST', fields })}0\r\n\r\n${get('/smuggled')}`)
    const response = await wire.response({ toEnd: true })
    assert.ok(response.status === 400 || response.status === 501, String(response.status))
    assert.equal(response.field('connection'), 'close')
    assert.deepEqual(log, [])
  })
}

stationTest(
  'R11: a body that never ends gets 408 after requestTimeout',
  async ({ server, dial }) => {
    const wire = dial()
    const asked = once(server, 'request')
    wire.send(`${upgradeHead({ method: 'POST', fields: ['Content-Length: 5'] })}HE`)
    await asked
    clock.advance(299_000)
    await turn()
    assert.equal(wire.rest, '')
    clock.advance(2_000)
    assert.equal((await wire.response({ toEnd: true })).status, 408)
  },
  { clock },
)

stationTest(
  'R11: the keep-alive timeout runs after a declined upgrade and is lifted by the next request',
  async ({ server, dial, turnout }) => {
    server.keepAliveTimeout = 5_000
    const quiet = dial()
    quiet.send(upgradeHead())
    const response = await quiet.response()
    assert.equal(response.field('keep-alive'), 'timeout=5')
    const busy = dial()
    busy.send(upgradeHead())
    await busy.response()
    const asked = once(server, 'request')
    busy.send('POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n')
    await asked
    idle.advance(7_000)
    await quiet.ended()
    assert.equal(busy.isEnded, false)
    busy.send('x')
    assert.equal((await busy.response()).body, '/2:x')
    await turnout.close()
  },
  { clock: idle },
)

stationTest(
  'R11: response.setTimeout works as in Node',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead())
    assert.equal((await wire.response()).body, 'timed out')
  },
  {
    app(_request, response) {
      response.setTimeout(20, () => response.end('timed out'))
    },
  },
)

stationTest(
  'R11: response.setTimeout ends with its response, and server.timeout holds again',
  async ({ server, dial }) => {
    for (const timeout of [0, 60_000]) {
      server.timeout = timeout
      const wire = dial()
      wire.send(upgradeHead({ path: '/timed' }))
      assert.equal((await wire.response()).body, '40000')
      wire.send(get('/2'))
      assert.equal((await wire.response()).body, String(timeout))
    }
  },
  {
    app(request, response) {
      if (request.url === '/timed') response.setTimeout(40_000)
      response.end(String(request.socket.timeout ?? 0))
    },
  },
)

stationTest(
  'R11: server.timeout ends a silent connection',
  async ({ server, dial }) => {
    server.timeout = 30
    const wire = dial()
    wire.send(upgradeHead())
    await wire.ended()
  },
  { app: () => {} },
)

class MyResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
  greet(): void {
    this.end('mine')
  }
}
class MyRequest extends IncomingMessage {
  readonly mine = true
}
stationTest(
  'R11: the classes that the app gave its server are used',
  async ({ dial }) => {
    const wire = dial()
    wire.send(`${upgradeHead({ method: 'POST', fields: ['Content-Length: 1'] })}x`)
    assert.equal((await wire.response()).body, 'mine')
  },
  {
    http: { ServerResponse: MyResponse, IncomingMessage: MyRequest },
    app(request, response) {
      assert.ok(request instanceof MyRequest)
      ;(response as MyResponse).greet()
    },
  },
)

stationTest(
  'R11: finish and close of the response come as in Node, and the response is destroyed after',
  async ({ server, dial }) => {
    const wire = dial()
    wire.send(upgradeHead())
    const [request, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse]
    const heard: string[] = []
    for (const event of ['prefinish', 'finish', 'close']) response.on(event, () => heard.push(event))
    request.on('close', () => heard.push('request close'))
    response.end('x')
    await wire.response()
    wire.send(get('/2'))
    await once(server, 'request')
    assert.deepEqual(heard, ['prefinish', 'finish', 'close', 'request close'])
    assert.equal(response.destroyed, true)
    assert.equal(response.socket, null)
    // Late writers are not heard, and harm nothing.
    response.write('late')
  },
  { app: () => {} },
)

stationTest('R11: no listener is left behind on a connection that went back', async ({ server, dial }) => {
  const wire = dial()
  wire.send(get('/0'))
  const [first] = (await once(server, 'request')) as [IncomingMessage]
  await wire.response()
  const { socket } = first
  const count = () =>
    socket
      .eventNames()
      .map((name) => `${String(name)} ${socket.listenerCount(name)}`)
      .sort()
  const before = count()
  for (let round = 0; round < 3; round++) {
    wire.send(upgradeHead({ method: 'POST', fields: ['Content-Length: 1'] }))
    wire.send('x')
    await wire.response()
  }
  wire.send(get('/1'))
  await wire.response()
  assert.deepEqual(count(), before)
})

stationTest(
  'R11: the app hears of a connection once, however often it declines',
  async ({ server, dial, turnout }) => {
    turnout.h2c({ priorKnowledge: true, accept: () => false })
    const heard: unknown[] = []
    server.on('connection', (socket) => heard.push(socket))
    const wire = dial()
    for (let round = 0; round < 12; round++) {
      wire.send(
        upgradeHead({ upgrade: round % 2 ? 'h2c' : 'foo', method: 'POST', fields: ['Content-Length: 1'] }),
      )
      wire.send('x')
      await wire.response()
    }
    assert.equal(heard.length, 1)
  },
)

stationTest(
  'R11: with maxRequestsPerSocket a declined upgrade is the last request',
  async ({ server, dial }) => {
    server.maxRequestsPerSocket = 5
    const wire = dial()
    wire.send(upgradeHead())
    const response = await wire.response({ toEnd: true })
    assert.equal(response.body, '/up:')
    assert.equal(response.field('connection'), 'close')
  },
)

stationTest('R11: those who trace requests hear of a declined upgrade', async ({ dial }) => {
  const heard: string[] = []
  const start = (message: unknown) =>
    heard.push(`start ${(message as { request: IncomingMessage }).request.url}`)
  const finish = (message: unknown) =>
    heard.push(`finish ${(message as { response: ServerResponse }).response.statusCode}`)
  subscribe('http.server.request.start', start)
  subscribe('http.server.response.finish', finish)
  const wire = dial()
  wire.send(upgradeHead() + get('/2'))
  await wire.response()
  await wire.response()
  unsubscribe('http.server.request.start', start)
  unsubscribe('http.server.response.finish', finish)
  assert.deepEqual(heard, ['start /up', 'finish 200', 'start /2', 'finish 200'])
})
