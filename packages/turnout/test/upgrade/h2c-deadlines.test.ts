// Proves upgrade/h2c-deadlines.ts over the wire.
import assert from 'node:assert/strict'
import type { Server } from 'node:http'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { requestFrames } from '../../src/upgrade/h2c-frames.ts'
import { until } from '../base/turns.ts'
import { clientStart, dataOf, framesUntilEnd, getOn, nextFrame } from './http2-wire.ts'
import { openStation, type Station, type Wire } from './wire.ts'

const GOAWAY = 7
const RST_STREAM = 3

function deadlineTest(
  title: string,
  script: (station: Station, wire: Wire, advance: (ms: number) => void) => Promise<void>,
  settings: Partial<Server> = {},
): void {
  test(title, { timeout: 20_000 }, async () => {
    const clock = createVirtualClock()
    const station = await openStation({
      clock,
      app: (request, response) => {
        if (request.url !== '/slow') response.end('yes')
        else request.resume()
      },
      setUp(turnout, server) {
        Object.assign(server, {
          headersTimeout: 40_000,
          keepAliveTimeout: 5_000,
          requestTimeout: 90_000,
          ...settings,
        })
        turnout.h2c({ priorKnowledge: true }).websocket('/ws', {})
      },
    })
    try {
      const wire = station.dial()
      wire.send(clientStart)
      // its own SETTINGS, and the word that ours have come
      for (let frames = 0; frames < 2; frames++) await nextFrame(wire)
      await script(station, wire, (ms) => clock.advance(ms))
    } finally {
      await station.stop()
    }
  })
}

async function awaitFrame(wire: Wire, type: number): Promise<void> {
  for (;;) if ((await nextFrame(wire)).type === type) return
}

deadlineTest('without a request a connection ends after headersTimeout', async (_station, wire, advance) => {
  advance(39_999)
  advance(1)
  await awaitFrame(wire, GOAWAY)
  await wire.ended()
})

deadlineTest('half of a HEADERS is no request', async (_station, wire, advance) => {
  const head = getOn(1, '/a')
  head[4]! &= ~4
  wire.send(head)
  await new Promise((resolve) => setTimeout(resolve, 30))
  advance(40_000)
  await awaitFrame(wire, GOAWAY)
  advance(1_000)
  await wire.ended()
})

deadlineTest('between requests it waits as long as the server does', async (_station, wire, advance) => {
  wire.send(getOn(1, '/a'))
  assert.equal(dataOf(await framesUntilEnd(wire, 1), 1), 'yes')
  await new Promise((resolve) => setTimeout(resolve, 20))
  advance(5_999)
  wire.send(getOn(3, '/a'))
  assert.equal(dataOf(await framesUntilEnd(wire, 3), 3), 'yes')
  await new Promise((resolve) => setTimeout(resolve, 20))
  advance(6_000)
  await awaitFrame(wire, GOAWAY)
  await wire.ended()
})

deadlineTest(
  'content that does not come resets its stream after requestTimeout',
  async (_station, wire, advance) => {
    const head = requestFrames([
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', '/slow'],
      [':authority', 'x'],
    ])
    head[4]! &= ~1
    wire.send(head)
    await new Promise((resolve) => setTimeout(resolve, 30))
    advance(90_000)
    await awaitFrame(wire, RST_STREAM)
  },
)

deadlineTest('a WebSocket lives on, and its connection with it', async (station, wire, advance) => {
  const head = requestFrames([
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    [':scheme', 'http'],
    [':path', '/ws'],
    [':authority', 'x'],
    ['sec-websocket-version', '13'],
  ])
  head[4]! &= ~1
  wire.send(head)
  await until(() => station.turnout.metrics().routes.some(({ connectionsOpen }) => connectionsOpen === 1))
  advance(29_000)
  assert.equal(wire.socket.destroyed, false)
  assert.equal(
    station.turnout.metrics().routes.some(({ connectionsOpen }) => connectionsOpen === 1),
    true,
  )
})

deadlineTest(
  'what is 0 is no deadline',
  async (_station, wire, advance) => {
    advance(1_000_000)
    wire.send(getOn(1, '/a'))
    assert.equal(dataOf(await framesUntilEnd(wire, 1), 1), 'yes')
    advance(1_000_000)
    wire.send(getOn(3, '/a'))
    assert.equal(dataOf(await framesUntilEnd(wire, 3), 3), 'yes')
  },
  { headersTimeout: 0, keepAliveTimeout: 0, requestTimeout: 0 },
)
