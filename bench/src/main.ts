// npm run bench: reads what is asked, measures it, and says what came out.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Plan, readArguments } from './arguments.ts'
import { type Instrument, openInstrument } from './instrument.ts'
import { linearCounts, linearTable, measureLinear } from './linear.ts'
import { type Bench, measureWorkload } from './measure.ts'
import { partFor } from './peers.ts'
import { createProgress } from './progress.ts'
import { chart } from './report/chart.ts'
import { runLine, summary, workloadBlock } from './report/text.ts'
import type { Results, WorkloadResult } from './results.ts'
import { describeMachine, findBun, findNode, type Runtimes, versionOf, versionsOf } from './runtimes.ts'

const dist = dirname(fileURLToPath(import.meta.url))
const root = resolve(dist, '../..')

const request = readArguments(process.argv.slice(2))
if (request.kind === 'run') {
  await run(request.plan).catch((error: unknown) =>
    fail(error instanceof Error ? error.message : String(error)),
  )
} else if (request.kind === 'linear') console.log(linearTable(await measureLinear(linearCounts)))
else if (request.kind === 'mistake') fail(request.text)
else console.log(request.text)

async function run(plan: Plan): Promise<void> {
  const runtimes = chooseRuntimes(plan)
  const instrument: Instrument | undefined =
    plan.instrument === undefined ? undefined : openInstrument(plan.instrument)
  const progress = createProgress(countMeasurements(plan))
  const bench: Bench = { dist, runtimes, settings: plan.settings, own: plan.own, instrument, progress }
  const made = new Date().toISOString()
  const machine = describeMachine(runtimes)
  const found: WorkloadResult[] = []
  try {
    for (const workload of plan.workloads) {
      const results = await measureWorkload(workload, plan.peers, bench)
      found.push(...results)
      for (const result of results) progress.print(workloadBlock(result))
    }
  } finally {
    progress.end()
    instrument?.remove()
  }
  const results: Results = {
    kind: plan.whole ? (process.argv.includes('--quick') ? 'quick' : 'full') : 'part',
    complete: true,
    made,
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(
      ' ',
    ),
    machine,
    versions: Object.fromEntries(
      plan.peers.filter(({ packages }) => packages.length > 0).map((peer) => [peer.name, versionsOf(peer)]),
    ),
    settings: plan.settings,
    workloads: found,
  }
  console.log(summary(found))
  console.log(runLine(results))
  write(plan.json ?? join(root, 'bench/results.json'), `${JSON.stringify(results, undefined, 2)}\n`)
  const chartPath = plan.chart ?? (plan.whole && plan.own ? join(root, 'docs/bench.svg') : undefined)
  const drawing = chart(results)
  if (chartPath !== undefined && drawing !== undefined) write(chartPath, drawing)
  if (found.every(({ peers }) => Object.keys(peers).length === 0)) process.exitCode = 1
}

function chooseRuntimes(plan: Plan): Runtimes {
  const node = plan.node === undefined ? process.execPath : findNode(root, plan.node)
  if (node === undefined) throw new Error(`--node: ${plan.node} does not run`)
  if (plan.bun !== undefined && versionOf(plan.bun) === undefined) {
    throw new Error(`--bun: ${plan.bun} does not run`)
  }
  const folder = plan.profile === undefined ? undefined : resolve(plan.profile)
  if (folder !== undefined) mkdirSync(folder, { recursive: true })
  return {
    node,
    bun: plan.bun ?? findBun(root),
    profileFolder: folder,
  }
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

function write(path: string, text: string): void {
  mkdirSync(dirname(resolve(path)), { recursive: true })
  writeFileSync(path, text)
  console.log(`written: ${path}`)
}

function fail(text: string): void {
  console.error(text)
  process.exitCode = 2
}
