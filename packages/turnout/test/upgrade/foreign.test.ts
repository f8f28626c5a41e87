import assert from 'node:assert/strict'
import type { IncomingMessage, Server } from 'node:http'
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { createTurnout, type Turnout } from '../../src/turnout.ts'
import type { Foreign } from '../../src/upgrade/foreign.ts'
import { turn, until } from '../base/turns.ts'
import { warningsOf } from '../base/warnings.ts'
import {
  dial,
  get,
  listen,
  openStation,
  type Station,
  stationTest,
  upgradeHead,
  type Wire,
  watchProcess,
  within,
} from './wire.ts'

const clock = createVirtualClock()
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n'

/** A library that takes its own path and answers or kills everything else, as some do. */
function rude(server: Server, log: string[]): void {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    log.push(`rude ${request.url} ${head}`)
    if (request.url !== '/rude') return void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    socket.write(`${SWITCH}rude ${head}`)
    socket.pipe(socket)
  })
}

/** A library that looks only at its own path. */
function modest(server: Server, log: string[]): void {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    log.push(`modest ${request.url}`)
    if (request.url !== '/modest') return
    socket.write(`${SWITCH}modest`)
    socket.pipe(socket)
  })
}

function beside(
  title: string,
  foreign: Foreign,
  libraries: readonly ((server: Server, log: string[]) => void)[],
  script: (station: Station) => Promise<void>,
): void {
  stationTest(title, script, {
    clock,
    setUp(turnout, server, log) {
      turnout.protocol('foo', { path: '/mine', handler: (stream) => void stream.pipe(stream) })
      turnout.attach(server, { foreign })
      for (const library of libraries) library(server, log)
    },
  })
}

async function declinedAfter(wire: Wire, ms: number): Promise<void> {
  await until(() => clock.waiting > 0)
  clock.advance(ms - 1)
  await turn()
  assert.equal(wire.rest, '')
  clock.advance(1)
}

beside(
  'pass: what a route claims never reaches the others',
  'pass',
  [rude, modest],
  async ({ dial, log }) => {
    const wire = dial()
    wire.send(`${upgradeHead({ path: '/mine' })}hello`)
    assert.equal((await wire.response()).status, 101)
    assert.equal(await wire.take(5), 'hello')
    assert.deepEqual(log, [])
  },
)

beside(
  'pass: two libraries on one server get their own, as Node gives it',
  'pass',
  [modest, rude],
  async (station) => {
    const wire = station.dial()
    wire.send(`${upgradeHead({ path: '/rude' })}early`)
    assert.equal((await wire.response()).status, 101)
    assert.equal(await wire.take(10), 'rude early')
    wire.send('more')
    assert.equal(await wire.take(4), 'more')
    assert.deepEqual(station.log, ['modest /rude', 'rude /rude early'])
  },
)

beside(
  'pass: what nobody touches goes to the app after the deadline',
  'pass',
  [modest],
  async ({ dial, log }) => {
    const wire = dial()
    wire.send(upgradeHead({ path: '/nobody' }) + get('/2'))
    await declinedAfter(wire, 5_000)
    const response = await wire.response({ toEnd: true })
    assert.equal(response.body, '/nobody:')
    assert.equal(response.field('connection'), 'close')
    assert.deepEqual(log, ['modest /nobody', 'GET /nobody'])
    const next = dial()
    next.send(upgradeHead({ path: '/modest' }))
    assert.equal((await next.response()).status, 101)
    assert.equal(await next.take(6), 'modest')
  },
)

let claimLate: () => void
beside(
  'pass: who claims it after the deadline finds the connection ended, also where the app asks for keep-alive',
  'pass',
  [
    (server) => {
      server.on('upgrade', (_request: IncomingMessage, socket: Duplex) => {
        claimLate = () => {
          assert.equal(socket.writable, false)
          socket.write(`${SWITCH}late`)
        }
      })
      server.prependListener('request', (_request, response) =>
        response.setHeader('Connection', 'keep-alive'),
      )
    },
  ],
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead({ path: '/nobody' }))
    await declinedAfter(wire, 5_000)
    assert.equal((await wire.response()).body, '/nobody:')
    claimLate()
    assert.equal(await wire.ended(), '')
  },
)

beside('pass: a body is still whole when the app gets it after all', 'pass', [modest], async ({ dial }) => {
  const wire = dial()
  wire.send(`${upgradeHead({ path: '/n', method: 'POST', fields: ['Content-Length: 5'] })}HE`)
  await declinedAfter(wire, 5_000)
  wire.send('LLO')
  assert.equal((await wire.response()).body, '/n:HELLO')
  await wire.ended()
})

