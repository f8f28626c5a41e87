// Proves upgrade/h2c-server.ts and upgrade/h2c-preface.ts over the wire.
import assert from 'node:assert/strict'
import type { IncomingMessage, RequestListener } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import {
  CURL_SETTINGS,
  clientStart,
  dataOf,
  type Frame,
  framesUntilEnd,
  getOn,
  h2cHead,
  nextFrame,
} from './http2-wire.ts'
import { get, openStation, type StationOptions, stationTest, type Wire, within } from './wire.ts'

/** Says which HTTP it was asked in, and by whom. */
const app: RequestListener = (request, response) => {
  let body = ''
  request.on('data', (chunk) => {
    body += chunk
  })
  request.on('end', () => {
    const { httpVersion, method, url, headers, socket } = request
    const host = headers[':authority'] ?? headers.host
    if (url === '/big') return void response.end(Buffer.alloc(300_000, 97))
    response.end(
      [httpVersion, method, url, host, socket.remoteAddress, headers['x-a'], body].join(' ').trim(),
    )
  })
}

const h2c: StationOptions = { app, setUp: (turnout) => turnout.h2c() }

async function switched(wire: Wire): Promise<void> {
  assert.equal((await wire.response()).status, 101)
}

stationTest(
  'R38: R14: RFC 7540 section 3.2: the request that asked is answered on stream 1, behind the server’s SETTINGS',
  async ({ dial }) => {
    const wire = dial()
    wire.send(h2cHead({ path: '/first?x', fields: ['X-A: b'] }))
    const response = await wire.response()
    assert.equal(response.status, 101)
    assert.deepEqual(response.lines('upgrade'), ['h2c'])
    assert.deepEqual(response.lines('connection'), ['Upgrade'])
    wire.send(clientStart)
    const frames = await framesUntilEnd(wire, 1)
    assert.deepEqual([frames[0]?.type, frames[0]?.flags, frames[0]?.streamId], [4, 0, 0])
    assert.equal(dataOf(frames, 1), '2.0 GET /first?x x 127.0.0.1 b')
  },
  h2c,
)

stationTest(
  'R38: RFC 7540 section 3.2.1: the settings in the field are in force, and not acknowledged',
  async ({ dial }) => {
    const wire = dial()
    // INITIAL_WINDOW_SIZE of 5
    wire.send(h2cHead({ settings: [Buffer.from('000400000005', 'hex').toString('base64url')] }), clientStart)
    await switched(wire)
    const frames: Frame[] = []
    while (dataOf(frames, 1).length < 5) frames.push(await nextFrame(wire))
    // Nothing more comes on the stream until its window is opened.
    const opened = Buffer.from('00000408000000000100001000', 'hex')
    wire.send(opened)
    frames.push(...(await framesUntilEnd(wire, 1)))
    assert.equal(frames.find(({ type }) => type === 0)?.payload.length, 5)
    assert.equal(frames.filter(({ type, flags }) => type === 4 && flags === 1).length, 1)
  },
  h2c,
)

stationTest(
  'R38: later streams follow, also those that came in one packet with everything else',
  async ({ dial }) => {
    const wire = dial()
    wire.send(
      Buffer.concat([Buffer.from(h2cHead(), 'latin1'), clientStart, getOn(3, '/third'), getOn(5, '/fifth')]),
    )
    await switched(wire)
    const frames = await framesUntilEnd(wire, 5)
    assert.equal(dataOf(frames, 3), '2.0 GET /third x 127.0.0.1')
    assert.equal(dataOf(frames, 5), '2.0 GET /fifth x 127.0.0.1')
    wire.send(getOn(7, '/seventh'))
    assert.equal(dataOf(await framesUntilEnd(wire, 7), 7), '2.0 GET /seventh x 127.0.0.1')
  },
  h2c,
)

