// Knows the server of the package ws.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import type { Ending, ServerPeer } from '../peer.ts'
import { createQueue } from '../queue.ts'

export const ws: ServerPeer = {
  name: 'ws',
  plainCloseCode: 1005,
  missing: () => undefined,
  async start() {
    const endings = createQueue<Ending>()
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    server.on('connection', (socket, request) => {
      const url = new URL(request.url ?? '/', 'http://localhost')
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
      socket.on('close', (code, reason) => endings.push({ code, reason: String(reason) }))
      if (url.pathname !== '/close') return
      const code = url.searchParams.get('code')
      if (code === null) socket.close()
      else socket.close(Number(code), url.searchParams.get('reason') ?? '')
    })
    await once(server, 'listening')
    return {
      origin: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
      nextEnding: () => endings.next(),
      async stop() {
        for (const socket of server.clients) socket.terminate()
        server.close()
      },
    }
  },
}
