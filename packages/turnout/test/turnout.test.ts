import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { createTurnout, type Turnout } from '../src/turnout.ts'
import type { WebSocketConnection } from '../src/websocket/connection.ts'
import { until } from './base/turns.ts'
import { unknownOptions, warningsOf } from './base/warnings.ts'
import {
  clientFrame,
  dial,
  get,
  listen,
  serverFrame,
  stationTest,
  upgradeHead,
  webSocketHead,
} from './upgrade/wire.ts'

const handler = () => {}

for (const [what, register] of [
  ['a WebSocket path', () => createTurnout().websocket('/a', {}).websocket('/a', {})],
  ['a path of the same shape', () => createTurnout().websocket('/:a', {}).websocket('/:b', {})],
  ['a protocol', () => createTurnout().protocol('a/1', { handler }).protocol('A/1', { handler })],
  [
    'a protocol by another spelling',
    () => createTurnout().protocol('a', { handler }).protocol('a/*', { handler }),
  ],
] as const) {
  test(`registering ${what} twice is misuse`, () => {
    assert.throws(register, { name: 'MisuseError', code: 'ERR_DUPLICATE_ROUTE' })
  })
}

test('registering what differs is fine', () => {
  createTurnout()
    .websocket('/a', {})
    .websocket('/:a', {})
    .websocket('/a/*', {})
    .protocol('a/1', { handler })
    .protocol('a/2', { handler })
    .protocol('a/1', { handler, path: '/x' })
    .protocol(() => false, { handler })
    .protocol(() => false, { handler })
})

for (const options of [{ decisionTimeout: 0 }, { decisionTimeout: Number.NaN }, { prefer: 'nobody' }]) {
  test(`the options ${JSON.stringify(options)} are misuse`, () => {
    assert.throws(() => createTurnout(options as never), { code: 'ERR_INVALID_ARGUMENT' })
  })
}

stationTest(
  'a route gets its parameters and data by type and by value',
  async ({ dial }) => {
    const wire = dial()
    wire.send(webSocketHead('/chat/lobby?user=eve') + clientFrame('hi'))
    assert.equal((await wire.response()).status, 101)
    await wire.until(serverFrame('eve in lobby: hi'))
    const other = dial()
    other.send(webSocketHead('/chat/'))
    assert.equal((await other.response()).body, '/chat/:')
  },
  {
    setUp: (turnout) =>
      void turnout.websocket('/chat/:room', {
        accept(_request, { params, url }) {
          const room: string = params.room
          return { data: { room, user: url.searchParams.get('user') ?? 'nobody' } }
        },
        message(socket, message) {
          const { user, room }: { user: string; room: string } = socket.data
          socket.send(`${user} in ${room}: ${message as string}`)
        },
      }),
  },
)

stationTest(
  'connection options of the turnout are defaults; a route may choose otherwise',
  async ({ dial }) => {
    const lax = dial()
    for (const path of ['/strict', '/undefined']) {
      const strict = dial()
      strict.send(webSocketHead(path) + clientFrame('four'))
      assert.equal((await strict.response()).status, 101)
      // 1009: message too big.
      assert.equal((await strict.take(4)).charCodeAt(3), 1009 & 0xff)
    }
    lax.send(webSocketHead('/lax') + clientFrame('four'))
    assert.equal((await lax.response()).status, 101)
    await lax.until(serverFrame('four'))
  },
  {
    maxMessageBytes: 3,
    setUp(turnout) {
      const echo = {
        message: (socket: WebSocketConnection, text: unknown) => void socket.send(text as string),
      }
      turnout.websocket('/strict', { message: (socket, text) => void echo.message(socket, text) })
      turnout.websocket('/undefined', {
        maxMessageBytes: undefined,
        message: (socket, text) => void echo.message(socket, text),
      })
      turnout.websocket('/lax', {
        maxMessageBytes: 4,
        message: (socket, text) => void echo.message(socket, text),
      })
    },
  },
)

stationTest(
  'a message is broadcast to all, and says how many took it',
  async ({ dial, turnout }) => {
    const wires = [dial(), dial(), dial()]
    for (const wire of wires) {
      wire.send(webSocketHead('/ws'))
      await wire.response()
      await wire.until(serverFrame('hi'))
    }
    assert.equal(turnout.broadcast(sockets, 'all'), 3)
    for (const wire of wires) await wire.until(serverFrame('all'))
  },
  {
    setUp: (turnout) =>
      void turnout.websocket('/ws', {
        open(socket) {
          sockets.add(socket)
          socket.send('hi')
        },
      }),
  },
)
const sockets = new Set<WebSocketConnection>()

