import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { EventEmitter, once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import {
  connect as connectHttp2,
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type Http2Session,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Stream,
} from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { createServer as createTlsServer, type ConnectionOptions as TlsOptions } from 'node:tls'
import { createVirtualClock, settle } from '../../src/base/clock.ts'
import { createTurnout } from '../../src/turnout.ts'
import { FRAME_HEADER_BYTES, HEADERS, PREFACE, readFrameHeader } from '../../src/upgrade/h2c-frames.ts'
import { type ConnectOptions, connect } from '../../src/websocket/client.ts'
import { HandshakeError } from '../../src/websocket/handshake-error.ts'
import { WebSocketStream } from '../../src/websocket/websocket-stream.ts'
import { until } from '../base/turns.ts'
import { certificate, privateKey } from '../upgrade/certificate.ts'
import { within } from '../upgrade/wire.ts'

const tls = { ca: certificate }
const identity = { key: privateKey, cert: certificate }

async function listen(t: TestContext, server: Server | Http2Server | Http2SecureServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** A house of which every socket echoes; counts its connections. */
async function house(
  t: TestContext,
  options: SecureServerOptions = {},
): Promise<{ port: number; sessions: () => number; versions: string[]; server: Http2SecureServer }> {
  const versions: string[] = []
  const turnout = createTurnout().websocket('/ws', {
    protocols: ['b'],
    compression: true,
    open: () => {},
    message: (socket, message) => void socket.send(message),
    accept(request) {
      versions.push(request.httpVersion)
      if (request.headers['x-who'] !== undefined) return new Response('who?', { status: 401 })
      return true
    },
  })
  const server = createSecureServer({ ...identity, allowHTTP1: true, ...options }, (_, response) => {
    response.end('app')
  })
  let sessions = 0
  server.on('session', () => sessions++)
  turnout.attach(server)
  t.after(() => turnout.close({ grace: 1 }))
  return { port: await listen(t, server), sessions: () => sessions, versions, server }
}

/** An HTTP/2 server in the stream API that offers extended CONNECT and does as it is told. */
async function plain(
  t: TestContext,
  onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  settings: { enableConnectProtocol?: boolean; maxConcurrentStreams?: number } = {
    enableConnectProtocol: true,
  },
): Promise<number> {
  const server = createServer({ settings })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    onStream(stream, headers)
  })
  return listen(t, server)
}

/** A server of both versions that resets every stream with HTTP_1_1_REQUIRED, and over HTTP/1.1 echoes, or is mute. */
async function insistent(
  t: TestContext,
  onStream = (): void => {},
  { mute = false } = {},
): Promise<{ asked: string[]; port: number }> {
  const asked: string[] = []
  const newer = createServer({ settings: { enableConnectProtocol: true } })
  newer.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    asked.push(`h2 ${headers[':path']}`)
    onStream()
    stream.close(constants.NGHTTP2_HTTP_1_1_REQUIRED)
  })
  const older = createHttpServer()
  const turnout = createTurnout()
    .websocket('/ws', { message: (socket, message) => void socket.send(message) })
    .attach(older)
  const ALPNProtocols = ['h2', 'http/1.1']
  const front = createTlsServer({ ...identity, ALPNProtocols }, (socket) => {
    if (socket.alpnProtocol === 'h2') return void newer.emit('connection', socket)
    asked.push(String(socket.alpnProtocol))
    t.after(() => socket.destroy())
    if (!mute) older.emit('connection', socket)
  })
  t.after(() => turnout.close({ grace: 1 }))
  return { asked, port: await listen(t, front) }
}

async function echoed(url: string, options: ConnectOptions): Promise<void> {
  const socket = await connect(url, options)
  await socket.send('hi')
  for await (const message of socket) {
    assert.equal(message, 'hi')
    break
  }
  assert.equal((await socket.close(1000)).clean, true)
}

