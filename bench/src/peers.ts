// Knows who is measured: how each peer is started, and what it cannot do.
import type { ChildOptions } from './child.ts'
import { tooFewFiles } from './open-files.ts'
import type { Runtimes } from './runtimes.ts'
import { hasHeartbeats, isCompressed, type Workload } from './workloads.ts'

/** A program of the bench that hosts a peer. */
export interface Part {
  /** Below `dist`. */
  readonly script: string
  /** `node`: the one that was asked for. `home`: the one in which the bench itself runs. */
  readonly runtime: 'node' | 'home' | 'bun'
  readonly framing: 'websocket' | 'raw'
  readonly environment?: Readonly<Record<string, string>>
}

export interface Peer {
  readonly name: string
  /** For the chart and the tables' legend. */
  readonly title: string
  /** The npm packages whose versions are reported. */
  readonly packages: readonly string[]
  readonly server?: Part
  readonly client?: Part
  /** Its server keeps heartbeats when it is asked to; the others are not measured with them. */
  readonly heartbeats?: true
  /** In a word why a workload is not for this peer. */
  readonly cannot?: (workload: Workload) => string | undefined
}

const wsAlone = { WS_NO_BUFFER_UTIL: '1', WS_NO_UTF_8_VALIDATE: '1' }

export const peers: readonly Peer[] = [
  {
    name: 'turnout',
    title: 'turnout',
    packages: ['turnout'],
    heartbeats: true,
    server: node('servers/turnout.js'),
    client: node('clients/turnout.js'),
  },
  {
    name: 'turnout-iterator',
    title: 'turnout, async iterator',
    packages: ['turnout'],
    server: node('servers/turnout-iterator.js'),
  },
  {
    name: 'turnout-chunks',
    title: "turnout, binary: 'chunks'",
    packages: ['turnout'],
    server: node('servers/turnout-form.js', { BINARY_FORM: 'chunks' }),
    cannot: onlyLarge,
  },
  {
    name: 'turnout-lent',
    title: "turnout, binary: 'lent'",
    packages: ['turnout'],
    server: node('servers/turnout-form.js', { BINARY_FORM: 'lent' }),
    cannot: onlyLarge,
  },
  {
    name: 'ws',
    title: 'ws',
    packages: ['ws'],
    heartbeats: true,
    server: node('servers/ws.js', wsAlone),
    client: node('clients/ws.js', wsAlone),
  },
  {
    name: 'ws-native',
    title: 'ws + bufferutil + utf-8-validate',
    packages: ['ws', 'bufferutil', 'utf-8-validate'],
    server: node('servers/ws.js'),
    client: node('clients/ws.js'),
  },
  {
    name: 'raw',
    title: 'raw net (no WebSocket)',
    packages: [],
    server: { ...node('servers/raw.js'), framing: 'raw' },
    cannot(workload) {
      if (isCompressed(workload)) return 'no WebSocket, so no compression'
      return workload.kind === 'handshake' ? 'no WebSocket, so no handshake' : undefined
    },
  },
  {
    name: 'uws',
    title: 'uWebSockets.js (C++)',
    packages: ['@trufflesuite/uws-js-unofficial'],
    // Its binaries are for Node 16, 18 and 20 only, so `--node` does not move it.
    server: { ...node('servers/uws.js'), runtime: 'home' },
  },
  {
    name: 'bun',
    title: 'Bun.serve (C++)',
    packages: [],
    server: { script: 'servers/bun.js', runtime: 'bun', framing: 'websocket' },
  },
  {
    name: 'faye-websocket',
    title: 'faye-websocket',
    packages: ['faye-websocket', 'permessage-deflate'],
    server: node('servers/faye.js'),
  },
  {
    name: 'websocket',
    title: 'websocket',
    packages: ['websocket'],
    server: node('servers/websocket.js'),
    cannot: (workload) => (isCompressed(workload) ? 'it has no compression' : undefined),
  },
  { name: 'undici', title: 'undici', packages: ['undici'], client: node('clients/undici.js') },
]

/** Whom `--quick` runs. */
export const quickPeers: readonly string[] = ['turnout', 'ws', 'raw', 'uws', 'bun', 'undici']

/** Against whom ratios are taken. */
export const bases: readonly string[] = ['ws', 'raw', 'bun']

/** The part of a peer that a workload measures, or in a word why there is none. */
export function partFor(peer: Peer, workload: Workload): Part | string {
  const part = workload.side === 'server' ? peer.server : peer.client
  if (part === undefined) return workload.side === 'server' ? 'a client only' : 'measured as a server only'
  if (hasHeartbeats(workload) && peer.heartbeats === undefined) return 'measured for turnout and ws'
  return peer.cannot?.(workload) ?? tooFewFiles(workload.connections) ?? part
}

/** How to start a part; a string says why it cannot be started here. `label` names its profile. */
export function launch(part: Part, dist: string, runtimes: Runtimes, label: string): ChildOptions | string {
  const runtime = part.runtime === 'home' ? process.execPath : runtimes[part.runtime]
  if (runtime === undefined) return 'no Bun was found here (node scripts/runtimes.mjs bun, or --bun PATH)'
  const { profileFolder } = runtimes
  const profile =
    profileFolder === undefined
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`, `--cpu-prof-name=${label}.cpuprofile`]
  return {
    runtime,
    runtimeArguments: part.runtime === 'bun' ? [] : ['--expose-gc', ...profile],
    script: `${dist}/${part.script}`,
    environment: part.environment ?? {},
  }
}

/** The form of binary messages makes a difference. */
function onlyLarge(workload: Workload): string | undefined {
  const large = workload.kind === 'echo' && workload.binary && workload.sizeBytes >= 16 * 1024
  return large ? undefined : 'the same as turnout'
}

function node(script: string, environment: Readonly<Record<string, string>> = {}): Part {
  return { script, runtime: 'node', framing: 'websocket', environment }
}
