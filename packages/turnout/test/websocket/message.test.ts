import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { MessageParts } from '../../src/websocket/message.ts'
import { hex } from './frames.ts'

const LARGEST_BLOCK = 65_536

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

test('parts of any size from any chunks come out joined', () => {
  const part = fc.record({
    size: fc.oneof(
      { weight: 4, arbitrary: fc.nat({ max: 700 }) },
      { weight: 2, arbitrary: fc.constantFrom(0, 511, 512, 513, 4095, 4096, 4097, 20_000, 66_000) },
    ),
    before: fc.nat({ max: 20 }),
    after: fc.constantFrom(0, 0, 5, 60_000),
  })
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      const message = new MessageParts(false)
      const due: Buffer[] = []
      for (const [number, { size, before, after }] of parts.entries()) {
        const payload = Buffer.alloc(size, number)
        due.push(payload)
        const { chunk, start, end } = inChunk(payload, before, after)
        message.add(chunk, start, end, false)
        // the rest of the chunk may become anything
        chunk.fill(0, end)
      }
      assert.equal(
        message.bytes,
        due.reduce((sum, { length }) => sum + length, 0),
      )
      assert.ok(message.takeBinary().equals(Buffer.concat(due)))
    }),
    { numRuns: 150 },
  )
})

test('however small the fragments, what a message retains is bounded by its payload', () => {
  for (const [size, chunkBytes] of [
    [1, 65_536],
    [100, 65_536],
    [4095, 65_536],
    [4096, 65_536],
    [4096, 8193],
    [40_000, 65_536],
    [65_536, 65_536],
  ] as const) {
    const kept: ArrayBufferLike[] = []
    const { allocUnsafeSlow } = Buffer
    const message = new MessageParts(false)
    try {
      Buffer.allocUnsafeSlow = (bytes: number) => {
        const block = allocUnsafeSlow(bytes)
        kept.push(block.buffer)
        return block
      }
      for (let count = 0; count * size < 300_000; count++) {
        const chunk = allocUnsafeSlow(chunkBytes)
        message.add(chunk, 0, size, false)
        if (size >= 4096 && size * 2 >= chunkBytes) kept.push(chunk.buffer)
      }
    } finally {
      Buffer.allocUnsafeSlow = allocUnsafeSlow
    }
    assert.ok(
      retained(kept) <= 2 * message.bytes + LARGEST_BLOCK,
      `${retained(kept)} bytes for ${message.bytes} in parts of ${size}`,
    )
    assert.equal(message.takeBinary().length, message.bytes)
  }
})

test('the bound is what the process sees, too: a million empty and tiny fragments', () => {
  const message = new MessageParts(false)
  const chunk = Buffer.allocUnsafeSlow(65_536)
  const before = process.memoryUsage().arrayBuffers
  for (let count = 0; count < 1_000_000; count++)
    message.add(chunk, count & 0xff, (count & 0xff) + (count & 1), false)
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
        const message = new MessageParts(true)
        let failedAt = -1
        for (let at = 0; at < bytes.length && failedAt < 0; at += size) {
          const part = bytes.subarray(at, at + size)
          const ascii = part.every((byte) => byte < 0x80)
          const { chunk, start, end } = inChunk(part, 3, 2)
          try {
            message.add(chunk, start, end, ascii)
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
  const message = new MessageParts(true)
  message.add(hex('61 e2 82'), 0, 3, false)
  assert.throws(() => message.takeText(), { code: 'ERR_UTF8', section: 'RFC 6455 section 8.1' })
})

test('an ASCII verdict inside a code point is not believed', () => {
  const message = new MessageParts(true)
  message.add(hex('e2'), 0, 1, false)
  assert.throws(() => message.add(hex('61'), 0, 1, true), { code: 'ERR_UTF8' })
})

test('a message of no bytes is empty, of either kind', () => {
  const binary = new MessageParts(false)
  binary.add(Buffer.alloc(5), 2, 2, false)
  assert.equal(binary.takeBinary().length, 0)
  const text = new MessageParts(true)
  text.add(Buffer.alloc(5), 2, 2, true)
  assert.equal(text.takeText(), '')
})
