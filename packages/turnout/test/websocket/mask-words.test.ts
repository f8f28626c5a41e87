import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { applyMaskByByte, applyMaskByWord, applyMaskToLarge } from '../../src/websocket/mask-words.ts'

const keyBytes = fc.uint8Array({ minLength: 4, maxLength: 4 })

test('RFC 6455 section 5.3: octet i is changed by octet i modulo 4 of the key', () => {
  const bytes = Buffer.alloc(9)
  applyMaskByByte(bytes, 0, 9, Buffer.from('01020384', 'hex').readInt32LE())
  assert.equal(bytes.toString('hex'), '010203840102038401')
})

test('byte by byte is the plain XOR, and the verdict is on the result', () => {
  const ascii = fc.array(fc.integer({ min: 0, max: 127 }), { maxLength: 90 })
  const any = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 90 })
  fc.assert(
    fc.property(fc.oneof(ascii, any), keyBytes, fc.nat({ max: 9 }), (plain, key, before) => {
      const bytes = Buffer.alloc(before + plain.length + 7, 0xee)
      const expected = Buffer.from(bytes)
      expected.set(plain, before)
      bytes.set(
        plain.map((byte, at) => byte ^ key[at % 4]!),
        before,
      )
      const verdict = applyMaskByByte(bytes, before, before + plain.length, Buffer.from(key).readInt32LE())
      assert.equal(
        verdict,
        plain.every((byte) => byte < 0x80),
      )
      assert.ok(bytes.equals(expected))
    }),
    { numRuns: 1000 },
  )
})

test('words and bytes agree, and nothing beside the range changes', () => {
  const shapes = fc.record({
    plain: fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 8, maxLength: 100 }),
    key: fc.integer(),
    offset: fc.nat({ max: 9 }),
    before: fc.nat({ max: 9 }),
    after: fc.nat({ max: 9 }),
    ascii: fc.boolean(),
  })
  fc.assert(
    fc.property(shapes, ({ plain, key, offset, before, after, ascii }) => {
      const memory = Buffer.from(new ArrayBuffer(offset + before + plain.length + after)).fill(0x5a)
      const bytes = memory.subarray(offset)
      const end = before + plain.length
      bytes.set(
        plain.map((byte) => (ascii ? byte & 0x7f : byte)),
        before,
      )
      // what comes out is what was put in
      applyMaskByByte(bytes, before, end, key)
      const masked = Buffer.from(memory)
      const verdict = applyMaskByByte(bytes, before, end, key)
      assert.ok(verdict || !ascii)
      const expected = Buffer.from(memory)
      const view = new Int32Array(memory.buffer, 0, memory.length >> 2)
      for (const fast of [
        () => applyMaskByWord(bytes, before, end, key, view, offset),
        () => applyMaskToLarge(bytes, before, end, key),
      ]) {
        memory.set(masked)
        assert.equal(fast(), verdict)
        assert.ok(memory.equals(expected))
      }
    }),
    { numRuns: 1500 },
  )
})
