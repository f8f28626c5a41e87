// Knows what an operator must be able to read of the example servers.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  AggregationTemporality,
  type Histogram,
  InMemoryMetricExporter,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { connect } from 'turnout'
import { start as startOtel } from '../src/metrics-otel/app.ts'
import { start as startProm } from '../src/metrics-prom/app.ts'

const timeout = 15_000

/** One echo of five bytes, and a close with 1000. */
async function visit(port: number): Promise<void> {
  const socket = await connect(`ws://127.0.0.1:${port}/echo`)
  await socket.send('hello')
  assert.equal((await socket[Symbol.asyncIterator]().next()).value, 'hello')
  await socket.close(1000)
}

describe('the metrics through prom-client', () => {
  it('are there to be scraped, with a route on each', { timeout }, async () => {
    const running = await startProm(0)
    try {
      await visit(running.port)
      const scrape = async () => (await fetch(`http://127.0.0.1:${running.port}/metrics`)).text()
      let text = await scrape()
      // The client may know of the end before the server does.
      while (!text.includes('turnout_closes_total{')) text = await scrape()
      const own = 'route="/echo",protocol="websocket"'
      for (const line of [
        '# TYPE turnout_handshakes_total counter',
        `turnout_handshakes_total{${own},outcome="101"} 1`,
        `turnout_connections{${own}} 0`,
        `turnout_connections_total{${own}} 1`,
        `turnout_messages_in_total{${own}} 1`,
        `turnout_closes_total{${own},code="1000"} 1`,
        '# TYPE turnout_handshake_seconds histogram',
        `turnout_handshake_seconds_bucket{${own},le="+Inf"} 1`,
        `turnout_handshake_seconds_count{${own}} 1`,
      ]) {
        assert.ok(text.split('\n').includes(line), `${line}\nis not in\n${text}`)
      }
    } finally {
      await running.stop()
    }
  })
})

/** One value was recorded, and its ranges tell short from long in seconds. */
function assertSeconds(value: unknown, short: number, long: number): void {
  const { count, buckets } = value as Histogram
  assert.equal(count, 1)
  assert.ok(buckets.boundaries[0]! <= short && buckets.boundaries.at(-1)! >= long, `${buckets.boundaries}`)
}

describe('the metrics through OpenTelemetry', () => {
  it('reach an exporter, counted and timed', { timeout }, async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const running = await startOtel(
      0,
      new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 }),
    )
    await visit(running.port)
    // Everything is exported once more as the server goes.
    await running.stop()
    const metrics = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    const value = (name: string, attributes: Record<string, unknown>) =>
      metrics
        .find(({ descriptor }) => descriptor.name === name)
        ?.dataPoints.find((point) =>
          Object.entries(attributes).every(([key, of]) => point.attributes[key] === of),
        )?.value
    const route = { 'turnout.route': '/echo' }
    assert.equal(value('turnout.handshakes', { ...route, 'turnout.outcome': '101' }), 1)
    assert.equal(value('turnout.messages', { ...route, 'network.io.direction': 'receive' }), 1)
    assert.equal(value('turnout.closes', { ...route, 'turnout.close.code': '1000' }), 1)
    assert.equal(value('turnout.connections', route), 0)
    assert.equal(value('turnout.connections.opened', route), 1)
    for (const name of ['turnout.heartbeats', 'turnout.heartbeat.time']) assert.equal(value(name, route), 0)
    const handshake = value('turnout.handshake.duration', { ...route, 'turnout.outcome': 'switched' })
    assertSeconds(handshake, 0.01, 10)
    const life = value('turnout.connection.duration', { ...route, 'turnout.close.code': 1000 })
    assertSeconds(life, 1, 86_400)
  })
})
