// The client of turnout, with the callback form.
import { connect } from 'turnout'
import { maxBufferedBytes, maxMessageBytes } from '../limits.ts'
import { drive } from './drive.ts'

drive(async (url, events) => {
  const socket = await connect(url, {
    maxMessageBytes,
    maxBufferedBytes,
    message: (_socket, message) => events.message(message as string | Buffer),
    close: (_socket, { cause }) => events.closed(cause),
  })
  return { send: (message) => void socket.send(message), close: () => socket.terminate() }
})
