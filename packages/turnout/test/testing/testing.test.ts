import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { PeerError } from '../../src/base/errors.ts'
import { createVirtualClock, settle, streamPair, webSocketPair } from '../../src/testing/index.ts'
import type { WebSocketConnection } from '../../src/websocket/connection.ts'
import { unknownOptions, warningsOf } from '../base/warnings.ts'

const bounded = { timeout: 10_000 }

test('two ends talk, close cleanly, and know what they were given', async () => {
  const { server, client } = webSocketPair({
    server: {
      data: { user: 'ada' },
      protocol: 'chat',
      message: (socket, message) => void socket.send(message),
    },
  })
  assert.deepEqual([server.data.user, server.protocol], ['ada', 'chat'])
  client.send('hello')
  const { value } = await client[Symbol.asyncIterator]().next()
  assert.equal(value, 'hello')
  assert.deepEqual(await client.close(1000, 'bye'), {
    code: 1000,
    reason: 'bye',
    clean: true,
    cause: undefined,
  })
  assert.equal((await server.closed).reason, 'bye')
})

test('the handler of a route with parameters is given them', async () => {
  async function room(
    socket: WebSocketConnection<{ name: string }, 'buffer', { room: string }>,
  ): Promise<void> {
    await socket.send(`${socket.data.name} in ${socket.params.room}`)
  }
  const { server, client } = webSocketPair({ server: { data: { name: 'ada' }, params: { room: 'tea' } } })
  await room(server)
  assert.equal((await client[Symbol.asyncIterator]().next()).value, 'ada in tea')
  assert.deepEqual(client.params, {})
})

test('what a callback throws closes with 1011 and reaches onError', async () => {
  const thrown = new Error('a bug')
  const seen: unknown[] = []
  const onError = (error: unknown, socket: unknown) => seen.push(error, socket)
  const { server, client } = webSocketPair({
    server: {
      async message() {
        throw thrown
      },
      onError,
    },
    client: {
      close() {
        throw thrown
      },
      onError,
    },
  })
  client.send('hello')
  assert.equal((await client.closed).code, 1011)
  assert.equal((await server.closed).cause, thrown)
  assert.deepEqual(seen, [thrown, server, thrown, client])

  const warnings = await warningsOf(async () => {
    const pair = webSocketPair({
      server: {
        open() {
          throw thrown
        },
        onError() {
          throw new Error('another')
        },
      },
    })
    await pair.client.closed
  })
  assert.deepEqual(
    warnings.map(({ text }) => text),
    ['another, in onError'],
  )
})

test('what a callback throws is a warning that names the end, where nobody asked to be told', async () => {
  const warnings = await warningsOf(async () => {
    const { server, client } = webSocketPair({
      server: {
        message() {
          throw new Error('a bug')
        },
      },
      client: {
        async close() {
          throw new Error('another')
        },
      },
    })
    client.send('hello')
    assert.equal((await client.closed).code, 1011)
    await server.closed
    await settle()
  })
  assert.deepEqual(
    warnings.map(({ text }) => text),
    ['a bug, in a callback of webSocketPair: server', 'another, in a callback of webSocketPair: client'],
  )
})

test('an option that the pair or an end does not know is warned of, and what could never work is refused', async () => {
  const heard = await unknownOptions(() => {
    const end = { handler() {}, protocols: ['a'], maxPayload: 5, heartbeat: { interval: 5 } }
    webSocketPair({ clok: 1, server: end, client: { parms: {} } } as never)
  })
  assert.deepEqual(heard, [
    'webSocketPair has no option clok; did you mean clock?',
    'webSocketPair: server has no option handler',
    'webSocketPair: server has no option protocols; did you mean protocol?',
    'webSocketPair: server has no option maxPayload; did you mean maxMessageBytes?',
    'webSocketPair: server: heartbeat has no option interval; did you mean intervalMs?',
    'webSocketPair: client has no option parms; did you mean params?',
  ])
  for (const [options, message] of [
    [5, /^webSocketPair wants an object of options; this is 5$/],
    [{ server: 'a' }, /^webSocketPair: server wants an object of options; this is "a"$/],
    [{ client: { message: 5 } }, /^option message is 5, not a function$/],
    [{ client: { onError: 5 } }, /^option onError is 5, not a function$/],
    [{ server: { maxMessageBytes: '5' } }, /^option maxMessageBytes is "5", not a number/],
    [{ clock: 5 }, /^option clock is 5, not a clock/],
  ] as const) {
    assert.throws(() => webSocketPair(options as never), { code: 'ERR_INVALID_ARGUMENT', message })
  }
})

