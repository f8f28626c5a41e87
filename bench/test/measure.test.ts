import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Bench, measureWorkload } from '../src/measure.ts'
import { type Peer, peers } from '../src/peers.ts'
import type { WorkloadResult } from '../src/results.ts'
import { type EchoWorkload, workloads } from '../src/workloads.ts'

const dist = join(dirname(fileURLToPath(import.meta.url)), '../src')
const silent = { now() {}, step() {}, print() {}, end() {} }
const bench: Bench = {
  dist,
  runtimes: { node: process.execPath, bun: undefined, profileFolder: undefined },
  settings: { rounds: 1, windows: 2, windowMs: 40, warmMs: 40 },
  own: true,
  instrument: undefined,
  progress: silent,
}

const small = { connections: 4 }
const echo: EchoWorkload = { ...(workloads[0] as EchoWorkload), ...small }
const clientEcho = {
  ...(workloads.find(({ name }) => name === 'client-125-p32') as EchoWorkload),
  ...small,
}
const deflate: EchoWorkload = {
  ...(workloads.find(({ name }) => name === 'deflate-1k-p1') as EchoWorkload),
  ...small,
}

function faulty(fault: string): Peer {
  return {
    name: fault,
    title: fault,
    packages: [],
    server: {
      script: '../test/faulty-server.js',
      runtime: 'node',
      framing: 'raw',
      environment: { FAULT: fault },
    },
  }
}

function named(...names: string[]): readonly Peer[] {
  return peers.filter(({ name }) => names.includes(name))
}

async function measured(workload: EchoWorkload, list: readonly Peer[]): Promise<WorkloadResult> {
  const [result] = await measureWorkload(workload, list, bench)
  return result!
}

test('servers that answer rightly get figures for every window', { timeout: 30_000 }, async () => {
  const { peers: found, leftOut } = await measured(echo, named('ws', 'raw', 'faye-websocket', 'websocket'))
  assert.deepEqual(leftOut, {})
  assert.deepEqual(Object.keys(found).sort(), ['faye-websocket', 'raw', 'websocket', 'ws'])
  for (const { cost, p50Micros, p99Micros } of Object.values(found)) {
    assert.equal(cost.samples.length, 2)
    assert.ok(cost.median > 0)
    assert.ok(p99Micros!.median >= p50Micros!.median)
  }
})

test('clients are measured against the fixed server', { timeout: 30_000 }, async () => {
  const { peers: found, leftOut } = await measured(clientEcho, named('ws', 'undici'))
  assert.deepEqual(leftOut, {})
  assert.deepEqual(Object.keys(found), ['ws', 'undici'])
})

test('servers that compress get figures, and who cannot is left out with a word', {
  timeout: 30_000,
}, async () => {
  const deaf: Peer = {
    name: 'deaf',
    title: 'deaf',
    packages: [],
    server: { script: 'servers/fixed.js', runtime: 'node', framing: 'websocket' },
  }
  const able = ['turnout', 'turnout-iterator', 'ws', 'faye-websocket']
  const list = [...named(...able, 'raw', 'websocket'), deaf]
  const { peers: found, leftOut } = await measured(deflate, list)
  assert.deepEqual(Object.keys(found).sort(), able.sort())
  assert.deepEqual(leftOut, {
    raw: 'no WebSocket, so no compression',
    websocket: 'it has no compression',
    deaf: 'the server did not take up permessage-deflate',
  })
})

test('with heartbeats turnout and ws are measured, and who has none is left out with a word', {
  timeout: 30_000,
}, async () => {
  const growth = { ...(workloads.find(({ name }) => name === 'growth-10') as EchoWorkload), ...small }
  const { peers: found, leftOut } = await measured(growth, named('turnout', 'ws', 'raw'))
  assert.deepEqual(Object.keys(found).sort(), ['turnout', 'ws'])
  assert.deepEqual(leftOut, { raw: 'measured for turnout and ws' })
})

test('over TLS everybody is measured', { timeout: 30_000 }, async () => {
  const secure = { ...(workloads.find(({ name }) => name === 'tls-125-p1') as EchoWorkload), ...small }
  const able = [
    'turnout',
    'turnout-iterator',
    'turnout-lent',
    'ws',
    'raw',
    'uws',
    'faye-websocket',
    'websocket',
  ]
  const list = named(...able).map((peer) => ({ ...peer, cannot: () => undefined }))
  const { peers: found, leftOut } = await measured(secure, list)
  assert.deepEqual(leftOut, {})
  assert.deepEqual(Object.keys(found).sort(), able.sort())
})

test('a server that errs is left out with the reason, and the others are measured', {
  timeout: 60_000,
}, async () => {
  const faults = ['changes', 'repeats', 'closes', 'crashes', 'does not start']
  const { peers: found, leftOut } = await measured(echo, [...faults.map(faulty), ...named('raw')])
  assert.deepEqual(Object.keys(found), ['raw'])
  assert.match(leftOut.changes!, /other bytes came back/)
  assert.match(leftOut.repeats!, /more came back than was sent|other bytes/)
  assert.match(leftOut.closes!, /closed a connection/)
  assert.match(leftOut.crashes!, /closed a connection|ECONNRESET|had enough/)
  assert.match(leftOut['does not start']!, /this server cannot start/)
})

test('a load that does not start costs its peer the figures, and not the bench its life', {
  timeout: 30_000,
}, async () => {
  for (const workload of [echo, clientEcho]) {
    const [result] = await measureWorkload(workload, named('ws'), { ...bench, dist: '/nowhere' })
    assert.match(result!.leftOut.ws!, /Cannot find module/)
  }
})

test('who cannot do a workload, or has no runtime here, is left out with a word', {
  timeout: 30_000,
}, async () => {
  const { leftOut } = await measured(echo, named('bun', 'undici'))
  assert.match(leftOut.bun!, /no Bun was found/)
  assert.match(leftOut.undici!, /a client only/)
})
