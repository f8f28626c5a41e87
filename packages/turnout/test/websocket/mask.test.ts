import assert from 'node:assert/strict'
import { test } from 'node:test'
import v8 from 'node:v8'
import vm from 'node:vm'
import fc from 'fast-check'
import { applyMask, applyMaskByByte, createMaskKey } from '../../src/websocket/mask.ts'

/** Four bytes as the number that `applyMask` takes. */
function keyOf(hex: string): number {
  return Buffer.from(hex, 'hex').readInt32LE()
}

test('RFC 6455 section 5.7: the masked Hello of the examples unmasks', () => {
  const bytes = Buffer.from('7f9f4d5158', 'hex')
  assert.equal(applyMask(bytes, 0, 5, keyOf('37fa213d'), 0), true)
  assert.equal(bytes.toString(), 'Hello')
})

test('RFC 6455 section 5.3: octet i is changed by octet i modulo 4 of the key', () => {
  const bytes = Buffer.alloc(9)
  applyMaskByByte(bytes, 0, 9, keyOf('01020384'))
  assert.equal(bytes.toString('hex'), '010203840102038401')
})

test('words and bytes agree: any place, any length, any key, any phase, and the same verdict on ASCII', () => {
  const ascii = fc.array(fc.integer({ min: 0, max: 127 }), { minLength: 0, maxLength: 90 })
  const any = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 0, maxLength: 90 })
  fc.assert(
    fc.property(
      fc.oneof(ascii, any),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.nat({ max: 9 }),
      fc.nat({ max: 9 }),
      fc.nat({ max: 2 ** 40 }),
      (plain, keyBytes, offset, before, phase) => {
        const key = Buffer.from(keyBytes).readInt32LE()
        const masked = plain.map((byte, at) => byte ^ keyBytes[(at + phase) % 4]!)
        // guards on both sides, in memory that begins `offset` bytes late
        const memory = Buffer.alloc(offset + before + plain.length + 7, 0xee)
        const bytes = Buffer.from(memory.buffer, memory.byteOffset + offset, memory.length - offset)
        bytes.set(masked, before)
        const verdict = applyMask(bytes, before, before + plain.length, key, phase)
        assert.deepEqual([...bytes.subarray(before, before + plain.length)], plain)
        assert.equal(
          verdict,
          plain.every((byte) => byte < 0x80),
        )
        assert.ok(bytes.subarray(0, before).every((byte) => byte === 0xee))
        assert.ok(bytes.subarray(before + plain.length).every((byte) => byte === 0xee))
      },
    ),
    { numRuns: 2000 },
  )
})

test('one byte beyond ASCII is seen wherever it stands', () => {
  for (const length of [1, 23, 24, 25, 31, 64, 67]) {
    for (let at = 0; at < length; at++) {
      const bytes = Buffer.alloc(length, 'a')
      bytes[at] = 0x80
      assert.equal(applyMask(bytes, 0, length, 0, 0), false)
      assert.equal(applyMaskByByte(bytes, 0, length, 0), false)
    }
    assert.equal(applyMask(Buffer.alloc(length, 'a'), 0, length, 0, 0), true)
  }
})

test('masking in pieces is masking at once', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.array(fc.integer({ min: 1, max: 80 }), { maxLength: 10 }),
      (payload, cuts) => {
        const key = keyOf('a1b2c3d4')
        const whole = Buffer.from(payload)
        applyMask(whole, 0, whole.length, key, 0)
        const pieces = Buffer.from(payload)
        let at = 0
        for (const cut of [...cuts, pieces.length]) {
          const end = Math.min(at + cut, pieces.length)
          applyMask(pieces, at, end, key, at)
          at = end
        }
        assert.ok(pieces.equals(whole))
      },
    ),
  )
})

test('memory of any size can be masked, and several by turns', () => {
  const key = keyOf('01020304')
  const small = Buffer.alloc(100)
  const large = Buffer.alloc(3_000_001)
  for (const bytes of [small, large, small, large]) applyMask(bytes, 1, bytes.length, key, 0)
  for (const bytes of [small, large]) assert.ok(bytes.every((byte) => byte === 0))
  applyMask(large, 1, large.length, key, 0)
  assert.equal(large.readUInt32BE(1), 0x01020304)
  assert.equal(large.readUInt32BE(2_999_997), 0x01020304)
})

test('what was masked last is not kept from the collector when it is large', async () => {
  v8.setFlagsFromString('--expose-gc')
  const collect = vm.runInNewContext('gc') as () => void
  let collected = false
  const registry = new FinalizationRegistry<void>(() => {
    collected = true
  })
  const mask = () => {
    const large = Buffer.alloc(10_000_000)
    registry.register(large.buffer, undefined)
    applyMask(large, 0, large.length, 1, 0)
  }
  mask()
  for (let round = 0; round < 20 && !collected; round++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(collected)
})

test('RFC 6455 section 5.3: keys are fresh, over more of them than are drawn at once', () => {
  const keys = new Set<number>()
  for (let count = 0; count < 10_000; count++) keys.add(createMaskKey())
  // 10,000 draws from 2^32: more than a few equal ones would be no chance
  assert.ok(keys.size > 9_990)
  const bits = [...keys].reduce((sum, key) => sum + (key >>> 31), 0)
  assert.ok(bits > 4_000 && bits < 6_000)
})
