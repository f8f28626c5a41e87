// turnout with `binary: 'lent'`: a large message is sent on from memory that is used again for the next.
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
      binary: 'lent',
      message: (socket, data) => void socket.send(data),
    })
    turnout.attach(server)
    return await listen(server)
  },
})
