// Knows that a message may be far larger than memory is meant to be: a gibibyte there and back, as it comes.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { createTurnout } from '../../src/turnout.ts'
import { connect } from '../../src/websocket/client.ts'
import { listen } from '../upgrade/wire.ts'

const GIBIBYTE = 1_073_741_824
const PART_BYTES = 262_144
/** What both sides together may take, in one process: buffers on their way, and what is not collected yet. */
const MOST_BYTES = 268_435_456

test('1 GiB goes through one message, and back through another at the same time, in flat memory', async (t) => {
  const turnout = createTurnout()
  turnout.websocket('/', {
    async handler(socket) {
      for await (const message of socket.streams()) await socket.send(message)
    },
  })
  const server = createServer()
  turnout.attach(server)
  const port = await listen(server)
  t.after(async () => {
    await turnout.close({ grace: 1_000 })
    server.close()
  })
  const socket = await connect(`ws://127.0.0.1:${port}/`)
  const streams = socket.streams()
  const before = process.memoryUsage().rss
  let most = 0
  async function* parts(): AsyncGenerator<Buffer> {
    for (let sent = 0; sent < GIBIBYTE; sent += PART_BYTES) yield Buffer.alloc(PART_BYTES, sent / PART_BYTES)
  }
  const sending = socket.send(parts())
  let bytes = 0
  let wrong = 0
  for await (const message of streams) {
    for await (const part of message) {
      // the first byte of each part tells where it belongs
      if ((part as Buffer)[0] !== (Math.floor(bytes / PART_BYTES) & 0xff)) wrong++
      bytes += part.length
      most = Math.max(most, process.memoryUsage.rss())
    }
    break
  }
  assert.equal(await sending, true)
  assert.equal(bytes, GIBIBYTE)
  assert.equal(wrong, 0)
  assert.ok(most - before < MOST_BYTES, `memory grew by ${Math.round((most - before) / 1_048_576)} MiB`)
  t.diagnostic(`memory grew by ${Math.round((most - before) / 1_048_576)} MiB at most`)
  await socket.close(1000)
})
