// Knows the fan-out load: one lane speaks, all lanes hear, and the next broadcast waits for the last delivery.
import type { Run, Target } from '../questions.ts'
import type { FanoutWorkload } from '../workloads.ts'
import { type Counter, createCounter } from './counter.ts'
import type { Lane } from './lane.ts'
import { Ring } from './ring.ts'
import { openLanes, type Session, Window } from './session.ts'

export function createFanout(target: Target, workload: FanoutWorkload): Session {
  const { connections, inFlight } = workload
  const ring = new Ring(workload.sizeBytes, workload.binary, inFlight)
  const counters = new Map<Lane, Counter>()
  let speaker: Lane | undefined
  let position = 0
  let window: Window | undefined
  let failure: Error | undefined

  function speak(current: Window): void {
    current.outstanding = inFlight * connections
    speaker?.write(ring.take(position, inFlight))
    position = (position + inFlight) % ring.length
  }

  function data(lane: Lane, chunk: Buffer, length: number): void {
    const messages = counters.get(lane)!.count(chunk, length)
    if (messages === 0) return
    if (window === undefined || messages > window.outstanding) throw new Error('more came than was sent')
    window.messages += messages
    window.outstanding -= messages
    if (window.outstanding > 0) return
    if (window.open) speak(window)
    else window.finish()
  }

  function closed(_lane: Lane, error: Error | undefined): void {
    failure ??= error ?? new Error('the server closed a connection')
    window?.fail(failure)
  }

  return {
    async open() {
      const lanes = await openLanes(target, connections, { open() {}, data, closed })
      for (const lane of lanes) {
        const ping = (payload: Buffer) => lane.pong(payload)
        counters.set(lane, createCounter(target.framing, ring, { ping }))
      }
      speaker = lanes[0]
      // Without a handshake a server may hear of a connection after its client did.
      if (target.framing === 'raw') await new Promise((resolve) => setTimeout(resolve, 300))
    },
    async run({ durationMs, verify }: Run) {
      if (failure !== undefined) throw failure
      for (const counter of counters.values()) counter.verify = verify
      window = new Window(durationMs)
      speak(window)
      return await window.done
    },
    close() {
      for (const lane of counters.keys()) lane.destroy()
    },
  }
}
