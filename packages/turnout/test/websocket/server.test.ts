import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { MisuseError } from '../../src/base/errors.ts'
import type { Answer } from '../../src/http/message.ts'
import type { Decision, Offer } from '../../src/upgrade/protocol.ts'
import type { AnyConnection } from '../../src/websocket/connection.ts'
import type { AcceptContext, WebSocketOptions } from '../../src/websocket/options.ts'
import { type OnSocketError, websocketProtocol } from '../../src/websocket/server.ts'
import { turn } from '../base/turns.ts'
import { closeBody, frame, shown } from './frames.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

interface OfferOptions {
  readonly method?: string
  readonly fields?: readonly (readonly [string, string])[]
  /** Names of the usual fields to leave out. */
  readonly without?: readonly string[]
  readonly encrypted?: boolean
  readonly signal?: AbortSignal
  readonly upgrade?: string
}

/** What a client might ask for, as the dispatcher would hand it over. */
function offer({
  method = 'GET',
  fields = [],
  without = [],
  encrypted,
  signal,
  upgrade = 'websocket',
}: OfferOptions = {}): Offer {
  const usual: [string, string][] = [
    ['Host', 'server.example'],
    ['Upgrade', upgrade],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Key', KEY],
    ['Sec-WebSocket-Version', '13'],
  ]
  const rawHeaders = [...usual.filter(([name]) => !without.includes(name)), ...fields].flat()
  const request = {
    method,
    httpVersion: '1.1',
    rawHeaders,
    url: '/chat/7?q=1',
    socket: encrypted ? { encrypted } : {},
  }
  return {
    via: 'upgrade',
    protocol: { name: upgrade, version: undefined },
    protocols: [{ name: upgrade, version: undefined }],
    request: request as unknown as IncomingMessage,
    url: new URL('http://server.example/chat/7?q=1'),
    params: { room: '7' },
    signal: signal ?? new AbortController().signal,
  }
}

/** Two Duplexes, each reading what the other writes. */
function duplexPair(): [Duplex, Duplex] {
  const make = (other: () => Duplex) =>
    new Duplex({
      allowHalfOpen: true,
      read() {},
      write(chunk, _encoding, done) {
        other().push(chunk)
        done()
      },
      final(done) {
        other().push(null)
        done()
      },
    })
  const left: Duplex = make(() => right)
  const right: Duplex = make(() => left)
  return [left, right]
}

type Switch = Extract<Decision, { kind: 'switch' }>

async function decide<Data>(
  options: WebSocketOptions<Data>,
  asked: Offer = offer(),
  onError?: OnSocketError,
): Promise<Decision> {
  return websocketProtocol<Data, string>(
    '/chat/:room',
    { clock: createVirtualClock(), ...options },
    onError,
  ).decide(asked)
}

async function switched<Data>(
  options: WebSocketOptions<Data>,
  asked?: Offer,
  onError?: OnSocketError,
): Promise<Switch> {
  const decision = await decide(options, asked, onError)
  assert.ok(decision.kind === 'switch', `${decision.kind}`)
  return decision
}

async function answered<Data>(options: WebSocketOptions<Data>, asked?: Offer): Promise<Answer> {
  const decision = await decide(options, asked)
  assert.ok(decision.kind === 'respond')
  return decision.response as Answer
}

/** Attaches the decision to one end of a pair and reads the other. */
function attached(decision: Switch) {
  const [near, far] = duplexPair()
  const chunks: Buffer[] = []
  far.on('data', (chunk: Buffer) => chunks.push(chunk))
  far.on('error', () => {})
  far.on('end', () => far.end())
  const occupant = decision.attach(near)
  return {
    near,
    far,
    occupant,
    frames: () => shown(Buffer.concat(chunks)),
    async send(head: number, payload: string | Uint8Array = '') {
      far.write(frame(head, payload, '01020304'))
      await turn()
    },
  }
}

const message = () => {}

// --- which request it is for

