// The npm package ws, as its README shows it.
import { WebSocketServer } from 'ws'
import type { Contender } from '../contender.ts'
import { createApp, host, wait } from '../hosting.ts'

export const ws: Contender = {
  name: 'ws',
  package: 'ws',
  prefix: '',
  missing: () => undefined,
  load: () => import('ws'),
  target: (path) => path,
  async start({ path = '/ws', server = createApp(), ...choices } = {}) {
    const { decisionMs, refuse } = choices
    const side = new WebSocketServer({
      server,
      path,
      ...(choices.compress === true ? { perMessageDeflate: { threshold: 0 } } : {}),
      ...(decisionMs !== undefined || refuse === true
        ? {
            verifyClient: (_info: unknown, decided: (yes: boolean, status?: number) => void) => {
              wait(decisionMs ?? 0).then(() => (refuse === true ? decided(false, 401) : decided(true)))
            },
          }
        : {}),
    })
    if (choices.cookie === true) side.on('headers', (headers) => headers.push('Set-Cookie: a=1'))
    side.on('connection', (socket) => {
      socket.on('error', () => {})
      socket.on('message', (data: Buffer, binary) => {
        if (choices.silent !== true) socket.send(data, { binary })
      })
      choices.onOpen?.({
        send: (data) => socket.send(data),
        close: () => socket.close(),
        waiting: () => socket.bufferedAmount,
        pause: () => socket.pause(),
      })
    })
    const { port, stop } = await host(server)
    return { port, closeAll: () => side.close(), stop }
  },
}
