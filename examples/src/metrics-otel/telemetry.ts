// Knows how turnout's metrics look to OpenTelemetry: what is counted is read, what takes time is heard of.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Meter, Observable, ObservableResult } from '@opentelemetry/api'
import type { HandshakeMessage, RouteMetrics, Turnout, WebSocketCloseMessage } from 'turnout'

type Observe = (route: RouteMetrics, tell: (value: number, more?: Record<string, string>) => void) => void

// The ranges of `metrics()`. The SDK's own are meant for milliseconds: of seconds almost all would be in the first.
const HANDSHAKE_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const CONNECTION_SECONDS = [0.1, 1, 10, 60, 300, 1_800, 3_600, 21_600, 86_400]

/** Returns how to stop. */
export function observe(turnout: Turnout, meter: Meter): () => void {
  const stops: (() => void)[] = []
  const watch = (instrument: Observable, read: Observe) => {
    const callback = (result: ObservableResult) => {
      for (const route of turnout.metrics().routes) {
        const own = { 'turnout.route': route.route, 'network.protocol.name': route.protocol }
        read(route, (value, more) => result.observe(value, { ...own, ...more }))
      }
    }
    instrument.addCallback(callback)
    stops.push(() => instrument.removeCallback(callback))
  }
  const each = (counts: Readonly<Record<string, number>>, name: string, tell: Parameters<Observe>[1]) => {
    for (const [key, value] of Object.entries(counts)) tell(value, { [name]: key })
  }

  watch(meter.createObservableUpDownCounter('turnout.connections'), (route, tell) =>
    tell(route.connectionsOpen),
  )
  watch(meter.createObservableCounter('turnout.connections.opened'), (route, tell) =>
    tell(route.connectionsTotal),
  )
  watch(meter.createObservableCounter('turnout.handshakes'), (route, tell) =>
    each(route.handshakes, 'turnout.outcome', tell),
  )
  watch(meter.createObservableCounter('turnout.messages'), (route, tell) => {
    tell(route.messagesIn, { 'network.io.direction': 'receive' })
    tell(route.messagesOut, { 'network.io.direction': 'transmit' })
  })
  watch(meter.createObservableCounter('turnout.io', { unit: 'By' }), (route, tell) => {
    tell(route.bytesIn, { 'network.io.direction': 'receive' })
    tell(route.bytesOut, { 'network.io.direction': 'transmit' })
  })
  watch(meter.createObservableGauge('turnout.buffered', { unit: 'By' }), (route, tell) =>
    tell(route.bufferedBytes),
  )
  watch(meter.createObservableCounter('turnout.closes'), (route, tell) =>
    each(route.closeCodes, 'turnout.close.code', tell),
  )
  watch(meter.createObservableCounter('turnout.errors'), (route, tell) =>
    each(route.errors, 'error.type', tell),
  )
  // nobody is told of a single heartbeat: the time of all by their number is what one took
  watch(meter.createObservableCounter('turnout.heartbeats'), (route, tell) => tell(route.latencyMs.count))
  watch(meter.createObservableCounter('turnout.heartbeat.time', { unit: 's' }), (route, tell) =>
    tell(route.latencyMs.sum / 1_000),
  )

  // OpenTelemetry takes no histogram that was counted elsewhere: each value is recorded as it is told.
  const seconds = (name: string, explicitBucketBoundaries: number[]) =>
    meter.createHistogram(name, { unit: 's', advice: { explicitBucketBoundaries } })
  const handshakes = seconds('turnout.handshake.duration', HANDSHAKE_SECONDS)
  const lives = seconds('turnout.connection.duration', CONNECTION_SECONDS)
  const listen = <Message>(name: string, record: (message: Message) => void) => {
    const listener = (message: unknown) => record(message as Message)
    subscribe(name, listener)
    stops.push(() => unsubscribe(name, listener))
  }
  listen<HandshakeMessage>('turnout:websocket:handshake', ({ side, route, outcome, durationMs }) => {
    if (side === 'server')
      handshakes.record(durationMs / 1_000, { 'turnout.route': route, 'turnout.outcome': outcome })
  })
  listen<WebSocketCloseMessage>('turnout:websocket:close', ({ side, route, info, durationMs }) => {
    if (side === 'server')
      lives.record(durationMs / 1_000, { 'turnout.route': route, 'turnout.close.code': info.code })
  })
  return () => {
    for (const stop of stops) stop()
  }
}
