// Knows that server and client of ours also work, in small, on runtimes that are not Node.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startChild } from '../src/child.ts'
import { beside, findRuntime, missingRuntime } from '../src/places.ts'
import { describePeer } from './peers.ts'

const runtimes = [
  { name: 'bun', args: [] },
  { name: 'deno', args: ['run', '--allow-all', '--quiet', '--node-modules-dir=manual'] },
] as const

for (const { name, args } of runtimes) {
  describePeer(`server and client on ${name}`, { name, missing: () => missingRuntime(name) }, () => {
    it('switch, echo, close, compress, refuse and decline', { timeout: 60_000 }, async () => {
      const child = startChild(findRuntime(name) as string, [...args, beside('./smoke.js')])
      try {
        assert.deepEqual(await child.next(), [
          'websocket',
          'text',
          'binary',
          'close',
          'compressed',
          'refused',
          'protocol',
          'declined',
        ])
      } finally {
        await child.stop()
      }
    })
  })
}
