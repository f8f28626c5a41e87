// Knows what can be asked of `npm run bench`, and says clearly what cannot.
import { parseArgs } from 'node:util'
import { type Peer, peers, quickPeers } from './peers.ts'
import type { RunKind, Settings } from './results.ts'
import { quickNames, selectWorkloads, type Workload, workloads } from './workloads.ts'

export interface Plan {
  readonly workloads: readonly Workload[]
  readonly peers: readonly Peer[]
  readonly settings: Settings
  readonly kind: RunKind
  /** Its figures take the place of those in the repository, and its chart that of the one in the README. */
  readonly publish: boolean
  readonly own: boolean
  readonly instrument: string | undefined
  readonly node: string | undefined
  readonly bun: string | undefined
  readonly profile: string | undefined
  readonly json: string | undefined
  readonly chart: string | undefined
}

export type Request =
  | { readonly kind: 'run'; readonly plan: Plan }
  | { readonly kind: 'linear' }
  | { readonly kind: 'help' | 'list'; readonly text: string }
  | { readonly kind: 'mistake'; readonly text: string }

const full: Settings = { rounds: 3, windows: 2, windowMs: 400, warmMs: 400 }
const quick: Settings = { rounds: 1, windows: 3, windowMs: 250, warmMs: 250 }

const options = {
  quick: { type: 'boolean' },
  only: { type: 'string', multiple: true },
  peers: { type: 'string', multiple: true },
  rounds: { type: 'string' },
  windows: { type: 'string' },
  'window-ms': { type: 'string' },
  'warm-ms': { type: 'string' },
  instrument: { type: 'string', multiple: true },
  node: { type: 'string' },
  bun: { type: 'string' },
  profile: { type: 'string' },
  publish: { type: 'boolean' },
  json: { type: 'string' },
  chart: { type: 'string' },
  linear: { type: 'boolean' },
  list: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

const help = `npm run bench [-- options]

  --quick              the workloads that tell most, in under two minutes
  --only NAME,…        only these workloads; * stands for anything: --only 'echo-*-p32'
  --peers NAME,…       only these peers
  --rounds N           rounds, each in fresh processes (default ${full.rounds}; quick ${quick.rounds})
  --windows N          measurements a round, the peers taking turns (default ${full.windows})
  --window-ms N        length of one (default ${full.windowMs}; quick ${quick.windowMs})
  --warm-ms N          work before the first one (default ${full.warmMs}; quick ${quick.warmMs})
  --instrument PATH    make the load with this program, or C source (*.c), instead. It is an outside
                       instrument and not part of this repository: bench/README.md says what it must
                       understand. With "own" both, in turns: --instrument own --instrument PATH
  --node PATH          run the peers in this Node; 22, 24 and 26 are the ones of scripts/runtimes.mjs
  --bun PATH           where Bun is
  --profile FOLDER     write a V8 CPU profile of each measured Node process there
  --json PATH          results (default bench/out/results.json)
  --chart PATH         chart (default bench/out/bench.svg)
  --publish            write bench/results.json and docs/bench.svg, too. A run of everything by the own load
                       does so unasked, if its Node is this one and nothing is shorter than by default.
  --linear             no run, but what n fragments, chunks and queued sends cost, in memory
  --list               names of workloads and peers`

/** Reads the command line. Never throws. */
export function readArguments(line: readonly string[]): Request {
  try {
    const { values } = parseArgs({ args: [...line], options, allowPositionals: false })
    if (values.help === true) return { kind: 'help', text: help }
    if (values.linear === true) return { kind: 'linear' }
    if (values.list === true) return { kind: 'list', text: list() }
    const base = values.quick === true ? quick : full
    const isPart = values.only !== undefined || values.peers !== undefined
    const instruments = values.instrument ?? ['own']
    const outside = instruments.filter((name) => name !== 'own')
    if (outside.length > 1) throw new Mistake(`--instrument: one besides "own", not ${outside.length}`)
    const settings: Settings = {
      rounds: count('rounds', values.rounds, base.rounds),
      windows: count('windows', values.windows, base.windows),
      windowMs: count('window-ms', values['window-ms'], base.windowMs),
      warmMs: count('warm-ms', values['warm-ms'], base.warmMs),
    }
    const why = unpublishable(values, isPart, instruments)
    if (values.publish === true && why !== undefined) throw new Mistake(`--publish does not go with ${why}`)
    return {
      kind: 'run',
      plan: {
        workloads: chooseWorkloads(names(values.only), values.quick === true),
        peers: choosePeers(names(values.peers), values.quick === true),
        settings,
        kind: isPart ? 'part' : values.quick === true ? 'quick' : 'full',
        publish:
          values.publish === true ||
          (why === undefined && values.quick !== true && values.node === undefined && isThorough(settings)),
        own: instruments.includes('own'),
        instrument: outside[0],
        node: values.node,
        bun: values.bun,
        profile: values.profile,
        json: values.json,
        chart: values.chart,
      },
    }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return { kind: 'mistake', text: `${text}\nSee npm run bench -- --help, and --list for names.` }
  }
}

class Mistake extends Error {}

/** What makes a run one that is not for the README, whatever is asked for; undefined when nothing does. */
function unpublishable(
  values: { readonly profile?: string; readonly json?: string; readonly chart?: string },
  isPart: boolean,
  instruments: readonly string[],
): string | undefined {
  if (isPart) return '--only and --peers'
  if (instruments.some((name) => name !== 'own')) return '--instrument'
  if (values.profile !== undefined) return '--profile'
  return values.json === undefined && values.chart === undefined ? undefined : '--json and --chart'
}

/** Nothing is done less often, or shorter, than by default. */
function isThorough({ rounds, windows, windowMs, warmMs }: Settings): boolean {
  return (
    rounds >= full.rounds && windows >= full.windows && windowMs >= full.windowMs && warmMs >= full.warmMs
  )
}

function names(lists: readonly string[] | undefined): readonly string[] | undefined {
  return lists
    ?.join(',')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

function chooseWorkloads(wanted: readonly string[] | undefined, isQuick: boolean): readonly Workload[] {
  const { chosen, unknown } = selectWorkloads(wanted ?? (isQuick ? quickNames : ['*']))
  if (unknown.length > 0) {
    throw new Mistake(
      `no workload is called ${unknown.map((name) => `"${name}"`).join(', ')}${suggestion(
        unknown[0]!,
        workloads.map(({ name }) => name),
      )}`,
    )
  }
  if (chosen.length === 0) throw new Mistake('--only names no workload')
  return chosen
}

function choosePeers(wanted: readonly string[] | undefined, isQuick: boolean): readonly Peer[] {
  const all = wanted ?? (isQuick ? quickPeers : peers.map(({ name }) => name))
  const unknown = all.find((name) => !peers.some((peer) => peer.name === name))
  if (unknown !== undefined) {
    throw new Mistake(
      `no peer is called "${unknown}"${suggestion(
        unknown,
        peers.map(({ name }) => name),
      )}`,
    )
  }
  if (all.length === 0) throw new Mistake('--peers names no peer')
  return peers.filter(({ name }) => all.includes(name))
}

function count(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 1_000_000) {
    throw new Mistake(`--${name} takes a whole number from 1 on, not "${text}"`)
  }
  return value
}

/** The names that share most of their beginning with a wrong one. */
function suggestion(wrong: string, known: readonly string[]): string {
  const shared = (name: string) => {
    let length = 0
    while (length < name.length && name[length] === wrong[length]) length++
    return length
  }
  const best = Math.max(...known.map(shared))
  if (best < 2) return ''
  const near = known.filter((name) => shared(name) === best).slice(0, 3)
  return ` (${near.join(', ')}?)`
}

function list(): string {
  const rows = (all: readonly { readonly name: string; readonly title: string }[]) =>
    all.map(({ name, title }) => `  ${name.padEnd(22)} ${title}`).join('\n')
  return `workloads\n${rows(workloads)}\n\npeers\n${rows(peers)}`
}