test('a fault that could never happen is refused: no way, no amount, no clock', () => {
  const { link } = webSocketPair()
  for (const [act, message] of [
    [() => link.stall('toserver' as never), /^"toserver" is no way: toServer or toClient$/],
    [() => link.passed('toString' as never), /^"toString" is no way/],
    [() => link.cutAfter(3, undefined as never), /^undefined is no way/],
    [() => link.cutAfter(-1, 'toServer'), /^cutAfter wants a number from 0 up; this is -1$/],
    [() => link.delay(Number.NaN), /^delay wants a number from 0 up; this is NaN$/],
    [() => link.delay(undefined as never, 'toClient'), /^delay wants a number from 0 up/],
    [() => streamPair({ clock: createVirtualClock() } as never), /^option clock is an object, not a clock/],
  ] as const) {
    assert.throws(act, { code: 'ERR_INVALID_ARGUMENT', message })
  }
})

test('compression is agreed upon when both ends have it, as in a handshake', async () => {
  const text = 'the same words, over and over. '.repeat(100)
  for (const [server, client, extensions] of [
    [true, true, /^permessage-deflate; /],
    [{ threshold: 0 }, { serverNoContextTakeover: true }, /server_no_context_takeover/],
    [true, false, /^$/],
    [false, true, /^$/],
  ] as const) {
    const pair = webSocketPair({ server: { compression: server }, client: { compression: client } })
    assert.match(pair.server.extensions, extensions)
    assert.equal(pair.client.extensions, pair.server.extensions)
    for (const [from, to, way] of [
      [pair.server, pair.client, 'toClient'],
      [pair.client, pair.server, 'toServer'],
    ] as const) {
      from.send(text)
      assert.equal((await to[Symbol.asyncIterator]().next()).value, text)
      assert.equal(pair.link.passed(way) < text.length / 10, server !== false && client !== false)
    }
    assert.equal((await pair.client.close(1000)).clean, true)
    assert.equal((await pair.server.closed).clean, true)
  }
})

test('split: messages arrive whole over any borders', async () => {
  for (const sizes of [[1], [2], [3, 1, 7], []]) {
    const { server, client, link } = webSocketPair()
    link.split(sizes)
    client.send('héllo €')
    client.send(Buffer.alloc(300, 1))
    const reader = server[Symbol.asyncIterator]()
    assert.equal((await reader.next()).value, 'héllo €')
    assert.deepEqual((await reader.next()).value, Buffer.alloc(300, 1))
  }
  assert.throws(() => webSocketPair().link.split([0]), RangeError)
})

test('delay: nothing overtakes what is on its way when the delay becomes shorter', async () => {
  for (const shorter of [10, 0]) {
    const { server, client, link, clock } = streamPair()
    let seen = ''
    server.on('data', (chunk: Buffer) => {
      seen += chunk
    })
    link.delay(100)
    client.write('first')
    await settle()
    link.delay(shorter)
    client.end(' second')
    await clock.run(99)
    assert.equal(seen, '')
    const ended = once(server, 'end')
    await clock.run(1)
    await ended
    assert.equal(seen, 'first second')
    server.end()
  }
})

test('delay: everything arrives late by the clock, in order', async () => {
  const { server, client, link, clock } = webSocketPair()
  const seen: unknown[] = []
  void (async () => {
    for await (const message of server) seen.push(message)
  })()
  link.delay(250, 'toServer')
  client.send('one')
  client.send('two')
  await settle()
  clock.advance(249)
  await settle()
  assert.deepEqual(seen, [])
  clock.advance(1)
  await settle()
  assert.deepEqual(seen, ['one', 'two'])
})

