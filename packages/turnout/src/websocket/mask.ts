// Knows masking (RFC 6455 section 5.3): four bytes, XORed over the payload in place, and where fresh keys come from.
import { Buffer } from 'node:buffer'
import { randomFillSync } from 'node:crypto'
import { BENCH_AT, BENCH_BYTES, linear, linearBytes } from '../base/linear.ts'
import { applyMaskByByte, applyMaskByWord, applyMaskToLarge, rotate } from './mask-words.ts'
import { vectors } from './vectors.ts'

const maskLinear = vectors?.mask

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/** Below this many bytes the plain loop is faster than setting up for anything else. */
const PLAIN_BELOW_BYTES = 24

/** From this many bytes on it is worth taking them to linear memory and back. */
const BENCH_FROM_BYTES = 256

/** Larger memory is viewed afresh each time: what is kept here is not given back, and words are counted in 32 bits. */
const LARGEST_KEPT_BYTES = 262_144

/** What was masked last, and where it lies: the frames of one read share it. */
let viewed: Buffer = Buffer.alloc(0)
let viewedAt = 0
let viewedIsLinear = false
let words: Int32Array<ArrayBufferLike> = new Int32Array(0)

const bench = linearBytes(BENCH_AT, BENCH_BYTES)

/**
 * XORs `bytes[start, end)` in place and tells whether the result is pure ASCII.
 *
 * @param key the four bytes of the key as one number, its first byte lowest.
 * @param phase how many bytes of the payload came before `start`.
 */
export function applyMask(bytes: Buffer, start: number, end: number, key: number, phase: number): boolean {
  if (phase !== 0) key = rotate(key, phase & 3)
  if (end - start < PLAIN_BELOW_BYTES) return applyMaskByByte(bytes, start, end, key)
  const kept = viewed === bytes || look(bytes)
  if (maskLinear !== undefined) {
    if (kept && viewedIsLinear) return maskLinear(viewedAt + start, viewedAt + end, key) === 0
    if (end - start >= BENCH_FROM_BYTES) return applyMaskOnBench(bytes, start, end, key, bytes)
  }
  if (!LITTLE_ENDIAN) return applyMaskByByte(bytes, start, end, key)
  if (!kept) return applyMaskToLarge(bytes, start, end, key)
  return applyMaskByWord(bytes, start, end, key, words, viewedAt)
}

/** Where these bytes begin in linear memory; -1: they lie elsewhere. */
export function placeOf(bytes: Buffer): number {
  return (viewed === bytes || look(bytes)) && viewedIsLinear ? viewedAt : -1
}

/** Has the memory of these bytes in view from now on; false: it is too large for that. */
function look(bytes: Buffer): boolean {
  const memory = bytes.buffer
  if (memory.byteLength > LARGEST_KEPT_BYTES) return false
  if (words.buffer !== memory) {
    words = new Int32Array(memory, 0, memory.byteLength >> 2)
    viewedIsLinear = memory === linear
  }
  viewed = bytes
  viewedAt = bytes.byteOffset
  return true
}

/** Takes the bytes to linear memory, as many at a time as there is room for, and from there to their place in `to`. */
function applyMaskOnBench(bytes: Buffer, start: number, end: number, key: number, to: Buffer): boolean {
  let seen = 0
  for (let at = start; at < end; at += BENCH_BYTES) {
    const length = Math.min(end - at, BENCH_BYTES)
    bytes.copy(bench, 0, at, at + length)
    seen |= maskLinear!(BENCH_AT, BENCH_AT + length, key)
    bench.copy(to, at, 0, length)
  }
  return seen === 0
}

/** Masks a payload from its first byte on, into `target`, which is as long. */
export function copyMasked(target: Buffer, payload: Uint8Array, key: number): void {
  const { length } = payload
  if (maskLinear === undefined) {
    target.set(payload)
    applyMask(target, 0, length, key, 0)
  } else applyMaskOnBench(Buffer.from(payload.buffer, payload.byteOffset, length), 0, length, key, target)
}

const KEYS = 2048
const keys = new Int32Array(KEYS)
let nextKey = KEYS

/** A fresh, unpredictable key for one frame. Drawn from the system's generator, many at a time. */
export function createMaskKey(): number {
  if (nextKey === KEYS) {
    randomFillSync(keys)
    nextKey = 0
  }
  return keys[nextKey++]!
}
