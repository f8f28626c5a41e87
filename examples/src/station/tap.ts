// Knows how to listen in on a port: every connection passes through it, byte for byte, to the server behind.
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Recorder, Shelf } from './tape.ts'

export interface Tap {
  /** The server in front: the one that listens where the browsers come. */
  readonly server: Server
  /** Ends every connection that passes through. */
  destroyAll(): void
}

/** How long one half of a connection may outlive the other. */
const lingerMs = 10_000
/** The request line has to end within this many bytes, else nobody asked for a recording. */
const maxRequestLineBytes = 4096

/**
 * A connection is written down when its very first request goes to the demonstration and names a tape:
 * `GET /demo/echo?tape=ID`. All others pass unseen, those of the page itself first of all.
 */
export function createTap(shelf: Shelf, portBehind: () => number): Tap {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (front) => {
    const back = connect({ host: '127.0.0.1', port: portBehind(), allowHalfOpen: true, noDelay: true })
    for (const socket of [front, back]) {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    }
    listen(front, back, shelf)
    join(front, back)
    join(back, front)
  })
  return {
    server,
    destroyAll: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

function listen(front: Socket, back: Socket, shelf: Shelf): void {
  let line = ''
  let recorder: Recorder | undefined
  let decided = false

  front.on('data', (chunk: Buffer) => {
    if (!decided) {
      line += chunk.toString('latin1')
      decided = line.includes('\n') || line.length > maxRequestLineBytes
      if (!decided) return
      recorder = shelf.tape(tapeNamedIn(line))?.record()
      recorder?.bytes('client', Buffer.from(line, 'latin1'))
      return
    }
    recorder?.bytes('client', chunk)
  })
  back.on('data', (chunk: Buffer) => recorder?.bytes('server', chunk))
  front.on('end', () => recorder?.end('client'))
  back.on('end', () => recorder?.end('server'))
  front.on('close', () => recorder?.close())
}

function tapeNamedIn(head: string): string {
  return /^\S+ \/demo\/[^\s?]*\?(?:[^\s]*&)?tape=([\w-]+)\S* HTTP\/\d/.exec(head)?.[1] ?? ''
}

/** Hands on what `source` says, its FIN and its reset included. */
function join(source: Socket, target: Socket): void {
  source.pipe(target)
  source.on('end', () => {
    // A closed socket behind would answer late bytes with a reset; a half-open tap must not wait for ever.
    target.setTimeout(lingerMs, () => target.destroy())
  })
  source.on('error', () => {
    if (!target.destroyed) abandon(target)
  })
  source.on('close', () => {
    if (!target.writableEnded) target.end()
  })
}

/** Resets a connection. While its FIN is on the way libuv refuses to, and Node would keep the handle for ever. */
function abandon(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy()
  else socket.resetAndDestroy()
}