test('R6: the name websocket in any case and without a version, on its own path', () => {
  const route = websocketProtocol('/chat/:room', { message })
  const match = (name: string, version: string | undefined, pathname: string) =>
    route.match({ name, version }, pathname)
  assert.deepEqual({ ...match('websocket', undefined, '/chat/7') }, { room: '7' })
  assert.ok(match('WebSocket', undefined, '/chat/7'))
  assert.equal(match('websocket', '13', '/chat/7'), undefined)
  assert.equal(match('h2c', undefined, '/chat/7'), undefined)
  assert.equal(match('websocket', undefined, '/other'), undefined)
  assert.ok(
    websocketProtocol(undefined, { message }).match({ name: 'websocket', version: undefined }, '/anything'),
  )
})

// --- the switch

test('R29, R35: the 101 bears the accept key, the protocol as the client spelled it, and no version', async () => {
  const decision = await switched({ message }, offer({ upgrade: 'WebSocket' }))
  assert.equal(decision.upgrade, 'WebSocket')
  assert.deepEqual(decision.fields, [['Sec-WebSocket-Accept', ACCEPT]])
})

test('R31: the first subprotocol that the server speaks, in the client’s order, or none', async () => {
  const asked = () =>
    offer({
      fields: [
        ['Sec-WebSocket-Protocol', 'c, b'],
        ['Sec-WebSocket-Protocol', 'a'],
      ],
    })
  const chosen = async (options: WebSocketOptions<unknown>, client = asked()) => {
    const { fields } = await switched(options, client)
    return fields.find(([name]) => name === 'Sec-WebSocket-Protocol')?.[1]
  }
  assert.equal(await chosen({ protocols: ['a', 'b'] }), 'b')
  assert.equal(await chosen({ protocols: ['B'] }), undefined)
  assert.equal(await chosen({}), undefined)
  assert.equal(await chosen({ protocols: ['a'] }, offer()), undefined)
  assert.equal(await chosen({ protocols: ['b'], accept: () => ({ protocol: 'a' }) }), 'a')
  await assert.rejects(decide({ accept: () => ({ protocol: 'd' }) }, asked()), MisuseError)
})

test('R31: accept may choose none, as a gateway does where its own server chose none', async () => {
  const accept = () => ({ protocol: '' as const })
  for (const fields of [[], [['Sec-WebSocket-Protocol', 'a']]] as [string, string][][]) {
    const decision = await switched({ protocols: ['a'], accept }, offer({ fields }))
    assert.deepEqual(
      decision.fields.filter(([name]) => name === 'Sec-WebSocket-Protocol'),
      [],
    )
  }
  const refused = await decide({ protocols: ['a'], requireProtocol: true, accept })
  assert.equal(refused.kind === 'respond' && refused.response.status, 400)
})

test('R31: a route that needs a subprotocol refuses a client without one, by name', async () => {
  const answer = await answered(
    { protocols: ['a', 'b'], requireProtocol: true },
    offer({ fields: [['Sec-WebSocket-Protocol', 'x']] }),
  )
  assert.equal(answer.status, 400)
  assert.match(answer.body, /a, b/)
  assert.equal((await answered({ protocols: ['a'], requireProtocol: true })).status, 400)
  const accepted = { protocols: ['a'], requireProtocol: true, accept: () => ({ protocol: 'x' }) }
  await switched(accepted, offer({ fields: [['Sec-WebSocket-Protocol', 'x']] }))
})

test('fields of the application go into the 101; what would break it is misuse', async () => {
  const { fields } = await switched({
    accept: () => ({ headers: { 'Set-Cookie': ['a=1', 'b=2'], 'X-A': 'b' } }),
  })
  assert.deepEqual(fields.slice(1), [
    ['Set-Cookie', 'a=1'],
    ['Set-Cookie', 'b=2'],
    ['X-A', 'b'],
  ])
  for (const headers of [
    { 'X-A': 'a\r\nb' },
    { 'X A': 'b' },
    { 'Sec-WebSocket-Accept': 'mine' },
    { 'X-A': 'a\0' },
  ]) {
    await assert.rejects(
      decide({ accept: () => ({ headers: headers as Record<string, string> }) }),
      MisuseError,
    )
  }
})

// --- refusals