beside('pass: a library may take its time', 'pass', [slow], async ({ dial, log }) => {
  const wire = dial()
  wire.send(`${upgradeHead({ path: '/slow' })}early`)
  await until(() => log.length > 0)
  clock.advance(4_999)
  assert.equal((await wire.response()).status, 101)
  clock.advance(10_000)
  assert.equal(await wire.take(5), 'early')
  wire.send('later')
  assert.equal(await wire.take(5), 'later')
})
function slow(server: Server, log: string[]): void {
  server.on('upgrade', (_request: IncomingMessage, socket: Duplex, head: Buffer) => {
    log.push('slow')
    setTimeout(() => {
      socket.unshift(head)
      socket.write(SWITCH)
      socket.pipe(socket)
    }, 20)
  })
}

beside(
  'pass: a client that leaves while others may still answer harms nothing',
  'pass',
  [modest],
  async (station) => {
    const [resetting, ending] = [station.dial(), station.dial()]
    for (const wire of [resetting, ending]) wire.send(upgradeHead({ path: '/nobody' }))
    await until(() => clock.waiting >= 2)
    resetting.socket.resetAndDestroy()
    await until(() => clock.waiting <= 1)
    ending.socket.end()
    await new Promise((resolve) => setTimeout(resolve, 10))
    clock.advance(5_000)
    await ending.ended()
  },
)

beside(
  'own: the others never see an upgrade, and the app answers at once',
  'own',
  [rude, modest],
  async (station) => {
    const wire = station.dial()
    wire.send(upgradeHead({ path: '/rude' }) + get('/2'))
    assert.equal((await wire.response()).body, '/rude:')
    assert.equal((await wire.response()).body, '/2:')
    assert.deepEqual(station.log, ['GET /rude', 'GET /2'])
  },
)

beside(
  'a function says which requests are theirs',
  (request) => request.url === '/modest',
  [modest],
  async ({ dial, log }) => {
    const wire = dial()
    wire.send(upgradeHead({ path: '/else' }))
    assert.equal((await wire.response()).body, '/else:')
    wire.send(upgradeHead({ path: '/modest' }))
    assert.equal((await wire.response()).status, 101)
    assert.deepEqual(log, ['GET /else', 'modest /modest'])
  },
)

test('two turnouts on one server each take their own, and the app gets the rest', async () => {
  const watch = watchProcess()
  const log: string[] = []
  const server = createServer((request, response) => void response.end(`app ${request.url}`))
  const protocolOn = (turnout: Turnout, path: string) =>
    turnout.protocol('foo', {
      path,
      accept: async () => true,
      handler: (stream) => {
        log.push(turnout === first ? path : `${path} of the second`)
        stream.pipe(stream)
      },
    })
  const [first, second] = [createTurnout({ clock }), createTurnout({ clock })]
  protocolOn(first, '/first').attach(server)
  modest(server, log)
  // The first is asked first, whatever the second would do with it, and says what becomes of the rest.
  protocolOn(second, '/first')
  protocolOn(second, '/second').attach(server, { foreign: 'own' })
  const port = await listen(server)
  const wires = ['/first', '/second', '/modest', '/nobody'].map((path) => {
    const wire = dial(port)
    wire.send(`${upgradeHead({ path })}hello`)
    return wire
  })
  for (const wire of wires.slice(0, 2)) {
    assert.equal((await wire.response()).status, 101)
    assert.equal(await wire.take(5), 'hello')
  }
  assert.equal((await wires[2]!.response()).status, 101)
  await declinedAfter(wires[3]!, 5_000)
  assert.equal((await wires[3]!.response()).body, 'app /nobody')
  assert.deepEqual(log.sort(), ['/first', '/second of the second', 'modest /modest', 'modest /nobody'])
  // Off in the order in which they came, so the one inside leaves first.
  for (const turnout of [first, second]) {
    for (const wire of wires) wire.socket.destroy()
    await within('close', turnout.close())
  }
  assert.equal(Object.hasOwn(server, 'emit'), false)
  const late = dial(port)
  late.send(upgradeHead({ path: '/modest' }))
  assert.equal((await late.response()).status, 101)
  late.socket.destroy()
  await within('server closes', new Promise((resolve) => server.close(resolve)))
  watch.stop()
})

test('an upgrade inside the app that had to wait for others says so, once', async () => {
  const warnings = await warningsOf(async () => {
    const station = await openStation({ clock, setUp: (_turnout, server) => void modest(server, []) })
    station.server.removeAllListeners('request')
    station.server.on('request', (request, response) => {
      void station.turnout.upgrade(request, response, {
        protocol: 'foo',
        handler: (stream) => void stream.end(),
      })
    })
    for (let round = 0; round < 2; round++) {
      const wire = station.dial()
      wire.send(upgradeHead({ path: '/live?token=secret' }))
      await until(() => clock.waiting > 0)
      clock.advance(5_000)
      assert.equal((await wire.response()).status, 101)
      await wire.ended()
    }
    await station.stop()
  })
  assert.deepEqual(
    warnings.map(({ text, code }) => [text.split(';')[0], code]),
    [
      [
        'upgrade() on /live had to wait 5000 ms for the other upgrade listeners of its server',
        'TURNOUT_FOREIGN_WAIT',
      ],
    ],
  )
})
