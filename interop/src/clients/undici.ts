// Knows undici's WebSocket.
import { WebSocket } from 'undici'
import type { ClientPeer, EchoReport, Ending } from '../peer.ts'
import { type Command, drive, type WhatwgConstructor } from '../whatwg.ts'

export const undici: ClientPeer = {
  name: 'undici',
  closeCodes: [1000, 3000, 4999],
  missing: () => undefined,
  async start() {
    const run = (command: Command) => drive(WebSocket as unknown as WhatwgConstructor, command)
    return {
      echo: (url, protocols, payloads) =>
        run({ op: 'echo', url, protocols, payloads }) as Promise<EchoReport>,
      close: (url, goodbye) => run({ op: 'close', url, goodbye }) as Promise<Ending>,
      closed: (url) => run({ op: 'closed', url }) as Promise<Ending>,
      stop: async () => {},
    }
  },
}
