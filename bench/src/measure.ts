// Knows how one workload is measured: fresh processes a round, a check of every echo, then windows in turn.
import { Child } from './child.ts'
import type { Instrument } from './instrument.ts'
import { bases, launch, type Part, type Peer, partFor } from './peers.ts'
import type { Progress } from './progress.ts'
import type { Tally, Target, Usage } from './questions.ts'
import { Gathering, type Sample, type Settings, type WorkloadResult } from './results.ts'
import type { Runtimes } from './runtimes.ts'
import type { Workload } from './workloads.ts'

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

const verifyMs = 60
const settleMs = 300

/** One result for each way of making the load. */
export async function measureWorkload(
  workload: Workload,
  peers: readonly Peer[],
  bench: Bench,
): Promise<readonly WorkloadResult[]> {
  const own = new Gathering()
  const outside = new Gathering()
  const { settings, instrument } = bench
  for (let round = 1; round <= settings.rounds; round++) {
    await oneRound(workload, peers, bench, round, own, outside)
  }
  return [
    ...(bench.own ? [own.result(workload, 'own', bases)] : []),
    ...(instrument === undefined ? [] : [outside.result(workload, instrument.name, bases)]),
  ]
}

async function oneRound(
  workload: Workload,
  peers: readonly Peer[],
  bench: Bench,
  round: number,
  own: Gathering,
  outside: Gathering,
): Promise<void> {
  const children: Child[] = []
  const start = (options: ConstructorParameters<typeof Child>[0]): Child => {
    const child = new Child(options)
    children.push(child)
    return child
  }
  const told = (peer: string) => bench.progress.now(`${workload.name}: ${peer}, round ${round}`)
  try {
    const shared = await startShared(workload, bench, start)
    const runners: Runner[] = []
    for (const peer of peers) {
      if (own.isOut(peer.name)) continue
      told(peer.name)
      await attempt(peer.name, [own, outside], async () => {
        const part = partFor(peer, workload)
        if (typeof part === 'string') throw new Error(part)
        const runner = await startPeer(peer.name, part, workload, bench, shared, start)
        runners.push(runner)
        await warm(runner, workload, bench.settings)
      })
    }
    const sound = () => runners.filter(({ name }) => !own.isOut(name))
    // Memory is read once a process: what was freed is not given back in the same way each time.
    const windows = workload.kind === 'idle' ? 1 : bench.settings.windows
    if (bench.own) {
      for (let window = 0; window < windows; window++) {
        for (const runner of sound()) {
          told(runner.name)
          await attempt(runner.name, [own], async () =>
            own.add(runner.name, await ownSample(runner, workload, bench.settings)),
          )
          bench.progress.step()
        }
      }
    }
    const { instrument } = bench
    if (instrument !== undefined) {
      await Promise.all(sound().map(({ name, driver }) => driver.ask('close', { peer: name })))
      for (let window = 0; window < windows; window++) {
        for (const { name, part, port, measured } of sound()) {
          if (outside.isOut(name)) continue
          told(`${name} by ${instrument.name}`)
          await attempt(name, [outside], async () => {
            const { framing } = part
            const why = instrument.cannot(workload, framing)
            if (why !== undefined) throw new Error(why)
            const server = { workload, framing, port, pid: measured.pid, settings: bench.settings }
            outside.add(name, await instrument.measure(server))
          })
          bench.progress.step()
        }
      }
    }
  } finally {
    await Promise.all(children.map((child) => child.stop()))
  }
}

/** The load generator for servers; the fixed server for clients. */
async function startShared(
  workload: Workload,
  bench: Bench,
  start: (options: ConstructorParameters<typeof Child>[0]) => Child,
): Promise<{ readonly child: Child; readonly port: number }> {
  const script = `${bench.dist}/${workload.side === 'server' ? 'load/main.js' : 'servers/fixed.js'}`
  const child = start({ runtime: process.execPath, script })
  if (workload.side === 'server') return { child, port: 0 }
  return { child, port: (await child.ask('listen', { kind: workload.kind })).port }
}

async function startPeer(
  name: string,
  part: Part,
  workload: Workload,
  bench: Bench,
  shared: { readonly child: Child; readonly port: number },
  start: (options: ConstructorParameters<typeof Child>[0]) => Child,
): Promise<Runner> {
  const options = launch(part, bench.dist, bench.runtimes)
  if (typeof options === 'string') throw new Error(options)
  const measured = start(options)
  const driver = workload.side === 'server' ? shared.child : measured
  const { port } = workload.side === 'server' ? await measured.ask('listen', { kind: workload.kind }) : shared
  const target: Target = { peer: name, port, workload, framing: part.framing }
  await driver.ask('open', target)
  return { name, part, measured, driver, port }
}

/** Compares every echo with what was sent, then lets the machine code settle. */
async function warm({ name, driver }: Runner, workload: Workload, settings: Settings): Promise<void> {
  if (workload.kind === 'idle') return
  await driver.ask('run', { peer: name, durationMs: verifyMs, verify: true })
  await driver.ask('run', { peer: name, durationMs: settings.warmMs, verify: false })
}

/** From rest to rest, so that what is counted is exactly what was worked on. */
async function ownSample(runner: Runner, workload: Workload, settings: Settings): Promise<Sample> {
  const { name, driver, measured } = runner
  if (workload.kind === 'idle') return await idleSample(runner)
  const before = await measured.ask('usage', undefined)
  const tally = await driver.ask('run', { peer: name, durationMs: settings.windowMs, verify: false })
  return sampleOf(tally, before, await measured.ask('usage', undefined))
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

async function idleSample({ name, driver, measured }: Runner): Promise<Sample> {
  const before = await settledMemory(measured)
  const { messages } = await driver.ask('run', { peer: name, durationMs: settleMs, verify: false })
  const after = await settledMemory(measured)
  await driver.ask('close', { peer: name })
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
async function attempt(
  peer: string,
  gatherings: readonly Gathering[],
  act: () => Promise<void>,
): Promise<void> {
  try {
    await act()
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    for (const gathering of gatherings) gathering.leaveOut(peer, why)
  }
}
