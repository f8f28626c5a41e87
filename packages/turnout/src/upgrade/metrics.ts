// Knows how what was counted reads to an application: one snapshot, plain numbers.
import type { HistogramCounts } from '../base/histogram.ts'
import type { Tally } from '../base/tally.ts'
import type { Occupant } from './protocol.ts'

/** What `turnout.metrics()` tells. Everything counts from the start on, but what is said to be now. */
export interface Metrics {
  /** Now, over all routes. */
  readonly connectionsOpen: number
  /** Handshakes whose `accept` has not decided: now. */
  readonly handshakesInFlight: number
  /** In the order of registration; behind them what no route was asked about. */
  readonly routes: readonly RouteMetrics[]
}

/** What was counted of one route or protocol. */
export interface RouteMetrics {
  /** The path as registered; `*`: every path; `app`: upgrades inside the app; empty: no route was asked. */
  readonly route: string
  /** `websocket`, `example/1`, `h2c`; empty: no route was asked. */
  readonly protocol: string
  /** Now. */
  readonly connectionsOpen: number
  /** Ever, those that have ended included. */
  readonly connectionsTotal: number
  /** By outcome: a status (`101`, `403`), or `pass`, `late`, `failed`, `limited`, `closing`, `gone`. */
  readonly handshakes: Readonly<Record<string, number>>
  /** From the request's arrival to its outcome, `accept` and the reading of a body included. */
  readonly handshakeMs: HistogramCounts
  /** How long connections lived, once they have ended. */
  readonly connectionMs: HistogramCounts
  /** How long heartbeats took to come back. */
  readonly latencyMs: HistogramCounts
  /** WebSocket messages; other protocols have none that turnout knows of. */
  readonly messagesIn: number
  /** Those that `send` or `broadcast` has taken. */
  readonly messagesOut: number
  /** On the wire, frames and all, without TLS. */
  readonly bytesIn: number
  readonly bytesOut: number
  /** Sent, and not taken by the operating system: now. */
  readonly bufferedBytes: number
  /**
   * WebSocket connections by the code they ended with, 1005 and 1006 included. `other`: codes from 3000 up that only
   * peers have used, once there are 64 codes.
   */
  readonly closeCodes: Readonly<Record<string, number>>
  /** By code: turnout's (`ERR_…`), the system's (`ECONNRESET`), or an error's name. */
  readonly errors: Readonly<Record<string, number>>
}

export function readMetrics(
  tallies: readonly Tally[],
  occupants: Iterable<Occupant>,
  handshakesInFlight: number,
): Metrics {
  const now = new Map(tallies.map((tally) => [tally, { bufferedBytes: 0, bytesIn: 0, bytesOut: 0 }]))
  for (const { tally, traffic, bufferedBytes = 0 } of occupants) {
    const sums = tally === undefined ? undefined : now.get(tally)
    if (sums === undefined) continue
    sums.bufferedBytes += bufferedBytes
    sums.bytesIn += traffic?.bytesIn ?? 0
    sums.bytesOut += traffic?.bytesOut ?? 0
  }
  const routes = tallies.map((tally): RouteMetrics => {
    const live = now.get(tally)!
    return {
      route: tally.route,
      protocol: tally.protocol,
      connectionsOpen: tally.opened - tally.closed,
      connectionsTotal: tally.opened,
      handshakes: Object.fromEntries(tally.handshakes),
      handshakeMs: tally.handshakeMs.read(),
      connectionMs: tally.connectionMs.read(),
      latencyMs: tally.latencyMs.read(),
      messagesIn: tally.messagesIn,
      messagesOut: tally.messagesOut,
      bytesIn: tally.bytesIn + live.bytesIn,
      bytesOut: tally.bytesOut + live.bytesOut,
      bufferedBytes: live.bufferedBytes,
      closeCodes: Object.fromEntries(tally.closeCodes),
      errors: Object.fromEntries(tally.errors),
    }
  })
  const connectionsOpen = routes.reduce((sum, route) => sum + route.connectionsOpen, 0)
  return { connectionsOpen, handshakesInFlight, routes }
}
