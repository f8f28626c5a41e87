// Knows how a plan is carried out: workload by workload, and what was found is kept whatever happens to the rest.
import { mkdirSync } from 'node:fs'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import type { Plan } from './arguments.ts'
import { openInstrument } from './instrument.ts'
import { type Bench, measureWorkload } from './measure.ts'
import { partFor } from './peers.ts'
import { type Places, placesOf, publishedPlaces, write } from './places.ts'
import { createProgress, type Progress } from './progress.ts'
import { chart } from './report/chart.ts'
import { runLine, summary, workloadBlock } from './report/text.ts'
import type { Results, WorkloadResult } from './results.ts'
import { describeMachine, findBun, findNode, type Runtimes, versionOf, versionsOf } from './runtimes.ts'

/** What a run happens in. */
export interface Surroundings {
  /** Of the repository. */
  readonly root: string
  /** Where the programs of the bench lie. */
  readonly dist: string
  /** As it was typed. */
  readonly command: string
  say(text: string): void
  /** Instead of the one on the terminal. */
  readonly progress?: Progress
}

/** Resolves with the exit code: 0 when every workload was carried out and there are figures. */
export async function run(plan: Plan, surroundings: Surroundings): Promise<number> {
  const { root, dist, command, say } = surroundings
  const runtimes = chooseRuntimes(plan, root)
  const instrument = plan.instrument === undefined ? undefined : openInstrument(plan.instrument)
  const progress = surroundings.progress ?? createProgress(countMeasurements(plan))
  const bench: Bench = { dist, runtimes, settings: plan.settings, own: plan.own, instrument, progress }
  const places = placesOf(plan, root)
  const found: WorkloadResult[] = []
  const lost: string[] = []
  const head = describe(plan, runtimes, command)
  const results = (): Results => ({ ...head, complete: isComplete(plan, found), workloads: found })
  const end = () => {
    progress.end()
    instrument?.remove()
  }
  const forget = onStop((signal) => {
    end()
    if (found.length > 0) say(`${summary(found)}\n${runLine(results())}`)
    say(`stopped by ${signal}; what was measured: ${found.length === 0 ? 'nothing yet' : places.json}`)
  })
  try {
    for (const workload of plan.workloads) {
      try {
        const some = await measureWorkload(workload, plan.peers, bench)
        found.push(...some)
        write(places.json, asJson(results()))
        for (const result of some) progress.print(workloadBlock(result))
      } catch (error) {
        lost.push(workload.name)
        progress.print(
          `${workload.name}: failed: ${error instanceof Error ? error.message : String(error)}\n`,
        )
      }
    }
  } finally {
    forget()
    end()
  }
  say(summary(found))
  if (found.length === 0) return 1
  say(runLine(results()))
  writeAll(results(), places, say)
  if (plan.publish && lost.length === 0) writeAll(results(), publishedPlaces(root), say)
  else if (plan.publish) say(`not published, as these failed: ${lost.join(', ')}`)
  return lost.length > 0 || found.every(({ peers }) => Object.keys(peers).length === 0) ? 1 : 0
}

/** The figures, and the chart as far as there is anything to draw. */
function writeAll(results: Results, places: Places, say: (text: string) => void): void {
  say(`written: ${write(places.json, asJson(results))}`)
  const drawing = chart(results)
  if (drawing !== undefined) say(`written: ${write(places.chart, drawing)}`)
}

function asJson(results: Results): string {
  return `${JSON.stringify(results, undefined, 2)}\n`
}

function isComplete({ workloads }: Plan, found: readonly WorkloadResult[]): boolean {
  return workloads.every(({ name }) => found.some((result) => result.name === name))
}

/** Calls `tell` before a signal ends the process, and with it its children; returns how to have that no longer. */
function onStop(tell: (signal: string) => void): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const
  const stop = (signal: (typeof signals)[number]) => {
    tell(signal)
    process.exit(128 + constants.signals[signal])
  }
  for (const signal of signals) process.on(signal, stop)
  return () => {
    for (const signal of signals) process.off(signal, stop)
  }
}

function describe(plan: Plan, runtimes: Runtimes, command: string): Omit<Results, 'complete' | 'workloads'> {
  return {
    kind: plan.kind,
    made: new Date().toISOString(),
    command,
    machine: describeMachine(runtimes),
    versions: Object.fromEntries(
      plan.peers.filter(({ packages }) => packages.length > 0).map((peer) => [peer.name, versionsOf(peer)]),
    ),
    settings: plan.settings,
  }
}

function chooseRuntimes(plan: Plan, root: string): Runtimes {
  const node = plan.node === undefined ? process.execPath : findNode(root, plan.node)
  if (node === undefined) throw new Error(`--node: ${plan.node} does not run`)
  if (plan.bun !== undefined && versionOf(plan.bun) === undefined) {
    throw new Error(`--bun: ${plan.bun} does not run`)
  }
  const folder = plan.profile === undefined ? undefined : resolve(plan.profile)
  if (folder !== undefined) mkdirSync(folder, { recursive: true })
  return { node, bun: plan.bun ?? findBun(root), profileFolder: folder }
}

/** For the progress: peers that are left out later make it end sooner. */
function countMeasurements({ workloads, peers, settings, own, instrument }: Plan): number {
  const ways = (own ? 1 : 0) + (instrument === undefined ? 0 : 1)
  return workloads
    .map((workload) => {
      const able = peers.filter((peer) => typeof partFor(peer, workload) !== 'string').length
      return able * settings.rounds * (workload.kind === 'idle' ? 1 : settings.windows) * ways
    })
    .reduce((sum, count) => sum + count, 0)
}
