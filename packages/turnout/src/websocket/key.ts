// Knows Sec-WebSocket-Key and Sec-WebSocket-Accept: how each side proves that it means WebSocket.
import crypto from 'node:crypto'

/** The answer to a key: base64 of SHA-1 over the key and the protocol's GUID (RFC 6455 section 4.2.2). */
export function acceptKey(key: string): string {
  return sha1(key + GUID)
}

/** 16 fresh random bytes in base64, one key for each connection (RFC 6455 section 4.1). */
export function createKey(): string {
  return crypto.randomBytes(16).toString('base64')
}

/** Whether this is the one base64 form of 16 bytes: nothing else comes out of an encoder. */
export function isKey(text: string): boolean {
  return CANONICAL_KEY.test(text)
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
// 16 bytes are 21 digits, one digit that carries but two bits, and the padding.
const CANONICAL_KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/

// The one-shot hash of Node 20.12 saves a seventh of a handshake; other runtimes may lack it.
const oneShot: typeof crypto.hash | undefined = crypto.hash
const sha1: (text: string) => string =
  typeof oneShot === 'function'
    ? (text) => oneShot('sha1', text, 'base64')
    : (text) => crypto.createHash('sha1').update(text).digest('base64')
