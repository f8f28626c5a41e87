// Knows duties of a server that show on the wire only, where no source file of its own answers for them.
import assert from 'node:assert/strict'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { MisuseError } from '../../src/base/errors.ts'
import type { Turnout } from '../../src/turnout.ts'
import { upgrade } from '../../src/upgrade/client.ts'
import {
  get,
  openStation,
  type StationOptions,
  stationTest,
  upgradeHead,
  webSocketHead,
} from '../upgrade/wire.ts'

/** The key and the accept of RFC 6455 section 1.3. */
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

/** Routes that take an upgrade; `/live` and `/foo` do so inside the app. */
const inApp = (accept: () => true | { headers: Record<string, string> }): StationOptions => ({
  setUp(turnout, server, log) {
    turnout.protocol('foo', { path: '/up', ...echo }).websocket('/ws', {})
    server.removeAllListeners('request')
    server.on('request', (request, response) => {
      log.push(String(request.url))
      if (request.url === '/foo') turnout.upgrade(request, response, { protocol: 'foo', accept, ...echo })
      else if (request.url === '/live') turnout.upgrade(request, response, { accept })
      else response.end('page')
    })
  },
})

const echo = { handler: (stream: Duplex) => void stream.pipe(stream) }

stationTest(
  'R10, R29, R35: RFC 6455 section 4.2.2: the 101 to the sample handshake, byte for byte',
  async ({ dial }) => {
    const wire = dial()
    wire.send(webSocketHead('/chat', ['Sec-WebSocket-Protocol: chat, superchat']))
    const { head } = await wire.response()
    assert.equal(
      head,
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        `Sec-WebSocket-Accept: ${ACCEPT}\r\nSec-WebSocket-Protocol: chat\r\n\r\n`,
    )
    assert.equal(wire.rest, '')
  },
  { setUp: (turnout) => void turnout.websocket('/chat', { protocols: ['superchat', 'chat'] }) },
)

stationTest(
  'RFC 6455 section 4.2.2: a resource that is not there is the app’s to miss, and the connection goes on',
  async ({ dial, log }) => {
    const wire = dial()
    wire.send(webSocketHead('/nowhere'))
    const response = await wire.response()
    assert.equal(response.status, 404)
    assert.equal(response.field('sec-websocket-accept'), undefined)
    wire.send(webSocketHead('/chat'))
    assert.equal((await wire.response()).status, 101)
    assert.deepEqual(log, ['/nowhere'])
  },
  {
    setUp(turnout, server, log) {
      turnout.websocket('/chat', {})
      server.removeAllListeners('request')
      server.on('request', (request, response) => {
        log.push(String(request.url))
        response.writeHead(404).end('nothing here')
      })
    },
  },
)

stationTest(
  'R25: RFC 6455 section 9.1: over the wire, unknown extensions are ignored and none is answered that was not offered',
  async ({ dial }) => {
    for (const [lines, answered] of [
      [[], undefined],
      [['Sec-WebSocket-Extensions: superspeed, colormode; depth=16'], undefined],
      [
        ['Sec-WebSocket-Extensions: superspeed', 'Sec-WebSocket-Extensions: permessage-deflate'],
        /^permessage-deflate/,
      ],
    ] as const) {
      const wire = dial()
      wire.send(webSocketHead('/chat', lines))
      const response = await wire.response()
      assert.equal(response.status, 101)
      const [line, ...more] = response.lines('sec-websocket-extensions')
      if (answered === undefined) assert.equal(line, undefined)
      else assert.match(line!, answered)
      assert.doesNotMatch(line ?? '', /superspeed|colormode|,/)
      assert.deepEqual(more, [])
    }
  },
  { setUp: (turnout) => void turnout.websocket('/chat', { compression: true }) },
)

stationTest(
  'R6: RFC 9110 section 7.8: a protocol that the client did not offer is never switched to, whatever else is there',
  async ({ dial, log }) => {
    const wire = dial()
    for (const upgrade of ['foo', 'bar/2', 'foo, bar/2, h2c', 'bar2', 'websockets']) {
      wire.send(upgradeHead({ upgrade }))
      const response = await wire.response()
      assert.equal(response.status, 200)
      assert.equal(response.field('upgrade'), undefined)
    }
    assert.deepEqual(log, Array(5).fill('GET /up'))
    wire.send(upgradeHead({ upgrade: 'foo, bar/1' }))
    assert.equal((await wire.response()).field('upgrade'), 'bar/1')
  },
  {
    setUp(turnout) {
      turnout.protocol('bar/1', echo)
      turnout.websocket('/*', {})
    },
  },
)

stationTest(
  'R9: each protocol judges fields of its own, and no other one’s',
  async ({ dial }) => {
    for (const [upgrade, fields, status] of [
      ['seal', ['Seal-Color: red'], 101],
      ['seal', [], 400],
      ['plain', [], 101],
      ['plain', ['Seal-Color: red', 'Sec-WebSocket-Version: 8'], 101],
      ['seal, plain', [], 400],
    ] as const) {
      const wire = dial()
      wire.send(upgradeHead({ upgrade, fields }))
      assert.equal((await wire.response()).status, status, `${upgrade} with ${fields}`)
    }
  },
  {
    setUp(turnout) {
      turnout.protocol('seal', {
        accept: ({ headers }) => 'seal-color' in headers || new Response('which color?', { status: 400 }),
        ...echo,
      })
      turnout.protocol('plain', echo)
    },
  },
)

