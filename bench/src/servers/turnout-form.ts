// turnout with large messages in another form than a Buffer, the one that the environment names: in pieces, or lent.
import { type BinaryForm, createTurnout } from 'turnout'
import { maxBufferedBytes, maxMessageBytes } from '../limits.ts'
import { answer } from '../questions.ts'
import { createHttpServer, listen } from './listen.ts'

answer({
  async listen({ secure }) {
    const server = createHttpServer(secure)
    const turnout = createTurnout()
    turnout.websocket('/*', {
      maxMessageBytes,
      maxBufferedBytes,
      binary: process.env.BINARY_FORM as BinaryForm,
      message: (socket, data) => void socket.send(data),
    })
    turnout.attach(server)
    return await listen(server)
  },
})
