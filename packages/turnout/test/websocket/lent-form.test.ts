// binary: 'lent', against the same messages as Buffers, and other borrowed memory. The pipe in memory overwrites what
// was lent.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { connect as connectSecurely } from 'node:tls'
import fc from 'fast-check'
import { createVirtualClock } from '../../src/base/clock.ts'
import { idleBytes } from '../../src/base/loan.ts'
import { type AnyConnection, connect as connectWebSocket, createTurnout } from '../../src/index.ts'
import { broadcast } from '../../src/websocket/broadcast.ts'
import { createConnection, openConnection } from '../../src/websocket/inside.ts'
import type { Message } from '../../src/websocket/options.ts'
import { turn, until } from '../base/turns.ts'
import { transportByHand } from '../transport/by-hand.ts'
import { certificate, privateKey } from '../upgrade/certificate.ts'
import { frame } from './frames.ts'
import { createRig } from './rig.ts'

const KEY = '37fa213d'

const LAYERS = ['TCP', 'TLS'] as const
type Layer = (typeof LAYERS)[number]

function serverOver(layer: Layer): Server {
  return layer === 'TCP' ? createServer() : createSecureServer({ cert: certificate, key: privateKey })
}

test('lent: copied within the callback, messages are what they are as Buffers, however they are cut', async () => {
  const part = fc.oneof({ weight: 3, arbitrary: bytes(80) }, { weight: 2, arbitrary: bytes(40_000) })
  const message = fc.record({
    parts: fc.array(part, { minLength: 1, maxLength: 4 }),
    text: fc.boolean(),
  })
  const cuts = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 })
  const property = fc.asyncProperty(fc.array(message, { maxLength: 5 }), cuts, async (sent, sizes) => {
    const wire = Buffer.concat(sent.flatMap(({ parts, text }) => frames(parts, text)))
    const seen: Message[] = []
    const events = { message: (_: unknown, one: Message) => void seen.push(own(one)) }
    const rig = createRig({ options: { binary: 'lent' }, events })
    for (let from = 0, read = 0; from < wire.length; read++) {
      const size = sizes[read % sizes.length]!
      rig.peer.write(wire.subarray(from, from + size))
      from += size
      if (read % 3 === 0) await turn()
    }
    await turn()
    rig.socket.terminate()
    const expected = sent.map(({ parts, text }) => {
      const whole = Buffer.concat(parts)
      return text ? whole.toString('hex') : whole
    })
    assert.deepEqual(seen, expected)
  })
  await fc.assert(property, { numRuns: 150 })
})

test('lent: what is kept without a copy is overwritten in a test', async () => {
  const kept: Buffer[] = []
  const events = { message: (_: unknown, one: Message) => void kept.push(one as Buffer) }
  const rig = createRig({ options: { binary: 'lent' }, events, pipe: { chunkBytes: 30_000 } })
  await rig.peer.send([0x82, Buffer.alloc(100, 1)], [0x82, Buffer.alloc(100_000, 2)])
  assert.deepEqual(
    kept.map((one) => one.length),
    [100, 100_000],
  )
  assert.ok(!kept[0]!.equals(Buffer.alloc(100, 1)))
  assert.ok(!kept[1]!.equals(Buffer.alloc(100_000, 2)))
})

test('lent: an echo is what came, at once, in pieces, as the part of a message, and behind a Blob', async () => {
  const payloads = [Buffer.alloc(3_000, 1), Buffer.alloc(20_000, 2), Buffer.alloc(200_000, 3)]
  const echoes: ((socket: AnyConnection, message: Buffer) => unknown)[] = [
    (socket, message) => socket.send(message),
    (socket, message) => socket.send([message.subarray(0, 10), message.subarray(10)]),
    (socket, message) => socket.send(new Uint8Array(message.buffer, message.byteOffset, message.length)),
    (socket, message) => {
      if (message.length === 3_000) socket.send(new Blob(['first']))
      socket.send(message)
    },
  ]
  for (const role of ['server', 'client'] as const) {
    for (const [at, echo] of echoes.entries()) {
      const events = { message: (socket: AnyConnection, one: Message) => void echo(socket, one as Buffer) }
      const rig = createRig({ role, options: { binary: 'lent' }, events, pipe: { chunkBytes: 16_384 } })
      await rig.peer.send(...payloads.map((payload) => [0x82, payload] as const))
      for (let turns = 0; turns < 20; turns++) await turn()
      const expected = payloads.map((payload) => `82 ${payload.toString('hex')}`)
      if (at === 3) expected.unshift(`82 ${Buffer.from('first').toString('hex')}`)
      assert.deepEqual(rig.peer.frames, expected, `${role}, echo ${at}`)
    }
  }
})

