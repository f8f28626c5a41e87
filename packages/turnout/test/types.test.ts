// Knows what the types promise to whoever writes against them. The compiler is the judge: nothing in here runs.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import {
  type AnyConnection,
  type AsyncUpgradeInAppOptions,
  type BinaryForm,
  type CloseEvent,
  type CloseInfo,
  connect,
  createTurnout,
  type ErrorContext,
  type GivenFields,
  type GivenValue,
  type Message,
  type Params,
  type PathParams,
  type ProtocolInAppOptions,
  type ProtocolResult,
  reconnecting,
  type TlsSecured,
  type TlsUpgradeOptions,
  type TlsUpgradeResult,
  type TurnoutOptions,
  type UpgradeInAppOptions,
  upgrade,
  upgradeTls,
  WebSocket,
  type WebSocketConnection,
  type WebSocketOptions,
} from '../src/index.ts'
import { webSocketPair } from '../src/testing/index.ts'

declare const request: IncomingMessage
declare const response: ServerResponse

/** True for the same type, neither wider nor narrower. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

function same<A, B>(_same: Same<A, B>): void {}

/** A test that has passed once it compiles. */
function compiles(name: string, _code: () => unknown): void {
  test(name, () => {})
}

interface User {
  readonly user: string
}

compiles('a message is a string or what the option binary says, by default a Buffer', () => {
  const turnout = createTurnout()
  turnout.websocket('/', { message: (_socket, message) => same<typeof message, string | Buffer>(true) })
  turnout.websocket('/', {
    binary: 'buffer',
    message: (_socket, message) => same<typeof message, string | Buffer>(true),
  })
  turnout.websocket('/', {
    binary: 'arraybuffer',
    message(socket, message) {
      same<typeof message, string | ArrayBuffer>(true)
      same<typeof socket, WebSocketConnection<undefined, 'arraybuffer', PathParams<'/'>>>(true)
      // @ts-expect-error no Buffer
      message.subarray()
    },
  })
  turnout.websocket('/', {
    binary: 'chunks',
    async handler(socket) {
      for await (const message of socket) same<typeof message, string | Buffer[]>(true)
    },
  })
  turnout.websocket('/', {
    binary: 'lent',
    message: (_socket, message) => same<typeof message, string | Buffer>(true),
  })
  // @ts-expect-error no such form
  turnout.websocket('/', { binary: 'blob' })
  same<Message, string | Buffer | ArrayBuffer | Buffer[]>(true)
  same<Message<'buffer'>, string | Buffer>(true)
})

compiles('clients and pairs in memory, too, have messages of the form that was chosen', async () => {
  const plain = await connect('ws://host')
  for await (const message of plain) same<typeof message, string | Buffer>(true)
  const socket = await connect('ws://host', {
    binary: 'chunks',
    message: (_socket, message) => same<typeof message, string | Buffer[]>(true),
  })
  for await (const message of socket) same<typeof message, string | Buffer[]>(true)
  const peer = reconnecting('ws://host', {
    binary: 'arraybuffer',
    data: { user: 'ada' },
    resume(connection) {
      same<typeof connection, WebSocketConnection<{ user: string }, 'arraybuffer'>>(true)
    },
    open: ({ socket }) =>
      same<typeof socket, WebSocketConnection<{ user: string }, 'arraybuffer'> | undefined>(true),
    message: (_peer, message) => same<typeof message, string | ArrayBuffer>(true),
  })
  for await (const message of peer) same<typeof message, string | ArrayBuffer>(true)
  const pair = webSocketPair({
    server: {
      data: 7,
      binary: 'chunks',
      message: (_, message) => same<typeof message, string | Buffer[]>(true),
    },
  })
  same<typeof pair.server, WebSocketConnection<number, 'chunks'>>(true)
  same<typeof pair.client, WebSocketConnection<undefined, 'buffer'>>(true)
})

