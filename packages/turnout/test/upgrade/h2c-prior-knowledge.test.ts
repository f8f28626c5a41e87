// Proves upgrade/h2c-prior-knowledge.ts over the wire.
import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { turn } from '../base/turns.ts'
import { clientStart, dataOf, framesUntilEnd, getOn, h2cHead } from './http2-wire.ts'
import {
  get,
  noConnections,
  openStation,
  type StationOptions,
  stationTest,
  upgradeHead,
  within,
} from './wire.ts'

const app: RequestListener = (request, response) => {
  response.end(`${request.httpVersion} ${request.url} ${request.socket.remoteAddress}`)
}

const both: StationOptions = {
  app,
  setUp: (turnout) =>
    turnout.h2c({ priorKnowledge: true }).protocol('foo', { handler: (stream) => void stream.end('foo') }),
}

stationTest(
  'R38: RFC 7540 section 3.4: a client may begin in HTTP/2, on the port where others speak HTTP/1.1',
  async ({ dial }) => {
    const http2 = dial()
    http2.send(Buffer.concat([clientStart, getOn(1, '/a')]))
    assert.equal(dataOf(await framesUntilEnd(http2, 1), 1), '2.0 /a 127.0.0.1')
    const http1 = dial()
    http1.send(get('/b') + get('/c'))
    assert.equal((await http1.response()).body, '1.1 /b 127.0.0.1')
    assert.equal((await http1.response()).body, '1.1 /c 127.0.0.1')
  },
  both,
)

stationTest(
  'byte by byte it is told apart as well, also from a method that begins the same',
  async ({ dial }) => {
    const http2 = dial()
    await http2.drip(Buffer.concat([clientStart, getOn(1, '/a')]).toString('latin1'))
    assert.equal(dataOf(await framesUntilEnd(http2, 1), 1), '2.0 /a 127.0.0.1')
    const http1 = dial()
    await http1.drip('P')
    await http1.drip(`ROPFIND /b HTTP/1.1\r\nHost: x\r\n\r\n`)
    assert.equal((await http1.response()).body, '1.1 /b 127.0.0.1')
  },
  both,
)

stationTest(
  'upgrades work beside it, and a connection that came back from one is not looked at again',
  async ({ dial }) => {
    const declined = dial()
    declined.send(upgradeHead({ upgrade: 'bar' }) + get('/next'))
    assert.equal((await declined.response()).body, '1.1 /up 127.0.0.1')
    assert.equal((await declined.response()).body, '1.1 /next 127.0.0.1')
    const foo = dial()
    foo.send(upgradeHead())
    assert.equal((await foo.response()).status, 101)
    assert.equal(await foo.ended(), 'foo')
    const h2c = dial()
    h2c.send(h2cHead(), clientStart)
    assert.equal((await h2c.response()).status, 101)
    assert.equal(dataOf(await framesUntilEnd(h2c, 1), 1), '2.0 /up 127.0.0.1')
  },
  both,
)

stationTest(
  'without the option HTTP/2 from the start is refused as ever',
  async ({ dial }) => {
    const wire = dial()
    wire.send(Buffer.concat([clientStart, getOn(1, '/a')]))
    assert.match(await wire.ended(), /^HTTP\/1\.1 400 /)
  },
  { app, setUp: (turnout) => turnout.h2c() },
)

test('a client that says nothing, or only half of it, gets a 408 when the server’s headersTimeout is over', async () => {
  const clock = createVirtualClock()
  const station = await openStation({ ...both, clock, http: { headersTimeout: 60_000 } })
  const silent = station.dial()
  const half = station.dial()
  half.send('PRI * HTT')
  for (const wire of [silent, half]) {
    // both are there and looked at
    await new Promise<void>((resolve) =>
      wire.socket.connecting ? wire.socket.once('connect', resolve) : resolve(),
    )
  }
  while ((await connections(station.server)) < 2 || clock.waiting < 2) await turn()
  clock.advance(60_000)
  for (const wire of [silent, half]) assert.match(await wire.ended(), /^HTTP\/1\.1 408 /)
  await station.stop()
})

test('close() does not wait for a client that has said nothing', async () => {
  const station = await openStation(both)
  const wire = station.dial()
  while ((await connections(station.server)) < 1) await turn()
  await station.turnout.close({ grace: 5_000 })
  await wire.ended()
  await station.stop()
})

function connections(server: {
  getConnections(done: (error: Error | null, count: number) => void): unknown
}) {
  return new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)))
}

stationTest(
  'a client that leaves without a word leaves nothing behind',
  async ({ dial, server }) => {
    const wire = dial()
    await new Promise((resolve) => wire.socket.once('connect', resolve))
    wire.socket.end()
    await wire.ended()
    await within('nothing is left', noConnections(server))
  },
  both,
)
