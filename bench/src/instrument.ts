// Knows the outside instrument: a load generator from elsewhere, such as an epoll client in C that is compiled on the
// spot, against which the own one is held. What it has to understand and to print is said in bench/README.md.
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Sample, Settings } from './results.ts'
import { isCompressed, isSecure, type Workload } from './workloads.ts'

export interface Instrument {
  readonly name: string
  /** In a word why it cannot make this load. */
  cannot(workload: Workload, framing: 'websocket' | 'raw'): string | undefined
  measure(server: MeasuredServer): Promise<Sample>
  /** Removes what was compiled. */
  remove(): void
}

export interface MeasuredServer {
  readonly workload: Workload
  readonly framing: 'websocket' | 'raw'
  readonly port: number
  readonly pid: number
  readonly settings: Settings
}

/** What the instrument prints, as far as it is read here. */
interface Report {
  readonly msgs: number
  readonly msgs_s: number
  readonly cpu_us: number
  readonly srv_cpu: number
  readonly p50: number
  readonly p99: number
  readonly wrong: number
  readonly rss_mb: number
  readonly kb_per_conn: number
}

/** From C source or from a program; throws when there is none, or no compiler. */
export function openInstrument(path: string): Instrument {
  if (!existsSync(path)) {
    throw new Error(
      `--instrument: there is no ${path}. An instrument is not part of this repository; bench/README.md says what one is.`,
    )
  }
  const folder = path.endsWith('.c') ? mkdtempSync(join(tmpdir(), 'bench-instrument-')) : undefined
  const program = folder === undefined ? resolve(path) : compile(path, join(folder, 'load'), folder)
  return {
    name: basename(path),
    cannot(workload, framing) {
      if (workload.side === 'client') return 'the instrument is a client itself'
      if (isSecure(workload)) return 'the instrument knows no TLS'
      if (framing === 'raw' && workload.kind !== 'echo') return 'the instrument has echo only for raw'
      return undefined
    },
    measure: (server) => measure(program, server),
    remove() {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

function compile(source: string, program: string, folder: string): string {
  try {
    execFileSync('gcc', ['-O2', '-o', program, source, '-lz'], { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    const complaints = (error as { stderr?: Buffer }).stderr?.toString().trim().split('\n')[0]
    throw new Error(`${source} could not be compiled with gcc and zlib: ${complaints ?? String(error)}`)
  }
  return program
}

async function measure(program: string, server: MeasuredServer): Promise<Sample> {
  const { workload, settings } = server
  const run = promisify(execFile)
  const { stdout } = await run(program, commandLine(server), {
    timeout: settings.windowMs + settings.warmMs + 60_000,
  })
  const report = JSON.parse(stdout) as Report
  if (workload.kind === 'idle') return { cost: report.kb_per_conn * 1024 }
  if (report.wrong > 0) throw new Error(`${report.wrong} wrong answers`)
  if (report.msgs === 0) throw new Error('nothing came back')
  return {
    cost: report.cpu_us,
    perSecond: report.msgs_s,
    busy: report.srv_cpu / 100,
    rssBytes: report.rss_mb * 1024 * 1024,
    ...(report.p50 > 0 && { p50Micros: report.p50, p99Micros: report.p99 }),
  }
}

function commandLine({ workload, framing, port, pid, settings }: MeasuredServer): string[] {
  const mode = framing === 'raw' ? 'raw' : workload.kind
  // It reads CPU in ticks of 10 ms, so a short window would be coarse.
  const seconds = Math.max(1, settings.windowMs / 1000)
  const line = [mode, '-p', `${port}`, '-P', `${pid}`, '-n', `${workload.connections}`]
  line.push('-t', `${seconds}`, '-w', `${settings.warmMs / 1000}`)
  if (workload.kind === 'idle') line.push('-g')
  if (workload.kind === 'echo') line.push('-s', `${workload.sizeBytes}`, '-d', `${workload.inFlight}`)
  if (workload.kind === 'echo' && workload.binary) line.push('-b')
  if (isCompressed(workload)) line.push('-z')
  if (workload.kind === 'fanout') line.push('-s', `${workload.sizeBytes}`, '-W', `${workload.inFlight}`)
  return line
}
