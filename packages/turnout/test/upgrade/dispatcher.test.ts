import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { describe, test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { createTurnout, type Turnout } from '../../src/turnout.ts'
import { until } from '../base/turns.ts'
import { dial, get, listen, stationTest, upgradeHead, within } from './wire.ts'

const closing = createVirtualClock()

/** Greets, then echoes. */
const greet = (greeting: string) => ({
  handler(stream: Duplex) {
    stream.write(greeting)
    stream.pipe(stream)
  },
})
const foo = { setUp: (turnout: Turnout) => void turnout.protocol('foo', greet('hi ')) }

stationTest(
  'R1, R10, R12: a 101 names the protocol, then the server speaks first, then early bytes come out',
  async ({ dial }) => {
    const wire = dial()
    wire.send(`${upgradeHead()}early `)
    const response = await wire.response()
    assert.equal(
      response.head,
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n',
    )
    assert.equal(await wire.take(9), 'hi early ')
    wire.send('later')
    assert.equal(await wire.take(5), 'later')
    wire.socket.end()
    await wire.closed()
  },
  foo,
)

stationTest(
  'R1: a request byte by byte, and bytes of the protocol behind it',
  async ({ dial }) => {
    const wire = dial()
    await wire.drip(`${upgradeHead()}early`)
    assert.equal((await wire.response()).status, 101)
    assert.equal(await wire.take(8), 'hi early')
  },
  foo,
)

stationTest(
  'R5: the order of the client decides',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead({ upgrade: 'nothing, bar/1, foo' }))
    assert.equal((await wire.response()).field('upgrade'), 'bar/1')
  },
  {
    setUp: (turnout) => void turnout.protocol('foo', greet('')).protocol('bar', greet('')),
  },
)

stationTest(
  'R5: with prefer: server the order of registration decides',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead({ upgrade: 'nothing, bar/1, foo' }))
    assert.equal((await wire.response()).field('upgrade'), 'foo')
  },
  {
    prefer: 'server',
    setUp: (turnout) => void turnout.protocol('foo', greet('')).protocol('bar', greet('')),
  },
)

for (const [upgrade, chosen] of [
  ['EXAMPLE/1', 'EXAMPLE/1'],
  ['h2c, Example/1', 'Example/1'],
  ['h2c\r\nUpgrade: example/1', 'example/1'],
  [', ,example/1,', 'example/1'],
] as const) {
  stationTest(
    `R6: ${JSON.stringify(upgrade)} finds example/1, and the 101 says it as the client did`,
    async ({ dial }) => {
      const wire = dial()
      wire.send(upgradeHead({ upgrade }))
      const response = await wire.response()
      assert.equal(response.status, 101)
      assert.equal(response.field('upgrade'), chosen)
    },
    { setUp: (turnout) => void turnout.protocol('example/1', greet('')) },
  )
}

stationTest(
  'R6: another version of a protocol is another protocol',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead({ upgrade: 'example/1.0, example' }))
    assert.equal((await wire.response()).body, '/up:')
  },
  { setUp: (turnout) => void turnout.protocol('example/1', greet('')) },
)

stationTest(
  'R7: Connection may be a list, and several lines',
  async ({ dial }) => {
    for (const connection of [
      'keep-alive, x, UPGRADE',
      'keep-alive\r\nConnection: Upgrade',
      ', ,upgrade ,',
    ]) {
      const wire = dial()
      wire.send(upgradeHead({ connection }))
      assert.equal((await wire.response()).status, 101)
    }
  },
  foo,
)

stationTest(
  'R19: any method upgrades',
  async ({ dial }) => {
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'PATCH']) {
      const wire = dial()
      wire.send(upgradeHead({ method }))
      assert.equal((await wire.response()).status, 101)
      assert.equal(await wire.take(3), 'hi ')
    }
    const wire = dial()
    wire.send(upgradeHead({ method: 'OPTIONS', path: '*' }))
    assert.equal((await wire.response()).status, 101)
  },
  foo,
)

for (const [title, request, status] of [
  ['RFC 9112 section 3.2: Host is missing', upgradeHead().replace('Host: x\r\n', ''), 400],
  ['RFC 9112 section 3.2: Host came twice', upgradeHead({ fields: ['Host: y'] }), 400],
  ['R4: HTTP/2.0 in a request line', upgradeHead({ version: 'HTTP/2.0' }), 505],
] as const) {
  stationTest(
    `${title}: ${status}, and the connection ends`,
    async ({ dial, log }) => {
      const wire = dial()
      wire.send(request + get('/2'))
      const response = await wire.response({ toEnd: true })
      assert.equal(response.status, status)
      assert.equal(response.field('connection'), 'close')
      assert.notEqual(response.body, '')
      assert.deepEqual(log, [])
    },
    foo,
  )
}

const websocket = { setUp: (turnout: Turnout) => void turnout.websocket('/ws', {}) }

stationTest(
  'R6: a malformed Upgrade that plainly means websocket gets 400 on a WebSocket route only',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead({ path: '/ws', upgrade: 'websocket;v=13' }))
    assert.equal((await wire.response()).status, 400)
    wire.send(upgradeHead({ path: '/elsewhere', upgrade: 'websocket;v=13' }))
    assert.equal((await wire.response()).status, 200)
  },
  websocket,
)

