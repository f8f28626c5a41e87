// Knows how Sec-WebSocket-Accept comes from Sec-WebSocket-Key (RFC 6455 section 4.2.2), a step at a time. Has a
// SHA-1 of its own because a page that came over plain http from another machine gets no crypto.subtle.
import { type Bytes, fromBase64, fromLatin1, toBase64 } from './bytes.ts'

/** The fixed string that only who knows WebSocket adds (RFC 6455 section 1.3). */
export const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

export interface Derivation {
  readonly key: string
  /** What the key decodes to; undefined: it is no base64. */
  readonly nonce: Bytes | undefined
  /** It is 16 bytes, written in the one canonical way: an Accept follows. */
  readonly valid: boolean
  readonly joined: string
  readonly digest: Bytes
  readonly accept: string
}

export function derive(key: string): Derivation {
  const nonce = fromBase64(key)
  const valid = nonce !== undefined && nonce.length === 16 && toBase64(nonce) === key
  const joined = key + guid
  const digest = sha1(fromLatin1(joined))
  return { key, nonce, valid, joined, digest, accept: toBase64(digest) }
}

/** FIPS 180-4 section 6.1. */
export function sha1(message: Bytes): Bytes {
  const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]
  const padded = new Uint8Array(Math.ceil((message.length + 9) / 64) * 64)
  padded.set(message)
  padded[message.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setBigUint64(padded.length - 8, BigInt(message.length) * 8n)

  const words = new Int32Array(80)
  for (let block = 0; block < padded.length; block += 64) {
    for (let t = 0; t < 16; t += 1) words[t] = view.getInt32(block + t * 4)
    for (let t = 16; t < 80; t += 1) {
      words[t] = rotate(words[t - 3]! ^ words[t - 8]! ^ words[t - 14]! ^ words[t - 16]!, 1)
    }
    let [a, b, c, d, e] = state as [number, number, number, number, number]
    for (let t = 0; t < 80; t += 1) {
      const next = (rotate(a, 5) + mix(t, b, c, d) + e + words[t]!) | 0
      e = d
      d = c
      c = rotate(b, 30)
      b = a
      a = next
    }
    for (const [index, word] of [a, b, c, d, e].entries()) state[index] = (state[index]! + word) | 0
  }

  const digest = new DataView(new ArrayBuffer(20))
  for (const [index, word] of state.entries()) digest.setInt32(index * 4, word)
  return new Uint8Array(digest.buffer)
}

function mix(t: number, b: number, c: number, d: number): number {
  if (t < 20) return ((b & c) | (~b & d)) + 0x5a827999
  if (t < 40) return (b ^ c ^ d) + 0x6ed9eba1
  if (t < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
  return (b ^ c ^ d) + 0xca62c1d6
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by))
}
