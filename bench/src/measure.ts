// Knows how one workload is measured: fresh processes a round, a check of every echo, then windows in turn.
import { Child, type ChildOptions } from './child.ts'
import type { Instrument } from './instrument.ts'
import { bases, launch, type Part, type Peer, partFor } from './peers.ts'
import type { Progress } from './progress.ts'
import type { Tally, Usage } from './questions.ts'
import { Gathering, type Sample, type Settings, type WorkloadResult } from './results.ts'
import type { Runtimes } from './runtimes.ts'
import { inTurn } from './turns.ts'
import { hasHeartbeats, isCompressed, isSecure, type Workload } from './workloads.ts'

export interface Bench {
  /** Where the programs of the bench lie. */
  readonly dist: string
  readonly runtimes: Runtimes
  readonly settings: Settings
  /** Measure with the bench's own load. */
  readonly own: boolean
  readonly instrument: Instrument | undefined
  readonly progress: Progress
}

/** A peer that runs and is measured. */
interface Runner {
  readonly name: string
  readonly part: Part
  /** The process whose CPU and memory count. */
  readonly measured: Child
  /** The process that makes the messages: the load generator, or a client peer itself. */
  readonly driver: Child
  readonly port: number
}

type Start = (options: ChildOptions) => Child

const verifyMs = 60
const settleMs = 300

/** One result for each way of making the load: the own one, the outside instrument. */
export async function measureWorkload(
  workload: Workload,
  peers: readonly Peer[],
  bench: Bench,
): Promise<readonly WorkloadResult[]> {
  const ways = [...(bench.own ? [undefined] : []), ...(bench.instrument ? [bench.instrument] : [])]
  const gatherings = ways.map((way) => ({ way, gathering: new Gathering() }))
  for (let round = 1; round <= bench.settings.rounds; round++) {
    for (const { way, gathering } of gatherings) {
      await oneRound({ workload, peers, bench, way, gathering, round })
    }
  }
  return gatherings.map(({ way, gathering }) => gathering.result(workload, way?.name ?? 'own', bases))
}

interface Round {
  readonly workload: Workload
  readonly peers: readonly Peer[]
  readonly bench: Bench
  /** Undefined: the own load. */
  readonly way: Instrument | undefined
  readonly gathering: Gathering
  readonly round: number
}

async function oneRound({ workload, peers, bench, way, gathering, round }: Round): Promise<void> {
  const { settings, progress } = bench
  const children: Child[] = []
  const start: Start = (options) => {
    const child = new Child(options)
    children.push(child)
    return child
  }
  const by = way === undefined ? '' : ` by ${way.name}`
  const tell = (peer: string) => progress.now(`${workload.name}: ${peer}${by}, round ${round}`)
  try {
    const runners: Runner[] = []
    for (const { name, part } of able(workload, peers, way, gathering)) {
      tell(name)
      await attempt(name, gathering, async () => {
        const runner = await startPeer(name, part, workload, bench, start)
        await warm(runner, workload, settings)
        if (way !== undefined) await runner.driver.ask('close', undefined)
        runners.push(runner)
      })
    }
    // Memory is read once a process: what was freed is not given back in the same way each time.
    const windows = workload.kind === 'idle' ? 1 : settings.windows
    for (let window = 0; window < windows; window++) {
      for (const runner of inTurn(runners, (round - 1) * windows + window)) {
        if (gathering.isOut(runner.name)) continue
        tell(runner.name)
        await attempt(runner.name, gathering, async () => {
          const sample =
            way === undefined
              ? await ownSample(runner, workload, settings)
              : await outsideSample(way, runner, workload, settings)
          gathering.add(runner.name, sample)
        })
        progress.step()
      }
    }
  } finally {
    await Promise.all(children.map((child) => child.stop()))
  }
}

/** Who takes part; the others are left out with a word. */
function able(
  workload: Workload,
  peers: readonly Peer[],
  way: Instrument | undefined,
  gathering: Gathering,
): { readonly name: string; readonly part: Part }[] {
  return peers.flatMap((peer) => {
    const { name } = peer
    if (gathering.isOut(name)) return []
    const part = partFor(peer, workload)
    const why = typeof part === 'string' ? part : way?.cannot(workload, part.framing)
    if (typeof part !== 'string' && why === undefined) return [{ name, part }]
    gathering.leaveOut(name, why ?? '')
    return []
  })
}

