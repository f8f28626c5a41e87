// Knows that a process that was busy itself holds nobody's silence against them: over real sockets, a peer in a thread.
import assert from 'node:assert/strict'
import { Worker } from 'node:worker_threads'
import type { Turnout } from '../../src/turnout.ts'
import type { AnyConnection } from '../../src/websocket/connection.ts'
import type { ConnectionOptions } from '../../src/websocket/options.ts'
import { holdUp } from '../base/hold-up.ts'
import { turn } from '../base/turns.ts'
import { type StationOptions, stationTest, webSocketHead } from '../upgrade/wire.ts'

/** A client that answers each Ping 50 ms later. `flags[0]` counts the Pings. */
const PEER = `
  const { workerData: { port, handshake, flags } } = require('node:worker_threads')
  const socket = require('node:net').connect(port, '127.0.0.1')
  socket.write(handshake)
  socket.on('data', (bytes) => {
    if (bytes[0] !== 0x89) return
    Atomics.add(flags, 0, 1)
    // a mask of zeros leaves the payload as it is
    const pong = Buffer.concat([Buffer.from([0x8a, 0x80 | bytes[1], 0, 0, 0, 0]), bytes.subarray(2, 2 + bytes[1])])
    setTimeout(() => socket.write(pong), 50)
  })`

const HANDSHAKE = webSocketHead('/')
const HEARTBEAT = { intervalMs: 100, timeoutMs: 200 }

let opened: AnyConnection | undefined
/** Whether the connection has ended, or is about to. */
const hasEnded = () => opened !== undefined && opened.readyState !== 'open'

const withOptions = (options: ConnectionOptions): StationOptions => ({
  setUp(turnout: Turnout) {
    opened = undefined
    turnout.websocket('/', { ...options, open: (socket) => void (opened = socket), message() {} })
  },
})

const pass = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

stationTest(
  'a peer whose Pong came while the event loop was held up lives on',
  async ({ port }) => {
    const flags = new Int32Array(new SharedArrayBuffer(4))
    const peer = new Worker(PEER, { eval: true, workerData: { port, handshake: HANDSHAKE, flags } })
    try {
      for (let round = 1; round <= 3; round++) {
        while (Atomics.load(flags, 0) < round && !hasEnded()) await pass(1)
        holdUp(600)
      }
      await pass(50)
      assert.equal(hasEnded(), false)
    } finally {
      await peer.terminate()
    }
  },
  withOptions({ heartbeat: HEARTBEAT }),
)

stationTest(
  'a peer that is gone is given up also where each turn of the event loop takes its time',
  async ({ dial }) => {
    const wire = dial()
    wire.send(HANDSHAKE)
    await wire.until('\r\n\r\n')
    // turns of the interval's length: one to send a Ping, two to wait in vain, and one in between for each look
    let turns = 0
    for (; !hasEnded() && turns < 100; turns++) {
      holdUp(100)
      await turn()
    }
    assert.ok(turns <= 15, `${turns} turns`)
  },
  withOptions({ heartbeat: HEARTBEAT }),
)

stationTest(
  'a message that came while the event loop was held up counts from when it was heard',
  async ({ dial }) => {
    const wire = dial()
    wire.send(HANDSHAKE)
    await wire.until('\r\n\r\n')
    // an empty text: it lies with the system until the event loop goes on
    wire.send(Buffer.from('818000000000', 'hex'))
    holdUp(1_000)
    await pass(100)
    assert.equal(hasEnded(), false)
  },
  withOptions({ heartbeat: false, idleTimeoutMs: 400 }),
)