compiles('a choice of createTurnout holds for every route and upgrade that makes none', () => {
  const turnout = createTurnout({ binary: 'arraybuffer' })
  turnout.websocket('/', { message: (_, message) => same<typeof message, string | ArrayBuffer>(true) })
  turnout.websocket('/', {
    binary: 'chunks',
    message: (_, message) => same<typeof message, string | Buffer[]>(true),
  })
  const socket = turnout.upgrade(request, response)
  same<typeof socket, WebSocketConnection<undefined, 'arraybuffer'> | undefined>(true)
  const options: TurnoutOptions = { maxMessageBytes: 5 }
  createTurnout(options).websocket('/', {
    message: (_, message) => same<typeof message, string | Buffer>(true),
  })
})

compiles('params are those of the path, wherever there is a socket', () => {
  const turnout = createTurnout()
  turnout.websocket('/chat/:room/:seat', {
    accept: (_request, { params }) => ({ data: { user: params.room } }),
    open: ({ params }) => same<typeof params, { readonly room: string; readonly seat: string }>(true),
    message({ params }) {
      same<typeof params.room, string>(true)
      // @ts-expect-error not in the path
      params.rooom
    },
    drain: ({ params }) => same<typeof params.seat, string>(true),
    close: ({ params }) => same<typeof params.seat, string>(true),
    ping: ({ params }) => same<typeof params.seat, string>(true),
    pong: ({ params }) => same<typeof params.seat, string>(true),
    handler(socket, { params }) {
      same<typeof params, typeof socket.params>(true)
    },
  })
  turnout.websocket('/files/*', { open: ({ params }) => same<(typeof params)['*'], string>(true) })
  turnout.websocket('/plain', {
    // @ts-expect-error it has none
    open: ({ params }) => params.room,
  })
  const path: string = '/chat/:room'
  turnout.websocket(path, { open: ({ params }) => same<typeof params, Params>(true) })
})

compiles('the subprotocol is one of those that were given, or empty unless one is required', async () => {
  const turnout = createTurnout()
  turnout.websocket('/', {
    protocols: ['chat.v2', 'chat.v1'],
    open({ protocol }) {
      same<typeof protocol, 'chat.v2' | 'chat.v1' | ''>(true)
      // @ts-expect-error nobody speaks it
      protocol === 'chat.v3'
    },
  })
  turnout.websocket('/', {
    protocols: ['chat.v2', 'chat.v1'],
    requireProtocol: true,
    handler: ({ protocol }) => same<typeof protocol, 'chat.v2' | 'chat.v1'>(true),
  })
  turnout.websocket('/', { open: ({ protocol }) => same<typeof protocol, string>(true) })
  const protocols: string[] = []
  turnout.websocket('/', { protocols, open: ({ protocol }) => same<typeof protocol, string>(true) })
  turnout.websocket('/', {
    protocols: ['a'],
    accept: (_request, { protocols }) => ({ protocol: protocols[0] ?? 'a' }),
    open: ({ protocol }) => same<typeof protocol, string>(true),
  })
  const inApp = turnout.upgrade(request, response, { protocols: ['a'], requireProtocol: true })
  same<typeof inApp, WebSocketConnection<undefined, 'buffer', Params, 'a'> | undefined>(true)
  const one = await connect('ws://host', { protocols: 'a' })
  same<typeof one.protocol, 'a' | ''>(true)
  const two = await connect('ws://host', {
    protocols: ['a', 'b'],
    open: ({ protocol }) => same<typeof protocol, 'a' | 'b' | ''>(true),
  })
  same<typeof two.protocol, 'a' | 'b' | ''>(true)
  const token: string = 'token'
  const peer = reconnecting('ws://host', { protocols: ['a'], renew: () => ({ protocols: ['a', token] }) })
  same<NonNullable<typeof peer.socket>['protocol'], string>(true)
})

