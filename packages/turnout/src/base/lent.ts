// Knows the memory that is read into again and again: whoever keeps what lies there makes a copy.
import type { Buffer } from 'node:buffer'
import { LENT_AT, LENT_BYTES, linear, linearBytes } from './linear.ts'
import { allocate } from './message-memory.ts'
import type { PlainBuffer } from './plain-buffer.ts'

/**
 * Every read of a TCP connection goes here, and is over when whoever hears of it returns. WebAssembly can work on it
 * where it lies.
 */
export const lent: PlainBuffer = linearBytes(LENT_AT, LENT_BYTES)

/** What is copied faster by hand than by a native call. */
const BY_HAND_BYTES = 32

/** Whether these bytes are gone with the next read. */
export function isLent(bytes: Uint8Array): boolean {
  return bytes.buffer === linear
}

/** The chunk that was found to be lent last: to ask for the memory of one costs, and all frames of a read lie in one. */
let lentChunk = lent

function isLentChunk(chunk: Buffer): boolean {
  if (chunk === lentChunk) return true
  if (!isLent(chunk)) return false
  lentChunk = chunk as PlainBuffer
  return true
}

/** `chunk[start, end)` to be kept: as it lies there, or a copy of what is only lent. */
export function kept(chunk: Buffer, start: number, end: number): Buffer {
  if (!isLentChunk(chunk)) return chunk.subarray(start, end)
  const length = end - start
  const bytes = allocate(length)
  if (length > BY_HAND_BYTES) chunk.copy(bytes, 0, start, end)
  else for (let at = 0; at < length; at++) bytes[at] = chunk[start + at]!
  return bytes
}