describe('RFC 8441: a WebSocket client over HTTP/2', () => {
  it('goes over HTTP/2 where ALPN and the settings allow it, and agrees as usual', async (t) => {
    const { port, versions } = await house(t)
    const socket = await connect(`wss://localhost:${port}/ws`, {
      http2: 'auto',
      tls,
      protocols: ['a', 'b'],
      compression: true,
    })
    assert.deepEqual(versions, ['2.0'])
    assert.equal(socket.protocol, 'b')
    assert.match(socket.extensions, /permessage-deflate/)
    const long = 'turnout '.repeat(40_000)
    await socket.send(long)
    for await (const message of socket) {
      assert.equal(message, long)
      break
    }
    const info = await socket.close(4000, 'bye')
    assert.deepEqual([info.code, info.clean], [4000, true])
  })

  it('shares one connection among the sockets of an origin, and closes it with the last', async (t) => {
    const { port, sessions, server } = await house(t)
    const url = `wss://localhost:${port}/ws`
    const ended = new Promise<void>((resolve) =>
      server.once('session', (session) => session.once('close', resolve)),
    )
    const sockets = await Promise.all(
      Array.from({ length: 8 }, () => connect(url, { http2: 'auto', tls: { ...tls } })),
    )
    assert.equal(sessions(), 1)
    await sockets[0]!.close(1000)
    await echoed(url, { http2: true, tls })
    assert.equal(sessions(), 1)
    await Promise.all(sockets.map((socket) => socket.close(1000)))
    await ended
    await echoed(url, { http2: true, tls })
    assert.equal(sessions(), 2)
  })

  it('shares none between different options of TLS', async (t) => {
    const { port, sessions } = await house(t)
    const url = `wss://localhost:${port}/ws`
    const one = await connect(url, { http2: true, tls })
    const two = await connect(url, { http2: true, tls: { rejectUnauthorized: false } })
    assert.equal(sessions(), 2)
    await Promise.all([one.close(), two.close()])
  })

  it('opens another connection where the server takes no more streams on the first', async (t) => {
    const { port, sessions } = await house(t, { settings: { maxConcurrentStreams: 2 } })
    const url = `wss://localhost:${port}/ws`
    const sockets = []
    for (let at = 0; at < 3; at++) sockets.push(await connect(url, { http2: true, tls }))
    assert.equal(sessions(), 2)
    await Promise.all(sockets.map((socket) => socket.close()))
  })

  it('RFC 9113 section 8.7: asks again, on a new connection, where a shared one refuses the stream unprocessed', async (t) => {
    const sessions = new Set<Http2Session>()
    const asked: string[] = []
    const port = await plain(t, (stream, headers) => {
      sessions.add(stream.session!)
      asked.push(headers[':path']!)
      if (headers[':path'] === '/never' || (headers[':path'] === '/again' && sessions.size === 1)) {
        return stream.close(constants.NGHTTP2_REFUSED_STREAM)
      }
      stream.respond({ ':status': 200 })
      t.after(() => stream.session!.destroy())
    })
    const url = `ws://127.0.0.1:${port}`
    const first = await connect(`${url}/first`, { http2: true })
    const again = await connect(`${url}/again`, { http2: true })
    assert.deepEqual(asked, ['/first', '/again', '/again'])
    assert.equal(sessions.size, 2)
    assert.deepEqual([first.readyState, again.readyState], ['open', 'open'])
    await assert.rejects(connect(`${url}/never`, { http2: true }), { code: 'ERR_CONNECT' })
    assert.deepEqual(asked.slice(3), ['/never', '/never'])
    first.terminate()
    again.terminate()
  })

  for (const deadline of ['timeoutMs', 'AbortSignal.timeout']) {
    it(`shares a connection no further on which the server did not answer in time (${deadline})`, async (t) => {
      const clock = createVirtualClock()
      const abort = new AbortController()
      const answering = new Set<Http2Session>()
      const port = await plain(t, (stream) => {
        const { session } = stream
        if (answering.has(session!)) return
        answering.add(session!)
        stream.respond({ ':status': 200 })
        t.after(() => session!.destroy())
      })
      const url = `ws://127.0.0.1:${port}/`
      const quiet = await connect(url, { http2: true, heartbeat: false })
      const late = connect(url, { http2: true, clock, timeoutMs: 500, signal: abort.signal })
      // its turn has come, and its request has gone out
      await until(() => clock.waiting > 0)
      if (deadline === 'timeoutMs') clock.advance(500)
      else abort.abort(new DOMException('too late', 'TimeoutError'))
      await assert.rejects(late, /no answer|too late/)
      const next = await within('another opens', connect(url, { http2: true }))
      assert.equal(answering.size, 2)
      assert.deepEqual([quiet.readyState, next.readyState], ['open', 'open'])
      quiet.terminate()
      next.terminate()
    })
  }

  it('R43: falls back to HTTP/1.1 on the same connection when the server speaks nothing else', async (t) => {
    const server = createHttpsServer(identity)
    let connections = 0
    server.on('secureConnection', () => connections++)
    const turnout = createTurnout()
      .websocket('/ws', { message: (socket, message) => void socket.send(message) })
      .attach(server)
    t.after(() => turnout.close({ grace: 1 }))
    const port = await listen(t, server)
    const url = `wss://localhost:${port}/ws`
    await echoed(url, { http2: 'auto', tls })
    assert.equal(connections, 1)
    await assert.rejects(connect(url, { http2: true, tls }), { code: 'ERR_HTTP2_NOT_OFFERED' })
  })

  it('RFC 8441 section 3: asks for nothing where the setting is missing, and falls back', async (t) => {
    const methods: string[] = []
    const server = createSecureServer({ ...identity, allowHTTP1: true })
    server.on('stream', (stream, headers) => {
      methods.push(String(headers[':method']))
      stream.respond({ ':status': 200 })
      stream.end()
    })
    let sessions = 0
    server.on('session', () => sessions++)
    server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n'))
    const url = `wss://localhost:${await listen(t, server)}/ws`
    await assert.rejects(connect(url, { http2: true, tls }), { code: 'ERR_HTTP2_NOT_OFFERED' })
    await assert.rejects(connect(url, { http2: 'auto', tls }), { status: 403 })
    await assert.rejects(connect(url, { http2: 'auto', tls }), { status: 403 })
    assert.deepEqual(methods, [])
    assert.equal(sessions, 2, 'the second time it is known')
  })

  it('RFC 9113 section 7: goes on over HTTP/1.1 where the server requires it for this, and asks so at once from then on', async (t) => {
    const { asked, port } = await insistent(t)
    const url = `wss://localhost:${port}/ws`
    await echoed(url, { http2: 'auto', tls })
    await echoed(url, { http2: 'auto', tls })
    assert.deepEqual(asked, ['h2 /ws', 'http/1.1', 'http/1.1'])
    await assert.rejects(connect(url, { http2: true, tls }), {
      code: 'ERR_HTTP2_NOT_OFFERED',
      message: `localhost:${port} speaks HTTP/2, but requires HTTP/1.1 for this (HTTP_1_1_REQUIRED) (RFC 9113 section 7)`,
    })
    const session = connectHttp2(`https://localhost:${port}`, tls)
    t.after(() => session.destroy())
    await assert.rejects(connect(url, { http2: session }), { code: 'ERR_HTTP2_NOT_OFFERED' })
  })

  it('has one deadline for what HTTP/2 and then HTTP/1.1 take', async (t) => {
    const clock = createVirtualClock()
    const { port } = await insistent(t, () => clock.advance(300), { mute: true })
    const late = connect(`wss://localhost:${port}/ws`, { http2: 'auto', tls, clock, timeoutMs: 500 })
    late.catch(() => {})
    await until(() => clock.now() === 300)
    await until(() => clock.waiting > 0)
    clock.advance(200)
    await assert.rejects(late, { code: 'ERR_HANDSHAKE_TIMEOUT' })
  })

  it('TLS options that could never work are misuse, as over HTTP/1.1', async () => {
    for (const http2 of [false, 'auto', true] as const) {
      await assert.rejects(connect('wss://localhost:1/', { http2, tls: { minVersion: 'none' as never } }), {
        name: 'MisuseError',
        code: 'ERR_INVALID_ARGUMENT',
      })
    }
  })

  it('uses a session that it is given, old or new, and leaves it open', async (t) => {
    const { port } = await house(t)
    const session = connectHttp2(`https://localhost:${port}`, tls)
    t.after(() => session.destroy())
    await echoed(`wss://localhost:${port}/ws`, { http2: session })
    await echoed(`wss://localhost:${port}/ws`, { http2: session })
    assert.equal(session.closed, false)
    const without = connectHttp2(`http://127.0.0.1:${await plain(t, () => assert.fail('a request'), {})}`)
    t.after(() => without.destroy())
    await once(without, 'remoteSettings')
    await assert.rejects(connect('ws://house.example/', { http2: without }), {
      code: 'ERR_HTTP2_NOT_OFFERED',
    })
  })

  it('onResponse is told the fields of the 200', async (t) => {
    const port = await plain(t, (stream) => {
      stream.respond({ ':status': 200, 'set-cookie': ['a=1', 'b=2'] })
      stream.end(Buffer.from('880203e8', 'hex'))
    })
    const heard: unknown[] = []
    const socket = await connect(`ws://127.0.0.1:${port}/`, {
      http2: true,
      onResponse: (response) =>
        void heard.push(Object.keys(response), response.status, response.headers['set-cookie']),
    })
    await socket.closed
    assert.deepEqual(heard, [['status', 'headers', 'rawHeaders'], 200, ['a=1', 'b=2']])
  })

  it('goes by prior knowledge without TLS', async (t) => {
    const server = createServer()
    const turnout = createTurnout()
      .websocket('/ws', { message: (socket, message) => void socket.send(message) })
      .attach(server)
    t.after(() => turnout.close({ grace: 1 }))
    await echoed(`ws://127.0.0.1:${await listen(t, server)}/ws`, { http2: true })
  })

  it('sends what RFC 8441 section 5 says, and nothing of HTTP/1.1', async (t) => {
    let seen: IncomingHttpHeaders = {}
    const port = await plain(t, (stream, headers) => {
      seen = headers
      stream.respond({ ':status': 200 })
      stream.end(Buffer.from('880203e8', 'hex'))
    })
    const socket = await connect(`ws://127.0.0.1:${port}/a?b=c`, {
      http2: true,
      origin: 'https://app.example',
      headers: { 'X-A': ['1', '2'], Host: 'other.example' },
    })
    await socket.closed
    assert.deepEqual(
      [seen[':method'], seen[':protocol'], seen[':scheme'], seen[':path'], seen[':authority']],
      ['CONNECT', 'websocket', 'http', '/a?b=c', 'other.example'],
    )
    assert.deepEqual(
      [seen['sec-websocket-version'], seen['sec-websocket-key'], seen.origin, seen['x-a']],
      ['13', undefined, 'https://app.example', '1, 2'],
    )
    for (const name of ['connection', 'upgrade', 'host']) assert.equal(seen[name], undefined)
  })

  it('R3: fields of an HTTP/1.1 connection are misuse', async (t) => {
    const port = await plain(t, () => assert.fail('a request'))
    const session = connectHttp2(`http://127.0.0.1:${port}`)
    t.after(() => session.destroy())
    for (const name of ['Keep-Alive', 'Connection', 'Upgrade', 'Transfer-Encoding', 'HTTP2-Settings', 'TE']) {
      for (const http2 of [true, session]) {
        await assert.rejects(connect(`ws://127.0.0.1:${port}/`, { http2, headers: { [name]: 'x' } }), {
          code: 'ERR_HTTP2_FORBIDS_UPGRADE',
        })
      }
    }
    const both = { http2: 'auto', headers: { Upgrade: 'x' } } as const
    await assert.rejects(connect('wss://127.0.0.1:1/', both), { code: 'ERR_INVALID_ARGUMENT' })
  })

  it('what no HTTP/2 can come of is misuse', async () => {
    await assert.rejects(connect('ws://127.0.0.1:1/', { http2: 'yes' as never }), {
      code: 'ERR_INVALID_ARGUMENT',
    })
    const agent = new (await import('node:https')).Agent()
    await assert.rejects(connect('wss://127.0.0.1:1/', { http2: true, agent }), {
      code: 'ERR_INVALID_ARGUMENT',
    })
  })
})

