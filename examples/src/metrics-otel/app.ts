// Knows an echo server that tells OpenTelemetry what it does, on the console once a minute.
import { createServer } from 'node:http'
import {
  ConsoleMetricExporter,
  MeterProvider,
  type MetricReader,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { createTurnout } from 'turnout'
import { listen, type Running } from '../running.ts'
import { observe } from './telemetry.ts'

/** Put the exporter of your collector in place of the console's. */
export async function start(port: number, reader: MetricReader = onConsole()): Promise<Running> {
  const provider = new MeterProvider({ readers: [reader] })
  const turnout = createTurnout()
  const server = createServer((_request, response) => response.end('WebSockets at /echo\n'))
  turnout.websocket('/echo', { message: (socket, message) => void socket.send(message) })
  const stopObserving = observe(turnout, provider.getMeter('turnout'))
  turnout.attach(server)
  const running = await listen(server, turnout, port)
  return {
    port: running.port,
    async stop() {
      await running.stop()
      await provider.shutdown()
      stopObserving()
    },
  }
}

function onConsole(): MetricReader {
  return new PeriodicExportingMetricReader({
    exporter: new ConsoleMetricExporter(),
    exportIntervalMillis: 60_000,
  })
}