test('R19, R23, R27, R28, R34: what is wrong with the handshake is answered before accept is asked', async () => {
  const accept = () => assert.fail('asked')
  for (const [status, options] of [
    [405, { method: 'POST' }],
    [400, { without: ['Sec-WebSocket-Key'] }],
    [400, { fields: [['Sec-WebSocket-Key', KEY]] }],
    [400, { without: ['Sec-WebSocket-Key'], fields: [['Sec-WebSocket-Key', 'short']] }],
    [400, { without: ['Sec-WebSocket-Version'] }],
    [426, { without: ['Sec-WebSocket-Version'], fields: [['Sec-WebSocket-Version', '8']] }],
    [400, { fields: [['Content-Length', '5']] }],
    [400, { fields: [['Sec-WebSocket-Protocol', 'a, a']] }],
    [400, { fields: [['Sec-WebSocket-Extensions', 'a; b="']] }],
    [403, { fields: [['Origin', 'http://evil.example']] }],
  ] as const) {
    assert.equal((await answered({ accept }, offer(options))).status, status, JSON.stringify(options))
  }
})

test('a page of the server’s own, a listed one, and no page at all may connect', async () => {
  const from = (origin: string, more: OfferOptions = {}) => offer({ ...more, fields: [['Origin', origin]] })
  await switched({}, from('http://server.example'))
  await switched({}, from('https://server.example', { encrypted: true }))
  await switched({ origins: ['https://app.example'] }, from('https://app.example'))
  await switched({ origins: '*' }, from('http://evil.example'))
  await switched({})
  assert.equal((await answered({}, from('http://server.example', { encrypted: true }))).status, 403)
  assert.equal((await answered({}, from('null'))).status, 403)
})

// --- accept

test('accept is told the request, the parameters, the URL, the subprotocols and the signal', async () => {
  const controller = new AbortController()
  const asked = offer({ fields: [['Sec-WebSocket-Protocol', 'b, a']], signal: controller.signal })
  let told: { request: IncomingMessage; context: AcceptContext } | undefined
  const options: WebSocketOptions<unknown> = {
    accept(request, context) {
      told = { request, context }
      return true
    },
  }
  await switched(options, asked)
  assert.equal(told!.request, asked.request)
  const { params, url, protocols, signal } = told!.context
  assert.deepEqual(params, { room: '7' })
  assert.equal(url, asked.url)
  assert.deepEqual(protocols, ['b', 'a'])
  assert.equal(signal, controller.signal)
})

test('accept, at once or later, takes, answers or passes', async () => {
  for (const later of [false, true]) {
    const accept = (result: unknown) =>
      ({ accept: () => (later ? Promise.resolve(result) : result) }) as WebSocketOptions<unknown>
    assert.equal((await decide(accept(true))).kind, 'switch')
    assert.equal((await decide(accept({}))).kind, 'switch')
    for (const nothing of [undefined, null, false])
      assert.deepEqual(await decide(accept(nothing)), { kind: 'pass' })
    const response = new Response('who are you?', { status: 401 })
    assert.deepEqual(await decide(accept(response)), { kind: 'respond', response })
  }
})

test('an answer of accept that means nothing lets nobody in', async () => {
  for (const odd of ['', 'no', 0, 401, Number.NaN, () => true, Symbol('x'), 5n]) {
    for (const result of [odd, Promise.resolve(odd)]) {
      await assert.rejects(decide({ accept: () => result as unknown as true }), {
        code: 'ERR_INVALID_ARGUMENT',
      })
    }
  }
})

test('what accept throws reaches whoever asked for the decision', async () => {
  const thrown = new Error('no database')
  await assert.rejects(
    decide({
      accept() {
        throw thrown
      },
    }),
    thrown,
  )
  await assert.rejects(decide({ accept: () => Promise.reject(thrown) }), thrown)
})

// --- the connection