stationTest(
  'R38: the preface may come byte by byte',
  async ({ dial }) => {
    const wire = dial()
    wire.send(h2cHead({ method: 'HEAD', path: '/h' }))
    await switched(wire)
    await wire.drip(Buffer.concat([clientStart, getOn(3, '/x')]).toString('latin1'))
    assert.equal(dataOf(await framesUntilEnd(wire, 3), 3), '2.0 GET /x x 127.0.0.1')
  },
  h2c,
)

stationTest(
  'R38: 300 KB arrive whole under flow control',
  async ({ dial }) => {
    const wire = dial()
    wire.send(h2cHead({ path: '/big' }), clientStart)
    await switched(wire)
    const open = Buffer.from('0000040800000000000fffffff', 'hex')
    wire.send(open)
    assert.equal(dataOf(await framesUntilEnd(wire, 1), 1).length, 300_000)
  },
  h2c,
)

const declined: readonly (readonly [string, string, string?])[] = [
  ['without HTTP2-Settings', h2cHead({ settings: [] })],
  ['with HTTP2-Settings twice', h2cHead({ settings: [CURL_SETTINGS, CURL_SETTINGS] })],
  ['with HTTP2-Settings that cannot be decoded', h2cHead({ settings: ['%%%'] })],
  ['with HTTP2-Settings that Connection does not name', h2cHead({ connection: 'Upgrade' })],
  ['for h2, which is HTTP/2 over TLS', h2cHead({ upgrade: 'h2' })],
  ['with a version, h2c/1', h2cHead({ upgrade: 'h2c/1' })],
  ['with content', `${h2cHead({ method: 'POST', fields: ['Content-Length: 2'] })}hi`, 'hi'],
  [
    'with chunks',
    `${h2cHead({ method: 'POST', fields: ['Transfer-Encoding: chunked'] })}2\r\nhi\r\n0\r\n\r\n`,
    'hi',
  ],
]
for (const [what, request, body = ''] of declined) {
  stationTest(
    `R38: R11: a request ${what} is answered in HTTP/1.1, and the connection goes on`,
    async ({ dial }) => {
      const wire = dial()
      wire.send(request + get('/next'))
      const method = body === '' ? 'GET' : 'POST'
      const first = await wire.response()
      assert.deepEqual([first.status, first.body], [200, `1.1 ${method} /up x 127.0.0.1  ${body}`.trim()])
      assert.equal((await wire.response()).body, '1.1 GET /next x 127.0.0.1')
    },
    h2c,
  )
}

stationTest(
  'R38: h2c is one of several: the client’s order decides, and an unknown one before it does no harm',
  async ({ dial }) => {
    const wire = dial()
    wire.send(h2cHead({ upgrade: 'unknown, H2C, foo' }), clientStart)
    const response = await wire.response()
    assert.equal(response.field('upgrade'), 'h2c')
    await framesUntilEnd(wire, 1)
  },
  h2c,
)

stationTest(
  'R2: accept declines, and may take its time',
  async ({ dial }) => {
    const wire = dial()
    wire.send(h2cHead({ path: '/no' }))
    assert.equal((await wire.response()).body, '1.1 GET /no x 127.0.0.1')
    wire.send(h2cHead({ path: '/yes' }), clientStart)
    await switched(wire)
    await framesUntilEnd(wire, 1)
  },
  {
    app,
    setUp: (turnout) =>
      turnout.h2c({
        accept: (request: IncomingMessage) =>
          request.url === '/no' ? (undefined as never) : Promise.resolve(true),
      }),
  },
)

stationTest(
  'h2c stays on its path',
  async ({ dial }) => {
    const wire = dial()
    wire.send(h2cHead({ path: '/elsewhere' }))
    assert.equal((await wire.response()).status, 200)
    wire.send(h2cHead({ path: '/h2/a' }), clientStart)
    await switched(wire)
  },
  { app, setUp: (turnout) => turnout.h2c({ path: '/h2/*' }) },
)

