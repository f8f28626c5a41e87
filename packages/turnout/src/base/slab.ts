// Knows one stretch of memory that small writes are laid into, one after the other.
import { Buffer } from 'node:buffer'
import { teachAllocator } from './allocator.ts'
import { borrow, Loan } from './loan.ts'
import type { PlainBuffer } from './plain-buffer.ts'

const SLAB_BYTES = 65_536

/** So many new slabs in so short a time are worth memory that stays: they would fault for each page again and again. */
const MANY_SLABS = 256
const SHORT_MS = 10_000

let slabs = 0
let sinceMs = 0

const NONE = new Loan(Buffer.alloc(0))

/**
 * The current stretch and how far it is filled. What is laid down stays as it is for as long as its `loan` is held; a
 * full slab is replaced, and used again once nobody holds it.
 */
export const slab: { loan: Loan; buffer: Buffer; used: number } = { loan: NONE, buffer: NONE.bytes, used: 0 }

/** Makes sure that `bytes` more fit into `slab.buffer` at `slab.used`; the caller adds to `slab.used` what it took. */
export function makeRoom(bytes: number): void {
  if (slab.used + bytes <= slab.buffer.length) return
  slab.loan.letGo()
  slab.loan = borrow(Math.max(SLAB_BYTES, bytes), makeSlab)
  slab.buffer = slab.loan.bytes
  slab.used = 0
}

function makeSlab(bytes: number): PlainBuffer {
  if (++slabs === MANY_SLABS) lookBack()
  return Buffer.allocUnsafeSlow(bytes)
}

function lookBack(): void {
  const nowMs = performance.now()
  if (nowMs - sinceMs < SHORT_MS) teachAllocator()
  slabs = 0
  sinceMs = nowMs
}
