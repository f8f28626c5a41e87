import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Message } from '../../src/websocket/options.ts'
import { turn } from '../base/turns.ts'
import { frame } from './frames.ts'
import { createRig } from './rig.ts'

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

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))
const sizes = fc.array(fc.integer({ min: 1, max: 6_000 }), { minLength: 1, maxLength: 5 })
const parts = fc.array(fc.oneof({ weight: 4, arbitrary: bytes(60) }, { weight: 1, arbitrary: large() }), {
  minLength: 1,
  maxLength: 6,
})

function large(): fc.Arbitrary<Buffer> {
  return fc.tuple(fc.integer({ min: 1_000, max: 20_000 }), fc.nat(250)).map(([length, first]) => {
    return Buffer.from(Uint8Array.from({ length }, (_, at) => (first + at) % 251))
  })
}

test('chunks: joined they are what arrives without the option, however frames and reads are cut', async () => {
  const message = fc.record({ parts, text: fc.boolean() })
  const property = fc.asyncProperty(fc.array(message, { maxLength: 4 }), sizes, async (sent, cuts) => {
    const frames = sent.flatMap(({ parts, text }) =>
      parts.map((part, at) => {
        const head = (at === 0 ? (text ? 0x01 : 0x02) : 0) | (at === parts.length - 1 ? 0x80 : 0)
        return frame(head, text ? Buffer.from(part.toString('hex')) : part, '37fa213d')
      }),
    )
    const wire = Buffer.concat(frames)
    const seen: Message[][] = [[], []]
    for (const [at, binary] of (['chunks', 'buffer'] as const).entries()) {
      const events = { message: (_: unknown, message: Message) => void seen[at]!.push(message) }
      const rig = createRig({ options: { binary }, events })
      for (let from = 0, read = 0; from < wire.length; read++) {
        const size = cuts[read % cuts.length]!
        rig.peer.write(wire.subarray(from, from + size))
        from += size
      }
      await turn()
      rig.socket.terminate()
    }
    const [chunks, joined] = seen
    const expected = sent.map(({ parts, text }) => {
      const whole = Buffer.concat(parts)
      return text ? whole.toString('hex') : whole
    })
    assert.deepEqual(joined, expected)
    assert.deepEqual(
      chunks!.map((one) => (Array.isArray(one) ? Buffer.concat(one) : one)),
      expected,
    )
  })
  await fc.assert(property, { numRuns: 150 })
})

test('an array of bytes is, on the wire, what the same bytes are joined, from either role', async () => {
  const property = fc.asyncProperty(fc.array(parts, { maxLength: 4 }), async (messages) => {
    for (const role of ['server', 'client'] as const) {
      const [inParts, joined] = [createRig({ role }), createRig({ role })]
      for (const message of messages) {
        void inParts.socket.send(message)
        void joined.socket.send(Buffer.concat(message))
      }
      await turn()
      assert.deepEqual(inParts.peer.frames, joined.peer.frames)
      if (role === 'server') assert.ok(inParts.peer.bytes.equals(joined.peer.bytes))
      for (const { socket } of [inParts, joined]) socket.terminate()
    }
  })
  await fc.assert(property, { numRuns: 100 })
})
