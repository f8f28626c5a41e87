// Knows the memory of the C library, below that of Node: what it gives back to the system, and when.
import process from 'node:process'
import { IN_NODE } from './runtime.ts'

/** As much as glibc learns from, with what it lays around it: at most 32 MiB. */
const LESSON_BYTES = 2 ** 25 - 65_536

let taught = !IN_NODE || process.platform !== 'linux'

/**
 * glibc hands free memory at the end of its heap back to the system, from twice the size of the largest block on that
 * was ever freed and had pages of its own, at first 256 KiB; each page of what comes next is a fault then. A block of
 * 32 MiB that comes, untouched, and goes makes that 64 MiB. Where MALLOC_TRIM_THRESHOLD_ is set nothing changes, nor
 * with any other C library. For those who take and drop so much that they will want it again; once is enough.
 */
export function teachAllocator(): void {
  if (taught) return
  taught = true
  try {
    const block = new ArrayBuffer(LESSON_BYTES) as { transfer?(bytes: number): unknown }
    // freed at once where that can be said; else with the next collection of the young
    block.transfer?.(0)
  } catch {
    // there is not so much address space: it stays as it was
  }
}
