import assert from 'node:assert/strict'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { LineAgent } from '../../src/upgrade/tls-line.ts'
import { until } from '../base/turns.ts'

/** A server, and one connection to it; what the agent does does not depend on TLS. */
async function line(): Promise<{ socket: Socket; ports: number[]; close(): void }> {
  const ports: number[] = []
  const server = createServer((request, response) => {
    ports.push(request.socket.remotePort!)
    response.end('fine')
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await until(() => !socket.connecting)
  const close = (): void => {
    socket.destroy()
    server.closeAllConnections()
    server.close()
  }
  return { socket, ports, close }
}

/** The body, or the code of what went wrong. */
function ask(agent: LineAgent, host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve) => {
    const asked = request({ agent, host }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      response.on('end', () => setImmediate(resolve, body))
    })
    asked.on('error', (error) => resolve(String((error as NodeJS.ErrnoException).code)))
    asked.end()
  })
}

test('requests one behind the other go over the connection that it was given', async () => {
  const { socket, ports, close } = await line()
  const agent = new LineAgent(socket as TLSSocket)
  assert.deepEqual([await ask(agent), await ask(agent)], ['fine', 'fine'])
  assert.deepEqual(ports, [socket.localPort, socket.localPort])
  agent.destroy()
  close()
})

test('a request to another host, or once the connection is gone, fails and makes no other', async () => {
  const { socket, ports, close } = await line()
  const agent = new LineAgent(socket as TLSSocket)
  assert.equal(await ask(agent), 'fine')
  assert.equal(await ask(agent, 'localhost'), 'ERR_CLOSED')
  socket.destroy()
  await until(() => socket.destroyed)
  assert.equal(await ask(agent), 'ERR_CLOSED')
  assert.equal(ports.length, 1)
  agent.destroy()
  close()
})
