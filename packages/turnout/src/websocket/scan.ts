// Knows how to find the messages of one read all at once: whole ones of one frame each, as almost all are. What it does
// not know is left to whoever reads frame by frame, and so is all of it where vectors cannot work.
import type { Buffer } from 'node:buffer'
import { linear, TABLE_AT, TABLE_BYTES } from '../base/linear.ts'
import { applyMask, placeOf } from './mask.ts'
import { vectors } from './vectors.ts'

/** A first byte, plus `ASCII` where that is what the payload is; where the payload begins; where it ends. */
const ENTRY_BYTES = 12
const ENTRY_WORDS = ENTRY_BYTES / 4
const ASCII = 256
const LAST_ENTRY_AT = TABLE_AT + TABLE_BYTES - ENTRY_BYTES

const table = new Int32Array(linear, TABLE_AT, TABLE_BYTES / 4)

/** Where the chunk begins that the entries are of; -1: of none, and they may be written anew. */
let place = -1

/**
 * Unmasks the frames that `chunk[at, end)` begins with, as long as each is a whole masked message without an extension.
 *
 * @returns how many they are, to be asked for by number until `endScan`. 0: none, nothing was changed, and there is
 *   nothing to end.
 */
export function scan(chunk: Buffer, at: number, end: number): number {
  // one who is told of a message may bring bytes himself that lie in the same memory
  if (vectors === undefined || place >= 0) return 0
  const chunkAt = placeOf(chunk)
  if (chunkAt < 0) return 0
  const next = vectors.scan(chunkAt + at, chunkAt + end, TABLE_AT, LAST_ENTRY_AT)
  if (next === TABLE_AT) return 0
  place = chunkAt
  return (next - TABLE_AT) / ENTRY_BYTES
}

/** The first byte of a frame. */
export function scannedHead(frame: number): number {
  return table[frame * ENTRY_WORDS]! & 0xff
}

/** Whether its payload is ASCII. */
export function scannedAscii(frame: number): boolean {
  return table[frame * ENTRY_WORDS]! >= ASCII
}

/** Where its payload begins in the chunk. */
export function scannedStart(frame: number): number {
  return table[frame * ENTRY_WORDS + 1]! - place
}

/** Where its payload ends, and the next frame begins. */
export function scannedEnd(frame: number): number {
  return table[frame * ENTRY_WORDS + 2]! - place
}

/** Masks again what nobody has taken, so that it is as it came. */
export function unscan(chunk: Buffer, from: number, count: number): void {
  for (let frame = from; frame < count; frame++) {
    const start = scannedStart(frame)
    applyMask(chunk, start, scannedEnd(frame), chunk.readInt32LE(start - 4), 0)
  }
}

/** The entries are needed no longer. */
export function endScan(): void {
  place = -1
}
