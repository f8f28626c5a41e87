// Knows the server of Python's websockets.
import type { ServerPeer } from '../peer.ts'
import { beside, findPython } from '../places.ts'
import { childServer } from './child-server.ts'

export const python: ServerPeer = {
  name: 'python3-websockets',
  plainCloseCode: 1005,
  missing: () =>
    findPython() === undefined ? 'no Python with websockets: apt-get install python3-websockets' : undefined,
  start: () => childServer(findPython() as string, [beside('./servers/server.py')]),
}
