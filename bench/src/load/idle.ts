// Knows the idle load: many connections are opened and held, and nothing is said on them.
import type { Target } from '../questions.ts'
import type { IdleWorkload } from '../workloads.ts'
import type { Lane } from './lane.ts'
import { openLanes, type Session } from './session.ts'

/** How many connections come and go first, so that the server's code and pools are there before memory is read. */
const rehearsal = 200

export function createIdle(target: Target, workload: IdleWorkload): Session {
  let lanes: Lane[] = []
  let failure: Error | undefined
  let held = false
  const events = {
    open() {},
    data() {
      throw new Error('something came on a connection on which nothing was said')
    },
    closed(_lane: Lane, error: Error | undefined) {
      if (held) failure ??= error ?? new Error('the server closed an idle connection')
    },
  }
  return {
    async open() {
      const first = await openLanes(target, rehearsal, events)
      for (const lane of first) lane.destroy()
    },
    /** Opens the connections, and waits for `durationMs` to see that they stay. */
    async run({ durationMs }) {
      const startMs = performance.now()
      lanes = await openLanes(target, workload.connections, events)
      held = true
      await new Promise((resolve) => setTimeout(resolve, durationMs))
      if (failure !== undefined) throw failure
      return { messages: lanes.length, elapsedMs: performance.now() - startMs }
    },
    close() {
      held = false
      for (const lane of lanes) lane.destroy()
    },
  }
}
