import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { createTurnout } from '../../src/turnout.ts'
import { networkOf } from '../../src/upgrade/admission.ts'
import type { ProtocolOptions } from '../../src/upgrade/generic.ts'
import { until } from '../base/turns.ts'
import { secure, tlsHead, tlsStation } from './tls-wire.ts'
import { get, type Station, stationTest, upgradeHead, type Wire, within } from './wire.ts'

const handler: ProtocolOptions['handler'] = (stream) => void stream.pipe(stream)

/** So many clients at once; returns the statuses that they got. */
async function flood(station: Station, count: number, fields: readonly string[] = []) {
  const wires = Array.from({ length: count }, () => station.dial())
  for (const wire of wires) wire.send(upgradeHead({ fields }))
  const answers = await Promise.all(wires.map(async (wire) => ({ wire, answer: await wire.response() })))
  const statuses = new Map<number, number>()
  for (const { answer } of answers) statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
  return { answers, statuses: Object.fromEntries(statuses) }
}

function untilOpen({ turnout }: Station, count: number): Promise<void> {
  return until(() => turnout.metrics().connectionsOpen === count, `${count} connections are open`)
}

stationTest(
  'maxConnections: a flood gets 503 with Retry-After beyond the limit, and places become free again',
  async (station) => {
    const { answers, statuses } = await flood(station, 12)
    assert.deepEqual(statuses, { 101: 4, 503: 8 })
    const refused = answers.find(({ answer }) => answer.status === 503)!
    assert.equal(refused.answer.field('retry-after'), '10')
    assert.equal(refused.answer.field('connection'), 'close')
    await refused.wire.ended()
    for (const { wire, answer } of answers) if (answer.status === 101) wire.socket.destroy()
    await untilOpen(station, 0)
    assert.deepEqual((await flood(station, 5)).statuses, { 101: 4, 503: 1 })
    const { routes } = station.turnout.metrics()
    assert.deepEqual(routes[0]?.handshakes, { 101: 8, limited: 9 })
    assert.deepEqual(routes[0]?.errors, { ERR_LIMIT: 9 })
  },
  { maxConnections: 4, setUp: (turnout) => void turnout.protocol('foo', { handler }) },
)

