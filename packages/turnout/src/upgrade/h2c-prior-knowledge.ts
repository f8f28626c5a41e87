// Knows how to tell, by its first bytes, a client that speaks HTTP/2 from the start (RFC 7540 section 3.4).
import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { formatAnswer } from '../http/head.ts'
import type { Answer } from '../http/message.ts'
import { takeBuffered } from '../transport/buffered.ts'
import { PREFACE } from './h2c-frames.ts'
import type { HttpServer } from './http-server.ts'
import type { Occupant } from './protocol.ts'
import type { Post, ServerWatch } from './watch.ts'

/** `serve` gets each connection that begins with the preface; every other one goes to the HTTP/1.1 parser. */
export function priorKnowledgeWatch(serve: (socket: Socket, home: HttpServer) => Occupant): ServerWatch {
  // A connection that comes back from an upgrade is HTTP/1.1 and stays it.
  const known = new WeakSet<Socket>()
  return {
    connection(socket, post) {
      if (known.has(socket) || ('encrypted' in socket && socket.encrypted === true)) return false
      known.add(socket)
      peek(socket, post, (isHttp2) => {
        if (isHttp2) post.occupy(socket, serve(socket, post.server))
        else post.server.emit('connection', socket)
      })
      return true
    },
  }
}

/** Reads until it is plain what this is, and puts everything back. */
function peek(socket: Socket, post: Post, decide: (isHttp2: boolean) => void): void {
  const { headersTimeout = 0 } = post.server
  let came: Buffer = Buffer.alloc(0)
  const stop = () => {
    alarm?.cancel()
    socket.off('readable', look)
    socket.off('end', end)
    socket.off('close', stop)
    socket.off('error', ignore)
    post.vacate(socket)
  }
  const settle = (isHttp2: boolean) => {
    stop()
    if (came.length > 0) socket.unshift(came)
    decide(isHttp2)
  }
  const end = () => {
    if (came.length > 0) return settle(false)
    // the parser would not hear of an end that is over
    stop()
    socket.destroy()
  }
  const look = () => {
    const chunk = takeBuffered(socket)
    // only who reads hears of the end
    if (chunk.length === 0) return void socket.read()
    came = came.length === 0 ? chunk : Buffer.concat([came, chunk])
    const length = Math.min(came.length, PREFACE.length)
    if (!came.subarray(0, length).equals(PREFACE.subarray(0, length))) settle(false)
    else if (length === PREFACE.length) settle(true)
  }
  // Node counts this time from the first look of its own parser, which has not seen the connection yet.
  const alarm =
    headersTimeout > 0
      ? post.clock.after(headersTimeout, () => {
          stop()
          socket.on('error', ignore)
          socket.end(formatAnswer(TOO_SLOW), 'latin1', () => socket.destroy())
        })
      : undefined
  socket.on('error', ignore)
  socket.on('end', end)
  socket.on('close', stop)
  socket.on('readable', look)
  post.occupy(socket, { leave: () => void socket.destroy() })
}

function ignore(): void {}

const TOO_SLOW: Answer = { status: 408, fields: [], body: '', close: true }
