import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect as connectTcp } from 'node:net'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import { createVirtualClock, type VirtualClock } from '../../src/base/clock.ts'
import { MisuseError, PeerError } from '../../src/base/errors.ts'
import { MAX_REFUSAL_BYTES, REFUSAL_TIMEOUT_MS } from '../../src/upgrade/answered.ts'
import { upgrade } from '../../src/upgrade/client.ts'
import { proxyFor } from '../../src/upgrade/proxy.ts'
import { upgradeTls } from '../../src/upgrade/tls-client.ts'
import { openTunnel, ProxyError } from '../../src/upgrade/tunnel.ts'
import { type ConnectOptions, connect } from '../../src/websocket/client.ts'
import { HandshakeError } from '../../src/websocket/handshake-error.ts'
import { until } from '../base/turns.ts'
import { framesOf, hex, switchFor, webSocketServer } from '../websocket/raw-websocket.ts'
import { certificate, privateKey } from './certificate.ts'
import { fieldOf, head, type RawRequest, type RawServerOptions, rawServer } from './raw-server.ts'

const bounded = { timeout: 10_000 }
const tls = { key: privateKey, cert: certificate }
const ESTABLISHED = head('HTTP/1.1 200 Connection established')

async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error & { code?: string }
  }
  return assert.fail('resolved')
}

/** A server that answers a CONNECT as told; by default it joins the connection to the place that was asked for. */
async function proxyServer(
  t: TestContext,
  answer: (request: RawRequest) => void = join,
  options?: RawServerOptions,
) {
  const raw = await rawServer((request) => {
    if (request.head.startsWith('CONNECT')) answer(request)
  }, options)
  t.after(() => raw.close())
  return raw
}

function join({ head: text, socket }: RawRequest): void {
  const [, host, port] = /^CONNECT (\S+):(\d+) /.exec(text)!
  const far = connectTcp(Number(port), host)
  far.on('error', () => socket.destroy())
  socket.on('close', () => far.destroy())
  far.on('connect', () => {
    socket.write(ESTABLISHED)
    socket.removeAllListeners('data')
    socket.pipe(far).pipe(socket)
  })
}

const TARGET = { secure: false, host: 'target.example', port: 80 }

function tunnel(url: string, clock: VirtualClock = createVirtualClock(), signal?: AbortSignal) {
  return openTunnel({ proxy: proxyFor(url, TARGET)!, target: TARGET, timeoutMs: 1_000, clock, signal })
}

test('RFC 9110 section 9.3.6: the CONNECT names host and port, twice, and who asks', bounded, async (t) => {
  const proxy = await proxyServer(t, ({ socket }) => socket.write(ESTABLISHED))
  const stream = await tunnel(proxy.url.replace('//', '//u:p@'))
  t.after(() => stream.destroy())
  const [request] = proxy.requests
  assert.match(request!.head, /^CONNECT target\.example:80 HTTP\/1\.1\r\n/)
  assert.equal(fieldOf(request!.head, 'Host'), 'target.example:80')
  assert.equal(fieldOf(request!.head, 'Proxy-Authorization'), 'Basic dTpw')
  assert.equal(fieldOf(request!.head, 'Connection'), 'keep-alive')
})

test('RFC 9110 section 9.3.6: an IPv6 address keeps its brackets', bounded, async (t) => {
  const proxy = await proxyServer(t, ({ socket }) => socket.write(ESTABLISHED))
  const target = { secure: false, host: '::1', port: 8080 }
  const clock = createVirtualClock()
  const stream = await openTunnel({ proxy: proxyFor(proxy.url, target)!, target, timeoutMs: 1_000, clock })
  t.after(() => stream.destroy())
  assert.match(proxy.requests[0]!.head, /^CONNECT \[::1\]:8080 HTTP\/1\.1\r\nHost: \[::1\]:8080\r\n/)
  assert.equal(clock.waiting, 0)
})

test(
  'RFC 9110 section 9.3.6: any 2xx opens the tunnel, its length means nothing, and bytes behind it are in it',
  bounded,
  async (t) => {
    const proxy = await proxyServer(t, ({ socket }) => {
      socket.write(`${head('HTTP/1.1 204 Fine', 'Content-Length: 3')}first`)
    })
    const stream = await tunnel(proxy.url)
    t.after(() => stream.destroy())
    const [bytes] = await once(stream, 'data')
    assert.equal(String(bytes), 'first')
    stream.write('second')
    assert.equal(await proxy.requests[0]!.received(6), 'second')
  },
)

