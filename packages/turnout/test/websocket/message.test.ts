import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { lent } from '../../src/base/lent.ts'
import { LENT_BYTES } from '../../src/base/linear.ts'
import { MessageParts } from '../../src/websocket/message.ts'
import { hex } from './frames.ts'

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
      const message = new MessageParts(false, pieces)
      const whole = parts.reduce((sum, { size }) => sum + size, 0)
      const due: Buffer[] = []
      for (const [number, { size, before, after, lends }] of parts.entries()) {
        const payload = Buffer.alloc(size, number)
        due.push(payload)
        const own = inChunk(payload, before, after)
        const chunk = lends ? lent : own.chunk
        if (lends) own.chunk.copy(lent)
        message.add(chunk, own.start, own.end, false, number < knownFrom ? UNKNOWN : whole)
        // the rest of the chunk may become anything, and all of what was lent
        chunk.fill(0xdd, lends ? 0 : own.end)
      }
      assert.equal(message.bytes, whole)
      const came = pieces ? Buffer.concat(message.takeChunks()) : message.takeBinary()
      assert.ok(came.equals(Buffer.concat(due)))
    }),
    { numRuns: 300 },
  )
})

test('a message of which half has come, or that fits one block, is joined where it lies', () => {
  for (const size of [1_000, LENT_BYTES, 2 * LENT_BYTES]) {
    const message = new MessageParts(false, false)
    const blocks = allocated(() => {
      for (let at = 0; at < size; at += LENT_BYTES / 2) {
        message.add(lent, 0, Math.min(LENT_BYTES / 2, size - at), false, size)
      }
      assert.equal(message.takeBinary().length, size)
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
    const message = new MessageParts(false, pieces)
    const blocks = allocated(() => {
      for (let count = 0; count * size < 300_000; count++) {
        const chunk = allocUnsafeSlow(chunkBytes)
        message.add(chunk, 0, size, false, announced)
        if (size >= 4096 && size * 2 >= chunkBytes) kept.push(chunk.buffer)
      }
    })
    // where a message grows in one place, the last block is all that is left of it
    kept.push(...(pieces || kept.length > 0 ? blocks : blocks.slice(-1)))
    assert.ok(
      retained(kept) <= most * message.bytes + SMALLEST_BLOCK,
      `${retained(kept)} bytes for ${message.bytes} in parts of ${size}`,
    )
    assert.equal(message.takeBinary().length, message.bytes)
  }
})

test('the bound is what the process sees, too: a million empty and tiny fragments', () => {
  const message = new MessageParts(false, false)
  const chunk = Buffer.allocUnsafeSlow(65_536)
  const before = process.memoryUsage().arrayBuffers
  for (let count = 0; count < 1_000_000; count++)
    message.add(chunk, count & 0xff, (count & 0xff) + (count & 1), false, UNKNOWN)
  assert.equal(message.bytes, 500_000)
  assert.ok(process.memoryUsage().arrayBuffers - before < 2_000_000)
  assert.equal(message.takeBinary().length, 500_000)
})

test('a text in parts is the text, and is refused in the part that makes it wrong', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ maxLength: 200 }))
  fc.assert(
    fc.property(
      text,
      fc.integer({ min: 1, max: 50 }),
      fc.option(fc.nat({ max: 200 })),
      (text, size, spoiled) => {
        const bytes = Buffer.from(text)
        if (spoiled !== null && bytes.length > 0) bytes[spoiled % bytes.length] = 0xff
        const message = new MessageParts(true, false)
        let failedAt = -1
        for (let at = 0; at < bytes.length && failedAt < 0; at += size) {
          const part = bytes.subarray(at, at + size)
          const ascii = part.every((byte) => byte < 0x80)
          const { chunk, start, end } = inChunk(part, 3, 2)
          try {
            message.add(chunk, start, end, ascii, UNKNOWN)
          } catch (error) {
            assert.equal((error as { code?: string }).code, 'ERR_UTF8')
            failedAt = at
          }
        }
        if (isUtf8(bytes)) return assert.equal(message.takeText(), bytes.toString())
        assert.ok(failedAt >= 0)
        assert.ok(bytes.indexOf(0xff) >= failedAt && bytes.indexOf(0xff) < failedAt + size)
      },
    ),
    { numRuns: 200 },
  )
})

test('a text that ends inside a code point is refused at its end', () => {
  const message = new MessageParts(true, false)
  message.add(hex('61 e2 82'), 0, 3, false, UNKNOWN)
  assert.throws(() => message.takeText(), { code: 'ERR_UTF8', section: 'RFC 6455 section 8.1' })
})

test('an ASCII verdict inside a code point is not believed', () => {
  const message = new MessageParts(true, false)
  message.add(hex('e2'), 0, 1, false, UNKNOWN)
  assert.throws(() => message.add(hex('61'), 0, 1, true, UNKNOWN), { code: 'ERR_UTF8' })
})

test('a message of no bytes is empty, of either kind', () => {
  const binary = new MessageParts(false, false)
  binary.add(Buffer.alloc(5), 2, 2, false, UNKNOWN)
  assert.equal(binary.takeBinary().length, 0)
  const text = new MessageParts(true, false)
  text.add(Buffer.alloc(5), 2, 2, true, UNKNOWN)
  assert.equal(text.takeText(), '')
})