compiles(
  'data is what accept gives, wherever accept stands if it takes nothing, else before the callbacks',
  () => {
    const turnout = createTurnout()
    turnout.websocket('/', {
      async accept(request) {
        if (request.headers.cookie === undefined) return new Response(null, { status: 401 })
        return request.url === '/' ? { data: { user: 'ada' } } : undefined
      },
      message: ({ data }) => same<typeof data, { user: string }>(true),
    })
    turnout.websocket('/', {
      message: ({ data }) => same<typeof data, { user: string }>(true),
      accept: () => ({ data: { user: 'ada' } }),
    })
    turnout.websocket('/', {
      open: ({ data }) => same<typeof data, { user: string | undefined }>(true),
      accept: ({ url }: IncomingMessage) => ({ data: { user: url } }),
    })
    turnout.websocket('/', {
      open: ({ data }) => same<typeof data, undefined>(true),
      // @ts-expect-error too late: `open` was told that there is none
      accept: ({ url }) => ({ data: { user: url } }),
    })
    turnout.websocket<User>('/', { open: ({ data }) => same<typeof data, User>(true) })
    turnout.websocket('/', {
      open(socket: WebSocketConnection<User>) {
        socket.data = { user: 'ada' }
      },
      close: ({ data }) => same<typeof data, User>(true),
    })
    // @ts-expect-error not in `data`
    turnout.websocket('/', { accept: () => ({ user: 'ada' }) })
  },
)

compiles('an upgrade inside the app gives a socket, or a promise of one where accept does', () => {
  const turnout = createTurnout()
  const now = turnout.upgrade(request, response, {
    message: ({ data }) => same<typeof data, { user: string }>(true),
    accept: () => ({ data: { user: 'ada' } }),
  })
  same<typeof now, WebSocketConnection<{ user: string }> | undefined>(true)
  const later = turnout.upgrade(request, response, {
    binary: 'chunks',
    async accept({ url }) {
      return { data: { user: url } }
    },
    message: ({ data }) => same<typeof data, { user: string | undefined }>(true),
  })
  same<typeof later, Promise<WebSocketConnection<{ user: string | undefined }, 'chunks'> | undefined>>(true)
  const taken = turnout.upgrade(request, response, { protocol: 'example/1', handler: () => {} })
  same<typeof taken, boolean | Promise<boolean>>(true)
})

compiles('a socket goes where less is wanted of it, and nowhere where its messages would not fit', () => {
  const turnout = createTurnout({ onError: (_error, { socket }) => socket?.terminate() })
  const all = new Set<WebSocketConnection>()
  const users = new Set<WebSocketConnection<User>>()
  const enter = (socket: WebSocketConnection<User, 'buffer', { room: string }>) => socket.params.room
  turnout.websocket('/chat/:room', {
    protocols: ['a', 'b'],
    accept: () => ({ data: { user: 'ada' } }),
    open(socket) {
      all.add(socket)
      users.add(socket)
      enter(socket)
      turnout.broadcast(users, 'hello')
      turnout.broadcast([socket], 'hello')
    },
  })
  turnout.websocket('/plain', {
    accept: () => ({ data: { user: 'ada' } }),
    open(socket) {
      users.add(socket)
      // @ts-expect-error no room
      enter(socket)
    },
  })
  turnout.websocket('/raw', {
    binary: 'chunks',
    open(socket) {
      // @ts-expect-error its messages are no Buffers
      all.add(socket)
      new Set<WebSocketConnection<unknown, BinaryForm>>().add(socket)
      turnout.broadcast([socket], 'hello')
    },
  })
  const options: WebSocketOptions<User> = {
    accept: () => ({ data: { user: 'ada' } }),
    open: (s) => users.add(s),
  }
  turnout.websocket('/chat', options)
})

compiles('where TLS is mandatory the result is secure, and has an agent', async () => {
  const plain = await upgradeTls('http://host')
  same<typeof plain, TlsSecured>(true)
  const { agent } = await upgradeTls('http://host', { mode: 'mandatory', tls: { ca: '' } })
  await connect('ws://host', { agent })
  const optional = await upgradeTls('http://host', { mode: 'optional' })
  same<typeof optional, TlsUpgradeResult>(true)
  // @ts-expect-error perhaps there is none
  optional.agent.destroy()
  if (optional.secure) optional.agent.destroy()
  const options: TlsUpgradeOptions = {}
  same<ReturnType<typeof upgradeTls>, Promise<TlsUpgradeResult>>(true)
  const unknown = await upgradeTls('http://host', options)
  same<typeof unknown, TlsUpgradeResult>(true)
})