test('RFC 9110 section 15.2: interim answers to a CONNECT are passed over', bounded, async (t) => {
  const interim = [head('HTTP/1.1 100 Continue'), head('HTTP/1.1 103 Early Hints', 'Link: </a>')]
  for (const secure of [false, true]) {
    for (const cut of [0, 1, 30]) {
      const proxy = await proxyServer(
        t,
        ({ socket }) => {
          const text = `${interim.join('')}${interim[0]}${ESTABLISHED}first`
          socket.write(text.slice(0, cut))
          setTimeout(() => socket.write(text.slice(cut)), 5)
        },
        secure ? { tls } : {},
      )
      const stream = await openTunnel({
        proxy: proxyFor(
          { url: proxy.url.replace('http:', secure ? 'https:' : 'http:'), tls: { ca: certificate } },
          TARGET,
        )!,
        target: TARGET,
        timeoutMs: 1_000,
        clock: createVirtualClock(),
      })
      assert.equal(String((await once(stream, 'data'))[0]), 'first')
      stream.write('second')
      assert.equal(await proxy.requests[0]!.received(6), 'second')
      assert.equal(proxy.requests.length, 1)
      stream.destroy()
    }
  }
})

test('interim answers without end are a refusal, a 101 and a refusal behind them too', bounded, async (t) => {
  for (const [text, status] of [
    [head('HTTP/1.1 100 Continue').repeat(40), 100],
    [head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: foo'), 101],
    [head('HTTP/1.1 100 Continue') + head('HTTP/1.1 403 Forbidden', 'Content-Length: 0'), 403],
  ] as const) {
    const proxy = await proxyServer(t, ({ socket }) => socket.end(text))
    const error = await rejection(tunnel(proxy.url))
    assert.ok(error instanceof ProxyError)
    assert.equal(error.status, status)
    await proxy.idle()
  }
})

test('what must not be sent is told before the proxy hears of it', bounded, async (t) => {
  const proxy = await proxyServer(t)
  for (const options of [
    { headers: { 'Content-Length': '5' } },
    { headers: { Expect: '100-continue' } },
    { body: 5 as unknown as string },
  ]) {
    const asking = upgrade('http://target.example/', { protocols: 'a', proxy: proxy.url, ...options })
    assert.ok((await rejection(asking)) instanceof MisuseError)
    const securing = upgradeTls('http://target.example/', { proxy: proxy.url, ...options })
    assert.ok((await rejection(securing)) instanceof MisuseError)
  }
  assert.equal(proxy.connections(), 0)
})

test('a signal ends the reading of a proxy’s refusal, with its reason', bounded, async (t) => {
  const proxy = await proxyServer(t, ({ socket }) => {
    socket.write(`${head('HTTP/1.1 403 Forbidden', 'Content-Length: 9')}half`)
  })
  const controller = new AbortController()
  const asking = tunnel(proxy.url, createVirtualClock(), controller.signal)
  const rejected: Promise<unknown> = rejection(asking)
  await until(() => proxy.requests.length === 1)
  setTimeout(() => controller.abort('enough'), 20)
  assert.equal(await rejected, 'enough')
  await proxy.idle()
})

test('R42: a WebSocket goes through the tunnel, and the proxy’s password no further', bounded, async (t) => {
  const proxy = await proxyServer(t)
  const raw = await webSocketServer(t)
  const socket = await connect(raw.wsUrl, { proxy: proxy.url.replace('//', '//u:p@') })
  t.after(() => socket.terminate())
  socket.send('through')
  const [frame] = await framesOf(raw.requests[0]!, 1)
  assert.equal(frame!.payload.toString(), 'through')
  const { head: handshake } = raw.requests[0]!
  assert.equal(fieldOf(handshake, 'Proxy-Authorization'), undefined)
  assert.equal(fieldOf(handshake, 'Host'), `127.0.0.1:${raw.port}`)
  assert.match(handshake, /^GET \/ HTTP\/1\.1\r\n/)
  assert.equal(fieldOf(handshake, 'Connection'), 'Upgrade')
})

test('R42: a message right behind the 101 comes through the tunnel', bounded, async (t) => {
  const proxy = await proxyServer(t)
  const raw = await webSocketServer(t, (request) => {
    request.socket.write(Buffer.concat([Buffer.from(switchFor(request)), hex('81 02 68 69')]))
  })
  const socket = await connect(raw.wsUrl, { proxy: { url: proxy.url } })
  t.after(() => socket.terminate())
  for await (const message of socket) {
    assert.equal(message, 'hi')
    break
  }
})

for (const [name, overTls] of [
  ['a plain proxy', false],
  ['a proxy over TLS', true],
] as const) {
  test(`R21: R42: wss: through ${name} speaks TLS to the target, with its name`, bounded, async (t) => {
    const names: unknown[] = []
    const proxyNames: unknown[] = []
    const watch = (into: unknown[]) => ({
      ...tls,
      ALPNCallback: ({ servername, protocols }: { servername: string; protocols: string[] }) => {
        into.push(servername, protocols)
        return 'http/1.1'
      },
    })
    const proxy = await proxyServer(t, join, overTls ? { tls: watch(proxyNames) } : {})
    const raw = await webSocketServer(t, undefined, { tls: watch(names) })
    const socket = await connect(raw.wsUrl.replace('127.0.0.1', 'localhost'), {
      proxy: { url: proxy.url.replace('127.0.0.1', 'localhost'), tls: { ca: certificate } },
      tls: { ca: certificate, servername: 'other.example' },
    })
    t.after(() => socket.terminate())
    assert.deepEqual(names, ['other.example', ['http/1.1']])
    assert.deepEqual(proxyNames, overTls ? ['localhost', ['http/1.1']] : [])
    socket.send('inside')
    assert.equal((await framesOf(raw.requests[0]!, 1))[0]!.payload.toString(), 'inside')
    const error = await rejection(connect(raw.wsUrl, { proxy: { url: proxy.url, tls: { ca: certificate } } }))
    assert.equal(error.code, 'ERR_CONNECT')
  })
}

test(
  'an option of TLS that is undefined is not given, to the proxy nor to the target',
  bounded,
  async (t) => {
    const proxy = await proxyServer(t, join, { tls })
    const raw = await webSocketServer(t, undefined, { tls })
    const unsaid = { servername: undefined, checkServerIdentity: undefined }
    const trusted = { ca: certificate, ...unsaid } as ConnectionOptions
    for (const [through, http2] of [
      [{ proxy: { url: proxy.url.replace('127.0.0.1', 'localhost'), tls: trusted } }, false],
      [{}, false],
      [{}, 'auto'],
    ] as const) {
      const url = raw.wsUrl.replace('127.0.0.1', 'localhost')
      const socket = await connect(url, { ...through, http2, tls: trusted })
      assert.equal(socket.readyState, 'open')
      socket.terminate()
    }
  },
)

test('a certificate that the proxy cannot show fails before a byte of the CONNECT', bounded, async (t) => {
  const proxy = await proxyServer(t, join, { tls })
  const error = await rejection(connect('ws://target.example', { proxy: proxy.url }))
  assert.ok(error instanceof PeerError)
  assert.equal(error.code, 'ERR_CONNECT')
  assert.equal(proxy.requests.length, 0)
})

test(
  'upgrade takes the same option, for http: as well, and 443 and 80 stay out of Host',
  bounded,
  async (t) => {
    // the proxy plays the target as well
    const seen: string[] = []
    const proxy = await rawServer(({ head: text, socket }) => {
      seen.push(text)
      if (text.startsWith('CONNECT')) socket.write(ESTABLISHED)
      else if (seen.length === 2) {
        socket.write(head('HTTP/1.1 101 Switching Protocols', 'Upgrade: example/1', 'Connection: Upgrade'))
      } else socket.write(`${head('HTTP/1.1 200 OK', 'Content-Length: 2')}no`)
    })
    t.after(() => proxy.close())
    const options = { protocols: 'example/1', proxy: proxy.url }
    const switched = await upgrade('http://target.example/a', options)
    assert.equal(switched.protocol, 'example/1')
    switched.stream.destroy()
    assert.equal(fieldOf(seen[1]!, 'Host'), 'target.example')
    const declined = await upgrade('http://target.example:8080/a', { ...options, method: 'POST', body: 'b' })
    assert.equal(declined.protocol, undefined)
    const chunks = await declined.response.toArray()
    assert.equal(Buffer.concat(chunks).toString(), 'no')
    assert.equal(fieldOf(seen[3]!, 'Host'), 'target.example:8080')
  },
)

for (const [status, lines, text, body] of [
  [407, ['Proxy-Authenticate: Basic', 'Content-Length: 4'], 'who?', 'who?'],
  [403, ['Content-Length: 0'], '', ''],
  [502, ['Transfer-Encoding: chunked'], '3\r\nno \r\n3\r\nway\r\n0\r\n\r\n', 'no way'],
  [503, ['Connection: close'], 'until the end', 'until the end'],
  [504, ['Transfer-Encoding: chunked'], 'ZZ\r\n', ''],
  [302, ['Location: /', 'Content-Length: 0'], '', ''],
] as const) {
  test(`R42: a proxy that answers ${status} is a ProxyError with what it said`, bounded, async (t) => {
    const proxy = await proxyServer(t, ({ socket }) => {
      socket.write(head(`HTTP/1.1 ${status} No`, ...lines))
      if (text !== '') setImmediate(() => socket.write(text))
      if (status === 503) setImmediate(() => socket.end())
    })
    const error = await rejection(connect('ws://target.example/', { proxy: proxy.url, maxRedirects: 5 }))
    assert.ok(error instanceof ProxyError && error instanceof PeerError && !(error instanceof HandshakeError))
    assert.deepEqual([error.code, error.status, error.body.toString()], ['ERR_PROXY_REFUSED', status, body])
    assert.match(error.message, new RegExp(`^${status} No from the proxy 127\\.0\\.0\\.1:\\d+ to a CONNECT`))
    if (status === 407) assert.equal(error.response.headers['proxy-authenticate'], 'Basic')
    await proxy.idle()
  })
}

test('a refusal that is too long or too slow is cut', bounded, async (t) => {
  const clock = createVirtualClock()
  const proxy = await proxyServer(t, ({ socket }) => {
    if (proxy.requests.length === 1) {
      return void socket.write(head('HTTP/1.1 407 No', 'Content-Length: 524288') + 'x'.repeat(524_288))
    }
    socket.write(`${head('HTTP/1.1 407 No', 'Content-Length: 9')}slow`)
    const ring = (): void => {
      if (clock.waiting > 0) clock.advance(REFUSAL_TIMEOUT_MS)
      if (!socket.destroyed) setTimeout(ring, 5)
    }
    setTimeout(ring, 5)
  })
  const long = await rejection(tunnel(proxy.url))
  assert.ok(long instanceof ProxyError)
  assert.equal(long.body.length, MAX_REFUSAL_BYTES)
  const slow = await rejection(
    connect('ws://target.example', { proxy: proxy.url, clock, timeoutMs: 1_000_000 }),
  )
  assert.ok(slow instanceof ProxyError)
  assert.ok(slow.body.length <= 4)
  await proxy.idle()
})

test('the deadline and the signal end each stage, and leave no connection', bounded, async (t) => {
  const clock = createVirtualClock()
  const raw = await webSocketServer(t, () => {})
  const silent = await proxyServer(t, () => {})
  const joining = await proxyServer(t)
  for (const [stage, proxy, reached] of [
    ['no answer from the proxy', silent, () => silent.requests.length],
    ['no answer from the target', joining, () => raw.requests.length],
  ] as const) {
    for (const how of ['deadline', 'signal'] as const) {
      const before = reached()
      const controller = new AbortController()
      const options = { proxy: proxy.url, clock, timeoutMs: 500, signal: controller.signal }
      const failed = rejection(connect(raw.wsUrl, options))
      await until(() => reached() !== before)
      const reason = new Error('no longer wanted')
      if (how === 'deadline') clock.advance(500)
      else controller.abort(reason)
      const error = await failed
      if (how === 'deadline') assert.equal(error.code, 'ERR_HANDSHAKE_TIMEOUT', stage)
      else assert.equal(error, reason, stage)
      await proxy.idle()
      await raw.idle()
      assert.equal(clock.waiting, 0, stage)
    }
  }
})

test('the deadline runs over the tunnel and the handshake together', bounded, async (t) => {
  const clock = createVirtualClock()
  const raw = await webSocketServer(t, () => clock.advance(600))
  const proxy = await proxyServer(t, (request) => {
    clock.advance(600)
    join(request)
  })
  const error = await rejection(connect(raw.wsUrl, { proxy: proxy.url, clock, timeoutMs: 1_000 }))
  assert.equal(error.code, 'ERR_HANDSHAKE_TIMEOUT')
  assert.equal(raw.requests.length, 1)
})

test(
  'a proxy that cannot be reached, or hangs up, is ERR_CONNECT and says that it is the proxy',
  bounded,
  async (t) => {
    const gone = await rawServer(() => {})
    await gone.close()
    const hanging = await proxyServer(t, ({ socket }) => void socket.destroy())
    const broken = await proxyServer(t, ({ socket }) => void socket.write('nonsense\r\n\r\n'))
    for (const proxy of [gone, hanging, broken]) {
      const error = await rejection(connect('ws://target.example', { proxy: proxy.url }))
      assert.ok(error instanceof PeerError)
      assert.equal(error.code, 'ERR_CONNECT')
      const seen = proxy === gone ? 'cannot connect to' : 'no answer from'
      assert.match(error.message, new RegExp(`^${seen} the proxy 127\\.0\\.0\\.1`))
    }
  },
)

test('what is no proxy, and a proxy beside an agent, is misuse before a byte is sent', bounded, async () => {
  for (const options of [
    { proxy: 'socks5://a' },
    { proxy: 'nonsense' },
    { proxy: 'http://127.0.0.1:1', agent: new Agent() },
    { proxy: 'env' as const, agent: new Agent() },
  ]) {
    assert.ok((await rejection(connect('ws://127.0.0.1:1', options))) instanceof MisuseError)
    const plain = upgrade('http://127.0.0.1:1', { protocols: 'a', ...options })
    assert.ok((await rejection(plain)) instanceof MisuseError)
  }
})

test('a body that cannot be sent because there is no tunnel is dropped', bounded, async (t) => {
  const proxy = await proxyServer(t, ({ socket }) => void socket.destroy())
  const body = new Readable({ read() {} })
  await rejection(
    upgrade('http://target.example', { protocols: 'a', method: 'POST', body, proxy: proxy.url }),
  )
  assert.ok(body.destroyed)
})

test('a reset inside the tunnel ends the connection, not the process', bounded, async (t) => {
  const proxy = await proxyServer(t)
  const raw = await webSocketServer(t)
  const socket = await connect(raw.wsUrl, { proxy: proxy.url })
  for (const end of proxy.sockets) end.resetAndDestroy()
  assert.equal((await socket.closed).code, 1006)
})

const impossible: ConnectionOptions = { minVersion: 'none' as never }
for (const [where, options] of [
  ['inside', { tls: impossible }],
  ['inside, over HTTP/2', { tls: impossible, http2: 'auto' }],
  ['to the proxy', { tlsToProxy: impossible }],
  ['to the proxy, for HTTP/2', { tlsToProxy: impossible, http2: 'auto' }],
] as const satisfies readonly (readonly [string, ConnectOptions & { tlsToProxy?: ConnectionOptions }])[]) {
  test(
    `TLS ${where} with options that could never work is misuse, and leaves nothing behind`,
    bounded,
    async (t) => {
      const proxy = await proxyServer(t, ({ socket }) => socket.write(ESTABLISHED))
      const clock = createVirtualClock()
      const { tlsToProxy, ...rest } = { tlsToProxy: undefined, ...options }
      const url = tlsToProxy === undefined ? proxy.url : proxy.url.replace('http:', 'https:')
      const error = await rejection(
        connect('wss://target.example/', { ...rest, clock, proxy: { url, tls: tlsToProxy } }),
      )
      assert.ok(error instanceof MisuseError, String(error))
      assert.match(
        error.message,
        /^node:(tls|http) refuses .*"none" is not a valid minimum TLS protocol version/,
      )
      assert.equal((error.cause as { code?: string }).code, 'ERR_TLS_INVALID_PROTOCOL_VERSION')
      assert.equal(clock.waiting, 0)
      await proxy.idle()
    },
  )
}
