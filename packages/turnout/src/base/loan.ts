// Knows memory that is used again and again for large messages: who still looks at a block, and when nobody does.
import { Buffer } from 'node:buffer'
import { type Alarm, forAll, systemClock } from './clock.ts'
import { isLent } from './lent.ts'
import { allocateApart } from './message-memory.ts'
import type { PlainBuffer } from './plain-buffer.ts'

/** The smallest block, and the largest that is kept for the next: what is larger is made anew each time. */
const SMALLEST_BYTES = 512
const LARGEST_BYTES = 4_194_304

/** So much of it is kept while nobody needs it. */
const MOST_FREE_BYTES = 8_388_608
/** What nobody has needed for so long is left to the garbage collector. */
const IDLE_MS = 10_000

/** A block of memory that several may look at. Whoever does so holds it, and lets go once. */
export class Loan {
  readonly bytes: PlainBuffer
  #holders = 1

  constructor(bytes: PlainBuffer) {
    this.bytes = bytes
  }

  hold(): this {
    this.#holders++
    return this
  }

  /** Whoever was the last gives it back. One that never does so leaves it to the garbage collector. */
  letGo(): void {
    if (--this.#holders > 0) return
    if (spoils) this.bytes.fill(0xdd)
    const { length } = this.bytes
    // whoever transferred it away has taken it for good
    if (length === 0 || length > LARGEST_BYTES) return
    this.#holders = 1
    keep(this, length)
  }
}

/** Blocks of one size that nobody has, and when one of them came back last: the how-manieth it was. */
interface Shelf {
  readonly loans: Loan[]
  cameBack: number
}

/** By size. None is ever taken out: the table of an old Map is made anew among the old, and V8 collects everything. */
const shelves = new Map<number, Shelf>()
let returns = 0
let freeBytes = 0
/** The least that was free since the last look: so much nobody has needed meanwhile. */
let leastFreeBytes = 0
let look: Alarm | undefined

function keep(loan: Loan, length: number): void {
  let shelf = shelves.get(length)
  if (shelf === undefined) shelves.set(length, (shelf = { loans: [], cameBack: 0 }))
  shelf.loans.push(loan)
  shelf.cameBack = ++returns
  freeBytes += length
  if (freeBytes > MOST_FREE_BYTES) forgetOldest(MOST_FREE_BYTES)
  if (look === undefined) lookLater()
}

function lookLater(): void {
  leastFreeBytes = freeBytes
  look = forAll(() => systemClock.after(IDLE_MS, lookAgain))
}

function lookAgain(): void {
  look = undefined
  forgetOldest(freeBytes - leastFreeBytes)
  if (freeBytes > 0) lookLater()
}

/** Leaves at most so many bytes: sizes that were not asked for lately make room for those that are. */
function forgetOldest(mostBytes: number): void {
  const oldestFirst = [...shelves].sort(([, one], [, other]) => one.cameBack - other.cameBack)
  for (const [length, { loans }] of oldestFirst) {
    while (freeBytes > mostBytes && loans.pop() !== undefined) freeBytes -= length
  }
}

/** How much memory is kept for the next. For tests. */
export function idleBytes(): number {
  return freeBytes
}

const loans = new WeakMap<ArrayBufferLike, Loan>()

/** A block of at least so many bytes, held once. What lies there is whatever was there before. */
export function borrow(bytes: number, make: (bytes: number) => PlainBuffer = allocateApart): Loan {
  const size = sizeFor(bytes)
  const kept = shelves.get(size)?.loans.pop()
  if (kept !== undefined) {
    freeBytes -= size
    leastFreeBytes = Math.min(leastFreeBytes, freeBytes)
    return kept
  }
  const loan = new Loan(make(size))
  loans.set(loan.bytes.buffer, loan)
  return loan
}

/** The block that these bytes lie in. */
export function loanOf(bytes: Uint8Array): Loan | undefined {
  return loans.get(bytes.buffer)
}

/**
 * The bytes, to be looked at until their block is let go of: where they lie, or a copy of what may not stay so long.
 * Undefined: they are nobody's but their owner's.
 */
export function heldBytes(
  bytes: Uint8Array,
): { readonly bytes: Uint8Array; readonly loan: Loan } | undefined {
  const loan = loanOf(bytes)
  if (loan !== undefined) {
    loan.hold()
    return { bytes, loan }
  }
  if (!isLent(bytes)) return undefined
  const copy = borrow(bytes.length)
  copy.bytes.set(bytes)
  return { bytes: copy.bytes.subarray(0, bytes.length), loan: copy }
}

/** The bytes for as long as anybody wants: a copy of what is only lent. */
export function lasting(bytes: Uint8Array): Uint8Array {
  return isLent(bytes) || loanOf(bytes) !== undefined ? Buffer.from(bytes) : bytes
}

let spoils = false

/** From now on what lies in a block is gone with who looks at it last, so that whoever should have made a copy is found out. */
export function spoilLoans(): void {
  spoils = true
}

/** Sizes are a quarter of a power of two apart: no more than that is idle in a block. */
function sizeFor(bytes: number): number {
  if (bytes <= SMALLEST_BYTES) return SMALLEST_BYTES
  if (bytes > LARGEST_BYTES) return bytes
  const step = 2 ** (29 - Math.clz32(bytes - 1))
  return Math.ceil(bytes / step) * step
}
