// turnout as its documentation shows it, with the callback form, for those who count.
import { createTurnout, type WebSocketConnection } from 'turnout'
import { maxBufferedBytes, maxMessageBytes } from '../limits.ts'
import { answer } from '../questions.ts'
import { createHttpServer, listen } from './listen.ts'

answer({
  async listen({ kind, compressed, heartbeats, secure }) {
    const server = createHttpServer(secure)
    const turnout = createTurnout()
    if (kind === 'fanout') {
      const sockets = new Set<WebSocketConnection>()
      turnout.websocket('/*', {
        maxMessageBytes,
        maxBufferedBytes,
        open: (socket) => void sockets.add(socket),
        close: (socket) => void sockets.delete(socket),
        message: (_socket, data) => void turnout.broadcast(sockets, data as string),
      })
    } else {
      turnout.websocket('/*', {
        maxMessageBytes,
        maxBufferedBytes,
        compression: compressed,
        ...(heartbeats && { heartbeat: { intervalMs: 30_000 } }),
        message: (socket, data) => void socket.send(data),
      })
    }
    turnout.attach(server)
    return await listen(server)
  },
})
