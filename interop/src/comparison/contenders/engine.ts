// engine.io, what socket.io stands on, with its WebSocket transport. It uses ws inside.
import type { IncomingMessage, Server } from 'node:http'
import { createRequire } from 'node:module'
import type { Contender } from '../contender.ts'
import { createApp, host, wait } from '../hosting.ts'

interface EngineSocket {
  on(event: 'message', listener: (data: string | Buffer) => void): void
  send(data: string | Buffer): unknown
  close(): void
}

export interface EngineServer {
  on(event: 'connection', listener: (socket: EngineSocket) => void): void
  on(event: 'headers', listener: (headers: Record<string, string>) => void): void
  use(
    middleware: (
      request: IncomingMessage,
      response: import('node:http').ServerResponse,
      next: () => void,
    ) => void,
  ): void
  close(): void
}

export interface EngineIo {
  attach(server: Server, options: Record<string, unknown>): EngineServer
}

export function loadEngine(): EngineIo {
  return createRequire(import.meta.url)('engine.io') as EngineIo
}

export const engine: Contender = {
  name: 'engine.io',
  package: 'engine.io',
  prefix: '4',
  missing: () => undefined,
  load: async () => createRequire(import.meta.url)('engine.io') as object,
  target: (path) => `${path}/?EIO=4&transport=websocket`,
  async start({ path = '/ws', server = createApp(), ...choices } = {}) {
    const { decisionMs, refuse } = choices
    const side = loadEngine().attach(server, {
      path,
      ...(choices.compress === true ? { perMessageDeflate: { threshold: 0 } } : {}),
      ...(decisionMs !== undefined || refuse === true
        ? {
            allowRequest: (
              _request: IncomingMessage,
              decided: (error: string | null, yes: boolean) => void,
            ) => {
              wait(decisionMs ?? 0).then(() => (refuse === true ? decided('no', false) : decided(null, true)))
            },
          }
        : {}),
    })
    if (choices.cookie === true) {
      side.on('headers', (headers) => {
        headers['Set-Cookie'] = 'a=1'
      })
    }
    side.on('connection', (socket) => {
      socket.on('message', (data) => {
        if (choices.silent !== true) socket.send(data)
      })
      choices.onOpen?.({
        send: (data) => socket.send(data),
        close: () => socket.close(),
        waiting: () => undefined,
        pause: undefined,
      })
    })
    const { port, stop } = await host(server)
    return {
      port,
      closeAll: () => side.close(),
      async stop() {
        side.close()
        await stop()
      },
    }
  },
}
