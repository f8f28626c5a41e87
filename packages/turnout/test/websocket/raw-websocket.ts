// Knows how to be a WebSocket server made of exact bytes, for tests of the client.
import type { TestContext } from 'node:test'
import { acceptKey } from '../../src/websocket/key.ts'
import {
  fieldOf,
  head,
  type RawRequest,
  type RawServer,
  type RawServerOptions,
  rawServer,
} from '../upgrade/raw-server.ts'

/** The 101 that answers this request, with more field lines. */
export function switchFor(request: RawRequest, ...lines: string[]): string {
  const accept = acceptKey(fieldOf(request.head, 'Sec-WebSocket-Key') ?? '')
  return head(
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    ...lines,
  )
}

/** A server that closes with the test. Without `answer` it accepts everyone. */
export async function webSocketServer(
  t: TestContext,
  answer: (request: RawRequest) => void = (request) => request.socket.write(switchFor(request)),
  options?: RawServerOptions,
): Promise<RawServer & { readonly wsUrl: string }> {
  const raw = await rawServer(answer, options)
  t.after(() => raw.close())
  return { ...raw, wsUrl: raw.url.replace(/^http/, 'ws') }
}

/** Bytes as the RFC prints them. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
}

export interface ReadFrame {
  /** FIN, RSV and opcode: the first byte. */
  readonly first: number
  readonly masked: boolean
  readonly payload: Buffer
}

/** The whole frames in what a client sent, given as Latin-1; payloads unmasked. */
export function readFrames(text: string): ReadFrame[] {
  const bytes = Buffer.from(text, 'latin1')
  const frames: ReadFrame[] = []
  for (let at = 0; at + 2 <= bytes.length; ) {
    const first = bytes[at]!
    const masked = bytes[at + 1]! >= 0x80
    let length = bytes[at + 1]! & 0x7f
    at += 2
    if (length === 126) {
      length = bytes.readUInt16BE(at)
      at += 2
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(at))
      at += 8
    }
    const key = masked ? bytes.subarray(at, at + 4) : Buffer.alloc(4)
    if (masked) at += 4
    if (at + length > bytes.length) return frames
    frames.push({
      first,
      masked,
      payload: Buffer.from(bytes.subarray(at, at + length).map((byte, i) => byte ^ key[i % 4]!)),
    })
    at += length
  }
  return frames
}

/** Waits for so many frames of the client. */
export async function framesOf(request: RawRequest, count: number): Promise<ReadFrame[]> {
  for (let length = 1; ; length = request.rest().length + 1) {
    const frames = readFrames(request.rest())
    if (frames.length >= count) return frames
    await request.received(length)
  }
}
