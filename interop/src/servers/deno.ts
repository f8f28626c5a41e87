// Knows the server that Deno brings along.
import type { ServerPeer } from '../peer.ts'
import { beside, findRuntime, missingRuntime } from '../places.ts'
import { childServer } from './child-server.ts'

export const deno: ServerPeer = {
  name: 'Deno.serve',
  plainCloseCode: 1005,
  missing: () => missingRuntime('deno'),
  start: () =>
    childServer(findRuntime('deno') as string, [
      'run',
      '--allow-all',
      '--quiet',
      beside('./servers/deno-server.js'),
    ]),
}
