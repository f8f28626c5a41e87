// Knows how to start a process of the bench, ask it, and end it; never what it measures.
import { type ChildProcess, spawn } from 'node:child_process'
import type { Answered, Asked, Questions } from './questions.ts'

export interface ChildOptions {
  /** The runtime: a path to node or bun. */
  readonly runtime: string
  readonly runtimeArguments?: readonly string[]
  readonly script: string
  readonly environment?: Readonly<Record<string, string>>
}

interface Waiting {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
}

/** A running child. Whatever is asked of it fails when it ends. */
export class Child {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  readonly #gone: Promise<void>
  #complaints = ''
  #nextId = 1
  #end: Error | undefined

  constructor(options: ChildOptions) {
    this.#process = spawn(options.runtime, [...(options.runtimeArguments ?? []), options.script], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, ...options.environment },
    })
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (this.#complaints.length < 16_384) this.#complaints += text
    })
    this.#process.on('message', (answered: Answered) => this.#settle(answered))
    this.#gone = new Promise((resolve) => {
      this.#process.on('error', (error) => {
        this.#over(error)
        resolve()
      })
      this.#process.on('close', (code, signal) => {
        this.#over(new Error(complaint(this.#complaints) ?? `it ended (${signal ?? `exit code ${code}`})`))
        resolve()
      })
    })
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  ask<Name extends keyof Questions>(
    name: Name,
    argument: Questions[Name]['argument'],
  ): Promise<Questions[Name]['answer']> {
    if (this.#end !== undefined) return Promise.reject(this.#end)
    const deadlineMs = answerMs(argument)
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        reject(new Error(`no answer to "${name}" within ${deadlineMs / 1000} s`))
      }, deadlineMs)
      const settled = () => clearTimeout(timer)
      this.#waiting.set(id, {
        resolve: (answer) => {
          settled()
          resolve(answer as Questions[Name]['answer'])
        },
        reject: (error) => {
          settled()
          reject(error)
        },
      })
      this.#process.send({ id, name, argument } satisfies Asked, (error) => {
        if (error !== null && this.#end === undefined) this.#over(error)
      })
    })
  }

  /** Asks it to leave, and ends it if it does not. */
  async stop(): Promise<void> {
    if (this.#end === undefined) {
      this.#end = new Error('it was stopped')
      this.#process.send({ id: 0, name: 'stop' } satisfies Asked, () => {})
    }
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 3000)
    await this.#gone
    clearTimeout(timer)
  }

  #settle({ id, answer, error }: Answered): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(answer)
    else waiting?.reject(new Error(error))
  }

  #over(error: Error): void {
    this.#end ??= error
    for (const { reject } of this.#waiting.values()) reject(this.#end)
    this.#waiting.clear()
  }
}

/** How long an answer may take: as long as what is asked for lasts, connections opened included, and half a minute. */
export function answerMs(argument: Questions[keyof Questions]['argument']): number {
  const spareMs = 30_000
  if (argument === undefined) return spareMs
  if ('durationMs' in argument) return spareMs + argument.durationMs
  return 'workload' in argument ? spareMs + 5 * argument.workload.connections : spareMs
}

/** The telling line of what a process wrote before it fell: its error, not the stack. */
function complaint(text: string): string | undefined {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  return lines.find((line) => /^\S*(error|exception)\b/i.test(line)) ?? lines[0]
}
