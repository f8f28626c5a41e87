// Knows that a process that was busy itself holds nobody's silence against them: over real sockets, a peer in a thread.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { createTurnout } from '../../src/turnout.ts'
import type { CloseInfo } from '../../src/websocket/connection.ts'

/** A client that answers each Ping 50 ms later. `flags[0]` counts the Pings. */
const PEER = `
  const { workerData: { port, flags } } = require('node:worker_threads')
  const socket = require('node:net').connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n' +
    'Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n')
  socket.on('data', (bytes) => {
    if (bytes[0] !== 0x89) return
    Atomics.add(flags, 0, 1)
    // a mask of zeros leaves the payload as it is
    const pong = Buffer.concat([Buffer.from([0x8a, 0x80 | bytes[1], 0, 0, 0, 0]), bytes.subarray(2, 2 + bytes[1])])
    setTimeout(() => socket.write(pong), 50)
  })`

test('a peer whose Pong came while the event loop was held up lives on', { timeout: 30_000 }, async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  const turnout = createTurnout()
  turnout.attach(server)
  let ended: CloseInfo | undefined
  turnout.websocket('/', {
    heartbeat: { intervalMs: 100, timeoutMs: 200 },
    open: (socket) => void socket.closed.then((info) => (ended = info)),
  })
  await once(server, 'listening')
  const flags = new Int32Array(new SharedArrayBuffer(4))
  const { port } = server.address() as AddressInfo
  const peer = new Worker(PEER, { eval: true, workerData: { port, flags } })
  t.after(async () => {
    await peer.terminate()
    await turnout.close({ code: 1001, grace: 0 })
    server.close()
  })
  for (let round = 1; round <= 3; round++) {
    while (Atomics.load(flags, 0) < round && ended === undefined)
      await new Promise((resolve) => setTimeout(resolve, 1))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600)
  }
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(ended, undefined)
})
