// A small result to draw and to print.
import { Gathering, type Results } from '../../src/results.ts'
import { workloads } from '../../src/workloads.ts'

const echo = workloads.find(({ name }) => name === 'echo-125-p32')!
const handshake = workloads.find(({ name }) => name === 'handshake')!

const gathering = new Gathering()
gathering.add('turnout', { cost: 0.5, perSecond: 2_000_000, busy: 1 })
gathering.add('ws', { cost: 5, perSecond: 200_000, busy: 1 })
for (const peer of ['bun', 'uws']) gathering.leaveOut(peer, 'no runtime & no binary')

export const sampleResults: Results = {
  kind: 'quick',
  complete: true,
  made: '2026-01-02T03:04:05.000Z',
  command: 'npm run bench',
  machine: {
    processor: 'Processor <with & signs>',
    cores: 2,
    memoryGiB: 8,
    kernel: 'linux 6',
    node: 'v26.0.0',
    bun: undefined,
    loadAverage: 0,
  },
  versions: { ws: 'ws 8.0.0' },
  settings: { rounds: 1, windows: 3, windowMs: 300, warmMs: 300 },
  workloads: [
    gathering.result(echo, 'own', ['ws', 'raw', 'bun']),
    new Gathering().result(handshake, 'own', ['ws']),
  ],
}
