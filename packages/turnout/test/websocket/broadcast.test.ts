import assert from 'node:assert/strict'
import { test } from 'node:test'
import zlib from 'node:zlib'
import { createVirtualClock } from '../../src/base/clock.ts'
import { type Broadcastable, broadcast } from '../../src/websocket/broadcast.ts'
import type { CompressionOptions } from '../../src/websocket/options.ts'
import type { MessageTransform } from '../../src/websocket/transform.ts'
import { turn } from '../base/turns.ts'
import { agree, type PairOptions } from './compressed-pair.ts'
import { hex, parseFrames } from './frames.ts'
import { createRig, type Rig } from './rig.ts'

test('every open socket gets the message, and the count is of those that took it', async () => {
  const rigs = [createRig(), createRig(), createRig(), createRig({ closed: true })]
  const [first, second, third, opening] = rigs
  void second!.socket.close(1000)
  third!.socket.terminate()
  await turn()
  assert.equal(
    broadcast(
      rigs.map(({ socket }) => socket),
      'to all',
    ),
    2,
  )
  opening!.open()
  await turn()
  assert.deepEqual(first!.peer.frames, ['81 "to all"'])
  assert.deepEqual(second!.peer.frames, ['88 03e8'])
  assert.deepEqual(third!.peer.frames, [])
  assert.deepEqual(opening!.peer.frames, ['81 "to all"'])
  assert.equal(broadcast([], 'nobody'), 0)
})

test('a text goes as text, every kind of bytes as binary, of any size', async () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6)
  const messages: readonly [Broadcastable, string][] = [
    ['é', '81 "é"'],
    ['', '81 ""'],
    [bytes.subarray(1, 3), '82 0203'],
    [new Uint16Array(bytes.buffer, 2, 2), '82 03040506'],
    [new DataView(bytes.buffer, 5), '82 06'],
    [bytes.buffer, '82 010203040506'],
    [Buffer.alloc(70_000, 1), `82 ${'01'.repeat(70_000)}`],
  ]
  const { socket, peer } = createRig()
  for (const [message] of messages) assert.equal(broadcast(new Set([socket]), message), 1)
  await turn()
  assert.deepEqual(
    peer.frames,
    messages.map(([, shown]) => shown),
  )
})

test('what can be read only later, or not at all, is misuse, and nobody gets a byte', async () => {
  const { socket, peer } = createRig()
  for (const bad of [new Blob(['x']), 5, null, undefined, {}, ['x']]) {
    assert.throws(() => broadcast([socket], bad as unknown as string), { code: 'ERR_INVALID_ARGUMENT' })
    assert.throws(() => broadcast(bad as never, 'x'), { code: 'ERR_INVALID_ARGUMENT' })
    assert.throws(() => broadcast([bad] as never, 'x'), { code: 'ERR_INVALID_ARGUMENT' })
    assert.throws(() => broadcast(new Map([['a', socket]]) as never, 'x'), { message: /take \.values\(\)/ })
  }
  await turn()
  assert.equal(peer.bytes.length, 0)
})

test('many broadcasts of one turn leave in one write to each', async () => {
  const rigs = Array.from({ length: 5 }, () => createRig())
  const sockets = rigs.map(({ socket }) => socket)
  for (let count = 0; count < 20; count++) assert.equal(broadcast(sockets, `message ${count}`), 5)
  sockets[0]!.send('and one alone')
  await turn()
  for (const [at, { peer }] of rigs.entries()) {
    assert.equal(peer.chunks.length, 1)
    assert.equal(peer.frames.length, at === 0 ? 21 : 20)
    assert.equal(peer.frames[7], '81 "message 7"')
  }
})

test('what is broadcast may be changed afterwards', async () => {
  const { socket, peer } = createRig()
  for (const size of [3, 20_000]) {
    const message = Buffer.alloc(size, 1)
    broadcast([socket], message)
    message.fill(2)
  }
  await turn()
  assert.deepEqual(peer.frames, [`82 ${'01'.repeat(3)}`, `82 ${'01'.repeat(20_000)}`])
})

