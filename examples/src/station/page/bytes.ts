// Knows how bytes are joined, spelled and read back. Runs in the browser and in Node alike.

export type Bytes = Uint8Array

export const noBytes: Bytes = new Uint8Array(0)

export function join(parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** One character for each byte: what HTTP heads and base64 are made of. */
export function latin1(bytes: Bytes): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

export function fromLatin1(text: string): Bytes {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff)
}

/** UTF-8 to text; undefined: it is no UTF-8. */
export function utf8(bytes: Bytes): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

export function hex(bytes: Bytes): string {
  return Array.from(bytes, hexByte).join(' ')
}

export function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

export function toBase64(bytes: Bytes): string {
  return btoa(latin1(bytes))
}

/** Undefined: it is no base64. */
export function fromBase64(text: string): Bytes | undefined {
  try {
    return fromLatin1(atob(text))
  } catch {
    return undefined
  }
}

/** Where the pattern first stands, or -1. */
export function indexOf(bytes: Bytes, pattern: readonly number[]): number {
  const last = bytes.length - pattern.length
  for (let at = 0; at <= last; at += 1) {
    if (pattern.every((byte, offset) => bytes[at + offset] === byte)) return at
  }
  return -1
}
