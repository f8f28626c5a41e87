// Knows which bytes a described message holds. Also runs inside a web page: it must stand for itself.

/** Text of exactly `bytes` bytes of UTF-8, of one to four bytes a character; or bytes of every value. */
export function payload(kind: 'text' | 'binary', bytes: number): string | Uint8Array<ArrayBuffer> {
  if (kind === 'binary')
    return Uint8Array.from({ length: bytes }, (_, index) => (index * 167 + (index >> 8)) & 255)
  const unit = 'turnout é 转辙器 🚃 '
  const unitBytes = 26
  const whole = Math.floor(bytes / unitBytes)
  return unit.repeat(whole) + '.'.repeat(bytes - whole * unitBytes)
}
