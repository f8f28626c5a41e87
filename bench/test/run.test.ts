import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Plan, readArguments } from '../src/arguments.ts'
import type { Results } from '../src/results.ts'
import { run, type Surroundings } from '../src/run.ts'

const dist = join(dirname(fileURLToPath(import.meta.url)), '../src')
const short = ['--peers', 'raw', '--rounds', '1', '--windows', '1', '--window-ms', '40', '--warm-ms', '40']

let root: string
let said: string[]
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bench-test-'))
  said = []
})
afterEach(() => rmSync(root, { recursive: true }))

function planOf(...line: string[]): Plan {
  const request = readArguments(line)
  assert.equal(request.kind, 'run')
  return (request as { plan: Plan }).plan
}

function surroundings(now: (text: string) => void = () => {}): Surroundings {
  const progress = { now, step() {}, print() {}, end() {} }
  return { root, dist, command: 'npm run bench', say: (text) => void said.push(text), progress }
}

function read(path: string): Results {
  return JSON.parse(readFileSync(join(root, path), 'utf8')) as Results
}

test('a run that is not published is written beside what is', { timeout: 30_000 }, async () => {
  assert.equal(await run(planOf('--only', 'echo-16-p1', ...short), surroundings()), 0)
  const { kind, complete, settings, machine, workloads } = read('bench/out/results.json')
  assert.deepEqual([kind, complete, settings.windowMs], ['part', true, 40])
  assert.equal(machine.node, process.version)
  assert.equal(workloads.length, 1)
  assert.match(readFileSync(join(root, 'bench/out/bench.svg'), 'utf8'), /part of a run, 1 round × 1 window/)
  assert.ok(!existsSync(join(root, 'bench/results.json')) && !existsSync(join(root, 'docs')))
  assert.match(said.join('\n'), /part of a run, .*\nwritten: .*results\.json\nwritten: .*bench\.svg$/)
})

test('figures and chart are published together', { timeout: 30_000 }, async () => {
  const plan: Plan = { ...planOf('--only', 'echo-16-p1', ...short), kind: 'full', publish: true }
  assert.equal(await run(plan, surroundings()), 0)
  const [day] = read('bench/results.json').made.split('T')
  assert.ok(
    readFileSync(join(root, 'docs/bench.svg'), 'utf8').includes(`full run, 1 round × 1 window of 40 ms`),
  )
  assert.ok(readFileSync(join(root, 'docs/bench.svg'), 'utf8').includes(day!))
})

test('a workload that fails as a whole costs neither the others nor what is published', {
  timeout: 30_000,
}, async () => {
  const plan: Plan = { ...planOf('--only', 'echo-16-p1,echo-16-p8', ...short), publish: true }
  const fails = (text: string) => {
    if (text.startsWith('echo-16-p1:')) throw new Error('too many processes')
  }
  assert.equal(await run(plan, surroundings(fails)), 1)
  const { complete, workloads } = read('bench/out/results.json')
  assert.equal(complete, false)
  assert.deepEqual(
    workloads.map(({ name }) => name),
    ['echo-16-p8'],
  )
  assert.ok(!existsSync(join(root, 'bench/results.json')))
  assert.equal(said.at(-1), 'not published, as these failed: echo-16-p1')
})

test('a run that is stopped shows and keeps what it has', { timeout: 30_000 }, async () => {
  const json = join(root, 'results.json')
  const line = [
    '--only',
    'echo-16-p1,echo-16-p8',
    '--json',
    json,
    '--chart',
    join(root, 'bench.svg'),
    ...short,
  ]
  const bench = spawn(process.execPath, [join(dist, 'main.js'), ...line, '--warm-ms', '500'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let text = ''
  bench.stdout.setEncoding('utf8').on('data', (some: string) => (text += some))
  bench.stdout.once('data', () => bench.kill('SIGINT'))
  const code = await new Promise((resolve) => bench.on('close', resolve))
  assert.equal(code, 130)
  assert.match(text, /CPU µs a message .*\n +raw\n +echo-16-p1 +[\d.]+\n/)
  assert.match(text, /stopped by SIGINT; what was measured: .*results\.json/)
  assert.equal(read('results.json').complete, false)
})
