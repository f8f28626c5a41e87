// Knows how to do one thing after the other as a browser's event loop does: promises that one thing settled have
// been acted upon before the next.
import process from 'node:process'
import { Inbox } from './inbox.ts'

/** Told when things that had to wait are about to be done, and when they are: what they send can leave together. */
export interface TasksHost {
  onBacklog(): void
  onBacklogDone(): void
}

export class Tasks {
  readonly #host: TasksHost
  readonly #waiting = new Inbox<() => void>()
  #busy = false
  #backlog = false

  constructor(host: TasksHost) {
    this.#host = host
  }

  /** Something was done whose consequences are not through, or waits to be done. */
  get busy(): boolean {
    return this.#busy
  }

  /** Does it now, or when what came before is done. Everything is done before the next bytes are read. */
  run(task: () => void): void {
    if (this.#busy) return void this.#waiting.put(task)
    this.#busy = true
    this.#do(task)
  }

  #do(task: () => void): void {
    try {
      task()
    } finally {
      // a tick that is asked for inside a microtask comes when no microtask is left
      queueMicrotask(this.#checkpoint)
    }
  }

  readonly #checkpoint = (): void => process.nextTick(this.#next)

  readonly #next = (): void => {
    const task = this.#waiting.take()
    if (task !== undefined) {
      if (!this.#backlog) this.#host.onBacklog()
      this.#backlog = true
      return this.#do(task)
    }
    this.#busy = false
    if (this.#backlog) this.#host.onBacklogDone()
    this.#backlog = false
  }
}
