// Knows how TCP ends behind both Close frames: at once where the peer has nothing more to say, else with its end.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Turnout } from '../../src/turnout.ts'
import type { AnyConnection } from '../../src/websocket/connection.ts'
import { until } from '../base/turns.ts'
import { type Station, stationTest, type Wire, webSocketHead, within } from '../upgrade/wire.ts'
import { closeBody, frame } from './frames.ts'

const KEY = '37fa213d'
const CLOSE = frame(0x88, closeBody(1000), KEY)
const PONG = frame(0x8a, 'ping', KEY)
const PING = frame(0x89, 'still there?', KEY)
const TEXT = frame(0x81, 'late', KEY)

interface Opened {
  readonly wire: Wire
  /** The server's end of the connection, and what lives on it. */
  readonly accepted: Socket
  readonly socket: AnyConnection
  /** What the server has read of it, the handshake. */
  readonly readBytes: number
}

const sockets: AnyConnection[] = []

async function open(station: Station): Promise<Opened> {
  const wire = station.dial()
  const [accepted] = (await once(station.server, 'connection')) as [Socket]
  wire.send(webSocketHead('/chat'))
  await wire.until('\r\n\r\n')
  return { wire, accepted, socket: sockets.shift()!, readBytes: accepted.bytesRead }
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

partingTest('what comes behind a Close that waits for our answer counts as well', async (opened) => {
  const { wire, accepted, socket } = opened
  let finish = () => {}
  const waits = new Promise<void>((resolve) => {
    finish = resolve
  })
  const parts = async function* () {
    yield 'first'
    await waits
    yield 'last'
  }
  void socket.send(parts())
  await wire.take(7)
  wire.send(CLOSE)
  await within(
    'Close received',
    until(() => socket.readyState !== 'open'),
  )
  wire.send(PING)
  await within(
    'Ping received',
    until(() => accepted.bytesRead >= opened.readBytes + CLOSE.length + PING.length),
  )
  finish()
  assert.equal(await wire.ended(), '\x00\x04last\x80\x00\x88\x02\x03\xe8')
  assert.equal(accepted.destroyed, false)
  wire.socket.end()
  assert.deepEqual(await within('closed', socket.closed), EXPECTED)
})

partingTest(
  'section 5.5.3: a Pong that nobody asked for is not the one that is waited for',
  async (opened) => {
    const { wire, accepted, socket } = opened
    socket.ping('ping')
    await wire.take(6)
    wire.send(frame(0x8a, 'unasked', KEY), frame(0x8a, '', KEY), CLOSE)
    assert.equal(await wire.ended(), '\x88\x02\x03\xe8')
    assert.equal(accepted.destroyed, false)
    wire.send(PONG)
    wire.socket.end()
    assert.deepEqual(await within('closed', socket.closed), EXPECTED)
  },
)

for (const { messages, bytes, atOnce } of [
  { messages: 8, bytes: 1_000, atOnce: true },
  { messages: 2, bytes: 65_536, atOnce: false },
  { messages: 192, bytes: 65_536, atOnce: false },
]) {
  const much = `${messages} messages of ${bytes} bytes`
  partingTest(`who is slow to read ${much}, and pings behind his Close, gets all of them`, async (opened) => {
    const { wire, accepted, socket } = opened
    wire.socket.pause()
    const message = 'x'.repeat(bytes)
    for (let sent = 0; sent < messages; sent++) socket.send(message)
    wire.send(CLOSE)
    await within(
      'Close received',
      until(() => socket.readyState !== 'open'),
    )
    if (!atOnce) {
      wire.send(PING)
      await within(
        'Ping received',
        until(() => accepted.bytesRead >= opened.readBytes + CLOSE.length + PING.length),
      )
    }
    wire.socket.resume()
    const headerBytes = bytes > 65_535 ? 10 : 4
    assert.equal((await wire.ended()).length, messages * (bytes + headerBytes) + 4)
    assert.equal(accepted.destroyed, atOnce)
    wire.socket.end()
    assert.deepEqual(await within('closed', socket.closed), EXPECTED)
  })
}