test('run: a minute leaves a healthy pair alive and measures its latency', async () => {
  const { server, client, link, clock } = webSocketPair()
  await clock.run(60_000)
  assert.deepEqual([server.readyState, client.readyState], ['open', 'open'])
  assert.equal(server.latencyMs, 0)
  link.delay(250, 'toServer')
  link.delay(50, 'toClient')
  await clock.run(60_000)
  assert.deepEqual([server.latencyMs, client.latencyMs], [300, 300])
  link.stall()
  await clock.run(60_000)
  for (const side of [server, client]) {
    assert.equal(((await side.closed).cause as PeerError).code, 'ERR_HEARTBEAT_TIMEOUT')
  }

  const brisk = webSocketPair({ server: { heartbeat: { intervalMs: 1_000, timeoutMs: 500 } } })
  await brisk.clock.run(100_000)
  assert.deepEqual([brisk.server.readyState, brisk.client.readyState], ['open', 'open'])
})

test('a pair talks, and its clock runs, under the mocked timers of node:test', bounded, async (t) => {
  t.mock.timers.enable()
  const { server, client, clock } = webSocketPair()
  setTimeout(() => server.send('late'), 5_000)
  t.mock.timers.tick(5_000)
  await settle()
  await clock.run(60_000)
  assert.equal((await client[Symbol.asyncIterator]().next()).value, 'late')
  assert.deepEqual([server.readyState, server.latencyMs], ['open', 0])
  assert.equal((await client.close(1000)).clean, true)
})

test('advance: nothing gets a turn, so that a minute at once ends a healthy pair', async () => {
  const { server, clock } = webSocketPair()
  clock.advance(60_000)
  assert.equal(((await server.closed).cause as PeerError).code, 'ERR_HEARTBEAT_TIMEOUT')
})

test('run: messages, streams and promises go their way within the time', async () => {
  const { server, client, link, clock } = webSocketPair({
    server: { message: (socket, message) => void socket.send(message) },
  })
  link.delay(100)
  client.send('there and back')
  const back = client[Symbol.asyncIterator]().next()
  let heardMs: number | undefined
  void back.then(() => (heardMs = clock.now()))
  await clock.run(1_000)
  assert.equal(heardMs, 200)
  assert.equal(server.readyState, 'open')

  const streams = streamPair(clock)
  streams.link.delay(100)
  streams.server.pipe(streams.server)
  streams.client.end('an echo')
  const ended = once(streams.client.resume(), 'end').then(() => clock.now())
  const startMs = clock.now()
  await clock.run(1_000)
  assert.equal((await ended) - startMs, 200)
})

test('stall: a pulled cable is found out by the heartbeat, and nothing else ends it', async () => {
  const { server, client, link, clock } = webSocketPair({ client: { heartbeat: false } })
  link.stall()
  for (let second = 0; second < 45; second++) {
    clock.advance(1_000)
    await settle(1)
  }
  assert.equal(((await server.closed).cause as PeerError).code, 'ERR_HEARTBEAT_TIMEOUT')
  assert.equal(client.readyState, 'open')
})

test('flow: what a stall held back arrives, the end behind it', async () => {
  const { server, client, link } = webSocketPair()
  link.stall('toServer')
  client.send('held')
  await settle()
  client.close(1000)
  await settle()
  assert.equal(server.readyState, 'open')
  link.flow('toServer')
  const messages: unknown[] = []
  for await (const message of server) messages.push(message)
  assert.deepEqual(messages, ['held'])
  assert.equal((await client.closed).clean, true)
})

test('stall: whoever sends on has to wait, and all of it arrives in order when it flows again', async () => {
  const { server, client, link } = webSocketPair()
  link.stall('toServer')
  let waits = 0
  for (let sent = 0; sent < 100; sent++) {
    if (client.send(Buffer.alloc(10_000, sent)) !== true) waits++
    await settle(1)
  }
  assert.ok(waits > 50, `${waits} waits`)
  assert.ok(client.bufferedBytes > 500_000, `${client.bufferedBytes} bytes`)
  link.flow('toServer')
  let received = 0
  for await (const message of server) {
    assert.equal((message as Buffer)[0], received)
    if (++received === 100) break
  }
  assert.equal(client.bufferedBytes, 0)
})

test('cut: both sides end with 1006 and the reset as the cause', async () => {
  const { server, client, link } = webSocketPair()
  link.cut()
  for (const side of [server, client]) {
    const info = await side.closed
    assert.equal(info.code, 1006)
    assert.equal((info.cause as NodeJS.ErrnoException).code, 'ECONNRESET')
  }
})

