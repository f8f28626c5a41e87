// Knows an echo server whose numbers Prometheus can read at /metrics.
import { createServer } from 'node:http'
import { Registry } from 'prom-client'
import { createTurnout } from 'turnout'
import { listen, type Running } from '../running.ts'
import { register } from './prometheus.ts'

export async function start(port: number): Promise<Running> {
  const registry = new Registry()
  const turnout = createTurnout()
  const server = createServer(async (request, response) => {
    if (request.url !== '/metrics') return void response.writeHead(404).end('metrics are at /metrics\n')
    response.setHeader('Content-Type', registry.contentType).end(await registry.metrics())
  })
  turnout.websocket('/echo', { message: (socket, message) => void socket.send(message) })
  register(turnout, registry)
  turnout.attach(server)
  return listen(server, turnout, port)
}