stationTest(
  'what a WebSocket handler throws closes with 1011 and reaches onError',
  async ({ dial, errors }) => {
    const wire = dial()
    wire.send(webSocketHead('/ws'))
    await wire.response()
    const close = await wire.take(4)
    assert.equal(close.charCodeAt(0), 0x88)
    assert.equal(close.charCodeAt(2) * 256 + close.charCodeAt(3), 1011)
    await until(() => errors.length > 0)
  },
  {
    expectedErrors: 1,
    setUp: (turnout) => void turnout.websocket('/ws', { handler: () => Promise.reject(new Error('no')) }),
  },
)

class OddError extends Error {
  override readonly name = 'OddError'
  readonly code = 'ERR_ODD'
}

const fail = () => {
  throw new OddError('odd')
}

for (const [place, upgradeTo, setUp, status] of [
  ['the handshake of foo', 'foo', (t) => t.protocol('foo', { accept: fail, handler }), 500],
  ['the handler of foo /up', 'foo', (t) => t.protocol('foo', { path: '/up', handler: fail }), 101],
  ['the handler of foo', 'foo', (t) => t.protocol('foo', { handler: async () => fail() }), 101],
  [
    'the handshake of websocket /:a',
    'websocket',
    (t) => t.websocket('/:a', { accept: async () => fail() }),
    500,
  ],
  ['the handler of websocket /:a', 'websocket', (t) => t.websocket('/:a', { handler: fail }), 101],
  [
    'the handler of websocket /*',
    'websocket',
    (t) => t.websocket('/*', { handler: async () => fail() }),
    101,
  ],
  ['a callback of websocket /up', 'websocket', (t) => t.websocket('/up', { open: fail }), 101],
  ['a callback of websocket /up', 'websocket', (t) => t.websocket('/up', { message: fail }), 101],
  ['the handshake of an upgrade', 'foo', (t) => t.protocol(fail, { handler }), 500],
] as readonly (readonly [string, string, (turnout: Turnout) => unknown, number])[]) {
  test(`without onError one warning tells what was thrown, with its stack: in ${place}`, async () => {
    const heard = await warningsOf(async () => {
      const turnout = createTurnout()
      setUp(turnout)
      const server = createServer()
      turnout.attach(server)
      const wire = dial(await listen(server))
      const head = upgradeTo === 'foo' ? upgradeHead() : webSocketHead('/up') + clientFrame('hi')
      wire.send(head)
      assert.equal((await wire.response()).status, status)
      if (status === 101) await wire.ended()
      wire.socket.destroy()
      await turnout.close({ grace: 0 })
      await new Promise((resolve) => server.close(resolve))
    })
    const [warning, ...more] = heard
    assert.deepEqual(more, [])
    assert.equal(warning?.text, `odd, in ${place}`)
    assert.deepEqual([warning.type, warning.code], ['OddError', 'ERR_ODD'])
    assert.match(warning.detail ?? '', /OddError: odd\n +at .*fail .*turnout\.test/)
  })
}

test('upgrades inside the app say so, and one that waits for its accept, too', async () => {
  const turnout = createTurnout()
  const upgraded: unknown[] = []
  const server = createServer((request, response) => {
    upgraded.push(turnout.upgrade(request, response, { accept: async () => fail() }))
  })
  turnout.attach(server)
  const heard = await warningsOf(async () => {
    const wire = dial(await listen(server))
    wire.send(webSocketHead('/'))
    assert.equal((await wire.response()).status, 500)
    wire.socket.destroy()
  })
  assert.deepEqual(
    heard.map(({ text }) => text),
    ['odd, in the handshake of websocket inside the app'],
  )
  await turnout.close()
  await new Promise((resolve) => server.close(resolve))
})

