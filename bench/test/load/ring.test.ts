import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compressAlone } from '../../src/load/deflate.ts'
import { header, Ring } from '../../src/load/ring.ts'

test('neighbours in the ring are one view, also around its end', () => {
  const ring = new Ring(16, false, 1)
  const last = ring.length - 1
  assert.deepEqual(ring.take(last, 2), Buffer.concat([ring.frames[last]!, ring.frames[0]!]))
  assert.equal(ring.take(3, 2), ring.take(3, 2))
})

test('RFC 7692 section 6: frames of compressed messages have RSV1 and lengths of their own', () => {
  const ring = new Ring(1024, false, 16, (plain) => compressAlone(plain, 13))
  assert.ok(new Set(ring.frames.map(({ length }) => length)).size > 1)
  assert.ok(ring.frames.every(([first]) => first === 0xc1))
  assert.ok(ring.payloads.every(({ length }) => length === 1024))
  const last = ring.length - 1
  assert.deepEqual(ring.take(last, 3), Buffer.concat([ring.frames[last]!, ring.frames[0]!, ring.frames[1]!]))
})

test('messages to compress are together larger than the window in which they could be found again', () => {
  for (const size of [1024, 16_384]) {
    const ring = new Ring(size, false, 1, (plain) => compressAlone(plain, 15))
    assert.ok(ring.length * size > 32_768)
  }
})

test('the ring holds at least what is in flight, and its messages differ', () => {
  assert.equal(new Ring(1024 * 1024, true, 2).length, 2)
  const { payloads } = new Ring(16, true, 1)
  assert.equal(new Set(payloads.map((payload) => payload.toString('hex'))).size, payloads.length)
})

test('RFC 6455 section 5.3: unmasking a frame of the ring gives its payload', () => {
  for (const [size, headerBytes] of [
    [16, 2],
    [200, 4],
    [70_000, 10],
  ] as const) {
    const ring = new Ring(size, false, 1)
    const frame = ring.frames[0]!
    const key = frame.subarray(headerBytes, headerBytes + 4)
    const plain = Buffer.from(frame.subarray(headerBytes + 4).map((byte, index) => byte ^ key[index & 3]!))
    assert.deepEqual(plain, ring.payloads[0])
    assert.deepEqual(frame.subarray(0, headerBytes), header(0x81, size, 0x80))
  }
})

test('RFC 6455 section 5.2: a length is written in its shortest form', () => {
  assert.equal(header(0x82, 125, 0).toString('hex'), '827d')
  assert.equal(header(0x82, 126, 0).toString('hex'), '827e007e')
  assert.equal(header(0x82, 65_535, 0x80).toString('hex'), '82feffff')
  assert.equal(header(0x82, 65_536, 0).toString('hex'), '827f0000000000010000')
})
