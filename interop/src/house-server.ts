// Knows our own server as the foreign clients, and the proxies, see it.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTurnout } from 'turnout'
import type { Ending } from './peer.ts'
import { createQueue } from './queue.ts'

export interface HouseServer {
  /** Such as http://127.0.0.1:1234. */
  readonly origin: string
  readonly port: number
  /** How the next connection ended, in order. */
  nextEnding(): Promise<Ending>
  stop(): Promise<void>
}

/** Serves `/echo`, `/close?code=…&reason=…`, and an empty page for a browser to stand on. */
export async function startHouseServer(): Promise<HouseServer> {
  const endings = createQueue<Ending>()
  const turnout = createTurnout()
  const server = createServer((_request, response) => {
    response
      .setHeader('Content-Type', 'text/html; charset=utf-8')
      .end('<!doctype html><title>turnout</title>')
  })

  turnout.websocket('/echo', {
    protocols: ['echo.v2', 'echo.v1'],
    async handler(socket) {
      for await (const message of socket) await socket.send(message)
    },
    close: (_socket, { code, reason }) => endings.push({ code, reason }),
  })
  turnout.websocket('/close', {
    handler(socket, { request }) {
      const query = new URL(request.url ?? '/', 'http://localhost').searchParams
      const code = query.get('code')
      if (code === null) socket.close()
      else socket.close(Number(code), query.get('reason') ?? '')
    },
    close: (_socket, { code, reason }) => endings.push({ code, reason }),
  })
  turnout.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    nextEnding: () => endings.next(),
    async stop() {
      await turnout.close({ grace: 1_000 })
      server.closeAllConnections()
      server.close()
    },
  }
}
