import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { Tally } from '../../src/base/tally.ts'
import { createTurnout } from '../../src/turnout.ts'
import { readMetrics } from '../../src/upgrade/metrics.ts'
import type { Occupant } from '../../src/upgrade/protocol.ts'
import { connect } from '../../src/websocket/client.ts'
import { until } from '../base/turns.ts'
import { openStation } from './wire.ts'

const leave = () => {}

test('what is open now is added to its route, and to no other', () => {
  const [chat, feed] = [new Tally('/chat', 'websocket'), new Tally('/feed', 'example/1')]
  chat.opened = 3
  chat.closed = 1
  feed.bytesIn = 10
  const occupants: Occupant[] = [
    { leave, tally: chat, bufferedBytes: 5 },
    { leave, tally: chat, bufferedBytes: 6 },
    { leave, tally: feed, bufferedBytes: 7, traffic: { bytesIn: 1, bytesOut: 2 } },
    { leave, tally: new Tally('/elsewhere', 'x'), bufferedBytes: 100 },
    { leave },
  ]
  const { connectionsOpen, handshakesInFlight, routes } = readMetrics([chat, feed], occupants, 4)
  assert.deepEqual([connectionsOpen, handshakesInFlight], [2, 4])
  assert.deepEqual(
    routes.map(({ route, connectionsOpen, connectionsTotal, bufferedBytes, bytesIn, bytesOut }) => [
      route,
      connectionsOpen,
      connectionsTotal,
      bufferedBytes,
      bytesIn,
      bytesOut,
    ]),
    [
      ['/chat', 2, 3, 11, 0, 0],
      ['/feed', 0, 0, 7, 11, 2],
    ],
  )
})

test('a turnout that did nothing says so, in numbers that JSON can carry', () => {
  const turnout = createTurnout()
    .websocket('/chat/:room', {})
    .protocol('example/1', { handler() {} })
  const metrics = turnout.metrics()
  assert.deepEqual(
    metrics.routes.map(({ route, protocol, connectionsTotal }) => [route, protocol, connectionsTotal]),
    [
      ['/chat/:room', 'websocket', 0],
      ['*', 'example/1', 0],
      ['', '', 0],
    ],
  )
  assert.deepEqual(JSON.parse(JSON.stringify(metrics)), metrics)
})

test('messages, bytes, close codes and errors of WebSockets are counted on their route', async () => {
  const station = await openStation({
    setUp: (turnout) => {
      turnout.websocket('/chat/:room', {
        message(socket, text) {
          if (text === 'boom') throw new RangeError('boom')
          socket.send(text)
        },
      })
    },
  })
  try {
    const url = `ws://127.0.0.1:${station.port}/chat/1`
    const socket = await connect(url)
    socket.send('hello')
    assert.equal((await socket[Symbol.asyncIterator]().next()).value, 'hello')
    const now = () => station.turnout.metrics().routes[0]!
    assert.deepEqual(
      [now().connectionsOpen, now().messagesIn, now().messagesOut, now().bytesIn, now().bytesOut],
      // A client's frame bears a mask: 4 bytes more.
      [1, 1, 1, 11, 7],
    )
    await socket.close(4001, 'enough')
    const other = await connect(url)
    other.send('boom')
    await other.closed
    await until(() => now().connectionsOpen === 0, 'all have left')
    assert.deepEqual(now().handshakes, { 101: 2 })
    // No Close frame of the peer is read any more once the connection was failed: 1006, and the error says why.
    assert.deepEqual(now().closeCodes, { 1006: 1, 4001: 1 })
    assert.deepEqual(now().errors, { RangeError: 1 })
    assert.equal(now().connectionMs.count, 2)
    assert.equal(now().bufferedBytes, 0)
  } finally {
    await station.stop()
  }
})

test('whatever codes clients make up, those that the server closes with are counted by themselves', async () => {
  const station = await openStation({
    setUp: (turnout) =>
      void turnout.websocket('/ws', { message: (socket, code) => void socket.close(Number(code)) }),
  })
  try {
    const url = `ws://127.0.0.1:${station.port}/ws`
    for (let code = 3000; code < 3070; code++) await (await connect(url)).close(code)
    const asked = await connect(url)
    asked.send('4401')
    await asked.closed
    await (await connect(url)).close(4402)
    const route = () => station.turnout.metrics().routes[0]!
    await until(() => route().connectionsOpen === 0, 'all have left')
    const { closeCodes } = route()
    assert.deepEqual([closeCodes[3063], closeCodes[4401], closeCodes[4402]], [1, 1, undefined])
    assert.deepEqual([closeCodes.other, Object.keys(closeCodes).length], [7, 66])
  } finally {
    await station.stop()
  }
})

test('the heartbeat tells how long its round trips take', async () => {
  const clock = createVirtualClock()
  const station = await openStation({ clock, setUp: (turnout) => void turnout.websocket('/ws', {}) })
  try {
    const socket = await connect(`ws://127.0.0.1:${station.port}/ws`)
    const latency = () => station.turnout.metrics().routes[0]!.latencyMs
    assert.equal(latency().count, 0)
    for (let second = 0; second < 31; second++) clock.advance(1_000)
    await until(() => latency().count > 0, 'the first Pong')
    assert.deepEqual([latency().count, latency().counts[0]], [1, latency().sum <= 1 ? 1 : 0])
    await socket.close(1000)
  } finally {
    await station.stop()
  }
})

test('h2c and TLS in place have entries of their own', () => {
  const { routes } = createTurnout().h2c({ path: '/old' }).metrics()
  assert.deepEqual([routes[0]?.route, routes[0]?.protocol], ['/old', 'h2c'])
})

test('upgrades inside the app share one entry a protocol', async () => {
  const station = await openStation({
    app: (request, response) => void station.turnout.upgrade(request, response, {}),
  })
  try {
    for (const path of ['/a', '/b']) {
      const socket = await connect(`ws://127.0.0.1:${station.port}${path}`)
      await socket.close(1000)
    }
    const { routes } = station.turnout.metrics()
    assert.deepEqual(
      routes.map(({ route, protocol, handshakes }) => [route, protocol, handshakes]),
      [
        ['app', 'websocket', { 101: 2 }],
        ['', '', {}],
      ],
    )
  } finally {
    await station.stop()
  }
})
