// Knows that a connection keeps nothing of the request that it came from, whichever way it is served.
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import v8 from 'node:v8'
import vm from 'node:vm'
import { createTurnout } from '../../src/turnout.ts'
import { connect } from '../../src/websocket/client.ts'
import type { AnyConnection } from '../../src/websocket/connection.ts'
import type { WebSocketOptions } from '../../src/websocket/options.ts'
import type { WebSocketOpenMessage } from '../../src/websocket/sight.ts'
import { turn, until } from '../base/turns.ts'

const CONNECTIONS = 20

v8.setFlagsFromString('--expose-gc')
const collect = vm.runInNewContext('gc') as () => void

const WAYS: readonly [string, WebSocketOptions<unknown, '/:room'>][] = [
  ['nothing but a route', {}],
  ['accept', { accept: (request) => request.method === 'GET' }],
  ['an async accept', { accept: async (request) => ({ data: request.method }) }],
  [
    'a handler that lives as long as the connection, and its parameters',
    {
      async handler(socket) {
        for await (const message of socket) socket.send(`${socket.params.room}: ${message}`)
      },
    },
  ],
  [
    'a handler that takes what it needs of the request, and then waits in a function of its own',
    { handler: (socket, { request }) => echo(socket, request.method) },
  ],
  [
    'callbacks',
    {
      accept: async () => true,
      open: (socket) => void socket.send('hello'),
      message: (socket, message) => void socket.send(message),
      close: () => {},
    },
  ],
]

async function echo(socket: AnyConnection, prefix: string | undefined): Promise<void> {
  for await (const message of socket) socket.send(`${prefix}: ${message}`)
}

for (const [name, options] of WAYS) {
  test(`no request is kept: ${name}`, { timeout: 30_000 }, async (t) => {
    let seen = 0
    let freed = 0
    const registry = new FinalizationRegistry<void>(() => void freed++)
    const onOpen = (message: unknown) => {
      const { request } = message as WebSocketOpenMessage
      if (request === undefined) return
      seen++
      registry.register(request, undefined)
    }
    subscribe('turnout:websocket:open', onOpen)
    t.after(() => unsubscribe('turnout:websocket:open', onOpen))

    const turnout = createTurnout().websocket('/:room', options)
    const server = createServer()
    turnout.attach(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(async () => {
      server.close()
      await turnout.close({ grace: 0 })
    })
    const { port } = server.address() as AddressInfo
    for (let count = 0; count < CONNECTIONS; count++) await connect(`ws://127.0.0.1:${port}/tea`)
    await until(() => seen >= CONNECTIONS)
    // the latest may still stand in some register
    for (let round = 0; round < 50 && freed < CONNECTIONS - 1; round++) {
      collect()
      await turn()
    }
    assert.ok(freed >= CONNECTIONS - 1, `${CONNECTIONS - freed} of ${CONNECTIONS} requests are kept`)
  })
}
