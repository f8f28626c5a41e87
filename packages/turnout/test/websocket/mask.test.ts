import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import v8 from 'node:v8'
import vm from 'node:vm'
import fc from 'fast-check'
import { lent } from '../../src/base/lent.ts'
import { BENCH_BYTES, LENT_BYTES } from '../../src/base/linear.ts'
import { applyMask, copyMasked, createMaskKey } from '../../src/websocket/mask.ts'
import { applyMaskByByte } from '../../src/websocket/mask-words.ts'
import { turn } from '../base/turns.ts'

const keyBytes = fc.uint8Array({ minLength: 4, maxLength: 4 })

/** Four bytes as the number that `applyMask` takes. */
function keyOf(hex: string): number {
  return Buffer.from(hex, 'hex').readInt32LE()
}

test('RFC 6455 section 5.7: the masked Hello of the examples unmasks', () => {
  const bytes = Buffer.from('7f9f4d5158', 'hex')
  assert.equal(applyMask(bytes, 0, 5, keyOf('37fa213d'), 0), true)
  assert.equal(bytes.toString(), 'Hello')
})

/** Memory whose view by words is kept, at its borders, memory whose view is not, and memory where vectors work. */
const memories = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 600 }).map(ordinary) },
  { weight: 1, arbitrary: fc.integer({ min: 262_140, max: 262_150 }).map(ordinary) },
  { weight: 2, arbitrary: fc.integer({ min: 262_145, max: 400_000 }).map(ordinary) },
  { weight: 6, arbitrary: fc.nat({ max: LENT_BYTES }).map(lentMemory) },
)

function ordinary(length: number): Buffer {
  return Buffer.from(new ArrayBuffer(length))
}

function lentMemory(at: number): Buffer {
  return lent.subarray(at, at + 700)
}

test('fast and plain agree: any memory, any place, any length, any key, any phase, the same verdict', () => {
  fc.assert(
    fc.property(
      fc.record({
        memory: memories,
        key: keyBytes,
        offset: fc.nat({ max: 9 }),
        after: fc.nat({ max: 9 }),
        start: fc.nat({ max: 400_000 }),
        length: fc.oneof(fc.nat({ max: 120 }), fc.nat({ max: 600 }), fc.nat({ max: 400_000 })),
        phase: fc.nat({ max: 2 ** 40 }),
        plain: fc.uint8Array({ minLength: 1, maxLength: 12 }),
        ascii: fc.boolean(),
      }),
      ({ memory, key, offset, after, start, length, phase, plain, ascii }) => {
        memory.fill(0x5a)
        const bytes = memory.subarray(offset, memory.length - after)
        const bytesEnd = offset + bytes.length
        bytes.fill(plain)
        const from = start % (bytes.length + 1)
        const to = from + (length % (bytes.length - from + 1))
        const turned = [...key, ...key].slice(phase % 4, (phase % 4) + 4)
        const turnedKey = Buffer.from(turned).readInt32LE()
        if (ascii) {
          // what comes out is ASCII then, unless one byte is not
          for (let at = from; at < to; at++) bytes[at]! &= 0x7f
          applyMaskByByte(bytes, from, to, turnedKey)
        }
        const expected = Buffer.from(bytes)
        const verdict = applyMaskByByte(expected, from, to, turnedKey)
        assert.equal(applyMask(bytes, from, to, Buffer.from(key).readInt32LE(), phase), verdict)
        assert.ok(bytes.equals(expected))
        assert.ok([...memory.subarray(0, offset), ...memory.subarray(bytesEnd)].every(isFilling))
        assert.ok(!ascii || verdict)
      },
    ),
    { numRuns: 1500 },
  )
})

const isFilling = (byte: number) => byte === 0x5a

test('one byte beyond ASCII is seen wherever it stands', () => {
  for (const length of [1, 23, 24, 25, 31, 64, 67, 255, 256, 259]) {
    for (const bytes of [Buffer.alloc(length), lent.subarray(3, 3 + length)]) {
      for (let at = 0; at < length; at++) {
        bytes.fill('a')[at] = 0x80
        assert.equal(applyMask(bytes, 0, length, 0, 0), false)
        assert.equal(applyMaskByByte(bytes, 0, length, 0), false)
      }
      assert.equal(applyMask(bytes.fill('a'), 0, length, 0, 0), true)
    }
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

test('what is longer than there is room for in linear memory goes there in parts, each with its own verdict', () => {
  const key = keyOf('01020384')
  for (let cut = -5; cut <= 5; cut++) {
    const plain = Buffer.alloc(3 * BENCH_BYTES + cut, 'a')
    const bytes = Buffer.from(plain)
    assert.equal(applyMask(bytes, 0, bytes.length, key, 0), false)
    assert.equal(applyMask(bytes, 0, bytes.length, key, 0), true)
    assert.ok(bytes.equals(plain))
    bytes[BENCH_BYTES + cut] = 0xc3
    assert.equal(applyMask(bytes, 0, bytes.length, 0, 0), false)
  }
})

test('a masked copy is masked as what lies there is, and leaves its source alone', () => {
  const sizes = fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 3 * BENCH_BYTES }))
  fc.assert(
    fc.property(sizes, fc.integer(), (size, key) => {
      const source = Buffer.alloc(size, 'source')
      const due = Buffer.from(source)
      applyMaskByByte(due, 0, size, key)
      const target = Buffer.alloc(size)
      copyMasked(target, new Uint8Array(source.buffer, source.byteOffset, size), key)
      assert.ok(target.equals(due))
      assert.ok(source.equals(Buffer.alloc(size, 'source')))
    }),
    { numRuns: 200 },
  )
})

test('without WebAssembly the same comes out', () => {
  // in a process of its own: gone before the library looks for it
  const script = `
    delete globalThis.WebAssembly
    const { lent } = await import(${JSON.stringify(new URL('../../src/base/lent.js', import.meta.url))})
    const { applyMask, copyMasked } = await import(${JSON.stringify(new URL('../../src/websocket/mask.js', import.meta.url))})
    const copy = Buffer.alloc(5)
    copyMasked(copy, Buffer.from('hello'), -1)
    console.log(copy.toString('hex'))
    for (const bytes of [lent, Buffer.alloc(100_000), Buffer.alloc(400_000)]) {
      bytes.fill('text')
      const verdicts = [false, true].map(() => applyMask(bytes, 5, bytes.length - 2, -2, 1))
      console.log(bytes.equals(Buffer.alloc(bytes.length, 'text')), verdicts.join())
    }`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script])
  assert.equal(String(stdout), `979a939390\n${'true false,true\n'.repeat(3)}`, String(stderr))
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
    await turn()
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
