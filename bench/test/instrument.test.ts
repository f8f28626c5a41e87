import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type MeasuredServer, openInstrument } from '../src/instrument.ts'
import { workloads } from '../src/workloads.ts'

const folder = mkdtempSync(join(tmpdir(), 'bench-test-'))
after(() => rmSync(folder, { recursive: true }))

/** An instrument that prints `report`, and beside it in `line` what it was asked. */
function program(report: string): string {
  const path = join(folder, `program-${report.length}`)
  writeFileSync(
    path,
    `#!${process.execPath}\nconst line = process.argv.slice(2).join(' ')\nconsole.log(JSON.stringify(${report}))\n`,
  )
  chmodSync(path, 0o755)
  return path
}

function server(name: string): MeasuredServer {
  return {
    workload: workloads.find((workload) => workload.name === name)!,
    framing: 'websocket',
    port: 8000,
    pid: 77,
    settings: { rounds: 1, windows: 1, windowMs: 400, warmMs: 200 },
  }
}

test('an instrument that is not there is refused, with a word about where it might come from', () => {
  const missing = join(folder, 'load.c')
  assert.throws(
    () => openInstrument(missing),
    /--instrument: there is no .*load\.c\..* not part of this repository/,
  )
})

test('source that does not compile is refused with the complaint of the compiler, if there is one', () => {
  const source = join(folder, 'wrong.c')
  writeFileSync(source, 'this is no C')
  assert.throws(() => openInstrument(source), /wrong\.c could not be compiled with gcc and zlib: ./)
})

test('what an instrument prints becomes a sample', { skip: process.platform === 'win32' }, async () => {
  const path = program(
    '{ msgs: 10, msgs_s: 5, cpu_us: 2.5, srv_cpu: 90, p50: 7, p99: 9, wrong: 0, rss_mb: 1 }',
  )
  assert.deepEqual(await openInstrument(path).measure(server('echo-16-p1')), {
    cost: 2.5,
    perSecond: 5,
    busy: 0.9,
    rssBytes: 1024 * 1024,
    p50Micros: 7,
    p99Micros: 9,
  })
})

test('answers that were not right are an error', { skip: process.platform === 'win32' }, async () => {
  const path = program('{ msgs: 10, wrong: 3 }')
  await assert.rejects(openInstrument(path).measure(server('echo-16-p1')), /3 wrong answers/)
})

test('an instrument is asked for what the workload is', { skip: process.platform === 'win32' }, async () => {
  const path = program(
    "{ kb_per_conn: line === 'idle -p 8000 -P 77 -n 5000 -t 1 -w 0.2 -g' ? 1 : 0, msgs: 1, wrong: 0, rss_mb: 0," +
      " cpu_us: line === 'echo -p 8000 -P 77 -n 64 -t 1 -w 0.2 -s 1024 -d 16 -z' ? 1 : 0 }",
  )
  const instrument = openInstrument(path)
  assert.equal((await instrument.measure(server('idle'))).cost, 1024)
  assert.equal((await instrument.measure(server('deflate-1k-p16'))).cost, 1)
})
