// Knows the WebSocket that Bun brings along.
import type { ClientPeer } from '../peer.ts'
import { beside, findRuntime, missingRuntime } from '../places.ts'
import { childClient } from './child-client.ts'

export const bun: ClientPeer = {
  name: "Bun's built-in WebSocket",
  closeCodes: [1000, 3000, 4999],
  missing: () => missingRuntime('bun'),
  start: async () => childClient(findRuntime('bun') as string, [beside('./clients/whatwg-child.js')]),
}
