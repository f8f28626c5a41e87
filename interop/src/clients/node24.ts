// Knows the WebSocket that Node 24 brings along.
import type { ClientPeer } from '../peer.ts'
import { beside, findRuntime, missingRuntime } from '../places.ts'
import { childClient } from './child-client.ts'

export const node24: ClientPeer = {
  name: "Node 24's built-in WebSocket",
  closeCodes: [1000, 3000, 4999],
  missing: () => missingRuntime('node24'),
  start: async () => childClient(findRuntime('node24') as string, [beside('./clients/whatwg-child.js')]),
}
