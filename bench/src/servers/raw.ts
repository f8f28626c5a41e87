// The floor: node:net alone, which gives back the bytes that it reads and knows nothing of WebSocket.
import { createServer, type Socket } from 'node:net'
import { answer } from '../questions.ts'
import { listen } from './listen.ts'

answer({
  async listen({ kind }) {
    const sockets = new Set<Socket>()
    const server = createServer({ noDelay: true }, (socket) => {
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
    })
    return await listen(server)
  },
})
