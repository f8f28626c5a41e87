// The server that every client is measured against: small, quick, the same for all. Not a peer, and no model:
// it trusts its clients, which are the bench's own.
import { createHash } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { header } from '../load/ring.ts'
import { answer } from '../questions.ts'
import { listen } from './listen.ts'

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

answer({ listen: async () => await listen(createServer({ noDelay: true }, serve)) })

function serve(socket: Socket): void {
  let head = ''
  let kept: Buffer | undefined
  socket.on('error', () => {})
  socket.on('data', function readHead(chunk) {
    head += chunk.toString('latin1')
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    socket.off('data', readHead)
    const key = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? ''
    const accept = createHash('sha1').update(`${key}${guid}`).digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    socket.on('data', (bytes) => {
      const all = kept === undefined ? bytes : Buffer.concat([kept, bytes])
      const used = echo(socket, all)
      kept = used < all.length ? all.subarray(used) : undefined
    })
  })
}

/** Gives back every whole frame in one write; returns how many bytes those were. */
function echo(socket: Socket, bytes: Buffer): number {
  const replies: Buffer[] = []
  let offset = 0
  let closing = false
  while (bytes.length - offset >= 6) {
    const short = bytes[offset + 1]! & 0x7f
    const keyAt = offset + (short < 126 ? 2 : short === 126 ? 4 : 10)
    if (bytes.length < keyAt + 4) break
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(offset + 2) : bytes.readUIntBE(offset + 4, 6)
    const start = keyAt + 4
    if (bytes.length < start + length) break
    const payload = bytes.subarray(start, start + length)
    for (let index = 0; index < length; index++) payload[index]! ^= bytes[keyAt + (index & 3)]!
    replies.push(header(bytes[offset]!, length, 0), payload)
    closing ||= (bytes[offset]! & 0x0f) === 8
    offset = start + length
  }
  if (replies.length > 0) socket.write(Buffer.concat(replies))
  if (closing) socket.end()
  return offset
}
