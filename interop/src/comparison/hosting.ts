// Knows how the node:http server under a library of the comparison is opened and closed.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { page } from './contender.ts'

export function createApp(): Server {
  return createServer((request, response) => {
    request.resume()
    response.end(page)
  })
}

/** Listens, unless it does, and tells where and how to end it. */
export async function host(server: Server): Promise<{ port: number; stop(): Promise<void> }> {
  const sockets = new Set<import('node:net').Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  if (!server.listening) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  }
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      for (const socket of sockets) socket.destroy()
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      await closed
    },
  }
}

export function pathOf(url: string | undefined): string {
  return new URL(url ?? '/', 'http://localhost').pathname
}

export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