compiles('an end that is asked about is a close or an Error, and its code can be compared either way', () => {
  reconnecting('ws://host', {
    shouldReconnect: (end, passing) => passing || end.code === 4100,
    waiting(_peer, end) {
      if (end instanceof Error) return void end.message
      same<typeof end, CloseInfo>(true)
    },
  })
  reconnecting('ws://host', { shouldReconnect: (end: CloseInfo | Error) => end instanceof Error })
})

compiles('the protocol, or the stream, tells whether a server took an upgrade', async () => {
  const { protocol, stream, response } = await upgrade('http://host', { protocols: 'example/1' })
  same<typeof stream, Duplex | undefined>(true)
  if (protocol) same<typeof stream, Duplex>(true)
  if (protocol === undefined) same<typeof stream, undefined>(true)
  if (stream) same<typeof protocol, string>(true)
  same<typeof response, IncomingMessage>(true)
})

compiles('undefined is as good as nothing in every option, also under exactOptionalPropertyTypes', () => {
  const turnout = createTurnout({ binary: undefined, decisionTimeout: undefined, onError: undefined })
  createTurnout({ binary: 'arraybuffer' }).websocket('/', {
    binary: undefined,
    open: undefined,
    protocols: undefined,
    requireProtocol: undefined,
    compression: { threshold: undefined },
    heartbeat: { intervalMs: undefined },
    rate: { messagesPerSecond: undefined },
    accept: undefined,
    handler: undefined,
    message: (_, message) => same<typeof message, Message>(true),
  })
  turnout.protocol('example/1', { path: undefined, accept: undefined, handler: () => {} })
  turnout
    .h2c({ path: undefined, settings: undefined })
    .tlsInPlace({ required: undefined, advertise: undefined })
  turnout.attach(createServer(), { foreign: undefined })
  void turnout.close({ code: undefined, reason: undefined, grace: undefined })
  void connect('ws://host', { headers: undefined, proxy: undefined, signal: undefined, http2: undefined })
  void upgrade('http://host', { protocols: 'a', method: undefined, body: undefined, agent: undefined })
  void upgradeTls('http://host', { mode: undefined }).then(({ secure }) => same<typeof secure, true>(true))
  reconnecting('ws://host', { retries: undefined, renew: () => ({ url: undefined }), factor: undefined })
  webSocketPair({ clock: undefined, server: { protocol: undefined, clock: undefined } })
  const perhaps = ['ada'].at(0)
  turnout.websocket('/', {
    accept: () => ({ data: perhaps, protocol: undefined, headers: undefined }),
    open: ({ data }) => same<typeof data, string | undefined>(true),
  })
})

compiles('fields are an object, a Headers, a Map or pairs', () => {
  const value: GivenValue = ['a=1', 'b=2']
  const given: readonly GivenFields[] = [
    { 'Set-Cookie': value, 'X-A': 1, 'X-B': undefined },
    new Headers({ 'X-A': '1' }),
    new Map([['X-A', '1']]),
    new Map<string, GivenValue>([['X-A', value]]),
    [['X-A', '1']],
    Object.entries({ 'X-A': '1', 'X-B': ['2'] }),
  ]
  for (const headers of given) {
    void connect('ws://host', { headers, proxy: { url: 'http://proxy', headers } })
    createTurnout().websocket('/', { accept: () => ({ headers }) })
  }
  // @ts-expect-error a flat list names nothing
  void upgrade('http://host', { protocols: 'a', headers: ['X-A', '1'] })
  // @ts-expect-error no value of a field
  void connect('ws://host', { headers: { 'X-A': true } })
})

