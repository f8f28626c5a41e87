// Knows masking (RFC 6455 section 5.3): four bytes, XORed over the payload in place, and where fresh keys come from.
import { randomFillSync } from 'node:crypto'

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/** Below this many bytes the plain loop is faster than setting up for words. */
const WORDS_FROM_BYTES = 24

const HIGH_BITS = 0x80808080 | 0

/** Larger memory is viewed afresh each time: what is kept here is not given back, and words are counted in 32 bits. */
const LARGEST_KEPT_BYTES = 262_144

/** The view by words on the memory that was masked last: the frames of one read share it. */
let viewed: ArrayBufferLike = new ArrayBuffer(0)
let words: Int32Array<ArrayBufferLike> = new Int32Array(viewed)

/**
 * XORs `bytes[start, end)` in place and tells whether the result is pure ASCII.
 *
 * @param key the four bytes of the key as one number, its first byte lowest.
 * @param phase how many bytes of the payload came before `start`.
 */
export function applyMask(bytes: Buffer, start: number, end: number, key: number, phase: number): boolean {
  if (phase !== 0) key = rotate(key, phase & 3)
  if (end - start < WORDS_FROM_BYTES || !LITTLE_ENDIAN) return applyMaskByByte(bytes, start, end, key)
  return applyMaskByWord(bytes, start, end, key)
}

/** The rule as the section prints it; also the oracle for the fast form. */
export function applyMaskByByte(bytes: Buffer, start: number, end: number, key: number): boolean {
  let seen = 0
  let shift = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at]! ^ ((key >>> shift) & 0xff)
    bytes[at] = byte
    seen |= byte
    shift = (shift + 8) & 31
  }
  return seen < 0x80
}

function applyMaskByWord(bytes: Buffer, start: number, end: number, key: number): boolean {
  const base = bytes.byteOffset
  // up to the first whole word byte by byte, then the key turned to where the words begin
  const headEnd = start + (-(base + start) & 3)
  let ascii = applyMaskByByte(bytes, start, headEnd, key)
  const turned = rotate(key, headEnd - start)
  let view = words
  let word = (base + headEnd) >> 2
  let last = (base + end) >> 2
  if (viewed !== bytes.buffer) {
    if (bytes.buffer.byteLength > LARGEST_KEPT_BYTES) {
      view = new Int32Array(bytes.buffer, base + headEnd, Math.floor((end - headEnd) / 4))
      word = 0
      last = view.length
    } else {
      viewed = bytes.buffer
      view = words = new Int32Array(viewed, 0, viewed.byteLength >> 2)
    }
  }
  let seen = 0
  for (; word < last; word++) {
    const value = view[word]! ^ turned
    view[word] = value
    seen |= value
  }
  if ((seen & HIGH_BITS) !== 0) ascii = false
  return applyMaskByByte(bytes, end - ((end - headEnd) & 3), end, turned) && ascii
}

/** The key as it stands for a payload that begins `count` (0 to 3) bytes later. */
function rotate(key: number, count: number): number {
  return count === 0 ? key : (key >>> (count * 8)) | (key << (32 - count * 8))
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