async function startPeer(
  name: string,
  part: Part,
  workload: Workload,
  bench: Bench,
  start: Start,
): Promise<Runner> {
  const options = launch(part, bench.dist, bench.runtimes, `${workload.name}-${name}`)
  if (typeof options === 'string') throw new Error(options)
  const measured = start(options)
  const other = start({ runtime: process.execPath, script: `${bench.dist}/${counterpart[workload.side]}` })
  const [server, driver] = workload.side === 'server' ? [measured, other] : [other, measured]
  const { port } = await server.ask('listen', {
    kind: workload.kind,
    compressed: isCompressed(workload),
    heartbeats: hasHeartbeats(workload),
    secure: isSecure(workload),
  })
  await driver.ask('open', { port, workload, framing: part.framing })
  return { name, part, measured, driver, port }
}

/** What a peer works with: the load generator a server, the fixed server a client. Each has one of its own. */
const counterpart = { server: 'load/main.js', client: 'servers/fixed.js' } as const

/** Compares every echo with what was sent, then works until the machine code and the heap have settled. */
async function warm({ driver, measured }: Runner, workload: Workload, settings: Settings): Promise<void> {
  if (workload.kind === 'idle') return
  await driver.ask('run', { durationMs: verifyMs, verify: true })
  // An HTTP server takes tens of thousands of requests to reach its speed, and the first are three times as slow.
  await work(driver, workload.kind === 'handshake' ? 20_000 : 1, settings)
  // Until it has collected everything once, V8 lets memory grow as it never will again in the life of a server.
  await measured.ask('collect', undefined)
  await work(driver, 1, settings)
}

/**
 * While the others were warmed and measured this one stood still, and V8 throws away the machine code of what stands
 * still for long. Messages have it back in a moment, handshakes have not.
 */
async function wake({ driver }: Runner, workload: Workload, settings: Settings): Promise<void> {
  if (workload.kind === 'handshake') await work(driver, 8_000, settings)
}

/** So many messages that do not count, or as many as there is patience for. */
async function work(driver: Child, least: number, { warmMs }: Settings): Promise<void> {
  let messages = 0
  for (let turn = 0; turn < 30 && messages < least; turn++) {
    messages += (await driver.ask('run', { durationMs: warmMs, verify: false })).messages
  }
}

/** From rest to rest, so that what is counted is exactly what was worked on. */
async function ownSample(runner: Runner, workload: Workload, settings: Settings): Promise<Sample> {
  const { driver, measured } = runner
  if (workload.kind === 'idle') return await idleSample(runner)
  await wake(runner, workload, settings)
  const before = await measured.ask('usage', undefined)
  const tally = await driver.ask('run', { durationMs: settings.windowMs, verify: false })
  return sampleOf(tally, before, await measured.ask('usage', undefined))
}

async function outsideSample(
  instrument: Instrument,
  { part, port, measured }: Runner,
  workload: Workload,
  settings: Settings,
): Promise<Sample> {
  return await instrument.measure({ workload, framing: part.framing, port, pid: measured.pid, settings })
}

function sampleOf(tally: Tally, before: Usage, after: Usage): Sample {
  if (tally.messages === 0) throw new Error('nothing came back')
  const cpuMicros = after.userMicros - before.userMicros + after.systemMicros - before.systemMicros
  return {
    cost: cpuMicros / tally.messages,
    perSecond: (tally.messages / tally.elapsedMs) * 1000,
    busy: cpuMicros / 1000 / tally.elapsedMs,
    rssBytes: after.rssBytes,
    ...(tally.p50Micros !== undefined && { p50Micros: tally.p50Micros }),
    ...(tally.p99Micros !== undefined && { p99Micros: tally.p99Micros }),
  }
}

async function idleSample({ driver, measured }: Runner): Promise<Sample> {
  const before = await settledMemory(measured)
  const { messages } = await driver.ask('run', { durationMs: settleMs, verify: false })
  const after = await settledMemory(measured)
  await driver.ask('close', undefined)
  return { cost: (after - before) / messages, rssBytes: after }
}

async function settledMemory(child: Child): Promise<number> {
  for (let turn = 0; turn < 2; turn++) {
    await child.ask('collect', undefined)
    await new Promise((resolve) => setTimeout(resolve, settleMs))
  }
  return (await child.ask('usage', undefined)).rssBytes
}

/** What goes wrong with a peer is its reason to be left out. */
async function attempt(peer: string, gathering: Gathering, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    gathering.leaveOut(peer, error instanceof Error ? error.message : String(error))
  }
}