/** An `accept` that decides when the test says so. */
class Gate {
  readonly #waiting: ((taken: boolean) => void)[] = []
  #whenAsked = () => {}
  readonly accept = () => {
    this.#whenAsked()
    return new Promise<boolean>((resolve) => void this.#waiting.push(resolve))
  }

  async asked(count: number): Promise<void> {
    while (this.#waiting.length < count) {
      await within(`${count} are asked`, new Promise<void>((resolve) => void (this.#whenAsked = resolve)))
    }
  }

  decide(taken: boolean): void {
    for (const resolve of this.#waiting.splice(0)) resolve(taken)
  }
}

const gates = { connections: new Gate(), handshakes: new Gate(), app: new Gate() }

stationTest(
  'maxConnections: those whose decision is awaited count, so that all may be let in',
  async (station) => {
    const first = [station.dial(), station.dial()]
    for (const wire of first) wire.send(upgradeHead())
    await gates.connections.asked(2)
    assert.deepEqual((await flood(station, 3)).statuses, { 503: 3 })
    gates.connections.decide(false)
    // Passed on: the app answers, and the places are free.
    for (const wire of first) assert.equal((await wire.response()).body, '/up:')
    for (const wire of first) wire.send(upgradeHead())
    await gates.connections.asked(2)
    gates.connections.decide(true)
    for (const wire of first) assert.equal((await wire.response()).status, 101)
  },
  {
    maxConnections: 2,
    setUp: (turnout) => void turnout.protocol('foo', { accept: gates.connections.accept, handler }),
  },
)

stationTest(
  'maxHandshakes: a flood of undecided ones gets 503 with Retry-After, ordinary requests do not',
  async (station) => {
    const first = Array.from({ length: 3 }, () => station.dial())
    for (const wire of first) wire.send(upgradeHead())
    await gates.handshakes.asked(3)
    assert.equal(station.turnout.metrics().handshakesInFlight, 3)
    const { answers, statuses } = await flood(station, 20)
    assert.deepEqual(statuses, { 503: 20 })
    assert.equal(answers[0]?.answer.field('retry-after'), '1')
    const ordinary = station.dial()
    ordinary.send(get('/x'))
    assert.equal((await ordinary.response()).status, 200)
    gates.handshakes.decide(true)
    for (const wire of first) assert.equal((await wire.response()).status, 101)
    assert.equal(station.turnout.metrics().handshakesInFlight, 0)
  },
  {
    maxHandshakes: 3,
    setUp: (turnout) => void turnout.protocol('foo', { accept: gates.handshakes.accept, handler }),
  },
)

for (const limit of ['maxHandshakes', 'maxConnections', 'maxConnectionsPerAddress'] as const) {
  const clock = createVirtualClock()
  const gate = new Gate()
  stationTest(
    `${limit}: who leaves while accept is at work makes no room for more of it before the deadline`,
    async (station) => {
      const refused = limit === 'maxConnectionsPerAddress' ? 429 : 503
      const left = [station.dial(), station.dial()]
      for (const wire of left) wire.send(upgradeHead())
      await gate.asked(2)
      for (const wire of left) wire.socket.resetAndDestroy()
      const untilGone = (count: number) =>
        until(() => station.turnout.metrics().routes[0]!.handshakes.gone === count)
      await untilGone(2)
      assert.deepEqual((await flood(station, 2)).statuses, { [refused]: 2 })
      clock.advance(5_000)
      const next = [station.dial(), station.dial()]
      for (const wire of next) wire.send(upgradeHead())
      await gate.asked(4)
      assert.deepEqual((await flood(station, 1)).statuses, { [refused]: 1 })
      for (const wire of next) wire.socket.destroy()
      await untilGone(4)
      // it says so itself: there is room again
      gate.decide(true)
      await until(() => station.turnout.metrics().handshakesInFlight === 0)
      const last = station.dial()
      last.send(upgradeHead())
      await gate.asked(1)
      gate.decide(true)
      assert.equal((await last.response()).status, 101)
      assert.equal(clock.waiting, 0)
    },
    {
      clock,
      [limit]: 2,
      setUp: (turnout) => void turnout.protocol('foo', { accept: gate.accept, handler }),
    },
  )
}

stationTest(
  'a place is free again where the switch comes to nothing and the connection goes on',
  async ({ dial, turnout }) => {
    const wire = dial()
    for (let round = 0; round < 5; round++) {
      wire.send(upgradeHead())
      assert.equal((await wire.response()).status, 500)
    }
    for (let round = 0; round < 5; round++) {
      wire.send(upgradeHead({ path: '/in-app', upgrade: 'other' }))
      assert.equal((await wire.response()).body, 'too early')
    }
    await until(() => turnout.metrics().handshakesInFlight === 0)
    const { routes } = turnout.metrics()
    assert.deepEqual(
      routes.slice(0, 2).map(({ handshakes }) => handshakes),
      [{ failed: 5 }, { failed: 5 }],
    )
  },
  {
    maxConnections: 2,
    expectedErrors: 10,
    setUp(turnout, server) {
      turnout.protocol('foo', { accept: () => ({ headers: { 'Content-Length': '5' } }), handler })
      server.prependListener('request', (request, response) => {
        if (request.url !== '/in-app') return
        const accept = () => new Promise<boolean>((resolve) => setImmediate(resolve, true))
        void turnout.upgrade(request, response, { protocol: 'other', accept, handler })
        response.end('too early')
      })
    },
  },
)

stationTest(
  'maxConnectionsPerAddress: one address too many times gets 429 with Retry-After',
  async (station) => {
    const { answers, statuses } = await flood(station, 5)
    assert.deepEqual(statuses, { 101: 2, 429: 3 })
    const refused = answers.find(({ answer }) => answer.status === 429)!
    assert.equal(refused.answer.field('retry-after'), '10')
  },
  { maxConnectionsPerAddress: 2, setUp: (turnout) => void turnout.protocol('foo', { handler }) },
)

stationTest(
  'clientAddress tells apart clients that come through a proxy',
  async (station) => {
    const opened: Wire[] = []
    for (const client of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) {
      const { answers, statuses } = await flood(station, 4, [`X-Forwarded-For: ${client}`])
      assert.deepEqual(statuses, { 101: 3, 429: 1 }, client)
      for (const { wire, answer } of answers) if (answer.status === 101) opened.push(wire)
    }
    opened[0]?.socket.destroy()
    await untilOpen(station, 8)
    assert.deepEqual((await flood(station, 2, ['X-Forwarded-For: 192.0.2.1'])).statuses, { 101: 1, 429: 1 })
  },
  {
    maxConnectionsPerAddress: 3,
    clientAddress: (request) => String(request.headers['x-forwarded-for']),
    setUp: (turnout) => void turnout.protocol('foo', { handler }),
  },
)

stationTest(
  'an upgrade inside the app is refused by the same limits',
  async (station) => {
    assert.deepEqual((await flood(station, 3)).statuses, { 101: 1, 503: 2 })
  },
  {
    maxConnections: 1,
    setUp: (turnout, server) => {
      server.removeAllListeners('request')
      server.on('request', (request, response) => {
        turnout.upgrade(request, response, { protocol: 'foo', handler })
      })
    },
  },
)

for (const name of ['maxConnections', 'maxConnectionsPerAddress', 'maxHandshakes']) {
  test(`${name} below 1 is misuse`, () => {
    for (const limit of [0, -1, Number.NaN, '5']) {
      assert.throws(() => createTurnout({ [name]: limit as number }), { code: 'ERR_INVALID_ARGUMENT' })
    }
  })
}

for (const [address, network] of [
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::1', '2001:db8:1:2'],
  ['2001:0db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
] as const) {
  test(`the network of ${address} is ${network}`, () => {
    assert.equal(networkOf(address), network)
  })
}

for (const [name, status] of [
  ['maxConnections', 503],
  ['maxConnectionsPerAddress', 429],
] as const) {
  stationTest(
    `${name}: a connection that TLS has secured in place is HTTP's again, and takes no place`,
    async ({ dial }) => {
      const shaking = dial()
      shaking.send(tlsHead())
      assert.equal((await shaking.response()).status, 101)
      const other = dial()
      other.send(upgradeHead())
      assert.equal((await other.response()).status, status)
      await other.ended()
      const wire = secure(shaking)
      assert.equal((await wire.response()).status, 200)
      wire.send(upgradeHead())
      assert.equal((await wire.response()).status, 101)
      const late = dial()
      late.send(upgradeHead())
      assert.equal((await late.response()).status, status)
    },
    { ...tlsStation({}, { setUp: (turnout) => void turnout.protocol('foo', { handler }) }), [name]: 1 },
  )
}
