// Knows that a process that was busy itself holds nobody's silence against them: over real sockets, a peer in a thread.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { createTurnout } from '../../src/turnout.ts'
import type { AnyConnection } from '../../src/websocket/connection.ts'
import type { ConnectionOptions } from '../../src/websocket/options.ts'

const PATIENCE = { timeout: 30_000 }

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

const HANDSHAKE =
  'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

interface House {
  readonly port: number
  /** Whether a connection has ended, or is about to. */
  readonly ended: boolean
}

async function openHouse(t: TestContext, options: ConnectionOptions): Promise<House> {
  const server = createServer().listen(0, '127.0.0.1')
  const turnout = createTurnout()
  turnout.attach(server)
  t.after(async () => {
    await turnout.close({ code: 1001, grace: 0 })
    server.close()
  })
  await once(server, 'listening')
  let opened: AnyConnection | undefined
  turnout.websocket('/', {
    ...options,
    open: (socket) => void (opened = socket),
    message() {},
  })
  return {
    port: (server.address() as AddressInfo).port,
    get ended() {
      return opened !== undefined && opened.readyState !== 'open'
    },
  }
}

/** A client in this process, which the system reads for while the event loop is held up. */
async function openPeer(t: TestContext, { port }: House): Promise<Socket> {
  const peer = connect(port, '127.0.0.1')
  t.after(() => peer.destroy())
  peer.write(HANDSHAKE)
  await once(peer, 'data')
  return peer
}

function holdUp(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

const pass = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('a peer whose Pong came while the event loop was held up lives on', PATIENCE, async (t) => {
  const house = await openHouse(t, { heartbeat: { intervalMs: 100, timeoutMs: 200 } })
  const flags = new Int32Array(new SharedArrayBuffer(4))
  const peer = new Worker(PEER, { eval: true, workerData: { port: house.port, handshake: HANDSHAKE, flags } })
  t.after(() => peer.terminate())
  for (let round = 1; round <= 3; round++) {
    while (Atomics.load(flags, 0) < round && !house.ended) await pass(1)
    holdUp(600)
  }
  await pass(50)
  assert.equal(house.ended, false)
})

test(
  'a peer that is gone is given up also where each turn of the event loop takes its time',
  PATIENCE,
  async (t) => {
    const house = await openHouse(t, { heartbeat: { intervalMs: 100, timeoutMs: 200 } })
    await openPeer(t, house)
    // turns of the interval's length: one to send a Ping, two to wait in vain, and one in between for each look
    let turns = 0
    for (; !house.ended && turns < 100; turns++) {
      holdUp(100)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(turns <= 15, `${turns} turns`)
  },
)

test(
  'a message that came while the event loop was held up counts from when it was heard',
  PATIENCE,
  async (t) => {
    const house = await openHouse(t, { heartbeat: false, idleTimeoutMs: 400 })
    const peer = await openPeer(t, house)
    // an empty text: it lies with the system until the event loop goes on
    peer.write(Buffer.from('818000000000', 'hex'))
    holdUp(1_000)
    await pass(100)
    assert.equal(house.ended, false)
  },
)
