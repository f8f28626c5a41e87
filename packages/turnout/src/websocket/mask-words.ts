// Knows how to mask by words of 32 bits, where vectors cannot work or are not worth the way there.

const HIGH_BITS = 0x80808080 | 0

/**
 * XORs `bytes[start, end)`, by whole words of the memory that they lie in: a word that begins or ends outside of the
 * range keeps what it has there. At least eight bytes.
 *
 * @param view all of that memory.
 * @param viewAt where `bytes` begin in it.
 * @returns whether the result is ASCII.
 */
export function applyMaskByWord(
  bytes: Uint8Array,
  start: number,
  end: number,
  key: number,
  view: Int32Array<ArrayBufferLike>,
  viewAt: number,
): boolean {
  const from = viewAt + start
  const to = viewAt + end
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

/** The same for memory of any size, whose view is made for this once. */
export function applyMaskToLarge(bytes: Uint8Array, start: number, end: number, key: number): boolean {
  const from = start + (-(bytes.byteOffset + start) & 3)
  const view = new Int32Array(bytes.buffer, bytes.byteOffset + from, Math.floor((end - from) / 4))
  const ascii = applyMaskByByte(bytes, start, from, key)
  const turned = rotate(key, from - start)
  const seen = applyMaskToWords(view, 0, view.length, turned)
  return applyMaskByByte(bytes, from + view.length * 4, end, turned) && ascii && (seen & HIGH_BITS) === 0
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

/** The rule as the section prints it; also the oracle for the fast forms. */
export function applyMaskByByte(bytes: Uint8Array, start: number, end: number, key: number): boolean {
  let seen = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at]! ^ (key & 0xff)
    bytes[at] = byte
    seen |= byte
    key = (key >>> 8) | (key << 24)
  }
  return seen < 0x80
}

/** The key as it stands for a payload that begins `count` (0 to 3) bytes later. */
export function rotate(key: number, count: number): number {
  return count === 0 ? key : (key >>> (count * 8)) | (key << (32 - count * 8))
}
