// Knows how turnout's metrics look to Prometheus, through prom-client.
import type { Registry } from 'prom-client'
import type { HistogramCounts, RouteMetrics, Turnout } from 'turnout'

interface Value {
  readonly metricName?: string
  readonly value: number
  readonly labels: Record<string, string | number>
}

type Read = (route: RouteMetrics) => readonly Value[]

/** Registers everything that turnout counts; it is read when Prometheus asks, and costs nothing before. */
export function register(turnout: Turnout, registry: Registry): void {
  const add = (name: string, type: 'counter' | 'gauge' | 'histogram', help: string, read: Read) => {
    const metric = {
      name,
      help,
      type,
      aggregator: 'sum',
      get: () => ({ name, help, type, aggregator: 'sum', values: turnout.metrics().routes.flatMap(read) }),
    }
    // prom-client wants the class of one of its own metrics; it calls no more of it than `get`.
    registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0])
  }
  const each = (name: string, label: string, help: string, counts: (route: RouteMetrics) => Counts) =>
    add(name, 'counter', help, (route) =>
      Object.entries(counts(route)).map(([key, value]) => ({
        value,
        labels: { ...labels(route), [label]: key },
      })),
    )
  const one = (
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    value: (route: RouteMetrics) => number,
  ) => add(name, type, help, (route) => [{ value: value(route), labels: labels(route) }])
  const seconds = (name: string, help: string, counts: (route: RouteMetrics) => HistogramCounts) =>
    add(name, 'histogram', help, (route) => buckets(name, labels(route), counts(route)))

  one('turnout_connections', 'gauge', 'Connections open now', (route) => route.connectionsOpen)
  one('turnout_connections_total', 'counter', 'Connections opened', (route) => route.connectionsTotal)
  each('turnout_handshakes_total', 'outcome', 'Handshakes by outcome', (route) => route.handshakes)
  seconds('turnout_handshake_seconds', 'How long handshakes took', (route) => route.handshakeMs)
  seconds('turnout_connection_seconds', 'How long connections lived', (route) => route.connectionMs)
  seconds('turnout_latency_seconds', 'How long heartbeats took', (route) => route.latencyMs)
  one('turnout_messages_in_total', 'counter', 'Messages that came', (route) => route.messagesIn)
  one('turnout_messages_out_total', 'counter', 'Messages that were sent', (route) => route.messagesOut)
  one('turnout_bytes_in_total', 'counter', 'Bytes that came', (route) => route.bytesIn)
  one('turnout_bytes_out_total', 'counter', 'Bytes that were sent', (route) => route.bytesOut)
  one('turnout_buffered_bytes', 'gauge', 'Bytes that wait for slow peers', (route) => route.bufferedBytes)
  each('turnout_closes_total', 'code', 'Closes by code', (route) => route.closeCodes)
  each('turnout_errors_total', 'code', 'Errors by code', (route) => route.errors)
}

type Counts = Readonly<Record<string, number>>

function labels({ route, protocol }: RouteMetrics): Record<string, string> {
  return { route, protocol }
}

/** Prometheus counts in seconds, and every range with all those below it. */
function buckets(name: string, own: Record<string, string>, histogram: HistogramCounts): readonly Value[] {
  let below = 0
  const values: Value[] = histogram.bounds.map((boundMs, index) => {
    below += histogram.counts[index] ?? 0
    return { metricName: `${name}_bucket`, value: below, labels: { ...own, le: boundMs / 1_000 } }
  })
  return [
    ...values,
    { metricName: `${name}_bucket`, value: histogram.count, labels: { ...own, le: '+Inf' } },
    { metricName: `${name}_sum`, value: histogram.sum / 1_000, labels: own },
    { metricName: `${name}_count`, value: histogram.count, labels: own },
  ]
}
