import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createSecureServer } from 'node:http2'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { createTurnout } from '../../src/turnout.ts'
import { upgrade } from '../../src/upgrade/client.ts'
import type {
  HandshakeMessage,
  ProtocolCloseMessage,
  ProtocolErrorMessage,
  ProtocolOpenMessage,
} from '../../src/upgrade/sight.ts'
import { connect } from '../../src/websocket/client.ts'
import { until } from '../base/turns.ts'
import { certificate, privateKey } from './certificate.ts'
import { listen as listenOn, openStation, upgradeHead, within } from './wire.ts'

interface Told {
  readonly handshake: HandshakeMessage
  readonly open: ProtocolOpenMessage
  readonly close: ProtocolCloseMessage
  readonly error: ProtocolErrorMessage
}

function listen<Name extends keyof Told>(
  context: TestContext,
  name: Name,
  kind: 'protocol' | 'websocket' = 'protocol',
): Told[Name][] {
  const told: Told[Name][] = []
  const note = (message: unknown) => void told.push(message as Told[Name])
  subscribe(`turnout:${kind}:${name}`, note)
  context.after(() => unsubscribe(`turnout:${kind}:${name}`, note))
  return told
}

test('every outcome of a handshake is told once, with status, route and duration', async (context) => {
  const told = listen(context, 'handshake')
  const clock = createVirtualClock()
  const asked: (() => void)[] = []
  const station = await openStation({
    clock,
    setUp: (turnout) => {
      turnout.protocol('foo/1', { path: '/yes', handler: (stream) => void stream.pipe(stream) })
      turnout.protocol('foo/1', {
        path: '/no',
        accept: () => new Response('no', { status: 403 }),
        handler() {},
      })
      turnout.protocol('foo/1', { path: '/pass', accept: () => undefined, handler() {} })
      turnout.protocol('foo/1', {
        path: '/fails',
        accept() {
          throw new RangeError('boom')
        },
        handler() {},
      })
      turnout.protocol('foo/1', {
        path: '/late',
        accept: () => new Promise<undefined>(() => void asked.push(() => {})),
        handler() {},
      })
    },
  })
  try {
    for (const path of ['/yes', '/no', '/pass', '/fails']) {
      const wire = station.dial()
      wire.send(upgradeHead({ path, upgrade: 'foo/1' }))
      await wire.response()
    }
    const wire = station.dial()
    wire.send(upgradeHead({ path: '/late', upgrade: 'foo/1' }))
    await until(() => asked.length === 1, 'accept is asked')
    clock.advance(5_000)
    await wire.response()
    assert.deepEqual(
      told.map(({ side, protocol, route, outcome, status, durationMs }) =>
        [side, protocol, route, outcome, status ?? '-', durationMs].join(' '),
      ),
      [
        'server foo/1 /yes switched 101 0',
        'server foo/1 /no answered 403 0',
        'server foo/1 /pass pass - 0',
        'server foo/1 /fails failed 500 0',
        'server foo/1 /late late 503 5000',
      ],
    )
    assert.equal(told[0]?.request?.url, '/yes')
    assert.ok(told[3]?.error instanceof RangeError)
    const counts = station.turnout.metrics().routes.map(({ handshakes }) => Object.entries(handshakes).join())
    assert.deepEqual(counts, ['101,1', '403,1', 'pass,1', 'failed,1', 'late,1', ''])
  } finally {
    await station.stop()
  }
})

