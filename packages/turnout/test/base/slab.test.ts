import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeRoom, slab } from '../../src/base/slab.ts'

function layDown(text: string): Buffer {
  makeRoom(text.length)
  const start = slab.used
  slab.used += slab.buffer.write(text, start, 'latin1')
  return slab.buffer.subarray(start, slab.used)
}

test('small writes share one stretch of memory, side by side', () => {
  makeRoom(1000)
  const one = layDown('one')
  const two = layDown('two')
  assert.equal(one.buffer, two.buffer)
  assert.equal(two.byteOffset, one.byteOffset + 3)
})

test('a full slab is replaced and never written again', () => {
  const kept = layDown('kept')
  const first = slab.buffer
  while (slab.buffer === first) layDown('x'.repeat(1000))
  assert.equal(kept.toString(), 'kept')
  assert.equal(slab.used, 1000)
})

test('there is room for what is larger than a slab', () => {
  makeRoom(1_000_000)
  assert.ok(slab.buffer.length - slab.used >= 1_000_000)
  slab.used += 1_000_000
  makeRoom(1)
  assert.ok(slab.buffer.length - slab.used >= 1)
  assert.ok(slab.buffer.length <= 65_536)
})

test('asking for room takes none', () => {
  makeRoom(10)
  const { buffer, used } = slab
  makeRoom(10)
  assert.equal(slab.buffer, buffer)
  assert.equal(slab.used, used)
})
