// Knows the WebSocket that Deno brings along.
import type { ClientPeer } from '../peer.ts'
import { beside, findRuntime, missingRuntime } from '../places.ts'
import { childClient } from './child-client.ts'

export const deno: ClientPeer = {
  name: "Deno's built-in WebSocket",
  closeCodes: [1000, 3000, 4999],
  missing: () => missingRuntime('deno'),
  start: async () =>
    childClient(findRuntime('deno') as string, [
      'run',
      '--allow-all',
      '--quiet',
      '--node-modules-dir=manual',
      beside('./clients/whatwg-child.js'),
    ]),
}
