// Knows how turnout gets along with other libraries that listen for upgrades on the same server.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, it } from 'node:test'
import { Server as SocketIo } from 'socket.io'
import { io } from 'socket.io-client'
import { connect, createTurnout, type Turnout } from 'turnout'
import { WebSocket, WebSocketServer } from 'ws'
import { upgradeRequest, Wire } from './wire.ts'

const timeout = 15_000

interface Stage {
  readonly server: Server
  readonly turnout: Turnout
  /** Connections that our own route was given. */
  readonly ours: () => number
}

type Foreign = (server: Server) => { close(): Promise<void> | void }

/** A server with turnout and a foreign library on it, attached in either order. */
async function together(
  order: 'turnout first' | 'turnout last',
  foreign: Foreign,
  test: (stage: Stage & { readonly port: number }) => Promise<void>,
): Promise<void> {
  const server = createServer((request, response) => void response.end(`ordinary ${request.url}`))
  const turnout = createTurnout()
  let ours = 0
  turnout.websocket('/ours', {
    async handler(socket) {
      ours += 1
      for await (const message of socket) await socket.send(message)
    },
  })
  const attachOurs = () => turnout.attach(server, { foreign: 'pass' })
  if (order === 'turnout first') attachOurs()
  const other = foreign(server)
  if (order === 'turnout last') attachOurs()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    await test({ server, turnout, ours: () => ours, port })
  } finally {
    await other.close()
    await turnout.close({ grace: 100 })
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
}

/** Our route works, and what is sent on it comes back once: nobody else wrote into the connection. */
async function oursEchoes(port: number): Promise<void> {
  const socket = await connect(`ws://127.0.0.1:${port}/ours`)
  const incoming = socket[Symbol.asyncIterator]()
  for (const text of ['one', 'two', 'three']) {
    await socket.send(text)
    assert.equal((await incoming.next()).value, text)
  }
  assert.deepEqual(await socket.close(4000, 'enough').then(({ code, clean }) => ({ code, clean })), {
    code: 4000,
    clean: true,
  })
}

/** The 101 of our route is the only thing that comes, also after the time in which others give up on a socket. */
async function nothingButOurs(port: number): Promise<void> {
  const wire = await Wire.open(port)
  wire.write(upgradeRequest('/ours'))
  assert.equal((await wire.reply()).status, 101)
  wire.write(Buffer.from('818100000000' + '61', 'hex'))
  assert.deepEqual(await wire.take(3), Buffer.from('810161', 'hex'))
  wire.write(Buffer.from('8882000000000fa0', 'hex'))
  assert.equal(await wire.rest(), Buffer.from('88020fa0', 'hex').toString('latin1'))
}

