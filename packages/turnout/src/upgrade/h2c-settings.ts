// Knows when the field HTTP2-Settings is one to rely on (RFC 7540 section 3.2.1). Never knows a socket.
import { Buffer } from 'node:buffer'
import { hasConnectionOption } from '../http/connection.ts'
import { fieldLines } from '../http/fields.ts'

/**
 * The payload of the SETTINGS frame that the client sends in a field; undefined: do not upgrade. The field must
 * come once, be named in Connection (else it is a hop's further back), and hold values that HTTP/2 allows: after
 * the 101 a bad one could only break the connection.
 */
export function readHttp2Settings(rawHeaders: readonly string[]): Buffer | undefined {
  const lines = fieldLines(rawHeaders, 'http2-settings')
  if (lines.length !== 1) return undefined
  if (!hasConnectionOption(fieldLines(rawHeaders, 'connection'), 'http2-settings')) return undefined
  const [text] = lines as [string]
  if (!BASE64URL.test(text)) return undefined
  const payload = Buffer.from(text, 'base64url')
  // bits that are lost in decoding would show here
  if (payload.toString('base64url') !== text) return undefined
  return isSettings(payload) ? payload : undefined
}

/** Whether these are entries of two and four bytes with values that may be (RFC 7540 section 6.5.2). */
function isSettings(payload: Buffer): boolean {
  if (payload.length % ENTRY_BYTES !== 0 || payload.length > MAX_ENTRIES * ENTRY_BYTES) return false
  for (let at = 0; at < payload.length; at += ENTRY_BYTES) {
    const limits = LIMITS[payload.readUInt16BE(at)]
    const value = payload.readUInt32BE(at + 2)
    if (limits !== undefined && (value < limits[0] || value > limits[1])) return false
  }
  return true
}

const BASE64URL = /^[A-Za-z0-9_-]+$/
const ENTRY_BYTES = 6
/** Together with the client's own frame no more than Node's default of 32 for one frame. */
const MAX_ENTRIES = 16

/** Smallest and largest value, by identifier; others, and unknown ones, may be anything. */
const LIMITS: Readonly<Record<number, readonly [number, number]>> = {
  // ENABLE_PUSH
  2: [0, 1],
  // INITIAL_WINDOW_SIZE
  4: [0, 0x7fff_ffff],
  // MAX_FRAME_SIZE
  5: [16_384, 16_777_215],
  // ENABLE_CONNECT_PROTOCOL (RFC 8441 section 3)
  8: [0, 1],
}
