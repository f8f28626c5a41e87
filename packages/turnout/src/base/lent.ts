// Knows the memory that is read into again and again: whoever keeps what lies there makes a copy.

/** Twice what Node reads from a socket at a time: a message of 64 KiB and its header come in one read. */
export const LENT_BYTES = 131_072

/** Every read of a TCP connection goes here, and is over when whoever hears of it returns. */
export const lent: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(LENT_BYTES)

const memory = lent.buffer

/** Whether these bytes are gone with the next read. */
export function isLent(bytes: Uint8Array): boolean {
  return bytes.buffer === memory
}

/** `chunk[start, end)` to be kept: as it lies there, or a copy of what is only lent. */
export function kept(chunk: Buffer, start: number, end: number): Buffer {
  if (!isLent(chunk)) return chunk.subarray(start, end)
  const bytes = Buffer.allocUnsafe(end - start)
  chunk.copy(bytes, 0, start, end)
  return bytes
}
