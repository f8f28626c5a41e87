// Knows the client of Python's websockets.
import type { ClientPeer } from '../peer.ts'
import { beside, findPython } from '../places.ts'
import { childClient } from './child-client.ts'

export const python: ClientPeer = {
  name: 'python3-websockets',
  closeCodes: [1000, 1001, 1011, 3000, 4999],
  missing: () =>
    findPython() === undefined ? 'no Python with websockets: apt-get install python3-websockets' : undefined,
  start: async () => childClient(findPython() as string, [beside('./clients/client.py')]),
}