compiles('what a signature names can be imported', () => {
  const sync: UpgradeInAppOptions<User> = { accept: () => ({ data: { user: 'ada' } }) }
  const later: AsyncUpgradeInAppOptions<User> = { accept: async () => ({ data: { user: 'ada' } }) }
  const result: ProtocolResult<User> = { data: { user: 'ada' } }
  const protocol: ProtocolInAppOptions<User> = {
    protocol: 'example/1',
    accept: () => result,
    handler: (_stream, _request, { data }) => same<typeof data, User>(true),
  }
  const turnout = createTurnout()
  same<ErrorContext['socket'], AnyConnection | undefined>(true)
  turnout.upgrade(request, response, sync)?.send('hello')
  void turnout.upgrade(request, response, later).then((socket) => socket?.send('hello'))
  turnout.upgrade(request, response, protocol)
})

compiles('a handler is written with its own event, and read as what takes any', () => {
  const socket = new WebSocket('ws://host')
  socket.onopen = (event) => same<typeof event, Event>(true)
  socket.onmessage = ({ data }) => data
  socket.onerror = ({ error }) => same<typeof error, unknown>(true)
  socket.onclose = function (event) {
    const { readyState } = this
    same<typeof event, CloseEvent>(true)
    same<typeof readyState, WebSocket['readyState']>(true)
  }
  // lib.dom's WebSocket and this one stand for each other: scripts/oldest-types.mjs, which has lib.dom
  const other = new WebSocket('ws://host')
  other.onclose = socket.onclose
  other.onerror = null
  const read: ((event: CloseEvent) => unknown) | null = socket.onclose
  void read
  // @ts-expect-error another event
  socket.onclose = ({ data }: MessageEvent) => data
})

compiles('the ends of a pair have the parameters and the subprotocol that they are given', () => {
  const { server, client } = webSocketPair({
    server: {
      message(socket) {
        same<typeof socket.data, User>(true)
        same<typeof socket.params, { room: string }>(true)
        same<typeof socket.protocol, 'chat'>(true)
      },
      data: { user: 'ada' } as User,
      params: { room: 'tea' },
      protocol: 'chat',
      onError: (_error, socket) => same<typeof socket, typeof server>(true),
    },
    client: { binary: 'chunks', protocol: 'chat' as string },
  })
  same<typeof server, WebSocketConnection<User, 'buffer', { room: string }, 'chat'>>(true)
  same<typeof client, WebSocketConnection<undefined, 'chunks', Params, string>>(true)
  const route = (socket: WebSocketConnection<User, 'buffer', PathParams<'/:room'>>) => socket
  route(server)
  interface InRoom {
    readonly room: string
  }
  const params: InRoom = { room: 'tea' }
  const named = webSocketPair({ server: { params } }).server
  same<typeof named.params, InRoom>(true)
  // @ts-expect-error parameters are text
  webSocketPair({ server: { params: { room: 5 } } })
  // @ts-expect-error another room
  webSocketPair({ server: { params: { room: 'tea' }, open: ({ params }) => params.rooom } })
  // @ts-expect-error a handler is called with an end
  webSocketPair({ server: { handler: route } })
})

compiles('an upgrade inside the app of a server of node:http2 takes what its listener is given', () => {
  const turnout = createTurnout()
  createSecureServer({ allowHTTP1: true }, (request, response) => {
    const socket = turnout.upgrade(request, response)
    same<typeof socket, WebSocketConnection<undefined, 'buffer', Params> | undefined>(true)
    const later = turnout.upgrade(request, response, {
      protocols: ['a'],
      requireProtocol: true,
      accept: async (request: IncomingMessage) => ({ data: { user: request.url ?? '' } as User }),
    })
    same<typeof later, Promise<WebSocketConnection<User, 'buffer', Params, 'a'> | undefined>>(true)
    turnout.upgrade(request, response, { protocol: 'example/1', handler: () => {} })
  })
  const either = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ) => turnout.upgrade(request, response, {})
  void either
  // @ts-expect-error neither
  turnout.upgrade(new Request('http://host'), response)
})