test('R18: RFC 9110 section 7.8: any response of the app may name what it could upgrade to, and a client sees it', async () => {
  const station = await openStation({
    app: (_request, response) =>
      response.setHeader('Upgrade', 'foo/2, foo/1').setHeader('Connection', 'Upgrade').end('ok'),
  })
  try {
    const wire = station.dial()
    // to an ordinary request, to a declined upgrade, and behind them on the same connection
    for (const request of [get('/'), upgradeHead(), get('/')]) {
      wire.send(request)
      const response = await wire.response()
      assert.deepEqual([response.status, response.body], [200, 'ok'])
      assert.equal(response.field('upgrade'), 'foo/2, foo/1')
      assert.equal(response.field('connection'), 'Upgrade')
    }
    const result = await upgrade(`http://127.0.0.1:${station.port}/`, { protocols: 'bar', agent: false })
    assert.equal(result.protocol, undefined)
    assert.equal(result.response.headers.upgrade, 'foo/2, foo/1')
    result.response.resume()
  } finally {
    await station.stop()
  }
})

stationTest(
  'R4: RFC 9110 section 7.8: Upgrade in HTTP/1.0 is ignored where HTTP/1.1 would be switched, and inside an app',
  async ({ dial, log }) => {
    for (const [path, status] of [
      ['/ws', 200],
      ['/up', 200],
      ['/live', 426],
    ] as const) {
      const head = path === '/up' ? upgradeHead() : webSocketHead(path)
      const old = dial()
      old.send(head.replace('HTTP/1.1', 'HTTP/1.0').replace('keep-alive, ', ''))
      const response = await old.response({ toEnd: true })
      assert.equal(response.status, status, path)
      assert.match(response.field('connection')!, /close$/)
      const wire = dial()
      wire.send(head)
      assert.equal((await wire.response()).status, 101, path)
    }
    assert.deepEqual(log, ['/ws', '/up', '/live', '/live'])
  },
  inApp(() => true),
)

stationTest(
  'R7: inside an app too, Upgrade counts only beside the Connection option',
  async ({ dial }) => {
    const wire = dial()
    for (const connection of ['keep-alive', 'x-upgrade', 'keep-alive, "upgrade"']) {
      wire.send(webSocketHead('/live').replace(/^Connection: .*$/m, `Connection: ${connection}`))
      const response = await wire.response()
      assert.equal(response.status, 426, connection)
      assert.equal(response.field('connection'), 'Upgrade')
    }
    wire.send(webSocketHead('/live'))
    assert.equal((await wire.response()).status, 101)
  },
  inApp(() => true),
)

for (const name of ['Content-Length', 'Transfer-Encoding', 'Upgrade', 'Connection']) {
  stationTest(
    `R10: RFC 9110 section 15.2.2: inside an app too, a ${name} of accept's gets into no 101: 500, and onError hears of it`,
    async ({ dial, errors }) => {
      const wire = dial()
      wire.send(webSocketHead('/live') + upgradeHead({ path: '/foo', upgrade: 'bar, foo' }))
      for (let at = 0; at < 2; at++) {
        const response = await wire.response()
        assert.equal(response.status, 500)
        assert.equal(response.field('upgrade'), undefined)
      }
      for (const error of errors) assert.ok(error instanceof MisuseError)
    },
    { ...inApp(() => ({ headers: { [name]: 'foo' } })), expectedErrors: 2 },
  )
}

// --- a handshake with content

for (const [what, request] of [
  ['Content-Length', `${webSocketHead('/ws', ['Content-Length: 5'])}hello`],
  ['Transfer-Encoding', `${webSocketHead('/ws', ['Transfer-Encoding: chunked'])}5\r\nhello\r\n0\r\n\r\n`],
] as const) {
  stationTest(
    `RFC 6455 section 4.2.1: a handshake with ${what} gets 400 and the end; neither content nor what follows is obeyed`,
    async ({ dial, log }) => {
      const wire = dial()
      wire.send(request + get('/smuggled'))
      const response = await wire.response({ toEnd: true })
      assert.equal(response.status, 400)
      assert.equal(response.field('connection'), 'close')
      assert.equal(response.field('upgrade'), undefined)
      assert.deepEqual(log, [])
    },
    { setUp: (turnout) => void turnout.websocket('/ws', {}) },
  )
}

// --- optimistic data

const early = {
  setUp(turnout: Turnout) {
    turnout.protocol('foo', { accept: () => undefined, ...echo })
    turnout.websocket('/ws', {})
  },
}

for (const [title, request, status] of [
  ['that nobody took', upgradeHead(), 200],
  ['that a handshake’s fault refused', webSocketHead('/ws').replace('Version: 13', 'Version: 8'), 426],
  ['that Origin refused', webSocketHead('/ws', ['Origin: https://elsewhere.example']), 403],
] as const) {
  stationTest(
    `R44: RFC 9931: bytes behind an upgrade ${title} are the next request, in the same packet or later`,
    async ({ dial }) => {
      const wire = dial()
      wire.send(request + get('/2'))
      assert.equal((await wire.response()).status, status)
      assert.equal((await wire.response()).body, '/2:')
      wire.send(get('/3'))
      assert.equal((await wire.response()).body, '/3:')
    },
    early,
  )

  stationTest(
    `R44: RFC 9931: a frame sent too early behind an upgrade ${title} is no HTTP: 400, the end, and nobody hears of it`,
    async ({ dial, log }) => {
      const wire = dial()
      wire.send(request, Buffer.from('81850000000048454c4c4f', 'hex'), get('/smuggled'))
      assert.equal((await wire.response()).status, status)
      const refusal = await wire.response({ toEnd: true })
      assert.equal(refusal.status, 400)
      assert.equal(refusal.field('connection'), 'close')
      assert.ok(!log.some((line) => line.includes('smuggled')))
    },
    early,
  )
}
