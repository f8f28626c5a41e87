import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lent } from '../../src/base/lent.ts'
import { borrow, heldBytes, idleBytes, loanOf } from '../../src/base/loan.ts'

test('a block is used again once nobody holds it, not before', () => {
  const loan = borrow(100_000)
  loan.hold()
  loan.letGo()
  const other = borrow(100_000)
  assert.notEqual(other, loan, 'somebody still looks at it')
  loan.letGo()
  assert.equal(borrow(100_000), loan)
  other.letGo()
})

test('a block has room for what was asked, a quarter more at most', () => {
  const sizes = fc.oneof(fc.integer({ min: 1, max: 70_000 }), fc.integer({ min: 1, max: 20_000_000 }))
  const property = fc.property(sizes, (bytes) => {
    const { length } = borrow(bytes).bytes
    assert.ok(length >= bytes, `${length}`)
    assert.ok(length <= Math.max(512, bytes * 1.25), `${length}`)
  })
  fc.assert(property, { numRuns: 300 })
})

test('what is kept for later is bounded, and what is very large is not kept', () => {
  const many = Array.from({ length: 40 }, () => borrow(1_000_000))
  for (const loan of many) loan.letGo()
  const again = Array.from({ length: 40 }, () => borrow(1_000_000))
  const reused = again.filter((loan) => many.includes(loan)).length
  assert.ok(reused > 0 && reused <= 8, `${reused} of 40 blocks of 1 MiB were kept`)
  const large = borrow(5_000_000)
  large.letGo()
  assert.notEqual(borrow(5_000_000), large)
})

test('bytes are held where they lie in a block, copied out of lent memory, and left alone elsewhere', () => {
  assert.equal(heldBytes(Buffer.alloc(10_000)), undefined)

  const loan = borrow(50_000)
  const view = loan.bytes.subarray(5, 30_000)
  assert.equal(loanOf(view), loan)
  const held = heldBytes(view)!
  assert.equal(held.loan, loan)
  assert.equal(held.bytes, view)
  loan.letGo()
  assert.notEqual(borrow(50_000), loan, 'it was held a second time')

  lent.fill(7, 0, 20_000)
  const copy = heldBytes(lent.subarray(0, 20_000))!
  lent.fill(0)
  assert.deepEqual(copy.bytes, Buffer.alloc(20_000, 7))
  assert.equal(loanOf(copy.bytes), copy.loan)
})

test('sizes that are not asked for any more make room for those that are', () => {
  const small = Array.from({ length: 20_000 }, () => borrow(1_000))
  for (const loan of small) loan.letGo()
  const large = borrow(1_000_000)
  large.letGo()
  assert.equal(borrow(1_000_000), large)
  assert.ok(idleBytes() <= 8_388_608)
})

test('a block whose memory somebody has transferred away is not kept', () => {
  const loan = borrow(2_000)
  structuredClone(loan.bytes.buffer, { transfer: [loan.bytes.buffer] })
  const idle = idleBytes()
  loan.letGo()
  assert.equal(idleBytes(), idle)
  assert.equal(borrow(2_000).bytes.length, 2_048)
})
