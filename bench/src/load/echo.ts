// Knows the echo load: every lane keeps as many messages under way as the workload says.
import type { Run, Tally, Target } from '../questions.ts'
import { quantile } from '../statistics.ts'
import type { EchoWorkload } from '../workloads.ts'
import { type Counter, createCounter } from './counter.ts'
import { compressAlone } from './deflate.ts'
import type { Lane } from './lane.ts'
import { Ring } from './ring.ts'
import { openLanes, type Session, Window } from './session.ts'

interface EchoLane {
  readonly lane: Lane
  readonly counter: Counter
  /** In the ring: the next message to send. */
  position: number
  sentMs: number
}

/** As many round trips as are kept for the percentiles of one window. */
const mostRoundTrips = 500_000

export function createEcho(target: Target, workload: EchoWorkload): Session {
  const { inFlight } = workload
  let ring: Ring
  const states = new Map<Lane, EchoLane>()
  const roundTrips = inFlight === 1 ? new Float64Array(mostRoundTrips) : undefined
  let roundTripCount = 0
  let window: Window | undefined
  let failure: Error | undefined

  function send(state: EchoLane, count: number): void {
    state.lane.write(ring.take(state.position, count))
    state.position = (state.position + count) % ring.length
  }

  function data(lane: Lane, chunk: Buffer, length: number): void {
    const state = states.get(lane)!
    const messages = state.counter.count(chunk, length)
    if (messages === 0) return
    if (window === undefined || messages > window.outstanding) throw new Error('more came back than was sent')
    window.messages += messages
    const nowMs = performance.now()
    if (roundTrips !== undefined && roundTripCount < mostRoundTrips) {
      roundTrips[roundTripCount++] = (nowMs - state.sentMs) * 1000
    }
    if (nowMs < window.endMs) {
      state.sentMs = nowMs
      // More than a ring's worth only when `inFlight` messages came at once, which is at most its length.
      send(state, messages)
    } else {
      window.outstanding -= messages
      if (window.outstanding === 0) window.finish(percentiles())
    }
  }

  function percentiles(): Partial<Tally> {
    if (roundTrips === undefined || roundTripCount === 0) return {}
    const sorted = roundTrips.slice(0, roundTripCount).sort()
    return { p50Micros: quantile(sorted, 0.5), p99Micros: quantile(sorted, 0.99) }
  }

  function closed(_lane: Lane, error: Error | undefined): void {
    failure ??= error ?? new Error('the server closed a connection')
    window?.fail(failure)
  }

  return {
    async open() {
      const lanes = await openLanes(target, workload.connections, { open() {}, data, closed })
      ring = ringFor(workload, lanes)
      for (const lane of lanes) {
        const counter = createCounter(target.framing, ring, {
          agreement: lane.agreement,
          ping: (payload) => lane.pong(payload),
        })
        states.set(lane, { lane, counter, position: 0, sentMs: 0 })
      }
    },
    async run({ durationMs, verify }: Run) {
      if (failure !== undefined) throw failure
      roundTripCount = 0
      window = new Window(durationMs)
      window.outstanding = states.size * inFlight
      for (const state of states.values()) {
        state.counter.verify = verify
        state.sentMs = performance.now()
        send(state, inFlight)
      }
      return await window.done
    },
    close() {
      for (const { lane } of states.values()) lane.destroy()
    },
  }
}

/** Compressed as the server lets its clients: a window that it made smaller reaches less far back in a message. */
function ringFor({ sizeBytes, binary, inFlight }: EchoWorkload, lanes: readonly Lane[]): Ring {
  const agreements = lanes.flatMap(({ agreement }) => agreement ?? [])
  if (agreements.length === 0) return new Ring(sizeBytes, binary, inFlight)
  const windowBits = Math.min(...agreements.map(({ clientWindowBits }) => clientWindowBits))
  return new Ring(sizeBytes, binary, inFlight, (plain) => compressAlone(plain, windowBits))
}