for (const order of ['turnout first', 'turnout last'] as const) {
  describe(`two libraries on one server, ${order}`, () => {
    it('socket.io keeps its path, turnout has the others', { timeout }, async () => {
      const foreign: Foreign = (server) => {
        const sockets = new SocketIo(server, { destroyUpgradeTimeout: 50 })
        sockets.on('connection', (socket) => {
          socket.on('shout', (text: string, answer: (text: string) => void) => answer(text.toUpperCase()))
        })
        return { close: () => sockets.close() }
      }
      await together(order, foreign, async ({ port, ours }) => {
        await oursEchoes(port)
        await nothingButOurs(port)
        assert.equal(ours(), 2)

        // At once over WebSocket, and by way of polling and socket.io's own upgrade.
        for (const transports of [['websocket'], ['polling', 'websocket']]) {
          const client = io(`http://127.0.0.1:${port}`, { transports, reconnection: false })
          await once(client as never, 'connect')
          const { engine } = client.io
          if (engine.transport.name !== 'websocket') await once(engine as never, 'upgrade')
          assert.equal(await client.emitWithAck('shout', 'hello'), 'HELLO')
          client.close()
        }
        assert.equal(ours(), 2)

        // socket.io destroys what it does not know only after a while: longer than ours may hang.
        const patient = await connect(`ws://127.0.0.1:${port}/ours`)
        const incoming = patient[Symbol.asyncIterator]()
        await new Promise((resolve) => setTimeout(resolve, 150))
        await patient.send('still here')
        assert.equal((await incoming.next()).value, 'still here')
        await patient.close(1000)
      })
    })

    it('ws with a server and a path keeps its path, and does not refuse ours', { timeout }, async () => {
      let theirs = 0
      const foreign: Foreign = (server) => {
        const sockets = new WebSocketServer({ server, path: '/theirs' })
        sockets.on('connection', (socket) => {
          theirs += 1
          socket.on('message', (data) => socket.send(`theirs: ${data}`))
        })
        return { close: () => sockets.close() }
      }
      await together(order, foreign, async ({ port, ours }) => {
        await oursEchoes(port)
        await nothingButOurs(port)
        assert.deepEqual([ours(), theirs], [2, 0])

        const client = new WebSocket(`ws://127.0.0.1:${port}/theirs`)
        await once(client, 'open')
        client.send('hello')
        assert.equal(String((await once(client, 'message'))[0]), 'theirs: hello')
        client.close(1000)
        await once(client, 'close')
        assert.deepEqual([ours(), theirs], [2, 1])
      })
    })

    it('a listener that takes one subprotocol and is silent about the rest leaves no socket hanging', {
      timeout,
    }, async () => {
      const seen: string[] = []
      const foreign: Foreign = (server) => {
        // Like the hot reload of a development server: its own subprotocol, or not a word.
        const sockets = new WebSocketServer({ noServer: true })
        const listener = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
          seen.push(request.url ?? '')
          if (request.headers['sec-websocket-protocol'] !== 'hot-reload') return
          sockets.handleUpgrade(request, socket, head, (client) => client.send('reload'))
        }
        server.on('upgrade', listener)
        return { close: () => void server.off('upgrade', listener) }
      }
      await together(order, foreign, async ({ port, ours }) => {
        await oursEchoes(port)
        await nothingButOurs(port)
        assert.equal(ours(), 2)
        assert.deepEqual(seen, [], 'what is ours is not shown to others')

        const client = new WebSocket(`ws://127.0.0.1:${port}/`, 'hot-reload')
        assert.equal(String((await once(client, 'message'))[0]), 'reload')
        client.close()
        await once(client, 'close')
        assert.deepEqual(seen, ['/'])
      })
    })
  })
}

describe('an upgrade that no library wants', () => {
  it('with a silent listener beside it, the app answers when the deadline has passed, and it ends', {
    timeout,
  }, async () => {
    const server = createServer((request, response) => void response.end(`ordinary ${request.url}`))
    const turnout = createTurnout({ decisionTimeout: 50 })
    let seen = 0
    server.on('upgrade', () => {
      seen += 1
    })
    turnout.attach(server, { foreign: 'pass' })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const wire = await Wire.open((server.address() as AddressInfo).port)
    try {
      wire.write(upgradeRequest('/nobody'))
      const reply = await wire.reply()
      assert.equal(reply.body, 'ordinary /nobody')
      assert.deepEqual(reply.fields.get('connection'), ['close'])
      assert.equal(await wire.rest(), '')
      assert.equal(seen, 1)
    } finally {
      wire.end()
      await turnout.close({ grace: 100 })
      await new Promise((resolve) => server.close(resolve))
    }
  })

  it("with foreign: 'own', turnout answers for all: the app's ordinary response, others see nothing", {
    timeout,
  }, async () => {
    const server = createServer((request, response) => void response.end(`ordinary ${request.url}`))
    const turnout = createTurnout()
    let seen = 0
    server.on('upgrade', () => {
      seen += 1
    })
    turnout.attach(server, { foreign: 'own' })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const wire = await Wire.open((server.address() as AddressInfo).port)
    try {
      wire.write(`${upgradeRequest('/nobody')}GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      assert.equal((await wire.reply()).body, 'ordinary /nobody')
      assert.equal((await wire.reply()).body, 'ordinary /next')
      assert.equal(seen, 0)
    } finally {
      wire.end()
      await turnout.close({ grace: 100 })
      await new Promise((resolve) => server.close(resolve))
    }
  })
})
