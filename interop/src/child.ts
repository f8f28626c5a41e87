// Knows how to talk to a program that we start: JSON, a line each way. It is ended by its process id alone.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Child {
  /** The next line that the program writes, parsed. Rejects when the program has ended. */
  next<Value>(): Promise<Value>
  tell(command: unknown): void
  stop(): Promise<void>
}

/** Starts a program that writes lines of JSON. What it says on stderr comes with the error if it fails. */
export function startChild(program: string, args: readonly string[]): Child {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const said = collect(child)
  const lines: string[] = []
  const waiting: { resolve(line: string): void; reject(error: Error): void }[] = []
  let over: Error | undefined

  createInterface({ input: child.stdout }).on('line', (line) => {
    const first = waiting.shift()
    if (first === undefined) lines.push(line)
    else first.resolve(line)
  })
  const fail = (error: Error): void => {
    over ??= error
    for (const { reject } of waiting.splice(0)) reject(over)
  }
  child.on('error', fail)
  child.on('close', (code) => fail(new Error(`${program} ended with ${code}: ${said()}`)))
  child.stdin.on('error', () => {})

  return {
    async next() {
      const line =
        lines.shift() ??
        (await new Promise<string>((resolve, reject) => {
          if (over === undefined) waiting.push({ resolve, reject })
          else reject(over)
        }))
      return JSON.parse(line)
    },
    tell: (command) => void child.stdin.write(`${JSON.stringify(command)}\n`),
    stop: () => stopProcess(child),
  }
}

/** Ends a process that we started, and waits until it is gone. */
export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const impatience = setTimeout(() => child.kill('SIGKILL'), 2_000)
  await gone
  clearTimeout(impatience)
}

/** Keeps what a process writes to stderr, the end of it, for the message if something fails. */
export function collect(child: ChildProcess): () => string {
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-4_000)
  })
  return () => text.trim()
}

/** The first of these programs that is there: absolute paths as they are, names along the PATH. */
export function findProgram(...names: readonly string[]): string | undefined {
  const folders = (process.env.PATH ?? '').split(':').concat('/usr/local/sbin', '/usr/sbin', '/sbin')
  return names
    .flatMap((name) => (name.startsWith('/') ? [name] : folders.map((folder) => join(folder, name))))
    .find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
