// Knows what this runtime's HTTP parser does that no version number tells, by trying it once in memory.
import { Buffer } from 'node:buffer'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { Duplex } from 'node:stream'
import { restParser } from './internals.ts'

/**
 * True when the body of an upgrade request arrives behind the head as raw bytes, chunk framing included (Node up to
 * 25); false when the runtime parses it into the request (Node 26).
 */
export function leavesBodyRaw(): boolean {
  bodyIsRaw ??= tryBody()
  return bodyIsRaw
}

/**
 * True when a parser that waits for its first request can be told to wait like one between two (Node 20 and 22);
 * false when it is deaf from then on (Node 24 and 26), or cannot be told.
 */
export function parserRests(): boolean {
  rests ??= tryRest()
  return rests
}

let bodyIsRaw: boolean | undefined
let rests: boolean | undefined

function tryBody(): boolean {
  let raw: boolean | undefined
  const server = createServer()
  server.on('upgrade', (request: IncomingMessage, _stream: Duplex, head: Buffer) => {
    raw = head.length > 0 && request.readableLength === 0
  })
  feed(server, WITH_BODY)
  // A runtime with another way inside parses for itself.
  return raw ?? false
}

function tryRest(): boolean {
  let heard = false
  let told = false
  const server = createServer((_request, response) => {
    heard = true
    response.end()
  })
  feed(server, ORDINARY, (stream) => {
    told = restParser(stream)
  })
  return told && heard
}

/** Without a port. */
function feed(server: Server, text: string, prepare?: (stream: Duplex) => void): void {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, written) => written() })
  server.on('clientError', () => {})
  try {
    server.emit('connection', stream)
    prepare?.(stream)
    // Straight to the parser's listener: a push would be read only later.
    stream.emit('data', Buffer.from(text, 'latin1'))
  } finally {
    stream.destroy()
  }
}

const ORDINARY = 'GET / HTTP/1.1\r\nHost: probe\r\n\r\n'
const WITH_BODY =
  'POST / HTTP/1.1\r\nHost: probe\r\nConnection: upgrade\r\nUpgrade: probe\r\nContent-Length: 1\r\n\r\nx'
