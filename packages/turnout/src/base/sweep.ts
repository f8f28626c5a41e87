// Knows many who each want to be looked at now and then, and looks at all of them on one alarm.
import { type Alarm, type Clock, forAll, systemClock } from './clock.ts'
import { Roster } from './roster.ts'

/** Who is looked at. */
export interface Swept {
  /** @param nowMs the clock's time */
  onSweep(nowMs: number): void
}

/**
 * One alarm for all its members. `nowMs` is the time of the last look: reading it costs a load, so that noting
 * when something last happened is all but free, at the price of being a period late at most.
 *
 * What happens while the event loop is held up is noted with the time from before that. Whoever measures a wait from
 * it takes `awakeMs`, which counts two periods from one look to the next at most, however long that took.
 */
export class Sweep {
  nowMs: number
  awakeMs = 0
  readonly #clock: Clock
  readonly #periodMs: number
  readonly #members = new Roster<Swept>()
  #alarm: Alarm | undefined

  constructor(clock: Clock, periodMs: number) {
    this.#clock = clock
    this.#periodMs = periodMs
    this.nowMs = clock.now()
  }

  get size(): number {
    return this.#members.size
  }

  add(member: Swept): void {
    if (this.#members.size === 0) this.nowMs = this.#clock.now()
    this.#members.add(member)
    this.#alarm ??= forAll(() => this.#clock.after(this.#periodMs, () => this.#look()))
  }

  remove(member: Swept): void {
    this.#members.remove(member)
    // one more ring costs less than a timer for each who comes and goes alone, and holds nobody up
    if (this.#members.size > 0 || this.#clock === systemClock) return
    this.#alarm?.cancel()
    this.#alarm = undefined
  }

  #look(): void {
    this.#alarm = undefined
    if (this.#members.size === 0) return
    const nowMs = this.#clock.now()
    this.awakeMs += Math.min(nowMs - this.nowMs, 2 * this.#periodMs)
    this.nowMs = nowMs
    this.#alarm = this.#clock.after(this.#periodMs, () => this.#look())
    for (const member of this.#members.all()) {
      if (this.#members.has(member)) member.onSweep(this.nowMs)
    }
  }
}

const LONGEST_PERIOD_MS = 1_000
const SHORTEST_PERIOD_MS = 20

/** The common sweep for whoever waits so long or longer: it looks ten times meanwhile, but not all the time. */
export function sweepFor(clock: Clock, waitMs: number): Sweep {
  const periodMs = Math.min(Math.max(Math.ceil(waitMs / 10), SHORTEST_PERIOD_MS), LONGEST_PERIOD_MS)
  return sweepOf(clock, periodMs)
}

const sweeps = new WeakMap<Clock, Map<number, Sweep>>()

/** The sweep that everybody with this clock and this period shares. */
export function sweepOf(clock: Clock, periodMs: number): Sweep {
  let periods = sweeps.get(clock)
  if (periods === undefined) sweeps.set(clock, (periods = new Map()))
  let sweep = periods.get(periodMs)
  if (sweep === undefined) periods.set(periodMs, (sweep = new Sweep(clock, periodMs)))
  return sweep
}