test('from an onError that throws, and of what is no error, a warning tells as well', async () => {
  const onError = () => {
    throw new Error('in onError')
  }
  const heard = await warningsOf(async () => {
    for (const [options, thrown] of [
      [{ onError }, new Error('lost')],
      [{}, 'a text'],
      [{}, Object.create(null)],
      [{}, Object.assign(new Error(), { name: 5, stack: 7, code: 9 })],
    ] as const) {
      const turnout = createTurnout(options)
      turnout.protocol('foo', { accept: () => Promise.reject(thrown), handler })
      const server = createServer()
      turnout.attach(server)
      const wire = dial(await listen(server))
      wire.send(upgradeHead())
      assert.equal((await wire.response()).status, 500)
      wire.socket.destroy()
      await turnout.close()
      await new Promise((resolve) => server.close(resolve))
    }
  })
  assert.deepEqual(
    heard.map(({ text, type }) => [text, type]),
    [
      ['in onError, in onError', 'Error'],
      ['thrown: "a text", in the handshake of foo', 'Error'],
      ['thrown: an object, in the handshake of foo', 'Error'],
      ['in the handshake of foo', 'Error'],
    ],
  )
})

stationTest(
  'the page of another site gets 403 on a WebSocket route, by default',
  async ({ dial, port }) => {
    const wire = dial()
    wire.send(webSocketHead('/ws', ['Origin: https://evil.example']) + get('/2'))
    assert.equal((await wire.response()).status, 403)
    assert.equal((await wire.response()).body, '/2:')
    const own = dial()
    own.send(webSocketHead('/ws', ['Origin: http://x']))
    assert.equal((await own.response()).status, 101, String(port))
  },
  { setUp: (turnout) => void turnout.websocket('/ws', {}) },
)

stationTest(
  'R19, R27, R34: a WebSocket handshake that is none gets the right status, and the connection goes on',
  async ({ dial }) => {
    const wire = dial()
    for (const [request, status] of [
      [webSocketHead('/ws').replace('GET', 'PUT'), 405],
      [webSocketHead('/ws').replace('dGhl', ''), 400],
      [webSocketHead('/ws').replace('Version: 13', 'Version: 8'), 426],
      [webSocketHead('/ws', ['Content-Length: 0']), 101],
    ] as const) {
      wire.send(request)
      assert.equal((await wire.response()).status, status)
    }
  },
  { setUp: (turnout) => void turnout.websocket('/ws', {}) },
)

for (const [place, act, expected] of [
  [
    'createTurnout',
    () => createTurnout({ maxPayload: 1 } as never),
    'maxPayload; did you mean maxMessageBytes?',
  ],
  [
    'createTurnout',
    () => createTurnout({ decisionTimeoutMs: 1 } as never),
    'decisionTimeoutMs; did you mean decisionTimeout?',
  ],
  [
    'createTurnout',
    () => createTurnout({ maxConnection: 1 } as never),
    'maxConnection; did you mean maxConnections?',
  ],
  [
    'createTurnout',
    () => createTurnout({ server: createServer() } as never),
    'server: a server is given to attach(server)',
  ],
  [
    'createTurnout: rate',
    () => createTurnout({ rate: { messagePerSecond: 1 } } as never),
    'messagePerSecond; did you mean messagesPerSecond?',
  ],
  [
    'createTurnout: heartbeat',
    () => createTurnout({ heartbeat: { interval: 1 } } as never),
    'interval; did you mean intervalMs?',
  ],
  [
    'websocket /w',
    () => createTurnout().websocket('/w', { perMessageDeflate: true } as never),
    'perMessageDeflate; did you mean compression?',
  ],
  [
    'websocket /w: compression',
    () => createTurnout().websocket('/w', { compression: { treshold: 1 } } as never),
    'treshold; did you mean threshold?',
  ],
  ['protocol a/1', () => createTurnout().protocol('a/1', { handler, origins: [] } as never), 'origins'],
  ['h2c', () => createTurnout().h2c({ setings: {} } as never), 'setings; did you mean settings?'],
  [
    'attach',
    () => createTurnout().attach(createServer(), { foreing: 'own' } as never),
    'foreing; did you mean foreign?',
  ],
  ['turnout.close', () => createTurnout().close({ graceMs: 1 } as never), 'graceMs; did you mean grace?'],
] as const) {
  test(`an option that ${place} does not know is warned of: ${expected}`, async () => {
    assert.deepEqual(await unknownOptions(act), [`${place} has no option ${expected}`])
  })
}

test('a path that is taken is told with the one that took it', () => {
  const turnout = createTurnout().websocket('/chat/:room', {})
  assert.throws(() => turnout.websocket('/chat/:b', {}), {
    code: 'ERR_DUPLICATE_ROUTE',
    message: 'websocket on /chat/:b is taken already, by websocket on /chat/:room',
  })
  assert.throws(() => turnout.websocket('/chat/:room', {}), {
    message: 'websocket on /chat/:room is taken already',
  })
})

