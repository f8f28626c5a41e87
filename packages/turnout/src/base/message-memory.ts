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

/** Smaller ones are counted, and seen to when they come to so many. */
const COUNTED_BYTES = 65_536
let counted = 0

/** Memory with whatever lay there before. */
export function allocate(bytes: number): PlainBuffer {
  if (bytes >= APART_FROM_BYTES) return allocateApart(bytes)
  if (COUNTS_BUFFERS) {
    counted += bytes
    if (counted >= COUNTED_BYTES) {
      // as much again is copied when it is sent on
      makeGarbage(2 * counted)
      counted = 0
    }
  }
  return Buffer.allocUnsafe(bytes)
}

/** The same, never in a pool. */
export function allocateApart(bytes: number): PlainBuffer {
  if (bytes >= LESSON_FROM_BYTES) teachAllocator()
  if (COUNTS_BUFFERS) makeGarbage(bytes)
  return Buffer.allocUnsafeSlow(bytes)
}

/** Whether V8 counts the memory of Buffers when it decides on a full collection. */
const COUNTS_BUFFERS = IN_NODE && NODE_MAJOR >= 22

/** So many slots are allocated at a time: fewer than V8 would treat as large. */
const GARBAGE_SLOTS = 8_192

/** Keeps the compiler from leaving the garbage out. */
const last: { garbage: unknown } = { garbage: undefined }

/** The space of the young is looked at anew each time that so much was asked for. */
const LOOK_EACH_BYTES = 33_554_432
let untilLook = 0
let isYoungSmall = false

/** Two halves of 16 MiB: a larger space would not be full in time, and takes that memory only where it is used. */
const SMALL_YOUNG_BYTES = 33_554_432

/**
 * Once the memory of Buffers has grown by some 16 MiB, V8 collects everything. A collection of the young costs a tenth
 * and frees as much, but comes only when the small space of the young on its heap is full, and our few objects never
 * fill it in time. So half as many bytes are allocated there and dropped. Where a process makes garbage enough of its
 * own, they change nothing; where the space has grown large, there are none.
 */
function makeGarbage(bytes: number): void {
  untilLook -= bytes
  if (untilLook < 0) {
    untilLook = LOOK_EACH_BYTES
    isYoungSmall = youngBytes() <= SMALL_YOUNG_BYTES
  }
  if (!isYoungSmall) return
  for (let slots = bytes >> 4; slots > 0; slots -= GARBAGE_SLOTS) {
    last.garbage = new Array(Math.min(slots, GARBAGE_SLOTS))
  }
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0
}