stationTest(
  'R2: who passes leaves it to the next, and at last to the app',
  async ({ dial, log }) => {
    const wire = dial()
    wire.send(upgradeHead({ upgrade: 'a, b, c' }))
    assert.equal((await wire.response()).body, '/up:')
    assert.deepEqual(log, ['a', 'b', 'c', 'GET /up'])
    wire.send(upgradeHead({ upgrade: 'a, b, c, foo' }))
    assert.equal((await wire.response()).field('upgrade'), 'foo')
  },
  {
    setUp(turnout, _server, log) {
      turnout.protocol('a', { accept: () => void log.push('a'), handler: () => {} })
      turnout.protocol('b', { accept: async () => void log.push('b'), handler: () => {} })
      turnout.protocol('c', {
        accept() {
          log.push('c')
          return null
        },
        handler: () => {},
      })
      turnout.protocol('foo', greet(''))
    },
  },
)

test('attach twice is attach once, and detach gives the server back', async () => {
  const server = createServer((_request, response) => void response.end('app'))
  const turnout = createTurnout().protocol('foo', greet(''))
  turnout.attach(server).attach(server)
  assert.equal(server.listenerCount('upgrade'), 1)
  turnout.detach(server).detach(server)
  assert.equal(server.listenerCount('upgrade'), 0)
  assert.equal(Object.hasOwn(server, 'emit'), false)
  await turnout.close()
})

stationTest(
  'one turnout serves several servers',
  async ({ turnout, dial: dialFirst }) => {
    const second = createServer((_request, response) => void response.end('second'))
    turnout.attach(second)
    const wires = [dialFirst(), dial(await listen(second))]
    for (const wire of wires) {
      wire.send(upgradeHead())
      wire.socket.once('end', () => wire.socket.end())
      assert.equal((await wire.response()).status, 101)
    }
    assert.deepEqual(await turnout.close({ grace: 5_000 }), { left: 2, destroyed: 0 })
    await within('close', new Promise((resolve) => second.close(resolve)))
  },
  { setUp: (turnout) => void turnout.protocol('foo', { handler: (stream) => void stream.resume() }) },
)

describe('close', () => {
  stationTest(
    'asks everybody to leave, destroys who does not, and counts; then the server can close',
    async ({ turnout, server, dial, log }) => {
      const [polite, stubborn] = [dial(), dial()]
      for (const wire of [polite, stubborn]) {
        wire.send(upgradeHead())
        assert.equal((await wire.response()).status, 101)
      }
      const closed = turnout.close({ grace: 2_000 })
      await Promise.all([polite.ended(), stubborn.ended()])
      polite.socket.end()
      await until(() => log.length > 0)
      closing.advance(2_001)
      assert.deepEqual(await within('close', closed), { left: 1, destroyed: 1 })
      await within('server closes', new Promise((resolve) => server.close(resolve)))
    },
    {
      clock: closing,
      setUp(turnout, _server, log) {
        turnout.protocol('foo', {
          handler: (stream) => void stream.resume().on('close', () => log.push('close')),
        })
      },
    },
  )

  stationTest(
    'ends the waiting for decisions with 503, and their signals fire',
    async ({ turnout, dial, log }) => {
      const wire = dial()
      wire.send(upgradeHead())
      await until(() => log.length > 0)
      const closed = turnout.close()
      const response = await wire.response({ toEnd: true })
      assert.equal(response.status, 503)
      assert.equal(response.field('connection'), 'close')
      assert.deepEqual(log, ['asked', 'ERR_CLOSED'])
      assert.deepEqual(await closed, { left: 0, destroyed: 0 })
    },
    {
      setUp(turnout, _server, log) {
        turnout.protocol('foo', {
          accept(_request, { signal }) {
            log.push('asked')
            signal.addEventListener('abort', () => log.push(signal.reason.code))
            return new Promise<true>(() => {})
          },
          handler: () => {},
        })
      },
    },
  )

  stationTest(
    'turns new upgrades away with 503 while it waits, but leaves the rest to the app',
    async ({ turnout, dial }) => {
      const [occupant, late] = [dial(), dial()]
      occupant.send(upgradeHead())
      await occupant.response()
      const closed = turnout.close()
      late.send(upgradeHead({ upgrade: 'other' }))
      assert.equal((await late.response()).status, 200)
      late.send(upgradeHead())
      assert.equal((await late.response({ toEnd: true })).status, 503)
      occupant.socket.end()
      assert.deepEqual(await within('close', closed), { left: 1, destroyed: 0 })
      assert.equal(closed, turnout.close())
    },
    { setUp: (turnout) => void turnout.protocol('foo', { handler: (stream) => void stream.resume() }) },
  )

  stationTest('ends connections that wait for their next request', async ({ turnout, dial }) => {
    const wire = dial()
    wire.send(upgradeHead())
    await wire.response()
    await turnout.close()
    await wire.ended()
  })

  stationTest('gives the server back afterwards', async ({ turnout, server }) => {
    await turnout.close()
    assert.equal(Object.hasOwn(server, 'emit'), false)
    assert.equal(server.listenerCount('upgrade'), 0)
  })
})
