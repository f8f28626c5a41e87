import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lent } from '../../src/base/lent.ts'
import { LENT_BYTES } from '../../src/base/linear.ts'
import { MessageParts } from '../../src/websocket/message.ts'

const SMALLEST_BLOCK = 512
const UNKNOWN = Number.POSITIVE_INFINITY

/** Each part somewhere in a chunk of its own, as reads from a socket are. */
function inChunk(
  part: Uint8Array,
  before: number,
  after: number,
): { chunk: Buffer; start: number; end: number } {
  const chunk = Buffer.allocUnsafeSlow(before + part.length + after)
  chunk.fill(0xee)
  chunk.set(part, before)
  return { chunk, start: before, end: before + part.length }
}

/** Memory that a Buffer keeps alive, each ArrayBuffer once. */
function retained(buffers: Iterable<ArrayBufferLike>): number {
  let bytes = 0
  for (const buffer of new Set(buffers)) bytes += buffer.byteLength
  return bytes
}

test('parts of any size from any chunks come out joined, or in pieces', () => {
  const part = fc.record({
    size: fc.oneof(
      { weight: 4, arbitrary: fc.nat({ max: 700 }) },
      { weight: 2, arbitrary: fc.constantFrom(0, 511, 512, 513, 4095, 4096, 4097, 20_000, 60_000) },
    ),
    before: fc.nat({ max: 20 }),
    after: fc.constantFrom(0, 0, 5, 60_000),
    lends: fc.boolean(),
  })
  const frames = fc.array(part, { maxLength: 30 })
  fc.assert(
    fc.property(frames, fc.nat({ max: 30 }), fc.boolean(), (parts, knownFrom, pieces) => {
      const message = new MessageParts(pieces)
      const whole = parts.reduce((sum, { size }) => sum + size, 0)
      const due: Buffer[] = []
      for (const [number, { size, before, after, lends }] of parts.entries()) {
        const payload = Buffer.alloc(size, number)
        due.push(payload)
        const own = inChunk(payload, before, after)
        const chunk = lends ? lent : own.chunk
        if (lends) own.chunk.copy(lent)
        message.add(chunk, own.start, own.end, number < knownFrom ? UNKNOWN : whole)
        // the rest of the chunk may become anything, and all of what was lent
        chunk.fill(0xdd, lends ? 0 : own.end)
      }
      assert.equal(message.bytes, whole)
      const came = pieces ? Buffer.concat(message.takeChunks()) : message.takeWhole()
      assert.ok(came.equals(Buffer.concat(due)))
    }),
    { numRuns: 300 },
  )
})

test('a message of which half has come, or that fits one block, is joined where it lies', () => {
  for (const size of [1_000, LENT_BYTES, 2 * LENT_BYTES]) {
    const message = new MessageParts(false)
    const blocks = allocated(() => {
      for (let at = 0; at < size; at += LENT_BYTES / 2) {
        message.add(lent, 0, Math.min(LENT_BYTES / 2, size - at), size)
      }
      assert.equal(message.takeWhole().length, size)
    })
    assert.deepEqual(
      blocks.map(({ byteLength }) => byteLength),
      [size],
    )
  }
})

/** The memory that is set aside meanwhile. */
function allocated(act: () => void): ArrayBufferLike[] {
  const blocks: ArrayBufferLike[] = []
  const { allocUnsafeSlow } = Buffer
  try {
    Buffer.allocUnsafeSlow = (bytes: number) => {
      const block = allocUnsafeSlow(bytes)
      blocks.push(block.buffer)
      return block
    }
    act()
  } finally {
    Buffer.allocUnsafeSlow = allocUnsafeSlow
  }
  return blocks
}

test('however small the fragments, what a message retains is bounded by its payload', () => {
  const { allocUnsafeSlow } = Buffer
  for (const [size, chunkBytes, pieces, announced, most] of [
    [1, 65_536, false, UNKNOWN, 2],
    [1, 65_536, true, UNKNOWN, 2],
    [100, 65_536, false, UNKNOWN, 2],
    [4095, 65_536, false, 1_000_000_000, 4],
    [4096, 65_536, true, 1_000_000_000, 2],
    [4096, 8193, false, UNKNOWN, 2],
    [40_000, 65_536, false, UNKNOWN, 2],
    [65_536, 65_536, true, UNKNOWN, 2],
  ] as const) {
    const kept: ArrayBufferLike[] = []
    const message = new MessageParts(pieces)
    const blocks = allocated(() => {
      for (let count = 0; count * size < 300_000; count++) {
        const chunk = allocUnsafeSlow(chunkBytes)
        message.add(chunk, 0, size, announced)
        if (size >= 4096 && size * 2 >= chunkBytes) kept.push(chunk.buffer)
      }
    })
    // where a message grows in one place, the last block is all that is left of it
    kept.push(...(pieces || kept.length > 0 ? blocks : blocks.slice(-1)))
    assert.ok(
      retained(kept) <= most * message.bytes + SMALLEST_BLOCK,
      `${retained(kept)} bytes for ${message.bytes} in parts of ${size}`,
    )
    assert.equal(message.takeWhole().length, message.bytes)
  }
})

test('the bound is what the process sees, too: a million empty and tiny fragments', () => {
  const message = new MessageParts(false)
  const chunk = Buffer.allocUnsafeSlow(65_536)
  const before = process.memoryUsage().arrayBuffers
  for (let count = 0; count < 1_000_000; count++)
    message.add(chunk, count & 0xff, (count & 0xff) + (count & 1), UNKNOWN)
  assert.equal(message.bytes, 500_000)
  assert.ok(process.memoryUsage().arrayBuffers - before < 2_000_000)
  assert.equal(message.takeWhole().length, 500_000)
})

test('a message of no bytes is empty', () => {
  const message = new MessageParts(false)
  message.add(Buffer.alloc(5), 2, 2, UNKNOWN)
  assert.equal(message.takeWhole().length, 0)
})
