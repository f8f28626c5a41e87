// Knows what the bench asks its child processes, and how a child answers. Runs in Node and in Bun.
import type { Workload } from './workloads.ts'

/** What a process has used so far. */
export interface Usage {
  readonly userMicros: number
  readonly systemMicros: number
  readonly rssBytes: number
}

export interface Listen {
  readonly kind: Workload['kind']
  /** With permessage-deflate for every message. */
  readonly compressed: boolean
  /** With a Ping every 30 s to who was silent, or to everyone, as the peer's documentation has it. */
  readonly heartbeats: boolean
  /** Over TLS, with the identity of `identity.ts`. */
  readonly secure: boolean
}

export interface Target {
  readonly port: number
  readonly workload: Workload
  /** `raw`: no handshake and no frames to read; the bytes that were sent come back. */
  readonly framing: 'websocket' | 'raw'
}

export interface Run {
  readonly durationMs: number
  /** Compare every payload with what was sent, too. */
  readonly verify: boolean
}

/** What one window showed. Everything that was sent has come back; else the question fails. */
export interface Tally {
  readonly messages: number
  readonly elapsedMs: number
  /** Round trips, for one in flight only. */
  readonly p50Micros?: number
  readonly p99Micros?: number
}

/** Every question with its argument and its answer. */
export interface Questions {
  /** To a server: begin to listen on a free loopback port, ready for that kind of workload. */
  listen: {
    argument: Listen
    answer: { readonly port: number }
  }
  usage: { argument: undefined; answer: Usage }
  /** Collect all garbage: memory is read after that, and a process that has done so goes on as an old one. */
  collect: { argument: undefined; answer: undefined }
  /** To the load generator and the clients. */
  open: { argument: Target; answer: undefined }
  run: { argument: Run; answer: Tally }
  close: { argument: undefined; answer: undefined }
  /** Leave. Not answered. */
  stop: { argument: undefined; answer: undefined }
}

export type Answers = {
  readonly [Name in keyof Questions]?: (
    argument: Questions[Name]['argument'],
  ) => Questions[Name]['answer'] | Promise<Questions[Name]['answer']>
}

export interface Asked {
  readonly id: number
  readonly name: keyof Questions
  readonly argument?: unknown
}

export interface Answered {
  readonly id: number
  readonly answer?: unknown
  readonly error?: string
}

/** In a child: answers from now on; leaves when asked to, or when the parent is gone. */
export function answer(own: Answers): void {
  const answers: Answers = { usage, collect, stop: () => process.exit(0), ...own }
  process.on('message', (asked: Asked) => void reply(answers, asked))
  process.on('disconnect', () => process.exit(0))
  // The outside instrument asks for a collection by signal.
  process.on('SIGUSR2', collect)
}

async function reply(answers: Answers, { id, name, argument }: Asked): Promise<void> {
  try {
    const known = answers[name] as ((argument: unknown) => unknown) | undefined
    if (known === undefined) throw new Error(`this process cannot answer "${name}"`)
    process.send?.({ id, answer: await known(argument) } satisfies Answered)
  } catch (error) {
    process.send?.({ id, error: error instanceof Error ? error.message : String(error) } satisfies Answered)
  }
}

function usage(): Usage {
  const { user, system } = process.cpuUsage()
  return { userMicros: user, systemMicros: system, rssBytes: process.memoryUsage.rss() }
}

function collect(): undefined {
  const runtime = globalThis as { gc?: () => void; Bun?: { gc(force: boolean): void } }
  for (let turn = 0; turn < 3; turn++) {
    if (runtime.Bun !== undefined) runtime.Bun.gc(true)
    else runtime.gc?.()
  }
}
