// The npm package ws, as its documentation shows it, heartbeats included; compression with its defaults, which keep the
// context. What it loads beside itself is the bench's choice.
import { type WebSocket, WebSocketServer } from 'ws'
import { maxMessageBytes } from '../limits.ts'
import { answer } from '../questions.ts'
import { createHttpServer, listen } from './listen.ts'

answer({
  async listen({ kind, compressed, heartbeats, secure }) {
    const server = createHttpServer(secure)
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
    if (heartbeats) keepHeartbeats(sockets)
    return await listen(server)
  },
})

/** "How to detect and close broken connections" of its README. */
function keepHeartbeats(sockets: WebSocketServer): void {
  const alive = new WeakSet<WebSocket>()
  sockets.on('connection', (socket) => {
    alive.add(socket)
    socket.on('pong', () => alive.add(socket))
  })
  setInterval(() => {
    for (const socket of sockets.clients) {
      if (!alive.delete(socket)) socket.terminate()
      else socket.ping()
    }
  }, 30_000)
}