test('after the switch the connection lives on the stream, leftover bytes first, with data, params and protocol', async () => {
  const seen: string[] = []
  const decision = await switched<{ user: string }>(
    {
      protocols: ['chat'],
      accept: () => ({ data: { user: 'ada' } }),
      open: (socket) =>
        seen.push(`${socket.data.user} ${socket.params.room} ${socket.protocol} ${socket.extensions}`),
      message: (socket, message) => void socket.send(message),
    } as WebSocketOptions<{ user: string }>,
    offer({ fields: [['Sec-WebSocket-Protocol', 'chat']] }),
  )
  const [near, far] = duplexPair()
  near.unshift(frame(0x81, 'leftover', '01020304'))
  const chunks: Buffer[] = []
  far.on('data', (chunk: Buffer) => chunks.push(chunk))
  decision.attach(near)
  assert.deepEqual(seen, ['ada 7 chat '])
  await turn()
  far.write(frame(0x81, 'next', '01020304'))
  await turn()
  assert.deepEqual(shown(Buffer.concat(chunks)), ['81 "leftover"', '81 "next"'])
})

test('onDecided hears of each connection before its 101, and may already send', async () => {
  const route = websocketProtocol(undefined, { message, clock: createVirtualClock() })
  let decided: AnyConnection | undefined
  route.onDecided = (socket) => {
    decided = socket
    socket.send('first')
  }
  const decision = (await route.decide(offer())) as Switch
  assert.equal(decided!.readyState, 'opening')
  const { frames } = attached(decision)
  await turn()
  assert.deepEqual(frames(), ['81 "first"'])
})

test('the handler gets the socket and the context, after open; what it throws closes with 1011', async () => {
  for (const later of [false, true]) {
    const thrown = new Error('mine')
    const errors: unknown[] = []
    const seen: string[] = []
    const asked = offer()
    const decision = await switched(
      {
        open: () => void seen.push('open'),
        handler(socket, { request, params }) {
          assert.equal(request, asked.request)
          seen.push(`handler ${params.room} ${socket.readyState}`)
          if (later) return Promise.reject(thrown)
          throw thrown
        },
      },
      asked,
      (error) => errors.push(error),
    )
    const { frames } = attached(decision)
    await turn()
    assert.deepEqual(seen, ['open', 'handler 7 open'])
    assert.deepEqual(errors, [thrown])
    assert.match(frames()[0]!, /^88 03f3/)
  }
})

test('a handler that returns leaves the connection open', async () => {
  let socket: AnyConnection | undefined
  const decision = await switched({
    handler: async (given) => {
      socket = given
    },
  })
  const { send } = attached(decision)
  await turn()
  assert.equal(socket!.readyState, 'open')
  await send(0x88, closeBody(1000))
  assert.equal((await socket!.closed).clean, true)
})

test('who is asked to leave sends a Close', async () => {
  const { occupant, frames } = attached(await switched({ message }))
  occupant.leave(1001, 'restart')
  await turn()
  assert.deepEqual(frames(), [`88 ${closeBody(1001, 'restart').toString('hex')}`])
})

test('a switch that is abandoned closes its connection with the reason', async () => {
  const route = websocketProtocol(undefined, { message })
  let socket: AnyConnection | undefined
  route.onDecided = (decided) => {
    socket = decided
  }
  const decision = (await route.decide(offer())) as Switch
  const gone = new Error('gone')
  decision.abandon!(gone)
  assert.equal((await socket!.closed).cause, gone)
})

test('a stream that died before it was attached ends the connection, and nothing hangs', async () => {
  let socket: AnyConnection | undefined
  const decision = await switched({
    handler: (given) => {
      socket = given
    },
  })
  const [near] = duplexPair()
  near.on('error', () => {})
  near.destroy(new Error('ECONNRESET'))
  await turn()
  decision.attach(near)
  assert.equal((await socket!.closed).code, 1006)
})

// --- options

test('options that could never work are told when the route is made', () => {
  for (const options of [
    { message: 'echo' },
    { handler: {} },
    { accept: true },
    { open: null },
    { protocols: 'chat' },
    { maxMessageBytes: Number.NaN },
    { origins: ['app.example'] },
    { binary: 'blob' },
  ]) {
    assert.throws(() => websocketProtocol('/x', options as unknown as WebSocketOptions), {
      code: 'ERR_INVALID_ARGUMENT',
    })
  }
  assert.throws(() => websocketProtocol('/x', { protocols: ['a b'] }), { code: 'ERR_INVALID_TOKEN' })
  assert.throws(() => websocketProtocol('no slash', {}), { code: 'ERR_INVALID_ARGUMENT' })
})
