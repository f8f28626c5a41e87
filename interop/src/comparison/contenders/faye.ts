// The npm package faye-websocket, as its README shows it: in the app's own listener for `upgrade`.
import type { IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import type { Duplex } from 'node:stream'
import type { Contender } from '../contender.ts'
import { createApp, host, pathOf, wait } from '../hosting.ts'

interface FayeSocket {
  on(event: 'message', listener: (event: { readonly data: string | Buffer }) => void): void
  on(event: 'open', listener: () => void): void
  send(data: string | Buffer): boolean
  close(): void
  pause(): void
  readonly bufferedAmount: number
}

interface Faye {
  new (
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    protocols: readonly string[],
    options: { readonly headers?: Record<string, string>; readonly extensions?: readonly unknown[] },
  ): FayeSocket
  isWebSocket(request: IncomingMessage): boolean
}

export const faye: Contender = {
  name: 'faye-websocket',
  package: 'faye-websocket',
  prefix: '',
  missing: () => undefined,
  load: async () => createRequire(import.meta.url)('faye-websocket') as object,
  target: (path) => path,
  async start({ path = '/ws', server = createApp(), ...choices } = {}) {
    const FayeWebSocket = createRequire(import.meta.url)('faye-websocket') as Faye
    server.on('upgrade', async (request, stream, head) => {
      if (!FayeWebSocket.isWebSocket(request) || pathOf(request.url) !== path) return
      if (choices.decisionMs !== undefined) await wait(choices.decisionMs)
      if (choices.refuse === true) {
        stream.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n')
        return
      }
      const headers: Record<string, string> = choices.cookie === true ? { 'Set-Cookie': 'a=1' } : {}
      const socket = new FayeWebSocket(request, stream, head, [], { headers })
      socket.on('message', ({ data }) => {
        if (choices.silent !== true) socket.send(data)
      })
      socket.on('open', () => {
        choices.onOpen?.({
          send: (data) => socket.send(data),
          close: () => socket.close(),
          waiting: () => (socket.bufferedAmount > 0 ? socket.bufferedAmount : undefined),
          pause: () => socket.pause(),
        })
      })
    })
    const { port, stop } = await host(server)
    return { port, closeAll: undefined, stop }
  },
}
