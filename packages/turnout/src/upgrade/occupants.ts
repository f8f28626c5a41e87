// Knows who lives on the upgraded connections, and how they are asked to leave.
import type { Duplex } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import { Roster } from '../base/roster.ts'
import type { Occupant } from './protocol.ts'

/** How the connections ended when a server closed. */
export interface CloseCounts {
  /** Left within the grace period. */
  readonly left: number
  /** Did not, and were destroyed. */
  readonly destroyed: number
}

export interface LeaveOrder {
  readonly code: number
  readonly reason: string
  readonly graceMs: number
  readonly clock: Clock
  /** Told what a `leave` threw. */
  onError(error: unknown): void
}

export class Occupants {
  readonly #residents = new Roster<Resident>()
  /** Who lives on a stream. */
  readonly #resident: symbol = Symbol('resident')
  #whenEmpty: (() => void) | undefined
  readonly #onClose: (this: Duplex) => void

  constructor() {
    // One function for all connections, as idle ones cost enough.
    const forget = (stream: Duplex) => this.#forget(stream)
    this.#onClose = function () {
      forget(this)
    }
  }

  get size(): number {
    return this.#residents.size
  }

  all(): Iterable<Occupant> {
    return this.#residents.all().map(({ occupant }) => occupant)
  }

  add(stream: Duplex, occupant: Occupant): void {
    if (stream.destroyed) return
    this.#forget(stream)
    const resident = new Resident(stream, occupant)
    ;(stream as Inhabited)[this.#resident] = resident
    this.#residents.add(resident)
    // not `once`, which makes a function for each
    stream.on('close', this.#onClose)
  }

  /** The connection is no longer ours to count. */
  remove(stream: Duplex): void {
    stream.off('close', this.#onClose)
    this.#forget(stream)
  }

  /** Asks everybody, waits, destroys who is still there. */
  async dismiss(order: LeaveOrder): Promise<CloseCounts> {
    const asked = this.#residents.size
    for (const occupant of this.all()) {
      try {
        occupant.leave(order.code, order.reason)
      } catch (error) {
        order.onError(error)
      }
    }
    if (this.#residents.size > 0) {
      await new Promise<void>((resolve) => {
        const alarm = order.clock.after(order.graceMs, resolve)
        this.#whenEmpty = () => {
          alarm.cancel()
          resolve()
        }
      })
    }
    const late = this.#residents.all().map(({ stream }) => stream)
    const closed = Promise.all(late.map((stream) => new Promise((resolve) => stream.once('close', resolve))))
    for (const stream of late) stream.destroy()
    await closed
    return { left: Math.max(0, asked - late.length), destroyed: late.length }
  }

  #forget(stream: Duplex): void {
    const resident = (stream as Inhabited)[this.#resident]
    if (resident === undefined || !this.#residents.remove(resident)) return
    ;(stream as Inhabited)[this.#resident] = undefined
    if (this.#residents.size === 0) this.#whenEmpty?.()
  }
}

/** No literal: V8 may put those that live long where only a full collection looks, with all that they refer to. */
class Resident {
  readonly stream: Duplex
  readonly occupant: Occupant

  constructor(stream: Duplex, occupant: Occupant) {
    this.stream = stream
    this.occupant = occupant
  }
}

type Inhabited = Duplex & { [key: symbol]: Resident | undefined }
