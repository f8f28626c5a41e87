// Knows the few frames of HTTP/2 that stand in for an HTTP/1.1 request (RFC 7540 sections 3.5, 4.1, 6.2, 6.5).
// Never knows a socket.
import { Buffer } from 'node:buffer'
import type { Fields } from '../http/message.ts'

/** What every client sends first on an HTTP/2 connection (RFC 7540 section 3.5). */
export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

export const FRAME_HEADER_BYTES = 9
/** The longest payload that every receiver takes (RFC 7540 section 4.2). */
export const MAX_FRAME_BYTES = 16_384

export const DATA = 0x0
export const HEADERS = 0x1
export const SETTINGS = 0x4
export const CONTINUATION = 0x9

export const ACK = 0x1
export const END_STREAM = 0x1
export const END_HEADERS = 0x4

export interface FrameHeader {
  readonly bytes: number
  readonly type: number
  readonly flags: number
  readonly streamId: number
}

/** The caller vouches for nine bytes at `at`. */
export function readFrameHeader(bytes: Buffer, at = 0): FrameHeader {
  return {
    bytes: bytes.readUIntBE(at, 3),
    type: bytes[at + 3]!,
    flags: bytes[at + 4]!,
    streamId: bytes.readUInt32BE(at + 5) & 0x7fff_ffff,
  }
}

export function settingsFrame(payload: Buffer): Buffer {
  return frame({ type: SETTINGS, flags: 0, streamId: 0 }, payload)
}

/** A request without content as HEADERS on stream 1, and CONTINUATION where one frame cannot hold it. */
export function requestFrames(fields: Fields): Buffer {
  const block = literalBlock(fields)
  const frames: Buffer[] = []
  for (let at = 0; at === 0 || at < block.length; at += MAX_FRAME_BYTES) {
    const last = at + MAX_FRAME_BYTES >= block.length
    const type = at === 0 ? HEADERS : CONTINUATION
    const flags = (at === 0 ? END_STREAM : 0) | (last ? END_HEADERS : 0)
    frames.push(frame({ type, flags, streamId: 1 }, block.subarray(at, at + MAX_FRAME_BYTES)))
  }
  return Buffer.concat(frames)
}

function frame(header: Omit<FrameHeader, 'bytes'>, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + payload.length)
  bytes.writeUIntBE(payload.length, 0, 3)
  bytes[3] = header.type
  bytes[4] = header.flags
  bytes.writeUInt32BE(header.streamId, 5)
  payload.copy(bytes, FRAME_HEADER_BYTES)
  return bytes
}

/**
 * Literals with new names, without indexing (RFC 7541 section 6.2.2): the client knows nothing of this block, so
 * it must leave no trace in the table that its own blocks refer to.
 */
function literalBlock(fields: Fields): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [LITERAL, ...stringLiteral(name), ...stringLiteral(value)]),
  )
}

/** RFC 7541 section 5.2, without Huffman coding. */
function stringLiteral(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'latin1')
  return [prefixedInteger(bytes.length), bytes]
}

/** RFC 7541 section 5.1 with a prefix of seven bits, the eighth being zero. */
function prefixedInteger(value: number): Buffer {
  if (value < 127) return Buffer.from([value])
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128)
  bytes.push(rest)
  return Buffer.from(bytes)
}

const LITERAL = Buffer.from([0])