test('lent: an extension that takes its time reads what came, for one and for many', async () => {
  for (const toMany of [false, true]) {
    const transform = {
      rsv: 0x40,
      sharedKey: 'slow',
      wants: () => true,
      async encode(payload: Uint8Array) {
        await turn()
        return Buffer.from(payload)
      },
      decode: (payload: Buffer) => payload,
      release() {},
    }
    const events = {
      message(socket: AnyConnection, message: Message) {
        if (toMany) broadcast([socket], message as Buffer)
        else socket.send(message as Buffer)
      },
    }
    const rig = createRig({ options: { binary: 'lent' }, events, transform, pipe: { chunkBytes: 30_000 } })
    const sent = [3_000, 100_000, 40, 70_000].map((length, at) => Buffer.alloc(length, `message ${at}, `))
    await rig.peer.send(...sent.map((message) => [0x82, message] as const))
    for (let turns = 0; turns < 20; turns++) await turn()
    assert.deepEqual(
      rig.peer.frames,
      sent.map((message) => `c2 ${message.toString('hex')}`),
    )
  }
})

test('lent: memory is given back as it leaves, also where something always waits', () => {
  const transport = transportByHand(() => false)
  const socket = createConnection<undefined>({
    role: 'server',
    data: undefined,
    protocol: '',
    extensions: '',
    options: { binary: 'lent', clock: createVirtualClock() },
    events: { message: (socket, message) => void socket.send(message as Buffer) },
  })
  openConnection(socket, transport)
  const size = 200_000
  const wire = frame(0x82, Buffer.alloc(size), KEY)
  const echo = () => {
    transport.sink.onData(Buffer.from(wire.subarray(0, 1_000)))
    transport.sink.onData(Buffer.from(wire.subarray(1_000)))
  }
  // the first is written, two more wait for the drain
  for (let count = 0; count < 3; count++) echo()
  for (let count = 0; count < 100; count++) {
    const idle = idleBytes()
    // what was written has left
    transport.sink.onDrain()
    assert.ok(idleBytes() - idle >= size, `${idleBytes() - idle} after ${count}`)
    echo()
  }
  assert.ok(socket.bufferedBytes > 0)
  socket.terminate()
})

test('lent: what no callback takes at once is a copy: paused, in a loop, in parts', async () => {
  const large = Buffer.alloc(100_000, 7)
  const small = Buffer.alloc(300, 8)
  const send = (rig: ReturnType<typeof createRig>) => rig.peer.send([0x82, small], [0x82, large])

  const seen: Message[] = []
  const paused = createRig({
    options: { binary: 'lent' },
    events: { message: (_, one) => void seen.push(own(one)) },
  })
  await send(paused)
  paused.socket.pause()
  await send(paused)
  paused.socket.resume()
  await turn()
  assert.deepEqual(seen, [small, large, small, large])

  const looped = createRig({ options: { binary: 'lent' }, iterated: true })
  const messages = looped.socket[Symbol.asyncIterator]()
  const first = messages.next()
  await send(looped)
  await turn()
  assert.deepEqual([(await first).value, (await messages.next()).value], [small, large])

  const unread = createRig({ options: { binary: 'lent' }, iterated: true })
  await send(unread)
  const streamed: Buffer[] = []
  const streams = unread.socket.streams()
  for (let count = 0; count < 2; count++) {
    const parts: Buffer[] = []
    for await (const part of (await streams.next()).value!) parts.push(part as Buffer)
    streamed.push(Buffer.concat(parts))
  }
  assert.deepEqual(streamed, [small, large])
})

