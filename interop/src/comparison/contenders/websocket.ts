// The npm package websocket (WebSocket-Node), as its README shows it.
import type { IncomingMessage, Server } from 'node:http'
import { createRequire } from 'node:module'
import type { Contender } from '../contender.ts'
import { createApp, host, pathOf, wait } from '../hosting.ts'

type Received =
  | { readonly type: 'utf8'; readonly utf8Data: string }
  | { readonly type: 'binary'; readonly binaryData: Buffer }

interface Connection {
  on(event: 'message', listener: (message: Received) => void): void
  on(event: 'error', listener: () => void): void
  send(data: string | Buffer): unknown
  close(): void
  pause(): void
  readonly outputBufferFull: boolean
}

interface Request {
  readonly httpRequest: IncomingMessage
  readonly origin: string
  accept(protocol: null, origin: string, cookies?: { name: string; value: string }[]): Connection
  reject(status: number): void
}

export interface WebSocketNode {
  readonly server: new (options: {
    readonly httpServer: Server
  }) => {
    on(event: 'request', listener: (request: Request) => void): void
    shutDown(): void
    closeAllConnections(): void
  }
}

export const websocket: Contender = {
  name: 'websocket',
  package: 'websocket',
  prefix: '',
  missing: () => undefined,
  load: async () => createRequire(import.meta.url)('websocket') as object,
  target: (path) => path,
  async start({ path = '/ws', server = createApp(), ...choices } = {}) {
    const { server: WebSocketServer } = createRequire(import.meta.url)('websocket') as WebSocketNode
    const side = new WebSocketServer({ httpServer: server })
    side.on('request', async (request) => {
      // The library hands over every path; what the app does with others is up to it, and 404 is what it can say.
      if (pathOf(request.httpRequest.url) !== path) {
        if (choices.leaveOthers !== true) request.reject(404)
        return
      }
      if (choices.decisionMs !== undefined) await wait(choices.decisionMs)
      if (choices.refuse === true) return request.reject(401)
      const connection = request.accept(
        null,
        request.origin,
        choices.cookie === true ? [{ name: 'a', value: '1' }] : undefined,
      )
      connection.on('error', () => {})
      connection.on('message', (message) => {
        const data = message.type === 'utf8' ? message.utf8Data : message.binaryData
        if (choices.silent !== true) connection.send(data)
      })
      choices.onOpen?.({
        send: (data) => connection.send(data),
        close: () => connection.close(),
        waiting: () => undefined,
        full: () => connection.outputBufferFull,
        pause: () => connection.pause(),
      })
    })
    const { port, stop } = await host(server)
    return { port, closeAll: () => side.closeAllConnections(), stop }
  },
}
