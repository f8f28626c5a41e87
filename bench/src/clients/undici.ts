// The WebSocket of undici, which is the one that Node, from 22 on, has built in.
import { WebSocket } from 'undici'
import { drive } from './drive.ts'

drive(
  (url, events) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url)
      socket.binaryType = 'arraybuffer'
      socket.addEventListener('open', () =>
        resolve({ send: (message) => socket.send(message), close: () => socket.close() }),
      )
      socket.addEventListener('message', ({ data }) =>
        events.message(typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer)),
      )
      socket.addEventListener('error', () => reject(new Error('the connection failed')))
      socket.addEventListener('close', () => events.closed(undefined))
    }),
)