stationTest(
  'R38: RFC 7540 section 3.5: what is no preface ends the connection',
  async ({ dial }) => {
    for (const wrong of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n']) {
      const wire = dial()
      wire.send(h2cHead())
      await switched(wire)
      wire.send(wrong)
      await wire.ended()
    }
    const wire = dial()
    wire.send(h2cHead(), Buffer.from(clientStart.subarray(0, 24)), getOn(3, '/before-settings'))
    await switched(wire)
    await wire.ended()
  },
  h2c,
)

stationTest(
  'a client that ends its side inside the preface, or resets, leaves nothing behind',
  async ({ dial }) => {
    const wire = dial()
    wire.send(h2cHead())
    await switched(wire)
    wire.socket.end(Buffer.from('PRI'))
    await wire.closed()
    const other = dial()
    other.send(h2cHead())
    await switched(other)
    other.socket.resetAndDestroy()
    await other.closed()
  },
  h2c,
)

test('a client that never sends its preface is not waited for longer than 10 seconds', async () => {
  const clock = createVirtualClock()
  const station = await openStation({ ...h2c, clock })
  const wire = station.dial()
  wire.send(h2cHead())
  await switched(wire)
  clock.advance(9_999)
  assert.equal(wire.isEnded, false)
  clock.advance(1)
  await wire.ended()
  await station.stop()
})

test('close() asks HTTP/2 clients to leave with GOAWAY, when their streams are done', async () => {
  let finish: () => void = () => {}
  const station = await openStation({
    setUp: (turnout) => turnout.h2c(),
    app: (_request, response) => {
      response.write('begun')
      finish = () => response.end('.')
    },
  })
  const wire = station.dial()
  wire.send(h2cHead(), clientStart)
  await switched(wire)
  const frames: Frame[] = []
  while (dataOf(frames, 1) !== 'begun') frames.push(await nextFrame(wire))
  const closing = station.turnout.close({ grace: 5_000 })
  let frame = await nextFrame(wire)
  while (frame.type === 4) frame = await nextFrame(wire)
  assert.equal(frame.type, 7)
  finish()
  assert.equal(dataOf(await framesUntilEnd(wire, 1), 1), '.')
  wire.socket.end()
  assert.deepEqual(await within('close', closing), { left: 1, destroyed: 0 })
  await station.stop()
})

test('a server of node:http2 of the application’s own serves it instead', async () => {
  const http2 = createHttp2Server({ settings: { maxConcurrentStreams: 7 } }, (request, response) => {
    response.end(`own ${request.url}`)
  })
  const station = await openStation({ app, setUp: (turnout) => turnout.h2c({ server: http2 }) })
  const wire = station.dial()
  wire.send(h2cHead({ path: '/mine' }), clientStart)
  await switched(wire)
  const frames = await framesUntilEnd(wire, 1)
  assert.ok(frames[0]!.payload.includes(Buffer.from('000300000007', 'hex')))
  assert.equal(dataOf(frames, 1), 'own /mine')
  await station.stop()
})

test('settings reach the client; a server without listeners answers 404', async () => {
  const station = await openStation({
    setUp: (turnout, server) => {
      server.removeAllListeners('request')
      turnout.h2c({ settings: { maxConcurrentStreams: 9 } })
    },
  })
  const wire = station.dial()
  wire.send(h2cHead(), clientStart)
  await switched(wire)
  const frames = await framesUntilEnd(wire, 1)
  assert.ok(frames[0]!.payload.includes(Buffer.from('000300000009', 'hex')))
  // index 13 of the static table is :status 404
  assert.equal(frames.find(({ type }) => type === 1)?.payload[0], 0x8d)
  await station.stop()
})

test('h2c is off unless asked for, and registered once', async () => {
  const station = await openStation({ app })
  const wire = station.dial()
  wire.send(h2cHead())
  assert.equal((await wire.response()).body, '1.1 GET /up x 127.0.0.1')
  station.turnout.h2c()
  assert.throws(() => station.turnout.h2c(), { code: 'ERR_DUPLICATE_ROUTE' })
  await station.stop()
})
