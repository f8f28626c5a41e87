// turnout, as its README shows it.
import { createTurnout } from 'turnout'
import type { Contender } from '../contender.ts'
import { createApp, host, wait } from '../hosting.ts'

export const turnout: Contender = {
  name: 'turnout',
  package: 'turnout',
  prefix: '',
  missing: () => undefined,
  load: () => import('turnout'),
  target: (path) => path,
  async start({ path = '/ws', server = createApp(), ...choices } = {}) {
    const side = createTurnout({
      onError: () => {},
      ...(choices.clock === undefined ? {} : { clock: choices.clock }),
    })
    side.websocket(path, {
      compression: choices.compress === true ? { threshold: 0 } : false,
      async accept() {
        if (choices.decisionMs !== undefined) await wait(choices.decisionMs)
        if (choices.refuse === true) return new Response('who are you?', { status: 401 })
        return choices.cookie === true ? { headers: { 'Set-Cookie': 'a=1' } } : {}
      },
      open: (socket) =>
        choices.onOpen?.({
          send: (data) => socket.send(data),
          close: () => socket.close(),
          waiting: () => socket.bufferedBytes,
          pause: () => socket.pause(),
        }),
      message(socket, data) {
        if (choices.silent !== true) socket.send(data)
      },
    })
    side.attach(server)
    const { port, stop } = await host(server)
    return {
      port,
      closeAll: () => side.close({ grace: 1_000 }),
      async stop() {
        await side.close({ grace: 0 })
        await stop()
      },
    }
  },
}
