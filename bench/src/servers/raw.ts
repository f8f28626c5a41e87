// The floor: node:net alone, or node:tls, which gives back the bytes that it reads and knows nothing of WebSocket.
import { createServer, type Socket } from 'node:net'
import { createServer as createSecureServer } from 'node:tls'
import { certificate, privateKey } from '../identity.ts'
import { answer } from '../questions.ts'
import { listen } from './listen.ts'

answer({
  async listen({ kind, secure }) {
    const sockets = new Set<Socket>()
    const serve = (socket: Socket) => {
      if (kind === 'fanout') {
        sockets.add(socket)
        socket.on('close', () => sockets.delete(socket))
        socket.on('data', (chunk) => {
          for (const each of sockets) each.write(chunk)
        })
      } else {
        socket.on('data', (chunk) => socket.write(chunk))
      }
      socket.on('error', () => {})
    }
    const identity = { cert: certificate, key: privateKey }
    const server = secure
      ? createSecureServer({ noDelay: true, ...identity }, serve)
      : createServer({ noDelay: true }, serve)
    return await listen(server)
  },
})
