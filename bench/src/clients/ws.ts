// The client of the npm package ws.
import { WebSocket } from 'ws'
import { maxMessageBytes } from '../limits.ts'
import { drive } from './drive.ts'

drive(
  (url, events) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: maxMessageBytes })
      socket.on('open', () =>
        resolve({ send: (message) => socket.send(message), close: () => socket.terminate() }),
      )
      socket.on('message', (data: Buffer, binary) => events.message(binary ? data : data.toString()))
      socket.on('error', reject)
      socket.on('close', () => events.closed(undefined))
    }),
)
