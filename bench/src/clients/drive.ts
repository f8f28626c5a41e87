// Knows how a client peer is driven: connections to the fixed server, each with its messages under way.

import { Ring } from '../load/ring.ts'
import { Window } from '../load/session.ts'
import { answer, type Tally } from '../questions.ts'
import { quantile } from '../statistics.ts'

/** One open connection of a client peer. */
export interface Client {
  send(message: string | Buffer): void
  close(): void
}

/** What the client was given by its library: text as a string, binary as bytes. */
export type Received = string | Uint8Array

export interface ClientEvents {
  message(received: Received): void
  /** Over, for whatever reason. */
  closed(error: Error | undefined): void
}

/** Resolves when the connection is open. */
export type Connect = (url: string, events: ClientEvents) => Promise<Client>

interface Lane {
  client: Client | undefined
  /** In the ring: the next message to send, and the next to come back. */
  toSend: number
  toCome: number
  sentMs: number
}

/** Answers the bench's questions with the client that `connect` opens. */
export function drive(connect: Connect): void {
  let lanes: Lane[] = []
  let messages: readonly (string | Buffer)[] = []
  let inFlight = 1
  let window: Window | undefined
  let verifying = false
  let failure: Error | undefined
  let roundTrips: number[] = []

  function fail(error: Error): void {
    failure ??= error
    window?.fail(failure)
  }

  function send(lane: Lane, count: number): void {
    for (let sent = 0; sent < count; sent++) {
      lane.client!.send(messages[lane.toSend]!)
      lane.toSend = (lane.toSend + 1) % messages.length
    }
  }

  function receive(lane: Lane, received: Received): void {
    const expected = messages[lane.toCome]!
    if (received.length !== expected.length || (verifying && !same(received, expected))) {
      fail(new Error('a message came back with another content'))
      return
    }
    if (window === undefined || window.outstanding === 0) {
      fail(new Error('more came back than was sent'))
      return
    }
    lane.toCome = (lane.toCome + 1) % messages.length
    window.messages++
    const nowMs = performance.now()
    if (inFlight === 1) roundTrips.push((nowMs - lane.sentMs) * 1000)
    if (nowMs < window.endMs) {
      lane.sentMs = nowMs
      send(lane, 1)
    } else if (--window.outstanding === 0) window.finish(percentiles())
  }

  function percentiles(): Partial<Tally> {
    if (roundTrips.length === 0) return {}
    const sorted = Float64Array.from(roundTrips).sort()
    return { p50Micros: quantile(sorted, 0.5), p99Micros: quantile(sorted, 0.99) }
  }

  answer({
    async open({ port, workload }) {
      if (workload.kind !== 'echo') throw new Error(`a client cannot run ${workload.name}`)
      inFlight = workload.inFlight
      const { payloads } = new Ring(workload.sizeBytes, workload.binary, inFlight)
      messages = workload.binary ? payloads : payloads.map((payload) => payload.toString('latin1'))
      // One after another: a client must not have two connections under way to one server (RFC 6455 section 4.1).
      for (let count = 0; count < workload.connections; count++) {
        const lane: Lane = { client: undefined, toSend: 0, toCome: 0, sentMs: 0 }
        lane.client = await connect(`ws://127.0.0.1:${port}/`, {
          message: (received) => receive(lane, received),
          closed: (error) => fail(error ?? new Error('a connection closed')),
        })
        lanes.push(lane)
      }
      return undefined
    },
    async run({ durationMs, verify }) {
      if (failure !== undefined) throw failure
      verifying = verify
      roundTrips = []
      window = new Window(durationMs)
      window.outstanding = lanes.length * inFlight
      for (const lane of lanes) {
        lane.sentMs = performance.now()
        send(lane, inFlight)
      }
      return await window.done
    },
    close() {
      for (const { client } of lanes) client?.close()
      lanes = []
      return undefined
    },
  })
}

function same(received: Received, expected: string | Buffer): boolean {
  if (typeof received === 'string' || typeof expected === 'string') return received === expected
  return expected.equals(received)
}
