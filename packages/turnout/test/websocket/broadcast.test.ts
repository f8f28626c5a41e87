import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Broadcastable, broadcast } from '../../src/websocket/broadcast.ts'
import { hex } from './frames.ts'
import { createRig, turn } from './rig.ts'

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
