// turnout as its documentation shows it, with the async iterator: awaiting is backpressure.
import { createTurnout, type WebSocketConnection } from 'turnout'
import { maxBufferedBytes, maxMessageBytes } from '../limits.ts'
import { answer } from '../questions.ts'
import { createHttpServer, listen } from './listen.ts'

answer({
  async listen({ kind, compressed, secure }) {
    const server = createHttpServer(secure)
    const turnout = createTurnout()
    const sockets = new Set<WebSocketConnection>()
    turnout.websocket('/*', {
      maxMessageBytes,
      maxBufferedBytes,
      compression: compressed,
      async handler(socket) {
        if (kind !== 'fanout') {
          for await (const message of socket) await socket.send(message)
          return
        }
        sockets.add(socket)
        for await (const message of socket) turnout.broadcast(sockets, message as string)
        sockets.delete(socket)
      },
    })
    turnout.attach(server)
    return await listen(server)
  },
})
