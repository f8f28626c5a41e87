// Knows the messages that wait for a connection: in order, and within bounds.
import { type Deferred, deferred } from '../base/promise.ts'
import { Queue } from '../base/queue.ts'
import type { Sendable } from './options.ts'
import { dropParts } from './parts.ts'
import { ownCopy, sizeOf } from './sendable.ts'

export interface HeldLimits {
  readonly maxMessages: number
  readonly maxBytes: number
}

/** What they wait for. */
export interface Taker {
  /** It takes nothing more. */
  isOver(): boolean
  send(message: Sendable): boolean | Promise<boolean>
}

interface Entry {
  readonly message: Sendable
  readonly bytes: number
  readonly sent: Deferred<boolean>
}

export class Held {
  readonly #limits: HeldLimits
  readonly #entries = new Queue<Entry>()
  #bytes = 0

  constructor(limits: HeldLimits) {
    this.#limits = limits
  }

  get messages(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Resolves with what became of it: true, it was handed to a connection; false, there was none any more. False
   * at once: it is beyond the bounds. @throws MisuseError for what cannot be sent
   */
  hold(message: Sendable): false | Promise<boolean> {
    const bytes = sizeOf(message)
    const { maxMessages, maxBytes } = this.#limits
    if (this.messages >= maxMessages || this.#bytes + bytes > maxBytes) return false
    const sent = deferred<boolean>()
    this.#entries.push({ message: ownCopy(message), bytes, sent })
    this.#bytes += bytes
    return sent.promise
  }

  /**
   * Hands them over, at the pace that it asks for, until `to` is over: what it refuses then stays; what it refuses
   * before is dropped, as its `slowConsumer` has it. True: all are gone.
   */
  async release(to: Taker): Promise<boolean> {
    for (let entry = this.#entries.first(); entry !== undefined; entry = this.#entries.first()) {
      if (to.isOver()) return false
      const taken = to.send(entry.message)
      if (taken === false && to.isOver()) return false
      this.#entries.take()
      this.#bytes -= entry.bytes
      // what failed on its way is not sent again: it may have arrived
      entry.sent.resolve(await settled(taken))
    }
    return true
  }

  /** Nobody will take them. */
  drop(): void {
    for (const { message, sent } of this.#entries.takeAll()) {
      dropParts(message)
      sent.resolve(false)
    }
    this.#bytes = 0
  }
}

/** A message whose parts fail is the connection's matter; those behind it still go. */
async function settled(taken: boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await taken
  } catch {
    return false
  }
}