test('cutAfter: the connection breaks in the middle of a message', async () => {
  const { server, client, link } = webSocketPair()
  link.cutAfter(20, 'toServer')
  client.send('whole')
  client.send('this one is cut in the middle')
  const messages: unknown[] = []
  for await (const message of server) messages.push(message)
  assert.deepEqual(messages, ['whole'])
  assert.equal(link.passed('toServer'), 20)
  assert.equal((await server.closed).code, 1006)
})

test('streams: bytes, half-close, backpressure and a reset', async () => {
  const { server, client, link } = streamPair()
  server.on('data', (bytes: Buffer) => server.write(bytes.toString().toUpperCase()))
  server.on('end', () => server.end('bye'))
  let text = ''
  client.on('data', (bytes: Buffer) => {
    text += bytes
  })
  client.end('hello ')
  await once(client, 'end')
  assert.equal(text, 'HELLO bye')
  assert.equal(link.passed('toClient'), 9)

  const full = streamPair()
  let written = 0
  while (full.client.write(Buffer.alloc(16_384)) && written++ < 1_000);
  await settle()
  assert.ok(full.client.writableLength > 0 || written < 1_000)
  const errors: unknown[] = []
  for (const side of [full.server, full.client]) side.on('error', (error) => errors.push(error))
  full.link.cut(new Error('gone'))
  await settle()
  assert.ok(full.server.destroyed && full.client.destroyed)
  assert.equal(errors.length, 2)
})

test('streams: what came before both sides had ended can be read after it', async () => {
  for (const chunkBytes of [[], [1]]) {
    const { server, client, link } = streamPair()
    link.split(chunkBytes)
    client.end()
    server.resume().end('hello')
    await settle(40)
    let heard = ''
    for await (const chunk of client) heard += chunk
    assert.equal(heard, 'hello')
    await settle()
    assert.ok(server.destroyed && client.destroyed)
  }
})

test('an end whose clock is undefined lives by the clock of the pair', async () => {
  const { client, clock } = webSocketPair({
    server: { clock: undefined, idleTimeoutMs: 1_000 },
    client: { clock: undefined },
  })
  clock.advance(1_000)
  await settle()
  assert.equal((await client.closed).code, 1001)
})

test('cutAfter: whoever got the bytes gets the reset behind them, and no end', async () => {
  const { server, client, link } = streamPair()
  const mine = new Error('mine')
  link.cutAfter(3, 'toServer', mine)
  client.on('error', () => {})
  client.write('abcdef')
  let heard = ''
  await assert.rejects(
    async () => {
      for await (const bytes of server) heard += bytes
    },
    (error) => error === mine,
  )
  assert.equal(heard, 'abc')

  const sockets = webSocketPair()
  sockets.link.cutAfter(20, 'toServer')
  sockets.client.send('whole')
  sockets.client.send('this one is cut in the middle')
  const { cause } = await sockets.server.closed
  assert.equal((cause as NodeJS.ErrnoException).code, 'ECONNRESET')
})

test('cutAfter: a reader who had to be waited for still gets what has passed', async () => {
  const { server, client, link } = streamPair()
  link.cutAfter(200_000, 'toServer')
  client.on('error', () => {})
  for (let written = 0; written < 4; written++) client.write(Buffer.alloc(50_000))
  await settle()
  let heard = 0
  await assert.rejects(
    async () => {
      for await (const bytes of server) heard += (bytes as Buffer).length
    },
    { code: 'ECONNRESET' },
  )
  assert.equal(heard, 200_000)
})

test('streams: one that is destroyed with an error is a reset for the other, as it is over TCP', async () => {
  const { server, client } = streamPair()
  client.on('error', () => {})
  client.write('a part')
  await settle()
  client.destroy(new Error('could not go on'))
  await assert.rejects(text(server), { code: 'ECONNRESET' })

  const plain = streamPair()
  plain.client.write('hello')
  await settle()
  plain.client.destroy()
  assert.equal(await text(plain.server), 'hello')

  const over = streamPair()
  over.client.resume().end('all of it')
  over.server.end()
  await once(over.client, 'end')
  over.client.on('error', () => {}).destroy(new Error('too late to matter'))
  assert.equal(await text(over.server), 'all of it')
})
