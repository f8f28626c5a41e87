// Knows whether this runtime leaves the body of an upgrade request unparsed, by trying it once in memory.
import { Buffer } from 'node:buffer'
import { createServer, type IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'

/**
 * True when the body arrives behind the head as raw bytes, chunk framing included (Node up to 25); false when
 * the runtime parses it into the request (Node 26). Tried on first use, without a port; no version is read.
 */
export function leavesBodyRaw(): boolean {
  answer ??= probe()
  return answer
}

let answer: boolean | undefined

function probe(): boolean {
  let raw: boolean | undefined
  const server = createServer()
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, written) => written() })
  server.on('upgrade', (request: IncomingMessage, _stream: Duplex, head: Buffer) => {
    raw = head.length > 0 && request.readableLength === 0
  })
  server.on('clientError', () => {})
  try {
    server.emit('connection', stream)
    // Straight to the parser's listener: a push would be read only later.
    stream.emit('data', Buffer.from(PROBE, 'latin1'))
  } finally {
    stream.destroy()
  }
  // A runtime with another way inside parses for itself.
  return raw ?? false
}

const PROBE =
  'POST / HTTP/1.1\r\nHost: probe\r\nConnection: upgrade\r\nUpgrade: probe\r\nContent-Length: 1\r\n\r\nx'