for (const layer of LAYERS) {
  test(`lent: over ${layer}, to sockets that are slow in turns, nothing is overwritten on its way`, {
    timeout: 60_000,
  }, async (t) => {
    const server = serverOver(layer)
    const sockets = new Set<AnyConnection>()
    createTurnout()
      .websocket('/*', {
        binary: 'lent',
        maxBufferedBytes: 1 << 30,
        open: (socket) => void sockets.add(socket),
        // to everyone, itself too
        message(_, message) {
          for (const socket of sockets) socket.send(message)
        },
      })
      .attach(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const readers = await Promise.all([open(port, layer), open(port, layer), open(port, layer)])
    t.after(() => {
      for (const reader of readers) reader.socket.destroy()
      server.close()
    })
    await until(() => sockets.size === 3)

    const sent: Buffer[] = []
    for (const [count, { head, payload }] of largeAndSmall().entries()) {
      sent.push(frame(head, payload))
      readers[0]!.socket.write(frame(head, payload, KEY))
      // each of them stops reading for a while, so that what it is sent has to wait
      const slow = readers[count % 3]!
      if (slow.socket.isPaused()) slow.socket.resume()
      else slow.socket.pause()
      if (count % 4 === 0) await turn()
    }
    for (const reader of readers) reader.socket.resume()
    const expected = createHash('sha256')
    let bytes = 0
    for (const plain of sent) {
      expected.update(plain)
      bytes += plain.length
    }
    await until(() => readers.every((reader) => reader.bytes >= bytes))
    const digest = expected.digest('hex')
    for (const reader of readers) assert.equal(reader.hash.digest('hex'), digest)
  })
}

for (const layer of LAYERS) {
  test(`a client that sends from borrowed memory over ${layer} to a server that is slow in turns overwrites nothing`, {
    timeout: 60_000,
  }, async (t) => {
    const server = serverOver(layer)
    const heard: Message[] = []
    const sockets: AnyConnection[] = []
    createTurnout()
      .websocket('/*', {
        open: (socket) => void sockets.push(socket),
        message: (_, message) => void heard.push(message),
      })
      .attach(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const client = await connectWebSocket(`${layer === 'TCP' ? 'ws' : 'wss'}://127.0.0.1:${port}/`, {
      tls: { ca: certificate },
      maxBufferedBytes: 1 << 30,
    })
    t.after(() => {
      client.terminate()
      server.close()
    })
    await until(() => sockets.length === 1)
    const [socket] = sockets
    const expected = largeAndSmall().map(({ head, payload }) =>
      head === 0x81 ? payload.toString() : payload,
    )
    for (const [count, message] of expected.entries()) {
      client.send(message)
      if (count % 5 === 0) socket!.pause()
      else if (count % 5 === 3) socket!.resume()
      if (count % 4 === 0) await turn()
    }
    socket!.resume()
    await until(() => heard.length === expected.length)
    for (const [at, message] of expected.entries()) {
      assert.ok(typeof message === 'string' ? heard[at] === message : message.equals(heard[at] as Buffer))
    }
  })
}

/** Sixty messages, text and binary, no two alike. */
function largeAndSmall(): { head: number; payload: Buffer }[] {
  const sizes = [5_000, 70_000, 16_384, 500_000, 131_072, 40, 65_536, 1_000_000, 9_000]
  return Array.from({ length: 60 }, (_, count) => {
    const size = sizes[count % sizes.length]!
    const letters = count % 3 === 0 ? 'é' : 'e'
    if (count % 2 === 0) return { head: 0x81, payload: Buffer.from(`${count}${letters.repeat(size)}`) }
    const payload = Buffer.alloc(size, count + 1)
    payload.writeUInt32BE(count, 0)
    return { head: 0x82, payload }
  })
}

function bytes(maxLength: number): fc.Arbitrary<Buffer> {
  return fc.tuple(fc.nat(maxLength), fc.nat(250)).map(([length, first]) => {
    return Buffer.from(Uint8Array.from({ length }, (_, at) => (first + at) % 251))
  })
}

function frames(parts: readonly Buffer[], text: boolean): Buffer[] {
  return parts.map((part, at) => {
    const head = (at === 0 ? (text ? 0x01 : 0x02) : 0) | (at === parts.length - 1 ? 0x80 : 0)
    return frame(head, text ? Buffer.from(part.toString('hex')) : part, KEY)
  })
}

function own(message: Message): Message {
  return Buffer.isBuffer(message) ? Buffer.from(message) : message
}

interface Reader {
  readonly socket: Socket
  readonly hash: ReturnType<typeof createHash>
  bytes: number
}

/** A WebSocket client made of raw bytes, which counts and hashes what comes behind the 101. */
async function open(port: number, layer: Layer): Promise<Reader> {
  const place = { port, host: '127.0.0.1' }
  const socket = layer === 'TCP' ? connect(place) : connectSecurely({ ...place, ca: certificate })
  socket.write(
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  const reader: Reader = { socket, hash: createHash('sha256'), bytes: 0 }
  await new Promise<void>((resolve) => {
    let head = ''
    const take = (chunk: Buffer) => {
      reader.hash.update(chunk)
      reader.bytes += chunk.length
    }
    const first = (chunk: Buffer) => {
      head += chunk.toString('latin1')
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      socket.off('data', first)
      const rest = Buffer.from(head.slice(end + 4), 'latin1')
      if (rest.length > 0) take(rest)
      socket.on('data', take)
      resolve()
    }
    socket.on('data', first)
  })
  return reader
}
