// Knows what every kind of load has in common: lanes that are opened, a window in which they work, an end.
import type { Run, Tally, Target } from '../questions.ts'
import { Lane, type LaneEvents } from './lane.ts'

/** The connections to one server, and what is done on them. */
export interface Session {
  /** Resolves when every lane is open. */
  open(): Promise<void>
  /** Works for that long, then waits until everything that was sent has come back. */
  run(run: Run): Promise<Tally>
  close(): void
}

/** How many connection attempts are under way at once: fewer than any server's backlog. */
const opensAtOnce = 64

/** Opens `count` lanes, a few at a time. A lane that ends while they open fails the whole. */
export async function openLanes(target: Target, count: number, events: LaneEvents): Promise<Lane[]> {
  const lanes: Lane[] = []
  while (lanes.length < count) {
    const some = Math.min(opensAtOnce, count - lanes.length)
    lanes.push(...(await Promise.all(Array.from({ length: some }, () => openLane(target, events)))))
  }
  return lanes
}

function openLane(target: Target, events: LaneEvents): Promise<Lane> {
  return new Promise((resolve, reject) => {
    let opened = false
    new Lane(target, {
      open(lane) {
        opened = true
        events.open(lane)
        resolve(lane)
      },
      data: (lane, chunk, length) => events.data(lane, chunk, length),
      closed(lane, error) {
        if (opened) events.closed(lane, error)
        else reject(error ?? new Error('the server closed a connection before the switch'))
      },
    })
  })
}

/** The window that is running, as a promise that any lane may settle. */
export class Window {
  readonly startMs: number = performance.now()
  readonly endMs: number
  readonly done: Promise<Tally>
  /** Of messages that were sent and have not come back. */
  outstanding = 0
  messages = 0
  readonly #resolve: (tally: Tally) => void
  readonly #reject: (error: Error) => void
  readonly #guard: NodeJS.Timeout

  constructor(durationMs: number) {
    this.endMs = this.startMs + durationMs
    let resolve: (tally: Tally) => void = () => {}
    let reject: (error: Error) => void = () => {}
    this.done = new Promise((onDone, onError) => {
      resolve = onDone
      reject = onError
    })
    this.#resolve = resolve
    this.#reject = reject
    this.#guard = setTimeout(
      () => this.fail(new Error(`${this.outstanding} messages did not come back`)),
      durationMs + 10_000,
    )
  }

  get open(): boolean {
    return performance.now() < this.endMs
  }

  finish(extra: Partial<Tally> = {}): void {
    clearTimeout(this.#guard)
    this.#resolve({ messages: this.messages, elapsedMs: performance.now() - this.startMs, ...extra })
  }

  fail(error: Error): void {
    clearTimeout(this.#guard)
    this.#reject(error)
  }
}
