// Knows how the memory of messages is made that somebody keeps, and what has to go with it to get it back cheaply.
import { Buffer } from 'node:buffer'
import { getHeapSpaceStatistics } from 'node:v8'
import { teachAllocator } from './allocator.ts'
import type { PlainBuffer } from './plain-buffer.ts'
import { IN_NODE, NODE_MAJOR } from './runtime.ts'

/** From this size on a Buffer has memory of its own, and is no part of Node's pool. */
const APART_FROM_BYTES = 4_096

/** From this size on the pages of a message may cost more than all that is done with it. */
const LESSON_FROM_BYTES = 16_384

/** Memory with whatever lay there before. */
export function allocate(bytes: number): PlainBuffer {
  if (bytes >= APART_FROM_BYTES) return allocateApart(bytes)
  if (IN_NODE) count(bytes)
  return Buffer.allocUnsafe(bytes)
}

/** The same, never in a pool. */
export function allocateApart(bytes: number): PlainBuffer {
  if (bytes >= LESSON_FROM_BYTES) teachAllocator()
  if (IN_NODE) count(bytes)
  return Buffer.allocUnsafeSlow(bytes)
}

/** One after the other, in memory of their own. */
export function joined(parts: readonly Uint8Array[], bytes: number): PlainBuffer {
  const whole = allocate(bytes)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Garbage is made each time that Buffers come to so many bytes. */
const COUNTED_BYTES = 16_384
let counted = 0

function count(bytes: number): void {
  counted += bytes
  if (counted < COUNTED_BYTES) return
  makeGarbage(counted)
  counted = 0
}

/** The space of the young is looked at anew each time that so many were counted. */
const LOOK_EACH_BYTES = 16_777_216
let untilLook = 0

/** Its size, of which two are kept; 0: it is left alone. */
let youngBytes = 0

/** V8 lets the memory of Buffers grow by this and the size of the space of the young, or somewhat more. */
const GROWTH_BYTES = 10_485_760

/** A larger space is not filled: on Node 24 it would grow on, to two halves of 64 MiB. On Node 26 it ends at 32. */
const LARGEST_YOUNG_BYTES = NODE_MAJOR < 26 ? 16_777_216 : 33_554_432

/** So many slots are allocated at a time: fewer than V8 would treat as large. */
const GARBAGE_SLOTS = 8_192

/** Keeps the compiler from leaving the garbage out. */
const last: { garbage: unknown } = { garbage: undefined }

/**
 * Once a process has collected everything for the first time, V8 does so again whenever the memory of Buffers, dead
 * ones included, has grown by GROWTH_BYTES and the space of the young. A collection of the young costs a tenth and
 * frees as much, but comes only when that space is full, and our few objects never fill it in time. So garbage is
 * allocated there and dropped, as much as fills it by then. Where a process makes garbage of its own, collections of
 * the young only come the sooner.
 */
function makeGarbage(bytes: number): void {
  untilLook -= bytes
  if (untilLook < 0) {
    untilLook = LOOK_EACH_BYTES
    const bytesOfYoung = sizeOfYoung()
    youngBytes = bytesOfYoung > LARGEST_YOUNG_BYTES ? 0 : bytesOfYoung
  }
  const garbage = youngBytes * Math.min(1, bytes / (GROWTH_BYTES + youngBytes))
  for (let slots = garbage >> 3; slots > 0; slots -= GARBAGE_SLOTS) {
    last.garbage = new Array(Math.min(slots, GARBAGE_SLOTS))
  }
}

/** Of its two halves only one is filled. */
function sizeOfYoung(): number {
  const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
  return space === undefined ? 0 : space.space_used_size + space.space_available_size
}
