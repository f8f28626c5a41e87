// The npm package faye-websocket, as its documentation shows it; for compression with permessage-deflate beside it.
import type { IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import type { Duplex } from 'node:stream'
import { maxMessageBytes } from '../limits.ts'
import { answer } from '../questions.ts'
import { createHttpServer, listen } from './listen.ts'

interface FayeSocket {
  on(event: 'message', listener: (event: { readonly data: string | Buffer }) => void): void
  on(event: 'error' | 'close', listener: () => void): void
  send(data: string | Buffer): boolean
}

type FayeConstructor = new (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocols: readonly string[],
  options: { readonly maxLength: number; readonly extensions: readonly unknown[] },
) => FayeSocket

const require = createRequire(import.meta.url)
const FayeWebSocket = require('faye-websocket') as FayeConstructor

answer({
  async listen({ kind, compressed, secure }) {
    const sockets = new Set<FayeSocket>()
    const extensions: readonly unknown[] = compressed ? [require('permessage-deflate')] : []
    const server = createHttpServer(secure)
    server.on('upgrade', (request, stream, head) => {
      const socket = new FayeWebSocket(request, stream, head, [], { maxLength: maxMessageBytes, extensions })
      socket.on('error', () => {})
      if (kind === 'fanout') {
        sockets.add(socket)
        socket.on('close', () => sockets.delete(socket))
        socket.on('message', ({ data }) => {
          for (const each of sockets) each.send(data)
        })
      } else {
        socket.on('message', ({ data }) => socket.send(data))
      }
    })
    return await listen(server)
  },
})
