// Bun.serve, uWebSockets in C++ underneath. Runs in Bun only.
import { certificate, privateKey } from '../identity.ts'
import { maxBufferedBytes, maxMessageBytes } from '../limits.ts'
import { answer } from '../questions.ts'

interface BunSocket {
  send(message: string | Uint8Array, compress: boolean): number
  subscribe(topic: string): void
}

interface BunServer {
  readonly port: number
  upgrade(request: Request): boolean
  publish(topic: string, message: string | Uint8Array): number
}

interface BunRuntime {
  serve(options: Record<string, unknown>): BunServer
}

answer({
  listen({ kind, compressed, secure }) {
    const { Bun } = globalThis as unknown as { Bun: BunRuntime }
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      ...(secure && { tls: { cert: certificate, key: privateKey } }),
      fetch: (request: Request, self: BunServer) =>
        self.upgrade(request) ? undefined : new Response('a WebSocket, please', { status: 426 }),
      websocket: {
        maxPayloadLength: maxMessageBytes,
        backpressureLimit: maxBufferedBytes,
        idleTimeout: 0,
        sendPings: false,
        // A context for each connection, with the window that turnout has. `true` would keep none.
        perMessageDeflate: compressed ? { compress: '64KB', decompress: 'dedicated' } : false,
        open: (socket: BunSocket) => {
          if (kind === 'fanout') socket.subscribe('all')
        },
        message:
          kind === 'fanout'
            ? (_socket: BunSocket, data: string | Uint8Array) => server.publish('all', data)
            : (socket: BunSocket, data: string | Uint8Array) => socket.send(data, compressed),
      },
    })
    return { port: server.port }
  },
})
