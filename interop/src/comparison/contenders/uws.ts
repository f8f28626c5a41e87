// uWebSockets.js, the C++ server, as its examples show it. Its binaries are for Node 16, 18 and 20.
import { createRequire } from 'node:module'
import type { Contender } from '../contender.ts'
import { page } from '../contender.ts'
import { wait } from '../hosting.ts'

export interface UwsSocket {
  send(message: string | Buffer, binary?: boolean, compress?: boolean): number
  end(code: number): void
  close(): void
  getBufferedAmount(): number
}

interface UwsResponse {
  writeStatus(status: string): UwsResponse
  writeHeader(name: string, value: string): UwsResponse
  end(body?: string): void
  onAborted(told: () => void): void
  cork(write: () => void): void
  upgrade(data: object, key: string, protocol: string, extensions: string, context: unknown): void
}

interface UwsRequest {
  getHeader(name: string): string
}

export interface UwsApp {
  ws(pattern: string, behavior: Record<string, unknown>): UwsApp
  any(pattern: string, handler: (response: UwsResponse) => void): UwsApp
  listen(host: string, port: number, listening: (token: unknown) => void): UwsApp
  publish(topic: string, message: string): boolean
  close(): void
}

export interface Uws {
  App(): UwsApp
  us_socket_local_port(token: unknown): number
  us_listen_socket_close(token: unknown): void
  readonly DEDICATED_COMPRESSOR_256KB: number
}

/** The native library; its JavaScript stand-in, which the package loads where it has no binary, is not compared. */
export function loadUws(): Uws {
  const binary = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`
  return createRequire(import.meta.url)(`@trufflesuite/uws-js-unofficial/binaries/${binary}`) as Uws
}

export const uws: Contender = {
  name: 'uWebSockets.js',
  package: '@trufflesuite/uws-js-unofficial',
  prefix: '',
  missing() {
    try {
      loadUws()
      return undefined
    } catch {
      return `uWebSockets.js has no binary for Node ${process.versions.node} on ${process.platform}`
    }
  },
  load: async () => loadUws(),
  target: (path) => path,
  async start({ path = '/ws', ...choices } = {}) {
    const library = loadUws()
    const sockets = new Set<UwsSocket>()
    const app = library.App()
    const upgrade = async (response: UwsResponse, request: UwsRequest, context: unknown) => {
      let gone = false
      response.onAborted(() => {
        gone = true
      })
      const [key, protocol, extensions] = ['key', 'protocol', 'extensions'].map((name) =>
        request.getHeader(`sec-websocket-${name}`),
      ) as [string, string, string]
      if (choices.decisionMs !== undefined) await wait(choices.decisionMs)
      if (gone) return
      response.cork(() => {
        if (choices.refuse === true) {
          response.writeStatus('401 Unauthorized').end('who are you?')
          return
        }
        if (choices.cookie === true) {
          response.writeStatus('101 Switching Protocols').writeHeader('Set-Cookie', 'a=1')
        }
        response.upgrade({}, key, protocol, extensions, context)
      })
    }
    const decides = choices.decisionMs !== undefined || choices.refuse === true || choices.cookie === true
    app.ws(path, {
      ...(choices.compress === true ? { compression: library.DEDICATED_COMPRESSOR_256KB } : {}),
      ...(decides ? { upgrade } : {}),
      open(socket: UwsSocket) {
        sockets.add(socket)
        choices.onOpen?.({
          send: (data) => socket.send(data, typeof data !== 'string'),
          close: () => socket.end(1000),
          waiting: () => (sockets.has(socket) ? socket.getBufferedAmount() : 0),
          pause: undefined,
        })
      },
      message(socket: UwsSocket, data: ArrayBuffer, binary: boolean) {
        if (choices.silent !== true) socket.send(Buffer.from(data), binary, choices.compress === true)
      },
      close: (socket: UwsSocket) => sockets.delete(socket),
    })
    app.any('/*', (response) => response.end(page))
    const token = await new Promise((resolve, reject) => {
      app.listen('127.0.0.1', 0, (token) => {
        if (token) resolve(token)
        else reject(new Error('uWebSockets.js could not listen'))
      })
    })
    return {
      port: library.us_socket_local_port(token),
      closeAll: () => app.close(),
      async stop() {
        app.close()
        await wait(0)
      },
    }
  },
}
