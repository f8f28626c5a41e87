// Knows masking (RFC 6455 section 5.3): four bytes, XORed over the payload in place, and where fresh keys come from.
import { Buffer } from 'node:buffer'
import { randomFillSync } from 'node:crypto'

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/** Below this many bytes the plain loop is faster than setting up for words. */
const WORDS_FROM_BYTES = 24

const HIGH_BITS = 0x80808080 | 0

/** Larger memory is viewed afresh each time: what is kept here is not given back, and words are counted in 32 bits. */
const LARGEST_KEPT_BYTES = 262_144

/** What was masked last, and the view by words on the memory that it lies in: the frames of one read share it. */
let viewed: Buffer = Buffer.alloc(0)
let viewedAt = 0
let words: Int32Array<ArrayBufferLike> = new Int32Array(viewed.buffer, 0, 0)

/**
 * XORs `bytes[start, end)` in place and tells whether the result is pure ASCII.
 *
 * @param key the four bytes of the key as one number, its first byte lowest.
 * @param phase how many bytes of the payload came before `start`.
 */
export function applyMask(bytes: Buffer, start: number, end: number, key: number, phase: number): boolean {
  if (phase !== 0) key = rotate(key, phase & 3)
  if (end - start < WORDS_FROM_BYTES || !LITTLE_ENDIAN) return applyMaskByByte(bytes, start, end, key)
  if (viewed !== bytes && !look(bytes)) return applyMaskToLarge(bytes, start, end, key)
  return applyMaskByWord(bytes, start, end, key)
}

/** The rule as the section prints it; also the oracle for the fast form. */
export function applyMaskByByte(bytes: Buffer, start: number, end: number, key: number): boolean {
  let seen = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at]! ^ (key & 0xff)
    bytes[at] = byte
    seen |= byte
    key = (key >>> 8) | (key << 24)
  }
  return seen < 0x80
}

/** By whole words of what is `viewed`. A word that begins or ends outside the range keeps what it has there. */
function applyMaskByWord(bytes: Buffer, start: number, end: number, key: number): boolean {
  const view = words
  const from = viewedAt + start
  const to = viewedAt + end
  const lead = from & 3
  const tail = to & 3
  // the key as it stands where words begin
  const turned = rotate(key, -lead & 3)
  let word = from >> 2
  let seen = 0
  let ascii = true
  if (lead !== 0) {
    if (lead <= start) seen = applyMaskWithin(view, word, turned, -1 << (lead * 8))
    else ascii = applyMaskByByte(bytes, start, start + 4 - lead, key)
    word++
  }
  const last = to >> 2
  seen |= applyMaskToWords(view, word, last, turned)
  if (tail !== 0) {
    if (end + 4 - tail <= bytes.length) seen |= applyMaskWithin(view, last, turned, ~(-1 << (tail * 8)))
    else ascii = applyMaskByByte(bytes, end - tail, end, turned) && ascii
  }
  return ascii && (seen & HIGH_BITS) === 0
}

/** XORs whole words; gives the bits that are set in any of what they have become. */
function applyMaskToWords(
  view: Int32Array<ArrayBufferLike>,
  first: number,
  end: number,
  key: number,
): number {
  let seen = 0
  for (let word = first; word < end; word++) {
    const value = view[word]! ^ key
    view[word] = value
    seen |= value
  }
  return seen
}

/** XORs those bits of one word that are `ours`; gives what they have become. */
function applyMaskWithin(view: Int32Array<ArrayBufferLike>, word: number, key: number, ours: number): number {
  const value = view[word]! ^ (key & ours)
  view[word] = value
  return value & ours
}

/** Memory of any size; nothing of it is kept. */
function applyMaskToLarge(bytes: Buffer, start: number, end: number, key: number): boolean {
  const from = start + (-(bytes.byteOffset + start) & 3)
  const view = new Int32Array(bytes.buffer, bytes.byteOffset + from, Math.floor((end - from) / 4))
  const ascii = applyMaskByByte(bytes, start, from, key)
  const turned = rotate(key, from - start)
  const seen = applyMaskToWords(view, 0, view.length, turned)
  return applyMaskByByte(bytes, from + view.length * 4, end, turned) && ascii && (seen & HIGH_BITS) === 0
}

/** Has the memory of these bytes in view from now on; false: it is too large for that. */
function look(bytes: Buffer): boolean {
  const memory = bytes.buffer
  if (memory.byteLength > LARGEST_KEPT_BYTES) return false
  if (words.buffer !== memory) words = new Int32Array(memory, 0, memory.byteLength >> 2)
  viewed = bytes
  viewedAt = bytes.byteOffset
  return true
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