describe('RFC 8441: what does not come about', () => {
  it('a refusal is a HandshakeError with status and body, and the connection is let go', async (t) => {
    const { port, server } = await house(t)
    const ended = new Promise<void>((resolve) =>
      server.once('session', (session) => session.once('close', resolve)),
    )
    const error = await connect(`wss://localhost:${port}/ws`, {
      http2: true,
      tls,
      headers: { 'X-Who': '1' },
    }).then(
      () => undefined,
      (error: unknown) => error,
    )
    assert.ok(error instanceof HandshakeError)
    assert.deepEqual([error.code, error.status, error.body.toString()], ['ERR_UPGRADE_DECLINED', 401, 'who?'])
    assert.match(error.message, /^401 .* instead of a 200 \(RFC 8441 section 5\)/)
    await ended
  })

  it('a redirect is followed', async (t) => {
    const port = await plain(t, (stream, headers) => {
      if (headers[':path'] === '/old') {
        stream.respond({ ':status': 307, location: '/new' })
        return void stream.end()
      }
      stream.respond({ ':status': 200 })
      stream.end(Buffer.from('880203e8', 'hex'))
    })
    const socket = await connect(`ws://127.0.0.1:${port}/old`, { http2: true, maxRedirects: 1 })
    assert.equal((await socket.closed).code, 1000)
  })

  it('a redirect to another origin leaves the session that was given', async (t) => {
    const asked: string[] = []
    const other = createHttpServer()
    const turnout = createTurnout()
      .websocket('/', { open: (socket) => void socket.close(1000) })
      .attach(other)
    t.after(() => turnout.close({ grace: 1 }))
    const elsewhere = `http://127.0.0.1:${await listen(t, other)}/`
    const port = await plain(t, (stream, headers) => {
      asked.push(String(headers[':path']))
      stream.respond({ ':status': 307, location: elsewhere })
      stream.end()
    })
    const session = connectHttp2(`http://127.0.0.1:${port}`)
    t.after(() => session.destroy())
    const socket = await connect(`ws://127.0.0.1:${port}/old`, { http2: session, maxRedirects: 1 })
    assert.equal((await socket.closed).code, 1000)
    assert.deepEqual(asked, ['/old'])
  })

  it('RFC 8441 section 5: a subprotocol or an extension that nobody asked for cancels the stream', async (t) => {
    for (const [name, value, code] of [
      ['sec-websocket-protocol', 'x', 'ERR_SUBPROTOCOL_NOT_OFFERED'],
      ['sec-websocket-extensions', 'x', 'ERR_EXTENSION_NOT_OFFERED'],
    ] as const) {
      let reset: Promise<number> | undefined
      const port = await plain(t, (stream) => {
        stream.respond({ ':status': 200, [name]: value })
        reset = new Promise((resolve) => stream.once('close', () => resolve(stream.rstCode ?? -1)))
      })
      await assert.rejects(connect(`ws://127.0.0.1:${port}/`, { http2: true }), { code })
      assert.equal(await reset, constants.NGHTTP2_CANCEL)
    }
  })

  it('WHATWG, establish a connection: only connect opens where none of the subprotocols was chosen', async (t) => {
    const port = await plain(t, (stream) => stream.respond({ ':status': 200 }))
    const options = { http2: true, protocols: ['x'] }
    const lenient = await connect(`ws://127.0.0.1:${port}/`, options)
    assert.equal(lenient.protocol, '')
    lenient.terminate()
    const strict = new WebSocketStream(`ws://127.0.0.1:${port}/`, options)
    await assert.rejects(strict.opened, ({ cause }) => cause.code === 'ERR_SUBPROTOCOL_MISSING')
  })

  it('a 200 that ends with its head is found out at once', async (t) => {
    const port = await plain(t, (stream) => stream.respond({ ':status': 200 }, { endStream: true }))
    await assert.rejects(connect(`ws://127.0.0.1:${port}/`, { http2: true }), {
      code: 'ERR_UPGRADE_DECLINED',
    })
  })

  for (const page of ['<!doctype html>', '{"error":"no"}', 'Not found', '404', 'no']) {
    it(`a 200 with the page ${page} is found out by its first byte, which is no frame`, async (t) => {
      const port = await plain(t, (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'text/html' })
        stream.end(page)
      })
      const socket = await connect(`ws://127.0.0.1:${port}/`, { http2: true })
      const info = await socket.closed
      assert.equal(info.code, 1006)
      assert.equal((info.cause as { code?: string }).code, 'ERR_FRAME')
    })
  }

  it('an abort cancels the stream, a deadline too, a lost connection rejects', async (t) => {
    const abort = new AbortController()
    const ended = new EventEmitter()
    const port = await plain(t, (stream, headers) => {
      stream.once('close', () => ended.emit(headers[':path']!, stream.rstCode))
      if (headers[':path'] === '/abort') abort.abort()
      if (headers[':path'] === '/drop') stream.session!.destroy()
    })
    const url = `ws://127.0.0.1:${port}`
    for (const [path, options, error] of [
      ['/abort', { signal: abort.signal }, { name: 'AbortError' }],
      ['/late', { timeoutMs: 1_000 }, { code: 'ERR_HANDSHAKE_TIMEOUT' }],
    ] as const) {
      const code = once(ended, path)
      await assert.rejects(connect(url + path, { http2: true, ...options }), error)
      assert.deepEqual(await code, [constants.NGHTTP2_CANCEL])
    }
    await assert.rejects(connect(`${url}/drop`, { http2: true }), { code: 'ERR_CONNECT' })
  })

  it('a server of HTTP/1.1 without TLS rejects, and so does nobody', async (t) => {
    const port = await listen(t, createHttpServer())
    await assert.rejects(connect(`ws://127.0.0.1:${port}/`, { http2: true }), {
      code: 'ERR_HTTP2_NOT_OFFERED',
      message: `127.0.0.1:${port} does not speak HTTP/2 (RFC 9113 section 3.3)`,
    })
    const closed = createTcpServer()
    const gone = await listen(t, closed)
    await new Promise((resolve) => closed.close(resolve))
    await assert.rejects(connect(`wss://127.0.0.1:${gone}/`, { http2: 'auto', tls }), {
      code: 'ERR_CONNECT',
      message: /^cannot connect to 127\.0\.0\.1:\d+: connect ECONNREFUSED/,
    })
  })

  it('a server that never sends its settings runs into the deadline', async (t) => {
    const mute = createTcpServer((socket) => socket.on('error', () => {}).resume())
    const port = await listen(t, mute)
    await assert.rejects(connect(`ws://127.0.0.1:${port}/`, { http2: true, timeoutMs: 50 }), {
      code: 'ERR_HANDSHAKE_TIMEOUT',
    })
  })

  it('RST_STREAM and GOAWAY of the server are told as 1006', async (t) => {
    const port = await plain(t, (stream, headers) => {
      stream.respond({ ':status': 200 })
      setImmediate(() =>
        headers[':path'] === '/reset'
          ? stream.close(constants.NGHTTP2_INTERNAL_ERROR)
          : stream.session!.destroy(),
      )
    })
    for (const path of ['/reset', '/goaway']) {
      const socket = await connect(`ws://127.0.0.1:${port}${path}`, { http2: true })
      assert.equal((await socket.closed).code, 1006)
    }
  })
})

