// Knows one stretch of memory that small writes are laid into, one after the other, never twice.
import { Buffer } from 'node:buffer'
import { teachAllocator } from './allocator.ts'

const SLAB_BYTES = 65_536

/** So many slabs in so short a time are worth memory that stays: they would fault for each page again and again. */
const MANY_SLABS = 256
const SHORT_MS = 10_000

let slabs = 0
let sinceMs = 0

/** The current stretch and how far it is filled. What is laid down stays as it is; a full slab is replaced, not reused. */
export const slab: { buffer: Buffer; used: number } = { buffer: Buffer.alloc(0), used: 0 }

/** Makes sure that `bytes` more fit into `slab.buffer` at `slab.used`; the caller adds to `slab.used` what it took. */
export function makeRoom(bytes: number): void {
  if (slab.used + bytes <= slab.buffer.length) return
  slab.buffer = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes))
  slab.used = 0
  if (++slabs === MANY_SLABS) lookBack()
}

function lookBack(): void {
  const nowMs = performance.now()
  if (nowMs - sinceMs < SHORT_MS) teachAllocator()
  slabs = 0
  sinceMs = nowMs
}
