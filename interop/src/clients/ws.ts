// Knows the client of the package ws.
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { payload } from '../payload.ts'
import type { ClientPeer, Ending, RunningClient } from '../peer.ts'

export const ws: ClientPeer = {
  name: 'ws',
  closeCodes: [1000, 1001, 1011, 3000, 4999],
  missing: () => undefined,
  start: async () => client,
}

const client: RunningClient = {
  async echo(url, protocols, payloads) {
    const socket = new WebSocket(url, [...protocols])
    await once(socket, 'open')
    const wrong: string[] = []
    for (const { kind, bytes } of payloads) {
      const sent = payload(kind, bytes)
      socket.send(sent)
      const [data, isBinary] = await once(socket, 'message')
      const same = isBinary === (kind === 'binary') && Buffer.from(sent).equals(data)
      if (!same) wrong.push(`${kind} of ${bytes} bytes`)
    }
    socket.close(1000)
    await once(socket, 'close')
    return { protocol: socket.protocol, same: payloads.length - wrong.length, wrong }
  },
  async close(url, { code, reason }) {
    const socket = new WebSocket(url)
    await once(socket, 'open')
    socket.close(code, reason)
    return ending(socket)
  },
  closed: (url) => ending(new WebSocket(url)),
  stop: async () => {},
}

async function ending(socket: WebSocket): Promise<Ending> {
  const [code, reason] = await once(socket, 'close')
  return { code, reason: String(reason) }
}
