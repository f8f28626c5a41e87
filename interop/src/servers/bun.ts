// Knows the server that Bun brings along.
import type { ServerPeer } from '../peer.ts'
import { beside, findRuntime, missingRuntime } from '../places.ts'
import { childServer } from './child-server.ts'

export const bun: ServerPeer = {
  name: 'Bun.serve',
  plainCloseCode: 1000,
  missing: () => missingRuntime('bun'),
  start: () => childServer(findRuntime('bun') as string, [beside('./servers/bun-server.js')]),
}
