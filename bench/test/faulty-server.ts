// A server that does what the FAULT in its environment says: the bench must notice each of them.
import { createServer, type Socket } from 'node:net'
import { answer } from '../src/questions.ts'
import { listen } from '../src/servers/listen.ts'

const faults: Readonly<Record<string, (socket: Socket, chunk: Buffer) => void>> = {
  changes: (socket, chunk) => {
    const other = Buffer.from(chunk)
    other[other.length - 1]! ^= 1
    socket.write(other)
  },
  repeats: (socket, chunk) => {
    socket.write(chunk)
    socket.write(chunk)
  },
  closes: (socket) => socket.destroy(),
  crashes: () => {
    throw new RangeError('this server has had enough')
  },
}

const fault = faults[process.env.FAULT ?? '']
if (fault === undefined) throw new Error('this server cannot start')

answer({
  listen: async () =>
    await listen(
      createServer((socket) => {
        socket.on('error', () => {})
        socket.on('data', (chunk) => fault(socket, chunk))
      }),
    ),
})