const SETTINGS = Buffer.from('000006040000000000' + '000800000001', 'hex')
const NO_SETTINGS = Buffer.from('000000040000000000', 'hex')
const OK = Buffer.from('000001010400000001' + '88', 'hex')
const REFUSED = Buffer.from('000001010500000001' + '8d', 'hex')
const CLOSE_AND_END = Buffer.from('000004000100000001' + '880203e8', 'hex')
const RESET = Buffer.from('000004030000000001' + '00000002', 'hex')
const CLOSE = Buffer.from('000004000000000001' + '880203e8', 'hex')
const RESET_WITHOUT_ERROR = Buffer.from('000004030000000001' + '00000000', 'hex')
const GO_AWAY = Buffer.from('000008070000000000' + '0000000100000000', 'hex')

/**
 * A server of HTTP/2 that sends frames, then others behind the first request, and never ends a connection; and our
 * own end of each connection.
 */
async function neverClosing(
  t: TestContext,
  first: Buffer,
  behindRequest: readonly Buffer[] = [],
): Promise<{ url: string; asked: () => boolean; peer: () => Socket; own: () => Socket }> {
  const own: Socket[] = []
  const peers: Socket[] = []
  let asked = false
  const note = (message: unknown) => void own.push((message as { socket: Socket }).socket)
  subscribe('net.client.socket', note)
  t.after(() => unsubscribe('net.client.socket', note))
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    peers.push(socket)
    t.after(() => socket.destroy())
    socket.on('error', () => {})
    socket.write(first)
    let came = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      came = Buffer.concat([came, chunk])
      if (asked || !hasHeaders(came)) return
      asked = true
      socket.write(Buffer.concat([...behindRequest]))
    })
  })
  const port = await listen(t, server)
  return {
    url: `ws://127.0.0.1:${port}/`,
    asked: () => asked,
    peer: () => peers.at(-1)!,
    own: () => own.at(-1)!,
  }
}

