// The npm package websocket (WebSocket-Node), as its documentation shows it.
import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import { maxMessageBytes } from '../limits.ts'
import { answer } from '../questions.ts'
import { createHttpServer, listen } from './listen.ts'

type Received =
  | { readonly type: 'utf8'; readonly utf8Data: string }
  | { readonly type: 'binary'; readonly binaryData: Buffer }

interface Connection {
  on(event: 'message', listener: (message: Received) => void): void
  on(event: 'error', listener: () => void): void
  send(data: string | Buffer): void
}

interface WebSocketNode {
  readonly server: new (options: {
    readonly httpServer: Server
    readonly autoAcceptConnections: boolean
    readonly maxReceivedFrameSize: number
    readonly maxReceivedMessageSize: number
    readonly keepalive: boolean
  }) => {
    readonly connections: readonly Connection[]
    on(event: 'connect', listener: (connection: Connection) => void): void
  }
}

const websocket = createRequire(import.meta.url)('websocket') as WebSocketNode

answer({
  async listen({ kind, secure }) {
    const httpServer = createHttpServer(secure)
    const server = new websocket.server({
      httpServer,
      autoAcceptConnections: true,
      maxReceivedFrameSize: maxMessageBytes,
      maxReceivedMessageSize: maxMessageBytes,
      keepalive: false,
    })
    server.on('connect', (connection) => {
      connection.on('error', () => {})
      connection.on('message', (message) => {
        const data = message.type === 'utf8' ? message.utf8Data : message.binaryData
        if (kind !== 'fanout') connection.send(data)
        else for (const each of server.connections) each.send(data)
      })
    })
    return await listen(httpServer)
  },
})