test('what no route is asked about is counted apart', async () => {
  const station = await openStation({ setUp: (turnout) => void turnout.websocket('/ws', {}) })
  try {
    const wire = station.dial()
    wire.send('GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    assert.equal((await wire.response()).status, 400)
    const [route, unasked] = station.turnout.metrics().routes
    assert.deepEqual([route?.handshakes, unasked?.route, unasked?.handshakes], [{}, '', { 400: 1 }])
  } finally {
    await station.stop()
  }
})

test('a client tells of its handshakes, be they followed, declined or without an answer', async (context) => {
  const [generic, webSocket] = [listen(context, 'handshake'), listen(context, 'handshake', 'websocket')]
  const station = await openStation({
    setUp: (turnout) => {
      turnout.protocol('foo/1', { handler: (stream) => void stream.pipe(stream) })
      turnout.websocket('/ws', {})
    },
  })
  const { port } = station
  try {
    const taken = await upgrade(`http://127.0.0.1:${port}/x`, { protocols: ['bar', 'foo/1'] })
    taken.stream?.destroy()
    const declined = await upgrade(`http://127.0.0.1:${port}/y`, { protocols: ['bar'] })
    declined.response.resume()
    const socket = await connect(`ws://127.0.0.1:${port}/ws`)
    await socket.close(1000)
    await assert.rejects(connect(`ws://127.0.0.1:${port}/elsewhere`), { code: 'ERR_UPGRADE_DECLINED' })
    const ofClient = ({ side }: HandshakeMessage) => side === 'client'
    assert.deepEqual(
      generic.filter(ofClient).map(({ protocol, outcome, status }) => [protocol, outcome, status]),
      [
        ['bar, foo/1', 'switched', 101],
        ['bar', 'answered', 200],
      ],
    )
    assert.equal(generic.find(ofClient)?.url, `http://127.0.0.1:${port}/x`)
    assert.deepEqual(
      webSocket.filter(ofClient).map(({ outcome, status }) => [outcome, status]),
      [
        ['switched', 101],
        ['answered', 200],
      ],
    )
  } finally {
    await station.stop()
  }
  await assert.rejects(connect(`ws://127.0.0.1:${port}/ws`), { code: 'ERR_CONNECT' })
  const last = webSocket.at(-1)
  assert.deepEqual(
    [last?.outcome, last?.status, (last?.error as { code?: string } | undefined)?.code],
    ['failed', undefined, 'ERR_CONNECT'],
  )
})

test('the life of a stream is told and counted: open, error, close, bytes', async (context) => {
  const [opens, errors, closes] = [
    listen(context, 'open'),
    listen(context, 'error'),
    listen(context, 'close'),
  ]
  const station = await openStation({
    setUp: (turnout) => {
      turnout.protocol('foo', { path: '/echo', handler: (stream) => void stream.pipe(stream) })
      turnout.protocol('foo', {
        path: '/fails',
        handler() {
          throw new RangeError('boom')
        },
      })
    },
  })
  try {
    const { stream } = await upgrade(`http://127.0.0.1:${station.port}/echo`, { protocols: ['foo'] })
    stream!.write('12345')
    await until(() => stream!.read(5) !== null, 'the echo')
    const echo = () => station.turnout.metrics().routes[0]!
    assert.deepEqual([echo().connectionsOpen, echo().bytesIn, echo().bytesOut], [1, 5, 5])
    stream!.end()
    stream!.resume()
    await until(() => closes.length === 2, 'both sides have closed')
    assert.deepEqual(
      [echo().connectionsOpen, echo().connectionsTotal, echo().bytesIn, echo().bytesOut],
      [0, 1, 5, 5],
    )
    assert.equal(echo().connectionMs.count, 1)

    const failing = await upgrade(`http://127.0.0.1:${station.port}/fails`, { protocols: ['foo'] })
    failing.stream?.resume()
    failing.stream?.end()
    await until(() => closes.length === 4, 'the others have closed')
    assert.deepEqual(station.turnout.metrics().routes[1]?.errors, { RangeError: 1 })
    assert.deepEqual(opens.map(({ side, protocol, route }) => [side, protocol, route]).slice(0, 2), [
      ['server', 'foo', '/echo'],
      ['client', 'foo', undefined],
    ])
    assert.deepEqual(
      errors.filter(({ side }) => side === 'server').map(({ error }) => String(error)),
      ['RangeError: boom'],
    )
    assert.equal(station.errors.length, 1)
  } finally {
    await station.stop()
  }
})

test('over HTTP/2 a handshake is told and counted on both sides like any other, and the limits hold', async (context) => {
  const told = listen(context, 'handshake', 'websocket')
  const turnout = createTurnout({ maxConnections: 1 }).websocket('/ws', {})
  const server = createSecureServer({ key: privateKey, cert: certificate, allowHTTP1: true })
  turnout.attach(server)
  const port = await listenOn(server)
  const url = `wss://127.0.0.1:${port}/ws`
  const options = { http2: true, tls: { ca: certificate } }
  try {
    const socket = await connect(url, options)
    await assert.rejects(connect(url, options), { code: 'ERR_UPGRADE_DECLINED', status: 503 })
    assert.deepEqual(
      told.map(({ side, route, outcome, status }) => [side, route, outcome, status]),
      [
        ['server', '/ws', 'switched', 200],
        ['client', undefined, 'switched', 200],
        ['server', '/ws', 'limited', 503],
        ['client', undefined, 'answered', 503],
      ],
    )
    assert.equal(told[1]?.url, `https://127.0.0.1:${port}/ws`)
    assert.deepEqual(turnout.metrics().routes[0]?.handshakes, { 200: 1, limited: 1 })
    await socket.close(1000)
  } finally {
    await turnout.close({ grace: 1_000 })
    await within('the server closes', new Promise((resolve) => server.close(resolve)))
  }
})