/** Whether a client has sent HEADERS to its end. */
function hasHeaders(sent: Buffer): boolean {
  for (let at = PREFACE.length; at + FRAME_HEADER_BYTES <= sent.length; ) {
    const { type, bytes } = readFrameHeader(sent, at)
    at += FRAME_HEADER_BYTES + bytes
    if (type === HEADERS) return at <= sent.length
  }
  return false
}

describe('a server that leaves the connection open', () => {
  for (const [how, frames] of [
    ['the last WebSocket was closed', [OK, CLOSE_AND_END]],
    ['GOAWAY came before', [OK, GO_AWAY, CLOSE_AND_END]],
  ] as const) {
    it(`has ten seconds to close it, where ${how}`, async (t) => {
      const clock = createVirtualClock()
      const { url, own } = await neverClosing(t, SETTINGS, frames)
      const socket = await within('it opens', connect(url, { http2: true, clock }))
      assert.equal((await within('the WebSocket closes', socket.closed)).clean, true)
      await until(() => own().writableFinished)
      assert.equal(clock.waiting, 1)
      clock.advance(9_999)
      await settle()
      assert.equal(own().destroyed, false)
      clock.advance(1)
      assert.equal(own().destroyed, true)
      assert.equal(clock.waiting, 0)
    })
  }

  it('and when it closes in time, nothing is waited for any more', async (t) => {
    const clock = createVirtualClock()
    const { url, own, peer } = await neverClosing(t, SETTINGS, [OK, CLOSE_AND_END])
    const socket = await within('it opens', connect(url, { http2: true, clock }))
    await within('the WebSocket closes', socket.closed)
    await until(() => own().writableFinished)
    assert.equal(own().destroyed, false)
    peer().end()
    await until(() => own().destroyed && clock.waiting === 0)
  })

  it('holds no WebSocket open whose stream it reset with NO_ERROR, though our Close is untaken', async (t) => {
    const clock = createVirtualClock()
    const { url } = await neverClosing(t, SETTINGS, [OK, CLOSE, RESET_WITHOUT_ERROR])
    const socket = await within('it opens', connect(url, { http2: true, clock }))
    assert.equal((await within('the WebSocket closes', socket.closed)).clean, true)
  })

  it('has the same ten seconds after a refusal', async (t) => {
    const clock = createVirtualClock()
    const { url, own } = await neverClosing(t, SETTINGS, [REFUSED])
    await assert.rejects(connect(url, { http2: true, clock }), { status: 404 })
    await until(() => own().writableFinished)
    clock.advance(10_000)
    assert.equal(own().destroyed, true)
    assert.equal(clock.waiting, 0)
  })

  it('has no time at all where it did not answer', async (t) => {
    const clock = createVirtualClock()
    for (const frames of [[], [GO_AWAY]]) {
      const { url, own, asked } = await neverClosing(t, SETTINGS, frames)
      const waiting = connect(url, { http2: true, clock, timeoutMs: 500 })
      await until(asked)
      await settle()
      clock.advance(500)
      await assert.rejects(waiting, { code: 'ERR_HANDSHAKE_TIMEOUT' })
      await until(() => own().destroyed)
    }
    const abort = new AbortController()
    const mute = await neverClosing(t, SETTINGS)
    const aborted = connect(mute.url, { http2: true, clock, signal: abort.signal })
    await until(mute.asked)
    abort.abort()
    await assert.rejects(aborted, { name: 'AbortError' })
    await until(() => mute.own().destroyed)
    const reset = await neverClosing(t, SETTINGS, [RESET])
    await assert.rejects(connect(reset.url, { http2: true, clock }), { code: 'ERR_CONNECT' })
    await until(() => reset.own().destroyed)
    assert.equal(clock.waiting, 0)
  })

  it('has none either where it takes no extended CONNECT, or went away before it said so', async (t) => {
    const clock = createVirtualClock()
    const { url, own } = await neverClosing(t, NO_SETTINGS)
    await assert.rejects(connect(url, { http2: true, clock }), { code: 'ERR_HTTP2_NOT_OFFERED' })
    await until(() => own().destroyed)
    const gone = await neverClosing(t, Buffer.concat([NO_SETTINGS, GO_AWAY]))
    await assert.rejects(connect(gone.url, { http2: true, clock }))
    await until(() => gone.own().destroyed)
    assert.equal(clock.waiting, 0)
  })

  it('keeps a session that was given: closing that stays with its owner', async (t) => {
    const clock = createVirtualClock()
    const { url, own } = await neverClosing(t, SETTINGS, [OK, CLOSE_AND_END])
    const session = connectHttp2(url.replace('ws:', 'http:'))
    t.after(() => session.destroy())
    const socket = await within('it opens', connect(url, { http2: session, clock }))
    await within('the WebSocket closes', socket.closed)
    await settle()
    clock.advance(10_000)
    await settle()
    assert.deepEqual([session.closed, own().destroyed, clock.waiting], [false, false, 0])
  })
})

