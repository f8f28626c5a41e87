import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { idleBytes } from '../../src/base/loan.ts'
import { LentMessage } from '../../src/websocket/lent-message.ts'
import { hex } from './frames.ts'

const UNKNOWN = Number.POSITIVE_INFINITY

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
        const message = new LentMessage(true)
        let failedAt = -1
        for (let at = 0; at < bytes.length && failedAt < 0; at += size) {
          const part = bytes.subarray(at, at + size)
          const ascii = part.every((byte) => byte < 0x80)
          const chunk = Buffer.concat([Buffer.alloc(3, 0xee), part, Buffer.alloc(2, 0xee)])
          try {
            message.add(chunk, 3, 3 + part.length, ascii, UNKNOWN)
          } catch (error) {
            assert.equal((error as { code?: string }).code, 'ERR_UTF8')
            failedAt = at
          }
        }
        if (bytes.length === 0) message.add(bytes, 0, 0, true, UNKNOWN)
        if (isUtf8(bytes)) return assert.equal(message.takeText(), bytes.toString())
        assert.ok(failedAt >= 0)
        assert.ok(bytes.indexOf(0xff) >= failedAt && bytes.indexOf(0xff) < failedAt + size)
      },
    ),
    { numRuns: 200 },
  )
})

test('a text that ends inside a code point is refused at its end', () => {
  const message = new LentMessage(true)
  message.add(hex('61 e2 82'), 0, 3, false, UNKNOWN)
  assert.throws(() => message.takeText(), { code: 'ERR_UTF8', section: 'RFC 6455 section 8.1' })
})

test('an ASCII verdict inside a code point is not believed', () => {
  const message = new LentMessage(true)
  message.add(hex('e2'), 0, 1, false, UNKNOWN)
  assert.throws(() => message.add(hex('61'), 0, 1, true, UNKNOWN), { code: 'ERR_UTF8' })
})

test('a text of no bytes is empty', () => {
  const text = new LentMessage(true)
  text.add(Buffer.alloc(5), 2, 2, true, UNKNOWN)
  assert.equal(text.takeText(), '')
})

test('bytes need not be UTF-8, and lie in one place until the end', () => {
  const message = new LentMessage(false)
  message.add(hex('ff fe'), 0, 2, false, UNKNOWN)
  message.add(hex('00 fd fc'), 1, 3, false, 4)
  assert.deepEqual(message.bytes, hex('ff fe fd fc'))
  const idle = idleBytes()
  message.end()
  assert.ok(idleBytes() > idle)
})

test('the memory of a text is free once it is decoded, or has turned out to be none', () => {
  for (const [bytes, code] of [
    ['61 62', undefined],
    ['61 e2', 'ERR_UTF8'],
  ] as const) {
    const message = new LentMessage(true)
    message.add(hex(bytes), 0, 2, false, 100_000)
    const idle = idleBytes()
    if (code === undefined) message.takeText()
    else assert.throws(() => message.takeText(), { code })
    assert.ok(idleBytes() > idle)
  }
})

test('however small the fragments, what a message holds is bounded by its payload', () => {
  for (const [size, announced, most] of [
    [1, UNKNOWN, 2],
    [100, UNKNOWN, 2],
    [4095, 1_000_000_000, 4],
    [40_000, UNKNOWN, 2],
  ] as const) {
    const message = new LentMessage(true)
    const part = Buffer.alloc(size, 'a')
    for (let bytes = size; bytes < 300_000; bytes += size) {
      message.add(part, 0, size, true, announced)
      // blocks are up to a quarter larger than what was asked for
      assert.ok(message.bytes.buffer.byteLength <= Math.max(640, most * 1.25 * bytes))
    }
    message.end()
  }
})
