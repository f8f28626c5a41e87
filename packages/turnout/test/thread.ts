// Knows how to be a thread with a server of its own, for threads.test.ts: it tells its port, and closes when told to.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parentPort } from 'node:worker_threads'
import { createTurnout } from '../src/turnout.ts'

const server = createServer()
const turnout = createTurnout()
  .websocket('/ws', { message: (socket, message) => void socket.send(message) })
  .attach(server)
server.listen(0, '127.0.0.1', () => parentPort!.postMessage((server.address() as AddressInfo).port))
parentPort!.once('message', async () => {
  server.close()
  await turnout.close({ code: 1012 })
})
