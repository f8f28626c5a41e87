import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
} from 'node:http2'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { createVirtualClock, settle } from '../../src/base/clock.ts'
import { createTurnout, type Turnout } from '../../src/turnout.ts'
import type { TurnoutOptions } from '../../src/turnout-options.ts'
import { connect } from '../../src/websocket/client.ts'
import { until } from '../base/turns.ts'
import { certificate, privateKey } from './certificate.ts'
import { extendedConnect as ask, openSession } from './http2-wire.ts'

type AnyServer = Http2Server | Http2SecureServer

async function listen(t: TestContext, server: AnyServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // sessions end later, in hooks of their own
  t.after(() => void server.close())
  return (server.address() as AddressInfo).port
}

async function dial(t: TestContext, port: number): Promise<ClientHttp2Session> {
  const session = await openSession(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  return session
}

/** The house, a cleartext HTTP/2 server, and a client of plain node:http2. */
async function rig(
  t: TestContext,
  build: (turnout: Turnout) => void,
  options: TurnoutOptions = {},
  server: Http2Server = createServer(),
): Promise<{ session: ClientHttp2Session; turnout: Turnout; port: number; server: Http2Server }> {
  const turnout = createTurnout(options)
  build(turnout)
  turnout.attach(server)
  const port = await listen(t, server)
  const session = await dial(t, port)
  t.after(() => turnout.close({ grace: 1 }))
  return { session, turnout, port, server }
}

async function head(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders & { ':status'?: number }> {
  const [headers] = await once(stream, 'response')
  return headers
}

async function text(stream: ClientHttp2Stream): Promise<string> {
  let body = ''
  for await (const chunk of stream) body += chunk
  return body
}

/** `hi` in a masked frame, and as it comes back. */
const HI = Buffer.from('818200000000' + '6869', 'hex')
const HI_BACK = Buffer.from('81026869', 'hex')

const echo = (turnout: Turnout): unknown =>
  turnout.websocket('/ws', { message: (socket, message) => void socket.send(message) })

it('a matcher that throws costs its stream a 500, and the session goes on', async (t) => {
  const broken = new Error('broken')
  const errors: unknown[] = []
  let throws = true
  const build = (turnout: Turnout) => {
    turnout.websocket('/ws', { handler() {} })
    const matcher = () => {
      if (throws) throw broken
      return false
    }
    turnout.protocol(matcher, { connect: true, handler() {} })
  }
  const { session } = await rig(t, build, { onError: (error) => void errors.push(error) })
  assert.equal((await head(ask(session)))[':status'], 500)
  assert.deepEqual(errors, [broken])
  throws = false
  assert.equal((await head(ask(session)))[':status'], 200)
})

describe('RFC 8441: extended CONNECT on a server', () => {
  it('RFC 8441 section 3: the setting is sent although the server was made without it, and others stay', async (t) => {
    const server = createServer({ settings: { maxConcurrentStreams: 7 } })
    const { session } = await rig(t, echo, {}, server)
    assert.equal(session.remoteSettings.enableConnectProtocol, true)
    assert.equal(session.remoteSettings.maxConcurrentStreams, 7)
  })

  it('RFC 8441 section 5: a WebSocket opens with 200, without key and accept, and echoes', async (t) => {
    const { session } = await rig(t, echo)
    const stream = ask(session)
    const headers = await head(stream)
    assert.equal(headers[':status'], 200)
    for (const name of ['sec-websocket-accept', 'upgrade', 'connection'])
      assert.equal(headers[name], undefined)
    stream.write(HI)
    assert.deepEqual((await once(stream, 'data'))[0], HI_BACK)
    stream.destroy()
  })

  it('RFC 8441 section 5: frames stay masked; one that is not ends in 1002', async (t) => {
    const { session } = await rig(t, echo)
    const stream = ask(session)
    await head(stream)
    stream.write(Buffer.from('81026869', 'hex'))
    const [close] = await once(stream, 'data')
    assert.equal(close.subarray(0, 1).toString('hex'), '88')
    assert.equal(close.readUInt16BE(2), 1002)
    stream.destroy()
  })

  it('RFC 8441 section 5: a forwarded Sec-WebSocket-Key is let pass and not answered', async (t) => {
    const { session } = await rig(t, echo)
    const stream = ask(session, { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' })
    const headers = await head(stream)
    assert.equal(headers[':status'], 200)
    assert.equal(headers['sec-websocket-accept'], undefined)
    stream.destroy()
  })

  it('RFC 8441 section 5: an orderly close is END_STREAM on both sides', async (t) => {
    const { session } = await rig(t, echo)
    const stream = ask(session)
    await head(stream)
    let aborted = false
    stream.on('aborted', () => {
      aborted = true
    })
    stream.resume()
    stream.end(Buffer.from('888200000000' + '03e8', 'hex'))
    await once(stream, 'close')
    assert.equal(aborted, false)
    assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR)
  })

  it('RFC 9113 section 8.1: a client that leaves its side open after the close is reset without an error', async (t) => {
    const { session } = await rig(t, echo)
    const stream = ask(session)
    await head(stream)
    stream.resume()
    stream.write(Buffer.from('888200000000' + '03e8', 'hex'))
    await once(stream, 'end')
    assert.equal(stream.writable, true)
    await once(stream, 'close')
    assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR)
  })

  it('RFC 8441 section 5: terminate is RST_STREAM with CANCEL', async (t) => {
    const { session } = await rig(t, (turnout) =>
      turnout.websocket('/ws', { open: (socket) => void setImmediate(() => socket.terminate()) }),
    )
    const stream = ask(session)
    await head(stream)
    stream.resume()
    await once(stream, 'close')
    assert.equal(stream.rstCode, constants.NGHTTP2_CANCEL)
  })

  for (const [how, code] of [
    ['RST_STREAM', constants.NGHTTP2_CANCEL],
    ['RST_STREAM without a word', constants.NGHTTP2_NO_ERROR],
    ['RST_STREAM with an error', constants.NGHTTP2_INTERNAL_ERROR],
  ] as const) {
    it(`RFC 8441 section 5: ${how} closes the socket with 1006`, async (t) => {
      let closed: Promise<{ code: number; clean: boolean }> | undefined
      const { session } = await rig(t, (turnout) =>
        turnout.websocket('/ws', {
          open(socket) {
            closed = socket.closed
          },
        }),
      )
      const stream = ask(session)
      await head(stream)
      stream.close(code)
      const { code: seen, clean } = await closed!
      assert.deepEqual({ seen, clean }, { seen: 1006, clean: false })
    })
  }

  it('RFC 8441 section 5: END_STREAM without a Close frame is 1006 as well', async (t) => {
    let closed: Promise<{ code: number }> | undefined
    const { session } = await rig(t, (turnout) =>
      turnout.websocket('/ws', {
        open(socket) {
          closed = socket.closed
        },
      }),
    )
    const stream = ask(session)
    await head(stream)
    stream.resume()
    stream.end()
    assert.equal((await closed!).code, 1006)
  })

  it('RFC 8441 section 4: an unknown :protocol gets 501, a known one on no route 404', async (t) => {
    const { session } = await rig(t, echo)
    const foo = ask(session, { ':protocol': 'foo' })
    assert.equal((await head(foo))[':status'], 501)
    assert.match(await text(foo), /RFC 8441 section 4/)
    const nowhere = ask(session, { ':path': '/nowhere' })
    assert.equal((await head(nowhere))[':status'], 404)
    nowhere.resume()
    await once(nowhere, 'close')
    assert.equal(nowhere.rstCode, constants.NGHTTP2_NO_ERROR)
  })

  it('the gate is the same: version, origin, subprotocols', async (t) => {
    const { session, turnout: house } = await rig(t, (turnout) =>
      turnout.websocket('/ws', { protocols: ['b', 'a'], requireProtocol: true }),
    )
    const wrong = await head(ask(session, { 'sec-websocket-version': '8' }))
    assert.equal(wrong[':status'], 400)
    assert.deepEqual(house.metrics().routes[0]?.handshakes, { 400: 1 })
    assert.equal(wrong['sec-websocket-version'], '13')
    assert.equal((await head(ask(session, { 'sec-websocket-version': [] })))[':status'], 400)
    assert.equal((await head(ask(session, { origin: 'https://evil.example' })))[':status'], 403)
    assert.equal((await head(ask(session)))[':status'], 400)
    assert.equal((await head(ask(session, { 'sec-websocket-protocol': 'a, a' })))[':status'], 400)
    const right = await head(
      ask(session, { origin: 'http://house.example', 'sec-websocket-protocol': 'x, a, b' }),
    )
    assert.equal(right[':status'], 200)
    assert.equal(right['sec-websocket-protocol'], 'a')
  })

  it('permessage-deflate is agreed on as over HTTP/1.1', async (t) => {
    const { session } = await rig(t, (turnout) => turnout.websocket('/ws', { compression: true }))
    const headers = await head(ask(session, { 'sec-websocket-extensions': 'permessage-deflate' }))
    assert.match(String(headers['sec-websocket-extensions']), /^permessage-deflate/)
  })

  it('RFC 9113 section 8.3.1: a Host that is not :authority is refused, the same one is not', async (t) => {
    const { session } = await rig(t, echo)
    assert.equal((await head(ask(session, { host: 'other.example' })))[':status'], 400)
    assert.equal((await head(ask(session, { host: 'house.example' })))[':status'], 200)
  })

  it('accept is shown a request with method, url, headers and Host, and may answer with a Response', async (t) => {
    const seen: unknown[] = []
    const { session } = await rig(t, (turnout) =>
      turnout.websocket('/chat/:room', {
        async accept(request, { params, url }) {
          seen.push(request.method, request.url, request.headers.host, request.httpVersion)
          seen.push(request.headers.cookie, request.socket.remoteAddress, params.room, url.href)
          await Promise.resolve()
          return params.room === 'open'
            ? { headers: { 'Set-Cookie': ['a=1', 'b=2'] } }
            : new Response('who are you?', { status: 401, headers: { 'WWW-Authenticate': 'Basic' } })
        },
      }),
    )
    const refused = ask(session, { ':path': '/chat/shut?x=1', cookie: 'sid=7' })
    const headers = await head(refused)
    assert.equal(headers[':status'], 401)
    assert.equal(headers['www-authenticate'], 'Basic')
    assert.equal(await text(refused), 'who are you?')
    assert.deepEqual(seen, [
      'CONNECT',
      '/chat/shut?x=1',
      'house.example',
      '2.0',
      'sid=7',
      '127.0.0.1',
      'shut',
      'http://house.example/chat/shut?x=1',
    ])
    const open = await head(ask(session, { ':path': '/chat/open' }))
    assert.equal(open[':status'], 200)
    assert.deepEqual(open['set-cookie'], ['a=1', 'b=2'])
  })

  it('a throw in accept is a 500, a late decision a 503, a closing server a 503', async (t) => {
    const clock = createVirtualClock()
    const errors: unknown[] = []
    const { session, turnout } = await rig(
      t,
      (turnout) =>
        turnout
          .websocket('/throw', {
            accept() {
              throw new Error('no')
            },
          })
          .websocket('/wait', {
            accept: (_, { signal }) =>
              new Promise<never>((_, reject) =>
                signal.addEventListener('abort', () => reject(signal.reason)),
              ),
          })
          .websocket('/ws', {}),
      { clock, decisionTimeout: 100, onError: (error) => errors.push(error) },
    )
    assert.equal((await head(ask(session, { ':path': '/throw' })))[':status'], 500)
    assert.equal((errors[0] as Error).message, 'no')
    const late = ask(session, { ':path': '/wait' })
    const answered = head(late)
    await new Promise((resolve) => setTimeout(resolve, 20))
    clock.advance(100)
    assert.equal((await answered)[':status'], 503)
    const waiting = head(ask(session, { ':path': '/wait' }))
    await new Promise((resolve) => setTimeout(resolve, 20))
    const closing = turnout.close()
    assert.equal((await waiting)[':status'], 503)
    await closing
  })

  it('a client that goes away during the decision fires the signal', async (t) => {
    const gone = deferred()
    const asked = deferred()
    const { session } = await rig(t, (turnout) =>
      turnout.websocket('/ws', {
        accept: (_, { signal }) =>
          new Promise<never>(() => {
            signal.addEventListener('abort', () => gone.resolve(signal.reason.code))
            asked.resolve(undefined)
          }),
      }),
    )
    const stream = ask(session)
    await asked.promise
    stream.close(constants.NGHTTP2_CANCEL)
    assert.equal(await gone.promise, 'ERR_PEER_GONE')
  })

  it('close() asks the streams to leave, not the session', async (t) => {
    const { session, turnout } = await rig(t, echo)
    const stream = ask(session)
    await head(stream)
    const closing = turnout.close({ code: 1001 })
    const [close] = await once(stream, 'data')
    assert.equal(close.readUInt16BE(2), 1001)
    stream.end(Buffer.from('888200000000' + '03e9', 'hex'))
    assert.deepEqual(await closing, { left: 1, destroyed: 0 })
    assert.equal(session.closed, false)
    assert.equal(session.destroyed, false)
  })

  it('flow control is backpressure: who does not read stops the peer, and the session goes on', async (t) => {
    let stuck: { resume(): void } | undefined
    let bytes = 0
    const { session } = await rig(t, (turnout) =>
      turnout
        .websocket('/stuck', {
          open(socket) {
            stuck = socket
            socket.pause()
          },
          message: (_, message) => {
            bytes += (message as Buffer).length
          },
        })
        .websocket('/ws', { message: (socket, message) => void socket.send(message) }),
    )
    const full = ask(session, { ':path': '/stuck' })
    await head(full)
    const size = 60_000
    const frame = Buffer.concat([
      Buffer.from('82fe', 'hex'),
      Buffer.from([size >> 8, size & 255, 0, 0, 0, 0]),
      Buffer.alloc(size),
    ])
    for (let at = 0; at < 20; at++) full.write(frame)
    const other = ask(session)
    await head(other)
    other.write(HI)
    assert.deepEqual((await once(other, 'data'))[0], HI_BACK)
    assert.ok(full.writableLength > 10 * size, `${full.writableLength} bytes wait`)
    stuck!.resume()
    await once(full, 'drain')
    await until(() => bytes >= 20 * size)
    full.destroy()
    other.destroy()
  })
})

describe('limits over HTTP/2', () => {
  it('one connection more than maxConnections gets 503 with Retry-After, until one has gone', async (t) => {
    const { session } = await rig(t, echo, { maxConnections: 1 })
    const first = ask(session)
    assert.equal((await head(first))[':status'], 200)
    const refused = await head(ask(session))
    assert.deepEqual([refused[':status'], refused['retry-after']], [503, '10'])
    first.resume()
    first.end(Buffer.from('888200000000' + '03e8', 'hex'))
    await once(first, 'close')
    assert.equal((await head(ask(session)))[':status'], 200)
  })
})

describe('generic protocols over extended CONNECT', () => {
  it('take part only where they say so, with half-close', async (t) => {
    const { session } = await rig(t, (turnout) =>
      turnout
        .protocol('example', {
          connect: true,
          handler(stream) {
            stream.on('data', (chunk) => stream.write(chunk))
            stream.on('end', () => stream.end('bye'))
          },
        })
        .protocol('shy', { handler: (stream) => void stream.end() }),
    )
    assert.equal((await head(ask(session, { ':protocol': 'shy' })))[':status'], 501)
    const stream = ask(session, { ':protocol': 'example' })
    assert.equal((await head(stream))[':status'], 200)
    stream.end('hello ')
    assert.equal(await text(stream), 'hello bye')
  })
})

describe('an app on the same HTTP/2 server', () => {
  it('answers ordinary requests in the compatibility API, and never sees an extended CONNECT', async (t) => {
    const seen: string[] = []
    const server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`)
      response.end('app')
    })
    const { session } = await rig(t, echo, {}, server)
    const ordinary = session.request({ ':path': '/page' })
    assert.equal(await text(ordinary), 'app')
    assert.equal((await head(ask(session)))[':status'], 200)
    assert.equal((await head(ask(session, { ':path': '/nowhere' })))[':status'], 404)
    assert.deepEqual(seen, ['GET /page'])
  })

  it('answers them in the stream API, and no refusal becomes its 200', async (t) => {
    const server = createServer()
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200 })
      stream.end('app')
    })
    const { session } = await rig(t, echo, {}, server)
    assert.equal(await text(session.request({ ':path': '/page' })), 'app')
    assert.equal((await head(ask(session, { ':path': '/nowhere' })))[':status'], 404)
    assert.equal((await head(ask(session, { ':protocol': 'foo' })))[':status'], 501)
  })

  it('may listen for connect, and upgrade there after its middleware', async (t) => {
    const server = createServer(() => {})
    const turnout = createTurnout()
    server.on('connect', (request, response) => {
      response.setHeader('Set-Cookie', 'sid=1')
      response.setHeader('Content-Length', 3)
      response.setHeader('Sec-WebSocket-Protocol', 'chat')
      response.setHeader('Sec-WebSocket-Extensions', 'permessage-deflate')
      if (request.url === '/no') return void response.writeHead(403, { 'Content-Length': 2 }).end('no')
      turnout.upgrade(request as never, response as never, {
        message: (socket, message) => void socket.send(message),
      })
    })
    turnout.attach(server)
    t.after(() => turnout.close({ grace: 1 }))
    const session = await dial(t, await listen(t, server))
    assert.equal((await head(ask(session, { ':path': '/no' })))[':status'], 403)
    const stream = ask(session)
    const headers = await head(stream)
    assert.equal(headers[':status'], 200)
    assert.deepEqual(headers['set-cookie'], ['sid=1'])
    for (const name of ['content-length', 'sec-websocket-protocol', 'sec-websocket-extensions']) {
      assert.equal(headers[name], undefined, name)
    }
    stream.write(HI)
    assert.deepEqual((await once(stream, 'data'))[0], HI_BACK)
  })

  it('gets what a foreign function says is its own', async (t) => {
    const server = createServer()
    server.on('stream', (stream, headers) => {
      stream.respond({ ':status': 200, 'x-protocol': String(headers[':protocol']) })
      stream.end()
    })
    const turnout = createTurnout().attach(server, { foreign: (request) => request.url === '/theirs' })
    t.after(() => turnout.close({ grace: 1 }))
    const session = await dial(t, await listen(t, server))
    const headers = await head(ask(session, { ':protocol': 'foo', ':path': '/theirs' }))
    assert.equal(headers['x-protocol'], 'foo')
    assert.equal((await head(ask(session, { ':protocol': 'foo' })))[':status'], 501)
  })

  it('shares it with a second turnout', async (t) => {
    const server = createServer()
    const [one, two] = [createTurnout(), createTurnout()]
    one.websocket('/one', {})
    two.websocket('/two', {})
    one.attach(server)
    two.attach(server)
    t.after(() => Promise.all([one.close({ grace: 1 }), two.close({ grace: 1 })]))
    const session = await dial(t, await listen(t, server))
    for (const [path, status] of [
      ['/one', 200],
      ['/two', 200],
      ['/three', 404],
    ] as const) {
      assert.equal((await head(ask(session, { ':path': path })))[':status'], status)
    }
  })
})

describe('R3, R43: HTTP/2 has no Upgrade', () => {
  it('R3: upgrade() on an ordinary request of HTTP/2 answers 400, and the application is told why, once', async (t) => {
    const errors: { code?: string }[] = []
    const turnout = createTurnout({ onError: (error) => errors.push(error as never) })
    const server = createServer((request, response) => {
      assert.equal(turnout.upgrade(request as never, response as never, {}), undefined)
    })
    turnout.attach(server)
    t.after(() => turnout.close({ grace: 1 }))
    const session = await dial(t, await listen(t, server))
    for (let at = 0; at < 2; at++) {
      const stream = session.request({ ':path': '/ws' })
      const headers = await head(stream)
      assert.equal(headers[':status'], 400)
      assert.equal(headers.upgrade, undefined)
      assert.match(await text(stream), /RFC 9113 section 8\.6/)
    }
    assert.deepEqual(
      errors.map(({ code }) => code),
      ['ERR_HTTP2_FORBIDS_UPGRADE'],
    )
  })

  for (const name of ['Upgrade', 'Connection', 'Keep-Alive', 'Transfer-Encoding']) {
    it(`R3: a ${name} that accept sets is refused, and the application is told why`, async (t) => {
      const errors: { code?: string }[] = []
      const accept = () => ({ headers: { [name]: 'close' } })
      const { session } = await rig(
        t,
        (turnout) =>
          turnout.protocol('example', { connect: true, accept, handler() {} }).websocket('/ws', { accept }),
        { onError: (error) => errors.push(error as never) },
      )
      for (const protocol of ['example', 'websocket']) {
        assert.equal((await head(ask(session, { ':protocol': protocol })))[':status'], 500)
        assert.equal(errors.pop()!.code, 'ERR_HTTP2_FORBIDS_UPGRADE')
      }
    })
  }

  it('R3: a Response loses such a field, and the application is told why', async (t) => {
    const errors: { code?: string }[] = []
    const { session } = await rig(
      t,
      (turnout) =>
        turnout.websocket('/ws', {
          accept: () =>
            new Response('x', {
              status: 426,
              headers: { Upgrade: 'foo', Connection: 'Upgrade', 'X-Y': '1' },
            }),
        }),
      { onError: (error) => errors.push(error as never) },
    )
    const headers = await head(ask(session))
    assert.equal(headers[':status'], 426)
    assert.deepEqual([headers.upgrade, headers.connection, headers['x-y']], [undefined, undefined, '1'])
    assert.equal(errors[0]!.code, 'ERR_HTTP2_FORBIDS_UPGRADE')
  })

  it('RFC 9113 section 8.1.1: a length of its own does not contradict the body of a Response', async (t) => {
    const { session } = await rig(t, (turnout) =>
      turnout.websocket('/ws', {
        accept: () => new Response('abc', { status: 401, headers: { 'Content-Length': '30' } }),
      }),
    )
    const stream = ask(session)
    const headers = await head(stream)
    assert.equal(headers['content-length'], undefined)
    assert.equal(await text(stream), 'abc')
  })

  for (const [name, value] of [
    ['upgrade', 'websocket'],
    ['connection', 'upgrade'],
  ] as const) {
    it(`R3, R43: a request with ${name} is a stream error PROTOCOL_ERROR, and reaches nobody`, async (t) => {
      let reached = 0
      const server = createServer(() => reached++)
      const { port } = await rig(t, echo, {}, server)
      const answer = await rawRequest(t, port, [
        [':method', 'GET'],
        [':scheme', 'http'],
        [':path', '/ws'],
        [':authority', 'house.example'],
        [name, value],
      ])
      assert.deepEqual(answer, { reset: constants.NGHTTP2_PROTOCOL_ERROR })
      assert.equal(reached, 0)
    })
  }
})

describe('one route, two versions of HTTP', () => {
  it('R43: the same .websocket() serves HTTP/1.1 upgrades and extended CONNECT on a secure server', async (t) => {
    const versions: string[] = []
    const turnout = createTurnout().websocket('/ws', {
      handler: async (socket, { request }) => {
        versions.push(request.httpVersion)
        for await (const message of socket) await socket.send(message)
      },
    })
    const server = createSecureServer(
      { key: privateKey, cert: certificate, allowHTTP1: true },
      (_, response) => {
        response.end('app')
      },
    )
    turnout.attach(server)
    const port = await listen(t, server)
    t.after(() => turnout.close({ grace: 1 }))
    for (const http2 of [false, true] as const) {
      const socket = await connect(`wss://localhost:${port}/ws`, { http2, tls: { ca: certificate } })
      await socket.send('hi')
      for await (const message of socket) {
        assert.equal(message, 'hi')
        break
      }
      const info = await socket.close(1000, 'bye')
      assert.deepEqual([info.code, info.clean], [1000, true])
    }
    assert.deepEqual(versions, ['1.1', '2.0'])
  })
})

interface Deferred {
  promise: Promise<unknown>
  resolve(value: unknown): void
}

function deferred(): Deferred {
  let resolve!: (value: unknown) => void
  const promise = new Promise((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** Writes the frames of one request by hand, as node:http2's client would not, and waits for its RST_STREAM. */
async function rawRequest(
  t: TestContext,
  port: number,
  fields: readonly (readonly [string, string])[],
): Promise<{ reset: number } | { status: true }> {
  const socket = connectTcp(port, '127.0.0.1')
  t.after(() => socket.destroy())
  const block = Buffer.concat(
    fields.map(([name, value]) =>
      Buffer.concat([
        Buffer.from([0, name.length]),
        Buffer.from(name),
        Buffer.from([value.length]),
        Buffer.from(value),
      ]),
    ),
  )
  const frame = (type: number, flags: number, id: number, payload: Buffer): Buffer => {
    const header = Buffer.alloc(9)
    header.writeUIntBE(payload.length, 0, 3)
    header[3] = type
    header[4] = flags
    header.writeUInt32BE(id, 5)
    return Buffer.concat([header, payload])
  }
  socket.write(
    Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      frame(4, 0, 0, Buffer.alloc(0)),
      frame(1, 5, 1, block),
    ]),
  )
  let bytes = Buffer.alloc(0)
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk])
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const length = bytes.readUIntBE(0, 3)
      const type = bytes[3]
      const payload = bytes.subarray(9, 9 + length)
      bytes = bytes.subarray(9 + length)
      if (type === 3) return { reset: payload.readUInt32BE(0) }
      if (type === 1) return { status: true }
    }
  }
  throw new Error('no answer')
}

describe('an answer that the client does not take', () => {
  const endless = () =>
    new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(50_000)), cancel: () => {} })
  for (const [what, path, give] of [
    ['of our own', '/elsewhere', () => new Response()],
    ['of the application', '/ws', () => new Response('no', { status: 403 })],
    ['that never ends', '/ws', () => new Response(endless(), { status: 403 })],
  ] as const) {
    it(`is given up after ten seconds: one ${what}`, async (t) => {
      const clock = createVirtualClock()
      const { port } = await rig(t, (turnout) => turnout.websocket('/ws', { accept: give }), { clock })
      const settings = { initialWindowSize: 0 }
      const session = await openSession(`http://127.0.0.1:${port}`, { settings })
      t.after(() => session.destroy())
      const stream = ask(session, { ':path': path })
      const closed = once(stream, 'close')
      assert.ok((await head(stream))[':status']! >= 400)
      await until(() => clock.waiting > 0)
      clock.advance(9_999)
      await settle()
      assert.equal(stream.closed, false)
      clock.advance(1)
      await closed
      assert.equal(stream.rstCode, constants.NGHTTP2_CANCEL)
      await until(() => clock.waiting === 0)
    })
  }
})
