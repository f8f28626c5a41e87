// turnout with `binary: 'chunks'`: a large message is passed on in the pieces it came in.
import { createServer } from 'node:http'
import { createTurnout } from 'turnout'
import { maxBufferedBytes, maxMessageBytes } from '../limits.ts'
import { answer } from '../questions.ts'
import { listen } from './listen.ts'

answer({
  async listen() {
    const server = createServer()
    const turnout = createTurnout()
    turnout.websocket('/*', {
      maxMessageBytes,
      maxBufferedBytes,
      binary: 'chunks',
      message: (socket, data) => void socket.send(data),
    })
    turnout.attach(server)
    return await listen(server)
  },
})
