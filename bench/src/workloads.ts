// Knows every workload of the bench: its name, its size, and which of them a quick run takes.

/** Echo: each connection keeps `inFlight` messages under way. On the client side the client is what is measured. */
export interface EchoWorkload {
  readonly kind: 'echo'
  readonly side: 'server' | 'client'
  readonly name: string
  readonly title: string
  readonly sizeBytes: number
  readonly binary: boolean
  /** With permessage-deflate, both ways. */
  readonly compressed: boolean
  /** With heartbeats of the server on every connection: what many connections cost, not only their messages. */
  readonly heartbeats: boolean
  /** Over TLS (wss:). */
  readonly secure: boolean
  readonly inFlight: number
  readonly connections: number
}

/** Fan-out: one connection sends, the server hands every message to all of them. Counted per delivery. */
export interface FanoutWorkload {
  readonly kind: 'fanout'
  readonly side: 'server'
  readonly name: string
  readonly title: string
  readonly sizeBytes: number
  readonly binary: false
  readonly inFlight: number
  readonly connections: number
}

/** Connect, 101, Close both ways, end of TCP; again and again on `connections` lanes. */
export interface HandshakeWorkload {
  readonly kind: 'handshake'
  readonly side: 'server'
  readonly name: string
  readonly title: string
  readonly connections: number
}

/** Memory of open connections on which nothing happens. */
export interface IdleWorkload {
  readonly kind: 'idle'
  readonly side: 'server'
  readonly name: string
  readonly title: string
  readonly connections: number
}

export type Workload = EchoWorkload | FanoutWorkload | HandshakeWorkload | IdleWorkload

const sizes: readonly (readonly [label: string, bytes: number])[] = [
  ['16', 16],
  ['125', 125],
  ['1k', 1024],
  ['16k', 16 * 1024],
  ['64k', 64 * 1024],
  ['1m', 1024 * 1024],
]
const depths: readonly number[] = [1, 8, 32]

/** All there are, in the order in which they run. */
export const workloads: readonly Workload[] = [
  ...sizes.flatMap(([label, bytes]) =>
    [false, true].flatMap((binary) =>
      depths.map((inFlight) => echo('server', label, bytes, binary, inFlight)),
    ),
  ),
  deflate('1k', 1024, 1),
  deflate('1k', 1024, 16),
  deflate('16k', 16 * 1024, 1),
  secure('125', 125, false, 1),
  secure('125', 125, false, 32),
  secure('16k', 16 * 1024, true, 1),
  secure('64k', 64 * 1024, true, 1),
  growth(10),
  growth(1000),
  growth(10_000),
  fanout(1),
  fanout(8),
  {
    kind: 'handshake',
    side: 'server',
    name: 'handshake',
    title: 'handshake + close',
    connections: 64,
  },
  {
    kind: 'idle',
    side: 'server',
    name: 'idle',
    title: 'memory, 5,000 idle connections',
    connections: 5000,
  },
  echo('client', '16', 16, false, 1),
  echo('client', '125', 125, false, 1),
  echo('client', '125', 125, false, 32),
  echo('client', '1k', 1024, true, 1),
  echo('client', '16k', 16 * 1024, true, 1),
  echo('client', '64k', 64 * 1024, true, 1),
]

/** What `--quick` runs. */
export const quickNames: readonly string[] = [
  'echo-16-p1',
  'echo-16-p32',
  'echo-125-p1',
  'echo-125-p32',
  'echo-1k-binary-p1',
  'echo-16k-binary-p1',
  'echo-64k-binary-p1',
  'deflate-1k-p1',
  'fanout-p8',
  'handshake',
  'idle',
  'client-125-p32',
]

/** Whether it is about permessage-deflate. */
export function isCompressed(workload: Workload): boolean {
  return workload.kind === 'echo' && workload.compressed
}

/** Whether the server is to keep heartbeats. */
export function hasHeartbeats(workload: Workload): boolean {
  return workload.kind === 'echo' && workload.heartbeats
}

/** Whether it is over TLS. */
export function isSecure(workload: Workload): boolean {
  return workload.kind === 'echo' && workload.secure
}

/**
 * Workloads whose names match one of the patterns, in the bench's order; `*` stands for anything.
 * A pattern that matches nothing is returned as `unknown`.
 */
export function selectWorkloads(patterns: readonly string[]): {
  readonly chosen: readonly Workload[]
  readonly unknown: readonly string[]
} {
  const matchers = patterns.map((pattern) => ({ pattern, matches: matcher(pattern) }))
  return {
    chosen: workloads.filter(({ name }) => matchers.some(({ matches }) => matches(name))),
    unknown: matchers
      .filter(({ matches }) => !workloads.some(({ name }) => matches(name)))
      .map(({ pattern }) => pattern),
  }
}

function matcher(pattern: string): (name: string) => boolean {
  const source = pattern
    .split('*')
    .map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
    .join('.*')
  const expression = new RegExp(`^${source}$`)
  return (name) => expression.test(name)
}

function echo(
  side: 'server' | 'client',
  label: string,
  sizeBytes: number,
  binary: boolean,
  inFlight: number,
): EchoWorkload {
  const unit = label.endsWith('k') ? ' KiB' : label.endsWith('m') ? ' MiB' : ' B'
  const role = side === 'client' ? 'client echo' : 'echo'
  return {
    kind: 'echo',
    side,
    name: `${side === 'client' ? 'client' : 'echo'}-${label}${binary ? '-binary' : ''}-p${inFlight}`,
    title: `${role} ${label.replace(/[km]/, '')}${unit} ${binary ? 'binary' : 'text'}, ${inFlight} in flight`,
    sizeBytes,
    binary,
    compressed: false,
    heartbeats: false,
    secure: false,
    inFlight,
    connections: sizeBytes >= 1024 * 1024 ? 4 : 64,
  }
}

function deflate(label: string, sizeBytes: number, inFlight: number): EchoWorkload {
  return {
    ...echo('server', label, sizeBytes, false, inFlight),
    name: `deflate-${label}-p${inFlight}`,
    title: `permessage-deflate ${sizeBytes / 1024} KiB of JSON, ${inFlight} in flight`,
    compressed: true,
  }
}

function secure(label: string, sizeBytes: number, binary: boolean, inFlight: number): EchoWorkload {
  const plain = echo('server', label, sizeBytes, binary, inFlight)
  return {
    ...plain,
    name: plain.name.replace('echo', 'tls'),
    title: plain.title.replace('echo', 'echo over TLS'),
    secure: true,
  }
}

/** The same message on few connections and on many: what one costs should not depend on the others. */
function growth(connections: number): EchoWorkload {
  return {
    ...echo('server', '125', 125, false, 8),
    name: `growth-${connections}`,
    title: `echo 125 B, 8 in flight, ${connections.toLocaleString('en')} connections + heartbeats`,
    heartbeats: true,
    connections,
  }
}

function fanout(inFlight: number): FanoutWorkload {
  return {
    kind: 'fanout',
    side: 'server',
    name: `fanout-p${inFlight}`,
    title: `fan-out 16 B to 1,000, ${inFlight} broadcast${inFlight === 1 ? '' : 's'} in flight`,
    sizeBytes: 16,
    binary: false,
    inFlight,
    connections: 1000,
  }
}
