import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import type { PeerError } from '../../src/base/errors.ts'
import { settle, webSocketPair } from '../../src/testing/index.ts'
import { broadcast } from '../../src/websocket/broadcast.ts'
import type {
  WebSocketCloseMessage,
  WebSocketErrorMessage,
  WebSocketMessageMessage,
  WebSocketOpenMessage,
} from '../../src/websocket/sight.ts'

interface Told {
  readonly open: WebSocketOpenMessage
  readonly message: WebSocketMessageMessage
  readonly close: WebSocketCloseMessage
  readonly error: WebSocketErrorMessage
}

/** Everything that is told on the channel until the test is over. */
function listen<Name extends keyof Told>(context: TestContext, name: Name): Told[Name][] {
  const told: Told[Name][] = []
  const note = (message: unknown) => void told.push(message as Told[Name])
  subscribe(`turnout:websocket:${name}`, note)
  context.after(() => unsubscribe(`turnout:websocket:${name}`, note))
  return told
}

test('opens, messages and closes are told on both sides, in order', async (context) => {
  const [opens, messages, closes, errors] = [
    listen(context, 'open'),
    listen(context, 'message'),
    listen(context, 'close'),
    listen(context, 'error'),
  ]
  const { server, client, clock } = webSocketPair({
    server: { message: (socket, text) => void socket.send(text) },
  })
  assert.deepEqual(
    opens.map(({ side, socket }) => [side, socket]),
    [
      ['server', server],
      ['client', client],
    ],
  )
  client.send('hello')
  await settle()
  assert.deepEqual(
    messages.map(({ side, direction, message }) => [side, direction, message]),
    [
      ['client', 'out', 'hello'],
      ['server', 'in', 'hello'],
      ['server', 'out', 'hello'],
      ['client', 'in', 'hello'],
    ],
  )
  clock.advance(1_500)
  await client.close(1000, 'done')
  await settle()
  assert.deepEqual(closes.map(({ side, info, durationMs }) => [side, info.code, durationMs]).sort(), [
    ['client', 1000, 1_500],
    ['server', 1000, 1_500],
  ])
  assert.deepEqual(errors, [])
})

test('who subscribes while connections are open hears of them from then on', async (context) => {
  const { server, client } = webSocketPair()
  client.send('before')
  await settle()
  const messages = listen(context, 'message')
  client.send('after')
  await settle()
  assert.deepEqual(
    messages.map(({ direction, message }) => [direction, message]),
    [
      ['out', 'after'],
      ['in', 'after'],
    ],
  )
  assert.equal(messages[1]?.socket, server)
})

test('a message that was not taken is not told', async (context) => {
  const { client } = webSocketPair()
  await client.close(1000)
  const messages = listen(context, 'message')
  assert.equal(client.send('too late'), false)
  assert.deepEqual(messages, [])
})

test('a broadcast and a message in parts are told without their content', async (context) => {
  const { server, client } = webSocketPair()
  const reading = server.streams()
  const messages = listen(context, 'message')
  broadcast([server], 'to all')
  client.send('in parts')
  await settle()
  assert.deepEqual(
    messages.map(({ side, direction, message }) => [side, direction, message]),
    [
      ['server', 'out', undefined],
      ['client', 'out', 'in parts'],
      ['client', 'in', 'to all'],
      ['server', 'in', undefined],
    ],
  )
  await reading.return?.()
})

test('why a connection did not end well is told before its close, once', async (context) => {
  const [errors, closes] = [listen(context, 'error'), listen(context, 'close')]
  const { server, client, link } = webSocketPair()
  link.cut()
  await Promise.all([server.closed, client.closed])
  assert.deepEqual(
    errors.map(({ error }) => (error as NodeJS.ErrnoException).code),
    ['ECONNRESET', 'ECONNRESET'],
  )
  assert.deepEqual(
    closes.map(({ info }) => info.code),
    [1006, 1006],
  )
})

test('what a callback threw is told as the error of its connection', async (context) => {
  const errors = listen(context, 'error')
  const boom = new Error('boom')
  const { server, client } = webSocketPair({
    server: {
      message() {
        throw boom
      },
    },
  })
  client.send('x')
  await Promise.all([server.closed, client.closed])
  assert.deepEqual(
    errors.filter(({ side }) => side === 'server').map(({ error }) => error),
    [boom],
  )
})

test('a peer that went silent is told of as such', async (context) => {
  const [opens, closes] = [listen(context, 'open'), listen(context, 'close')]
  const { client, link, clock } = webSocketPair({ client: { heartbeat: { intervalMs: 100, timeoutMs: 50 } } })
  const errors = listen(context, 'error')
  link.stall()
  for (let step = 0; step < 20; step++) {
    clock.advance(50)
    await settle(1)
  }
  assert.equal((errors[0]?.error as PeerError | undefined)?.code, 'ERR_HEARTBEAT_TIMEOUT')
  assert.equal(errors[0]?.socket, client)
  assert.deepEqual([opens.length, closes.length], [2, 1])
})