for (const path of [{ message() {} }, () => {}, undefined, /chat/]) {
  test(`${String(path)} is no path`, () => {
    assert.throws(() => createTurnout().websocket(path as never, {}), {
      code: 'ERR_INVALID_ARGUMENT',
      message: /^websocket wants a path and then options, such as '\/chat\/:room', \{ handler \}; this is /,
    })
  })
}

test('a server in the place of the options is misuse that names the right place', () => {
  assert.throws(() => createTurnout(createServer() as never), {
    name: 'MisuseError',
    code: 'ERR_INVALID_ARGUMENT',
    message: 'createTurnout wants an object of options; a server is given to createTurnout().attach(server)',
  })
})

for (const [place, act] of [
  ['createTurnout', () => createTurnout(null as never)],
  ['websocket /a', () => createTurnout().websocket('/a', undefined as never)],
  ['websocket /a', () => createTurnout().websocket('/a', (() => {}) as never)],
  ['protocol a', () => createTurnout().protocol('a', undefined as never)],
  ['protocol a', () => createTurnout().protocol('a', (() => {}) as never)],
  ['h2c', () => createTurnout().h2c('/a' as never)],
  ['tlsInPlace', () => createTurnout().tlsInPlace(undefined as never)],
  ['attach', () => createTurnout().attach(createServer(), 'own' as never)],
  ['turnout.upgrade', () => createTurnout().upgrade({} as never, {} as never, (() => {}) as never)],
  ['turnout.upgrade', () => createTurnout().upgrade({} as never, {} as never, 'a' as never)],
  ['turnout.close', () => createTurnout().close(1001 as never)],
] as const) {
  test(`what ${place} takes besides is an object: ${String(act)}`, async () => {
    await assert.rejects(async () => act(), {
      name: 'MisuseError',
      code: 'ERR_INVALID_ARGUMENT',
      message: new RegExp(`^${place} wants an object of options.*; this is `),
    })
  })
}

for (const [options, code] of [
  [{ code: 1006 }, 'ERR_INVALID_CLOSE_CODE'],
  [{ code: 999 }, 'ERR_INVALID_CLOSE_CODE'],
  [{ code: '1001' }, 'ERR_INVALID_CLOSE_CODE'],
  [{ reason: 'x'.repeat(124) }, 'ERR_INVALID_CLOSE_REASON'],
  [{ reason: 5 }, 'ERR_INVALID_CLOSE_REASON'],
  [{ grace: -1 }, 'ERR_INVALID_ARGUMENT'],
  [{ grace: Number.NaN }, 'ERR_INVALID_ARGUMENT'],
  [{ grace: '500' }, 'ERR_INVALID_ARGUMENT'],
  [1001, 'ERR_INVALID_ARGUMENT'],
] as const) {
  stationTest(
    `close(${JSON.stringify(options).slice(0, 30)}) is misuse, before anything is closed`,
    async ({ dial, turnout }) => {
      const wire = dial()
      wire.send(webSocketHead('/ws'))
      assert.equal((await wire.response()).status, 101)
      await assert.rejects(turnout.close(options as never), { name: 'MisuseError', code })
      wire.send(clientFrame('on'))
      await wire.until(serverFrame('on'))
      const another = dial()
      another.send(webSocketHead('/ws'))
      assert.equal((await another.response()).status, 101)
      another.socket.destroy()
    },
    {
      setUp: (turnout) =>
        void turnout.websocket('/ws', { message: (socket, text) => void socket.send(text) }),
    },
  )
}

stationTest(
  'close says the code and the reason to every WebSocket, and may wait for ever',
  async ({ dial, turnout }) => {
    const wire = dial()
    wire.send(webSocketHead('/ws'))
    assert.equal((await wire.response()).status, 101)
    const closing = turnout.close({ code: 4000, reason: 'bye', grace: Number.POSITIVE_INFINITY })
    assert.equal(await wire.take(7), '\x88\x05\x0f\xa0bye')
    wire.send('\x88\x82\0\0\0\0\x0f\xa0')
    await wire.ended()
    wire.socket.destroy()
    assert.deepEqual(await closing, { left: 1, destroyed: 0 })
  },
  { setUp: (turnout) => void turnout.websocket('/ws', {}) },
)

