// Knows how a command-line client is run once, and a daemon with everything of its own in a folder of its own.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { collect, findProgram, stopProcess } from './child.ts'
import { answers, freePort } from './servers/proxied.ts'

export interface Said {
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

/** Runs it to its end, at most that long. */
export async function runTool(
  program: string,
  args: readonly string[],
  {
    env = process.env,
    timeoutMs = 20_000,
  }: { readonly env?: NodeJS.ProcessEnv; readonly timeoutMs?: number } = {},
): Promise<Said> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const stderr = collect(child)
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  const impatience = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  clearTimeout(impatience)
  return { code, stdout: Buffer.concat(chunks), stderr: stderr() }
}

/** Why it cannot run on this machine; undefined: it can. */
export function missingProgram(name: string, debian: string): string | undefined {
  return findProgram(name) === undefined ? `no ${name}: apt-get install ${debian}` : undefined
}

export interface Daemon {
  readonly port: number
  /** What it said on stderr. */
  said(): string
  stop(): Promise<void>
}

/** Starts it in the foreground; `prepare` writes its files and says how to call it. */
export async function startDaemon(
  name: string,
  prepare: (port: number, folder: string) => Promise<readonly string[]>,
): Promise<Daemon> {
  const folder = await mkdtemp(join(tmpdir(), `turnout-${name}-`))
  const port = await freePort()
  const child = spawn(findProgram(name) as string, await prepare(port, folder), {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const said = collect(child)
  const stop = async (): Promise<void> => {
    await stopProcess(child)
    await rm(folder, { recursive: true, force: true })
  }
  for (let attempt = 0; !(await answers(port)); attempt += 1) {
    if (child.exitCode === null && attempt < 200) {
      await sleep(50)
      continue
    }
    await stop()
    throw new Error(`${name} does not listen: ${said()}`)
  }
  return { port, said, stop }
}