test('RFC 6455 section 5.3: a client among them masks its own frame', async () => {
  const rigs = [createRig({ role: 'client' }), createRig(), createRig({ role: 'client' })]
  assert.equal(
    broadcast(
      rigs.map(({ socket }) => socket),
      hex('0102'),
    ),
    3,
  )
  await turn()
  for (const { peer } of rigs) assert.deepEqual(peer.frames, ['82 0102'])
  assert.notDeepEqual(rigs[0]!.peer.bytes, rigs[2]!.peer.bytes)
})

test('a slow one delays nobody, keeps its order, and gets everything in the end', async () => {
  const slow = createRig({ pipe: { highWaterMarkBytes: 10 } })
  const quick = createRig()
  slow.peer.transport.pause()
  const sockets = [slow.socket, quick.socket]
  for (let count = 0; count < 10; count++) {
    assert.equal(broadcast(sockets, `number ${count}`), 2)
    slow.socket.send(`own ${count}`)
    await turn()
  }
  assert.equal(quick.peer.frames.length, 10)
  slow.peer.transport.resume()
  await turn()
  assert.deepEqual(
    slow.peer.frames,
    Array.from({ length: 20 }, (_, at) => `81 "${at % 2 === 0 ? 'number' : 'own'} ${at >> 1}"`),
  )
})

test('a broadcast waits behind a Blob that was sent before it, on that socket alone', async () => {
  const rigs = [createRig(), createRig()]
  const sent = rigs[0]!.socket.send(new Blob(['first']))
  broadcast(
    rigs.map(({ socket }) => socket),
    'second',
  )
  await sent
  await turn()
  assert.deepEqual(rigs[0]!.peer.frames, ['82 6669727374', '81 "second"'])
  assert.deepEqual(rigs[1]!.peer.frames, ['81 "second"'])
})

test('sockets may leave the set while it is sent to', async () => {
  const rigs = [createRig(), createRig()]
  const sockets = new Set(rigs.map(({ socket }) => socket))
  function* shrinking() {
    for (const socket of sockets) {
      sockets.delete(socket)
      yield socket
    }
  }
  assert.equal(broadcast(shrinking(), 'x'), 2)
})

const TAKEOVER: CompressionOptions = { threshold: 10, level: 6 }
const FORGETFUL: CompressionOptions = { ...TAKEOVER, serverNoContextTakeover: true }

/** A server that compresses, and how often it was asked to. */
function compressing(server: CompressionOptions): Rig & { readonly encodes: () => number } {
  const pair: PairOptions = { server }
  const transform = agree(pair).create('server', { clock: createVirtualClock() })
  let encodes = 0
  const counting: MessageTransform = {
    rsv: transform.rsv,
    sharedKey: transform.sharedKey,
    wants: (bytes) => transform.wants(bytes),
    encode(payload) {
      encodes++
      return transform.encode(payload)
    },
    decode: (payload, rsv) => transform.decode(payload, rsv),
    release: () => transform.release(),
  }
  return { ...createRig({ transform: counting }), encodes: () => encodes }
}

/** What the messages say once they are inflated, each with an empty window. */
function inflated({ peer }: Rig): string[] {
  return parseFrames(peer.bytes).map(({ head, payload }) => {
    const plain = (head & 0x40) === 0
    const bytes = plain ? payload : zlib.inflateRawSync(payload, { finishFlush: zlib.constants.Z_SYNC_FLUSH })
    return `${head.toString(16)} ${bytes}`
  })
}

const TEXT = 'all that is said to everyone, everyone hears'

