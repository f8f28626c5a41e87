import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message } from '../../src/websocket/options.ts'
import { createRig, turn } from './rig.ts'

test('chunks: a binary message arrives as the pieces in which it came, whole if it came whole', async () => {
  const seen: Message[] = []
  const rig = createRig({
    options: { binary: 'chunks' },
    events: { message: (_, message) => void seen.push(message) },
    pipe: { chunkBytes: 8_192 },
  })
  const payload = Buffer.from(Array.from({ length: 50_000 }, (_, index) => index & 0xff))
  await rig.peer.send([0x82, payload], [0x82, Buffer.from([1, 2, 3])], [0x81, 'text stays text'])
  assert.ok(Array.isArray(seen[0]) && seen[0].length > 1)
  assert.deepEqual(Buffer.concat(seen[0]), payload)
  assert.deepEqual(seen[1], [Buffer.from([1, 2, 3])])
  assert.equal(seen[2], 'text stays text')
})

test('chunks: without the option the same message is one Buffer', async () => {
  const seen: Message[] = []
  const rig = createRig({
    events: { message: (_, message) => void seen.push(message) },
    pipe: { chunkBytes: 8_192 },
  })
  await rig.peer.send([0x82, Buffer.alloc(50_000, 7)])
  assert.deepEqual(seen, [Buffer.alloc(50_000, 7)])
})

test('an array of bytes is sent as one frame, from a server without a copy, from a client masked', async () => {
  for (const role of ['server', 'client'] as const) {
    const rig = createRig({ role })
    assert.equal(await rig.socket.send([Buffer.from('ab'), new Uint8Array(0), new Uint8Array([0x63])]), true)
    assert.equal(await rig.socket.send([Buffer.alloc(40_000, 1), Buffer.alloc(40_000, 2)]), true)
    await turn()
    const [small, large] = rig.peer.frames
    assert.equal(small, '82 616263')
    assert.equal(large, `82 ${'01'.repeat(40_000)}${'02'.repeat(40_000)}`)
  }
})

test('an array of bytes keeps its place behind a message that is still being read', async () => {
  const rig = createRig()
  const piece = Buffer.from('xy')
  const sent = [rig.socket.send(new Blob(['first'])), rig.socket.send([piece]), rig.socket.send('last')]
  piece.fill(0)
  await Promise.all(sent)
  await turn()
  assert.deepEqual(rig.peer.frames, ['82 6669727374', '82 7879', '81 "last"'])
})
