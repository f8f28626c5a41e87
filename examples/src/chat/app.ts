// Knows a chat with rooms, on plain node:http.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createTurnout, type WebSocketConnection } from 'turnout'
import { listen, type Running } from '../running.ts'

interface Guest {
  readonly name: string
}

export async function start(port: number): Promise<Running> {
  const page = readFileSync(new URL('./page.html', import.meta.url))
  const rooms = new Map<string, Set<WebSocketConnection<Guest>>>()
  const turnout = createTurnout()
  const server = createServer((request, response) => {
    if (request.url !== '/') response.writeHead(404).end('not here\n')
    else response.setHeader('Content-Type', 'text/html; charset=utf-8').end(page)
  })

  turnout.websocket('/chat/:room', {
    protocols: ['chat.v1'],
    maxMessageBytes: 4_096,
    accept(_request, { url }) {
      const name = url.searchParams.get('name')?.trim() ?? ''
      return name === '' ? new Response('who are you? ?name=…\n', { status: 401 }) : { data: { name } }
    },
    // The callback form: nothing is waiting for the next message but the connection itself.
    open(socket) {
      const room = rooms.get(socket.params.room) ?? new Set()
      rooms.set(socket.params.room, room.add(socket))
      turnout.broadcast(room, `${socket.data.name} is here`)
    },
    message(socket, text) {
      if (typeof text !== 'string') return void socket.close(1003, 'text only')
      turnout.broadcast(rooms.get(socket.params.room) ?? [], `${socket.data.name}: ${text}`)
    },
    close(socket) {
      const room = rooms.get(socket.params.room)
      if (room === undefined || !room.delete(socket)) return
      if (room.size === 0) rooms.delete(socket.params.room)
      else turnout.broadcast(room, `${socket.data.name} has left`)
    },
  })
  turnout.attach(server)
  return listen(server, turnout, port)
}
