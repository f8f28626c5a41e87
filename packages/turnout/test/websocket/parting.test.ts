// Knows how TCP ends behind both Close frames: at once where the peer has nothing more to say, else with its end.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Turnout } from '../../src/turnout.ts'
import type { AnyConnection } from '../../src/websocket/connection.ts'
import { type Station, stationTest, type Wire, within } from '../upgrade/wire.ts'
import { closeBody, frame } from './frames.ts'

const KEY = '37fa213d'
const CLOSE = frame(0x88, closeBody(1000), KEY)
const PONG = frame(0x8a, 'ping', KEY)
const TEXT = frame(0x81, 'late', KEY)

interface Opened {
  readonly wire: Wire
  /** The server's end of the connection, and what lives on it. */
  readonly accepted: Socket
  readonly socket: AnyConnection
}

const sockets: AnyConnection[] = []

async function open(station: Station): Promise<Opened> {
  const wire = station.dial()
  const [accepted] = (await once(station.server, 'connection')) as [Socket]
  wire.send(
    'GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n',
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  await wire.until('\r\n\r\n')
  return { wire, accepted, socket: sockets.shift()! }
}

const setUp = (turnout: Turnout): void => {
  turnout.websocket('/chat', {
    open: (socket) => void sockets.push(socket),
    message: (socket, message) => void socket.send(message),
  })
}

/** Plays it on a new connection, whose client stays half-open: only the server can have closed. */
function partingTest(title: string, script: (opened: Opened) => Promise<void>): void {
  stationTest(
    title,
    async (station) => {
      const opened = await open(station)
      const errors: Error[] = []
      opened.wire.socket.on('error', (error) => errors.push(error))
      await script(opened)
      assert.deepEqual(errors, [])
    },
    { setUp },
  )
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

const EXPECTED = { code: 1000, reason: '', clean: true, cause: undefined }

partingTest(
  'a Close from the client: the server is gone with its answer',
  async ({ wire, accepted, socket }) => {
    wire.send(TEXT, CLOSE)
    assert.deepEqual(await within('closed', socket.closed), EXPECTED)
    assert.ok(accepted.destroyed)
    assert.equal(await wire.ended(), '\x81\x04late\x88\x02\x03\xe8')
  },
)

partingTest('a Close from the server: it is gone with the answer', async ({ wire, accepted, socket }) => {
  const closed = socket.close(1000)
  await wire.take(4)
  wire.send(CLOSE)
  assert.deepEqual(await within('closed', closed), EXPECTED)
  assert.ok(accepted.destroyed)
  assert.equal(await wire.ended(), '')
})

partingTest(
  'section 5.5.2: a Pong that the Close has overtaken is read',
  async ({ wire, accepted, socket }) => {
    socket.ping('ping')
    await wire.take(6)
    wire.send(CLOSE)
    assert.equal(await wire.ended(), '\x88\x02\x03\xe8')
    assert.equal(accepted.destroyed, false)
    wire.send(PONG)
    wire.socket.end()
    assert.deepEqual(await within('closed', socket.closed), EXPECTED)
  },
)

partingTest('a Pong that came before the Close is waited for no more', async ({ wire, accepted, socket }) => {
  socket.ping('ping')
  await wire.take(6)
  wire.send(PONG, CLOSE)
  assert.deepEqual(await within('closed', socket.closed), EXPECTED)
  assert.ok(accepted.destroyed)
})

partingTest(
  'what a client sends behind its Close is read, and no reset takes our answer along',
  async (opened) => {
    const { wire, accepted, socket } = opened
    wire.send(Buffer.concat([CLOSE, TEXT]))
    assert.equal(await wire.ended(), '\x88\x02\x03\xe8')
    assert.equal(accepted.destroyed, false)
    wire.send(TEXT)
    wire.socket.end()
    assert.deepEqual(await within('closed', socket.closed), EXPECTED)
  },
)

for (const { messages, atOnce } of [
  { messages: 2, atOnce: true },
  { messages: 192, atOnce: false },
]) {
  const where = atOnce ? 'with the system' : 'and more than the system takes'
  partingTest(`who is slow to read gets all that was sent before the Close, ${where}`, async (opened) => {
    const { wire, accepted, socket } = opened
    wire.socket.pause()
    const message = 'x'.repeat(65_536)
    for (let sent = 0; sent < messages; sent++) socket.send(message)
    wire.send(CLOSE)
    await within(
      'Close received',
      until(() => socket.readyState !== 'open'),
    )
    wire.socket.resume()
    assert.equal((await wire.ended()).length, messages * (65_536 + 10) + 4)
    assert.equal(accepted.destroyed, atOnce)
    wire.socket.end()
    assert.deepEqual(await within('closed', socket.closed), EXPECTED)
  })
}
