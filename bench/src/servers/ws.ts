// The npm package ws, as its documentation shows it; compression with its defaults, which keep the context. What it
// loads beside itself is the bench's choice.
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { maxMessageBytes } from '../limits.ts'
import { answer } from '../questions.ts'
import { listen } from './listen.ts'

answer({
  async listen({ kind, compressed }) {
    const server = createServer()
    const sockets = new WebSocketServer({
      server,
      maxPayload: maxMessageBytes,
      perMessageDeflate: compressed ? { threshold: 0 } : false,
    })
    sockets.on('connection', (socket) => {
      socket.on('error', () => {})
      socket.on(
        'message',
        kind === 'fanout'
          ? (data, binary) => {
              for (const each of sockets.clients) each.send(data, { binary })
            }
          : (data, binary) => socket.send(data, { binary }),
      )
    })
    return await listen(server)
  },
})
