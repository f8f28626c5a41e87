// Knows what time it is and who wants to be woken. Time is an input: whatever waits takes a Clock.

/** A wake-up that was asked for. */
export interface Alarm {
  /** Forgets the wake-up. Safe to call at any time, also after it rang. */
  cancel(): void
}

/** Milliseconds that only ever grow, and alarms on that scale. */
export interface Clock {
  /** Milliseconds since an arbitrary start. Never goes back. */
  now(): number
  /** Calls `ring` once, `delayMs` from now or a little later. Keeps the process alive only if told to `hold` it. */
  after(delayMs: number, ring: () => void, hold?: boolean): Alarm
}

/** Node takes no timer longer than this: it would ring at once. */
const LONGEST_TIMER_MS = 2_147_483_647

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, ring, hold = false) {
    let timer: ReturnType<typeof setTimeout>
    const wait = (leftMs: number) => {
      const partMs = Math.min(leftMs, LONGEST_TIMER_MS)
      timer = setTimeout(() => (leftMs > partMs ? wait(leftMs - partMs) : ring()), partMs)
      if (!hold) timer.unref()
    }
    wait(delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
}

/** A clock that stands still until it is told to go on: for tests without sleep. */
export interface VirtualClock extends Clock {
  /** Lets `ms` milliseconds pass and rings, in order, every alarm that falls due. */
  advance(ms: number): void
  /** How many alarms are waiting. */
  readonly waiting: number
}

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
  return {
    now: () => nowMs,
    after(delayMs, ring) {
      const alarm = { atMs: nowMs + Math.max(delayMs, 0), ring }
      alarms.add(alarm)
      return { cancel: () => void alarms.delete(alarm) }
    },
    advance(ms) {
      const untilMs = nowMs + ms
      for (let alarm = nextDue(untilMs); alarm !== undefined; alarm = nextDue(untilMs)) {
        alarms.delete(alarm)
        // never back: an alarm may itself have let time pass
        nowMs = Math.max(nowMs, alarm.atMs)
        alarm.ring()
      }
      nowMs = Math.max(nowMs, untilMs)
    },
    get waiting() {
      return alarms.size
    },
  }
}