/** The proxy, which makes a tunnel for those that are let in. */
function tunneling<Proxy extends Server>(
  proxy: Proxy,
  letsIn: (headers: IncomingHttpHeaders) => boolean = () => true,
): Proxy {
  proxy.on('connect', (request: IncomingMessage, socket: Socket) => {
    socket.on('error', () => {})
    if (!letsIn(request.headers)) {
      return void socket.end('HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n')
    }
    const [host, port] = request.url!.split(':')
    const upstream = connectTcp(Number(port), host!).on('error', () => {})
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    upstream.pipe(socket).pipe(upstream)
  })
  return proxy
}

const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`

describe('through an HTTP proxy', () => {
  it('the tunnel is negotiated in as well', async (t) => {
    const { port, versions } = await house(t)
    const through = await listen(t, tunneling(createHttpServer()))
    const options = { http2: true, tls, proxy: `http://127.0.0.1:${through}` } as const
    await echoed(`wss://localhost:${port}/ws`, options)
    assert.deepEqual(versions, ['2.0'])
  })

  it('a connection is shared with those alone for whom the proxy would have made it', async (t) => {
    const { port, sessions } = await house(t)
    const url = `wss://localhost:${port}/ws`
    const asked: unknown[] = []
    const through = await listen(
      t,
      tunneling(createHttpServer(), (headers) => {
        asked.push([headers['proxy-authorization'], headers['x-team']])
        return headers['proxy-authorization'] === basic('alice:right')
      }),
    )
    const at = (userinfo: string) => ({ url: `http://${userinfo}127.0.0.1:${through}` })
    const alice = await connect(url, { http2: true, tls, proxy: at('alice:right@') })
    for (const [http2, userinfo] of [
      [true, 'alice:wrong@'],
      ['auto', 'mallory:right@'],
      [true, ''],
    ] as const) {
      const proxy = at(userinfo)
      await assert.rejects(connect(url, { http2, tls, proxy }), { code: 'ERR_PROXY_REFUSED' })
    }
    const team = { 'X-Team': 'a' }
    const other = await connect(url, {
      http2: true,
      tls,
      proxy: { ...at('alice:right@'), headers: team },
    })
    assert.equal(sessions(), 2)
    const again = await connect(url, {
      http2: true,
      tls,
      proxy: { ...at(''), headers: { 'proxy-authorization': basic('alice:right') } },
    })
    assert.equal(sessions(), 2)
    assert.deepEqual(asked, [
      [basic('alice:right'), undefined],
      [basic('alice:wrong'), undefined],
      [basic('mallory:right'), undefined],
      [undefined, undefined],
      [basic('alice:right'), 'a'],
    ])
    await Promise.all([alice, other, again].map((socket) => socket.close()))
  })

  it('and not with those who would not trust the proxy', async (t) => {
    const { port, sessions } = await house(t)
    const url = `wss://localhost:${port}/ws`
    const through = await listen(t, tunneling(createHttpsServer(identity)))
    const at = (trust: TlsOptions) => ({ url: `https://localhost:${through}`, tls: trust })
    const lax = await connect(url, { http2: true, tls, proxy: at({ rejectUnauthorized: false }) })
    await assert.rejects(connect(url, { http2: true, tls, proxy: at({}) }), { code: 'ERR_CONNECT' })
    const strict = await connect(url, { http2: true, tls, proxy: at(tls) })
    const again = await connect(url, { http2: true, tls, proxy: at({ ...tls }) })
    assert.equal(sessions(), 2)
    await Promise.all([lax, strict, again].map((socket) => socket.close()))
  })
})
