import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
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

function fill(): void {
  layDown('x'.repeat(slab.buffer.length - slab.used))
  makeRoom(1)
}

test('a full slab is replaced, and not written again while it is held', () => {
  const kept = layDown('kept')
  const { loan } = slab
  loan.hold()
  for (let slabs = 0; slabs < 20; slabs++) {
    fill()
    assert.notEqual(slab.loan, loan)
    assert.equal(slab.used, 0)
  }
  assert.equal(kept.toString(), 'kept')
  loan.letGo()
})

test('a slab that nobody holds is used again', () => {
  fill()
  const { buffer } = slab
  fill()
  assert.equal(slab.buffer, buffer)
})

test('there is room for what is larger than a slab', () => {
  makeRoom(1_000_000)
  assert.ok(slab.buffer.length - slab.used >= 1_000_000)
  slab.used = slab.buffer.length
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

test('only where many are made in a short time the C library is told, once, to keep the memory', {
  skip: process.platform !== 'linux',
}, (t) => {
  const lessons = countLessons(t)
  let nowMs = 0
  t.mock.method(performance, 'now', () => nowMs)
  const use = (slabs: number, ms: number, isHeld: boolean) => {
    for (; slabs > 0; slabs--) {
      nowMs += ms / 256
      if (isHeld) slab.loan.hold()
      fill()
    }
  }
  use(1024, 11_000, true)
  assert.equal(lessons(), 0)
  use(1024, 5_000, false)
  assert.equal(lessons(), 0)
  use(1024, 5_000, true)
  assert.equal(lessons(), 1)
})

/** How often the block of 32 MiB was made, less what the C library lays around it. */
function countLessons(t: TestContext): () => number {
  const Real = ArrayBuffer
  let lessons = 0
  globalThis.ArrayBuffer = class extends Real {
    constructor(bytes: number) {
      super(bytes)
      if (bytes === 2 ** 25 - 65_536) lessons++
    }
  } as ArrayBufferConstructor
  t.after(() => void (globalThis.ArrayBuffer = Real))
  return () => lessons
}
