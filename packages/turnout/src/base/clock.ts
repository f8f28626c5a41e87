// Knows what time it is and who wants to be woken. Time is an input: whatever waits takes a Clock.
import { AsyncResource } from 'node:async_hooks'
import * as timers from 'node:timers'
import { MisuseError, shown } from './errors.ts'

/**
 * The machine's own, as they are when this is loaded: what a test of an application puts in their place afterwards,
 * in node:timers too, rings only when it is told to.
 */
const { clearImmediate, setImmediate, setTimeout: machineTimeout } = timers

/** A wake-up that was asked for. */
export interface Alarm {
  /** Forgets the wake-up. Safe to call at any time, also after it rang. */
  cancel(): void
}

/** Milliseconds that only ever grow, and alarms on that scale. */
export interface Clock {
  /** Milliseconds since an arbitrary start. Never goes back. */
  now(): number
  /**
   * Calls `ring` once, `delayMs` from now or a little later; where the process was busy meanwhile, only behind what
   * has arrived by then, so that nobody misses a deadline by being read too late. Keeps the process alive only if
   * told to `hold` it.
   */
  after(delayMs: number, ring: () => void, hold?: boolean): Alarm
}

/** Node takes no timer longer than this: it would ring at once. */
const LONGEST_TIMER_MS = 2_147_483_647
/** A timer that is so much late has waited for something that took the process. */
const LATE_MS = 10

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, ring, hold = false) {
    const dueMs = performance.now() + delayMs
    let timer: ReturnType<typeof setTimeout>
    let turn: ReturnType<typeof setImmediate> | undefined
    const due = () => {
      // timers that a test of an application has put in its place ring when they are told to, and are never late
      const isLate = performance.now() >= dueMs + LATE_MS && setTimeout === machineTimeout
      // in a turn of the event loop timers come before what has arrived, immediates behind it
      if (isLate) turn = setImmediate(ring)
      else ring()
    }
    const wait = (leftMs: number) => {
      const partMs = Math.min(leftMs, LONGEST_TIMER_MS)
      timer = setTimeout(() => (leftMs > partMs ? wait(leftMs - partMs) : due()), partMs)
      if (!hold) timer.unref()
    }
    wait(delayMs)
    return {
      cancel() {
        clearTimeout(timer)
        clearImmediate(turn)
      },
    }
  },
}

const nobody = new AsyncResource('turnout')

/**
 * Calls it outside of any AsyncLocalStorage's `run`, but for one in which this module was first imported. An alarm that
 * many share is asked for like this: it would keep alive what the first of them was called with, for as long as it is
 * asked for again.
 */
export function forAll<Result>(act: () => Result): Result {
  return nobody.runInAsyncScope(act)
}

/** A clock that stands still until it is told to go on: for tests without sleep. */
export interface VirtualClock extends Clock {
  /**
   * Lets `ms` milliseconds pass at once and rings, in order, every alarm that falls due. Nothing else gets a turn in
   * between: bytes that an alarm sent have not arrived when the next one rings, so that a step over the timeout of
   * a heartbeat ends a healthy connection. For one moment, and what happens exactly then.
   */
  advance(ms: number): void
  /**
   * Lets `ms` milliseconds pass as they would: alarm by alarm, and in between all that follows from each, over
   * links in memory, promises and streams (see `settle`). A Ping gets its Pong, a connection lives for hours. What
   * takes time of its own, such as a socket, a file, or a large message compressed on the thread pool, is not
   * waited for.
   */
  run(ms: number): Promise<void>
  /** How many alarms are waiting. */
  readonly waiting: number
}

/** @param startMs what it shows at first, in milliseconds. Default 0. */
export function createVirtualClock(startMs: number = 0): VirtualClock {
  let nowMs = startMs
  const alarms = new Set<{ readonly atMs: number; readonly ring: () => void }>()
  const nextDue = (untilMs: number) => {
    let next: { readonly atMs: number; readonly ring: () => void } | undefined
    for (const alarm of alarms) {
      if (alarm.atMs <= untilMs && (next === undefined || alarm.atMs < next.atMs)) next = alarm
    }
    return next
  }
  const ringNext = (untilMs: number) => {
    const alarm = nextDue(untilMs)
    if (alarm === undefined) return false
    alarms.delete(alarm)
    // never back: an alarm may itself have let time pass
    nowMs = Math.max(nowMs, alarm.atMs)
    alarm.ring()
    return true
  }
  return {
    now: () => nowMs,
    after(delayMs, ring) {
      const alarm = { atMs: nowMs + Math.max(delayMs, 0), ring }
      alarms.add(alarm)
      return { cancel: () => void alarms.delete(alarm) }
    },
    advance(ms) {
      assertSpan(ms)
      const untilMs = nowMs + ms
      while (ringNext(untilMs));
      nowMs = Math.max(nowMs, untilMs)
    },
    async run(ms) {
      assertSpan(ms)
      const untilMs = nowMs + ms
      do await settle()
      while (ringNext(untilMs))
      nowMs = Math.max(nowMs, untilMs)
    },
    get waiting() {
      return alarms.size
    },
  }
}

/** @throws MisuseError for what would leave the clock without a time, or ring without an end */
function assertSpan(ms: unknown): void {
  if (typeof ms === 'number' && ms >= 0 && ms < Number.POSITIVE_INFINITY) return
  throw new MisuseError('ERR_INVALID_ARGUMENT', `${shown(ms)} is no number of milliseconds that can pass`)
}

/** Lets everything happen that is under way: a few turns of the event loop, no time. */
export async function settle(turns: number = 4): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}