test('compressed it is once for all who take no context over, in each setting', async () => {
  const rigs = [
    compressing(FORGETFUL),
    compressing(FORGETFUL),
    compressing({ ...FORGETFUL, level: 1 }),
    compressing({ ...FORGETFUL, level: 1, threshold: 0 }),
  ]
  const sockets = rigs.map(({ socket }) => socket)
  assert.equal(broadcast(sockets, TEXT), 4)
  assert.equal(broadcast(sockets, Buffer.from(TEXT)), 4)
  await turn()
  for (const rig of rigs) assert.deepEqual(inflated(rig), [`c1 ${TEXT}`, `c2 ${TEXT}`])
  assert.deepEqual(
    rigs.map(({ encodes }) => encodes()),
    [2, 0, 2, 0],
  )
  for (const { socket } of rigs) socket.terminate()
})

test('each who takes context over compresses for itself, and shares nothing', async () => {
  const rigs = [compressing(TAKEOVER), compressing(TAKEOVER)]
  const sockets = rigs.map(({ socket }) => socket)
  rigs[1]!.socket.send(TEXT)
  assert.equal(broadcast(sockets, TEXT), 2)
  await turn()
  assert.deepEqual(inflated(rigs[0]!), [`c1 ${TEXT}`])
  const frames = parseFrames(rigs[1]!.peer.bytes)
  assert.ok(frames[1]!.payload.length < 10, 'it refers to what this socket has heard before')
  assert.deepEqual(
    rigs.map(({ encodes }) => encodes()),
    [1, 2],
  )
  for (const socket of sockets) socket.terminate()
})

test('compressed and not, below the threshold and on clients, each gets what it agreed to', async () => {
  const rigs = [compressing(FORGETFUL), createRig(), compressing({ ...FORGETFUL, threshold: 1000 })]
  const client = createRig({ role: 'client' })
  const sockets = [...rigs, client].map(({ socket }) => socket)
  assert.equal(broadcast(sockets, 'short'), 4)
  assert.equal(broadcast(sockets, TEXT), 4)
  await turn()
  assert.deepEqual(inflated(rigs[0]!), ['81 short', `c1 ${TEXT}`])
  for (const rig of [rigs[1]!, rigs[2]!, client]) assert.deepEqual(inflated(rig), ['81 short', `81 ${TEXT}`])
  for (const socket of sockets) socket.terminate()
})

test('what is compressed apart arrives everywhere, and in its place', async () => {
  const apart = { offloadBytes: 20 }
  const rigs = [
    compressing({ ...FORGETFUL, ...apart }),
    compressing({ ...FORGETFUL, ...apart }),
    compressing({ ...TAKEOVER, ...apart }),
    createRig(),
  ]
  const sockets = rigs.map(({ socket }) => socket)
  const message = Buffer.from(TEXT)
  assert.equal(broadcast(sockets, message), 4)
  message.fill(0)
  for (const socket of sockets) socket.send('own words')
  assert.equal(broadcast(sockets, 'short'), 4)
  await Promise.all(sockets.map((socket) => socket.send('last')))
  await turn()
  for (const rig of rigs) {
    assert.deepEqual(
      inflated(rig).map((line) => line.slice(3)),
      [TEXT, 'own words', 'short', 'last'],
    )
  }
  assert.deepEqual(
    rigs.slice(0, 3).map((rig) => (rig as ReturnType<typeof compressing>).encodes()),
    [1, 0, 1],
  )
  for (const socket of sockets) socket.terminate()
})

test('what cannot be compressed apart fails those who were to get it, and nobody else', async () => {
  const failing = (): Rig =>
    createRig({
      transform: {
        rsv: 0x40,
        sharedKey: 'failing',
        wants: (bytes) => bytes > 10,
        encode: () => Promise.reject(new Error('out of order')),
        decode: (payload) => payload,
        release: () => {},
      },
    })
  const rigs = [failing(), failing(), createRig()]
  const closing = failing()
  closing.socket.terminate()
  assert.equal(broadcast([closing.socket], TEXT), 0)
  assert.equal(
    broadcast(
      rigs.map(({ socket }) => socket),
      TEXT,
    ),
    3,
  )
  await turn()
  assert.deepEqual(
    rigs.map(({ peer }) => parseFrames(peer.bytes)[0]?.head),
    [0x88, 0x88, 0x81],
  )
  for (const { socket } of rigs) socket.terminate()
})