for (const [options, message] of [
  [{ rate: 20 }, /option rate is 20, not an object/],
  [{ heartbeat: true }, /option heartbeat is true, not false or an object/],
  [{ slowConsumer: 'kill' }, /option slowConsumer is "kill"/],
  [{ maxMessageBytes: '1mb' }, /option maxMessageBytes is "1mb"/],
  [{ compression: 'yes' }, /compression is "yes"/],
  [{ compression: { level: 10 } }, /compression\.level is 10/],
  [{ compression: { serverMaxWindowBits: 7 } }, /serverMaxWindowBits is 7/],
  [{ extensions: {} }, /option extensions is an object, not a list/],
  [{ clock: Date }, /option clock is a function, not a clock/],
  [{ onError: 'log' }, /option onError is "log", not a function/],
  [{ clientAddress: 'x-forwarded-for' }, /option clientAddress is "x-forwarded-for", not a function/],
  [{ decisionTimeout: '5000' }, /option decisionTimeout is "5000", not a number above 0/],
  [{ maxConnections: '5' }, /option maxConnections is "5", not 1 or more/],
] as const) {
  test(`createTurnout(${JSON.stringify(options)}) is misuse at once`, () => {
    assert.throws(() => createTurnout(options as never), {
      name: 'MisuseError',
      code: 'ERR_INVALID_ARGUMENT',
      message,
    })
  })
}

for (const [what, act, message] of [
  ['an accept', () => createTurnout().protocol('a', { handler, accept: 1 as never }), /option accept is 1/],
  ['an accept of h2c', () => createTurnout().h2c({ accept: true as never }), /option accept is true/],
  [
    'a choice',
    () => createTurnout().attach(createServer(), { foreign: 'mine' as never }),
    /option foreign is "mine", not pass, own or a function/,
  ],
] as const) {
  test(`${what} that there is not is misuse`, () => {
    assert.throws(act, { name: 'MisuseError', code: 'ERR_INVALID_ARGUMENT', message })
  })
}

for (const [answer, text] of [
  [{ user: 'ada' }, 'accept answered an object with `user`: what the connection carries goes into `data`'],
  [
    { id: 1, name: 'ada' },
    'accept answered an object with `id`: what the connection carries goes into `data`',
  ],
  ['', 'accept answered "", which is neither true, an object, a Response nor nothing'],
  [200, 'accept answered 200, which is neither true, an object, a Response nor nothing'],
] as const) {
  for (const upgradeTo of ['websocket', 'foo']) {
    test(`an accept of ${upgradeTo} that answers ${JSON.stringify(answer)} lets nobody in`, async () => {
      const errors: unknown[] = []
      const turnout = createTurnout({ onError: (error) => errors.push(error) })
      turnout.websocket('/up', { accept: async () => answer as never })
      turnout.protocol('foo', { accept: () => answer as never, handler: () => assert.fail('let in') })
      const server = createServer()
      turnout.attach(server)
      const wire = dial(await listen(server))
      wire.send(upgradeTo === 'foo' ? upgradeHead() : webSocketHead('/up'))
      assert.equal((await wire.response()).status, 500)
      wire.socket.destroy()
      await turnout.close()
      await new Promise((resolve) => server.close(resolve))
      assert.deepEqual(
        errors.map((error) => [(error as Error).name, (error as Error).message]),
        [['MisuseError', text]],
      )
    })
  }
}

test('an accept may answer with an empty object, with data alone, and with more than is known', async () => {
  for (const answer of [{}, { data: undefined }, { data: 1, user: 'ada' }, { headers: {}, user: 1 }]) {
    const turnout = createTurnout({ onError: (error) => assert.fail(String(error)) })
    turnout.websocket('/up', { accept: () => answer as never })
    turnout.protocol('foo', { accept: () => answer as never, handler: (stream) => void stream.end() })
    const server = createServer()
    turnout.attach(server)
    const port = await listen(server)
    for (const head of [upgradeHead(), webSocketHead('/up')]) {
      const wire = dial(port)
      wire.send(head)
      assert.equal((await wire.response()).status, 101)
      wire.socket.destroy()
    }
    await turnout.close()
    await new Promise((resolve) => server.close(resolve))
  }
})

test('a route wants its subprotocols as a list', () => {
  assert.throws(() => createTurnout().websocket('/a', { protocols: 'a' as never }), {
    code: 'ERR_INVALID_ARGUMENT',
    message: 'protocols wants a list, such as [\'chat.v1\']; this is "a"',
  })
})
