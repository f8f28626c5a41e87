import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { type TestContext, test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { MisuseError, PeerError } from '../../src/base/errors.ts'
import { AnsweredError, MAX_REFUSAL_BYTES, REFUSAL_TIMEOUT_MS } from '../../src/upgrade/answered.ts'
import { upgrade } from '../../src/upgrade/client.ts'
import { connectH2c } from '../../src/upgrade/h2c-client.ts'
import { upgradeTls } from '../../src/upgrade/tls-client.ts'
import { type ConnectOptions, connect } from '../../src/websocket/client.ts'
import type { CloseInfo } from '../../src/websocket/connection.ts'
import { HandshakeError } from '../../src/websocket/handshake-error.ts'
import { isKey } from '../../src/websocket/key.ts'
import { reconnecting } from '../../src/websocket/reconnecting.ts'
import type { Extension } from '../../src/websocket/transform.ts'
import { turnsWaiting } from '../../src/websocket/turns.ts'
import { WebSocketStream } from '../../src/websocket/websocket-stream.ts'
import { WebSocket } from '../../src/websocket/whatwg.ts'
import { turn, until } from '../base/turns.ts'
import { unknownOptions } from '../base/warnings.ts'
import { certificate, privateKey } from '../upgrade/certificate.ts'
import { fieldOf, head, type RawRequest, rawServer } from '../upgrade/raw-server.ts'
import { framesOf, hex, switchFor, webSocketServer } from './raw-websocket.ts'

const bounded = { timeout: 10_000 }

async function opened<Data = undefined>(t: TestContext, url: string, options: ConnectOptions<Data> = {}) {
  const socket = await connect(url, options)
  t.after(() => socket.terminate())
  return socket
}

async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error & { code?: string }
  }
  return assert.fail('resolved')
}

test('R22: R23: R33: the request is a GET with exactly the fields of a handshake', bounded, async (t) => {
  const { wsUrl, port, requests } = await webSocketServer(t)
  await opened(t, `${wsUrl}chat?room=1`)
  const lines = requests[0]!.head.trimEnd().split('\r\n')
  const key = fieldOf(requests[0]!.head, 'Sec-WebSocket-Key')!
  assert.ok(isKey(key))
  assert.deepEqual(lines.sort(), [
    'Connection: Upgrade',
    'GET /chat?room=1 HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    `Sec-WebSocket-Key: ${key}`,
    'Sec-WebSocket-Version: 13',
    'Upgrade: websocket',
  ])
})

test('R27: each connection has a key of its own', bounded, async (t) => {
  const { wsUrl, requests } = await webSocketServer(t)
  for (let i = 0; i < 3; i++) await opened(t, wsUrl)
  assert.equal(new Set(requests.map(({ head }) => fieldOf(head, 'Sec-WebSocket-Key'))).size, 3)
})

test(
  'a message that comes in one read with the 101 is not lost, byte at a time neither',
  bounded,
  async (t) => {
    const { wsUrl } = await webSocketServer(t, (request) => {
      const bytes = Buffer.concat([
        Buffer.from(switchFor(request)),
        hex('81 05 48 65 6c 6c 6f'),
        hex('82 01 ff 88 00'),
      ])
      if (request.head.startsWith('GET /whole')) return void request.socket.end(bytes)
      request.socket.setNoDelay(true)
      const next = (at: number): void => {
        if (at === bytes.length) request.socket.end()
        else request.socket.write(bytes.subarray(at, at + 1), () => setImmediate(next, at + 1))
      }
      next(0)
    })
    for (const path of ['whole', 'bytes']) {
      const socket = await opened(t, wsUrl + path)
      await turn()
      const messages = []
      for await (const message of socket) messages.push(message)
      assert.deepEqual(messages, ['Hello', Buffer.from([0xff])])
    }
  },
)

test('the callbacks hear what happens, and the connection knows what it was given', bounded, async (t) => {
  const { wsUrl, requests } = await webSocketServer(t, (request) => {
    const said = Buffer.concat([hex('81 02 68 69'), hex('89 01 70'), hex('8a 01 71')])
    request.socket.write(Buffer.concat([Buffer.from(switchFor(request)), said]))
  })
  const heard: unknown[] = []
  const socket = await opened(t, wsUrl, {
    data: { user: 'ada' },
    open: ({ data }) => void heard.push('open', data.user),
    message: (_, message) => void heard.push(message),
    ping: (_, payload) => void heard.push(`ping ${payload}`),
    pong: (_, payload) => void heard.push(`pong ${payload}`),
    close: (_, { code, clean }) => void heard.push(code, clean),
  })
  socket.send('hello')
  const frames = await framesOf(requests[0]!, 2)
  assert.ok(frames.every(({ masked }) => masked))
  requests[0]!.socket.end(hex('88 02 03 e8'))
  assert.equal((await socket.closed).code, 1000)
  assert.deepEqual(heard, ['open', 'ada', 'hi', 'ping p', 'pong q', 1000, true])
})

test('onResponse is told the fields of the 101 once, before the connection is open', bounded, async (t) => {
  const { wsUrl } = await webSocketServer(t, (request) => {
    const cookies = 'Set-Cookie: a=1; Path=/\r\nset-cookie: b=2\r\nX-Request-Id: 7\r\n\r\n'
    const head = switchFor(request).replace(/\r\n$/, cookies)
    request.socket.write(Buffer.concat([Buffer.from(head), hex('81 02 68 69')]))
  })
  const heard: unknown[] = []
  const socket = await opened(t, wsUrl, {
    data: { id: '' },
    onResponse({ status, headers, rawHeaders }, socket) {
      heard.push(status, headers['set-cookie'], rawHeaders.includes('set-cookie'), socket.readyState)
      socket.data.id = String(headers['x-request-id'])
    },
    open: ({ data }) => void heard.push(`open ${data.id}`),
    message: (_, message) => void heard.push(message),
  })
  await until(() => heard.length === 6)
  assert.deepEqual(heard, [101, ['a=1; Path=/', 'b=2'], true, 'opening', 'open 7', 'hi'])
  assert.equal(socket.data.id, '7')
})

test('what onResponse throws rejects, and ends the connection', bounded, async (t) => {
  const { wsUrl, requests } = await webSocketServer(t, (request) => {
    request.socket.write(Buffer.concat([Buffer.from(switchFor(request)), hex('81 02 68 69')]))
  })
  const thrown = new Error('this server lacks a field')
  const heard: string[] = []
  let kept: { readonly closed: Promise<CloseInfo> } | undefined
  const opening = connect(wsUrl, {
    onResponse(_, socket) {
      kept = socket
      socket.send('never')
      throw thrown
    },
    open: () => void heard.push('open'),
    message: () => void heard.push('message'),
    close: () => void heard.push('close'),
    onError: () => void heard.push('onError'),
  })
  assert.equal(await rejection(opening), thrown)
  assert.equal((await kept!.closed).cause, thrown)
  await until(() => requests[0]!.socket.destroyed)
  assert.equal(requests[0]!.rest().length, 0)
  assert.deepEqual(heard, [])
  const peer = reconnecting(wsUrl, {
    retries: 0,
    onResponse() {
      throw thrown
    },
  })
  assert.equal((await peer.closed).cause, thrown)
})

test('what onResponse rejects with closes with 1011 and reaches onError', bounded, async (t) => {
  const { wsUrl, requests } = await webSocketServer(t)
  const thrown = new Error('later')
  const told = new Promise((resolve) => {
    void opened(t, wsUrl, {
      async onResponse() {
        await turn()
        throw thrown
      },
      onError: resolve,
    })
  })
  assert.equal(await told, thrown)
  const [close] = await framesOf(requests[0]!, 1)
  assert.equal(close!.payload.readUInt16BE(0), 1011)
})

test(
  'an offer of an extension that cannot be said is told before a connection is made',
  bounded,
  async (t) => {
    const raw = await webSocketServer(t)
    const odd: Extension = {
      name: 'odd',
      rsv: 0x20,
      answer: () => undefined,
      offer: () => [{ name: 'not a token', parameters: [] }],
      confirm: () => assert.fail('was confirmed'),
    }
    for (const http2 of [false, true]) {
      const error = await rejection(connect(raw.wsUrl, { http2, extensions: [odd] }))
      assert.equal(error.code, 'ERR_INVALID_TOKEN')
    }
    assert.equal(raw.connections(), 0)
  },
)

test('what a callback throws closes with 1011 and reaches onError', bounded, async (t) => {
  const { wsUrl, requests } = await webSocketServer(t, (request) => {
    request.socket.write(Buffer.concat([Buffer.from(switchFor(request)), hex('81 00')]))
  })
  const thrown = new Error('a bug of the application')
  const told = new Promise((resolve) => {
    void opened(t, wsUrl, {
      message() {
        throw thrown
      },
      onError: resolve,
    })
  })
  assert.equal(await told, thrown)
  const [close] = await framesOf(requests[0]!, 1)
  assert.equal(close!.payload.readUInt16BE(0), 1011)
})

test('R31: the subprotocols go out in order, and the chosen one is the connection’s', bounded, async (t) => {
  const { wsUrl, requests } = await webSocketServer(t, (request) => {
    request.socket.write(switchFor(request, 'Sec-WebSocket-Protocol: chat.v1'))
  })
  const socket = await opened(t, wsUrl, { protocols: ['chat.v2', 'chat.v1'] })
  assert.equal(fieldOf(requests[0]!.head, 'Sec-WebSocket-Protocol'), 'chat.v2, chat.v1')
  assert.equal(socket.protocol, 'chat.v1')
  assert.equal((await opened(t, wsUrl, { protocols: 'chat.v1' })).protocol, 'chat.v1')
})

test('R31: a server may choose no subprotocol', bounded, async (t) => {
  const { wsUrl } = await webSocketServer(t)
  assert.equal((await opened(t, wsUrl, { protocols: ['chat.v2'] })).protocol, '')
})

for (const [name, code, answer] of [
  ['R30: no Accept', 'ERR_ACCEPT_MISMATCH', (r) => switchFor(r).replace(/Sec-WebSocket-Accept.*\r\n/, '')],
  ['R30: a wrong Accept', 'ERR_ACCEPT_MISMATCH', (r) => switchFor(r).replace(/(Accept: )./, '$1*')],
  [
    'R30: an Accept twice',
    'ERR_ACCEPT_MISMATCH',
    (r) => switchFor(r).replace(/(Sec-WebSocket-Accept.*\r\n)/, '$1$1'),
  ],
  [
    'R31: a subprotocol unasked',
    'ERR_SUBPROTOCOL_NOT_OFFERED',
    (r) => switchFor(r, 'Sec-WebSocket-Protocol: x'),
  ],
  [
    'R31: a subprotocol in another case',
    'ERR_SUBPROTOCOL_NOT_OFFERED',
    (r) => switchFor(r, 'Sec-WebSocket-Protocol: A'),
  ],
  [
    'R31: several subprotocols',
    'ERR_SUBPROTOCOL_NOT_OFFERED',
    (r) => switchFor(r, 'Sec-WebSocket-Protocol: a, b'),
  ],
  [
    'R24: an extension unasked',
    'ERR_EXTENSION_NOT_OFFERED',
    (r) => switchFor(r, 'Sec-WebSocket-Extensions: permessage-deflate'),
  ],
  [
    'R24: malformed extensions',
    'ERR_EXTENSION_NOT_OFFERED',
    (r) => switchFor(r, 'Sec-WebSocket-Extensions: a; =b', 'Sec-WebSocket-Extensions: c'),
  ],
  ['R17: another protocol', 'ERR_UPGRADE_NOT_OFFERED', (r) => switchFor(r).replace('websocket', 'h2c')],
  ['R17: no Upgrade', 'ERR_UPGRADE_NOT_OFFERED', (r) => switchFor(r).replace(/Upgrade: w.*\r\n/, '')],
  [
    'R17: no Connection: upgrade',
    'ERR_UPGRADE_NO_CONNECTION_OPTION',
    (r) => switchFor(r).replace(/Connection.*\r\n/, ''),
  ],
  ['R4: HTTP/1.0', 'ERR_UPGRADE_UNSOLICITED', (r) => switchFor(r).replace('HTTP/1.1', 'HTTP/1.0')],
] as [string, string, (request: RawRequest) => string][]) {
  test(`${name} in the 101 fails the connection, and delivers nothing`, bounded, async (t) => {
    const raw = await webSocketServer(t, (request) => {
      request.socket.write(Buffer.concat([Buffer.from(answer(request)), hex('81 00')]))
    })
    const heard: string[] = []
    const error = await rejection(
      connect(raw.wsUrl, {
        protocols: ['a', 'b'],
        open: () => void heard.push('open'),
        message: () => void heard.push('message'),
        close: () => void heard.push('close'),
      }).then((socket) => socket.terminate()),
    )
    assert.ok(error instanceof PeerError)
    assert.equal(error.code, code)
    await raw.idle()
    assert.deepEqual(heard, [])
  })
}

test('R24: an extension is offered, agreed upon, and does its work', bounded, async (t) => {
  const raw = await webSocketServer(t, (request) => {
    const agreed = 'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover'
    // RFC 7692 section 7.2.3.1
    const hello = hex('c1 07 f2 48 cd c9 c9 07 00')
    request.socket.write(Buffer.concat([Buffer.from(switchFor(request, agreed)), hello]))
  })
  const socket = await opened(t, raw.wsUrl, { compression: true })
  assert.match(fieldOf(raw.requests[0]!.head, 'Sec-WebSocket-Extensions') ?? '', /^permessage-deflate/)
  assert.match(socket.extensions, /^permessage-deflate/)
  const { value } = await socket[Symbol.asyncIterator]().next()
  assert.equal(value, 'Hello')
})

test('R24: parameters that were not offered fail the connection', bounded, async (t) => {
  const raw = await webSocketServer(t, (request) => {
    request.socket.write(switchFor(request, 'Sec-WebSocket-Extensions: permessage-deflate; nonsense=1'))
  })
  const error = await rejection(connect(raw.wsUrl, { compression: true }))
  assert.equal(error.code, 'ERR_EXTENSION_NOT_OFFERED')
  await raw.idle()
})

test('R2: R37: an ordinary response rejects with its status, its fields and its body', bounded, async (t) => {
  const refusal = `${head('HTTP/1.1 401 Unauthorized', 'WWW-Authenticate: Basic', 'Content-Length: 12')}who are you?`
  const raw = await webSocketServer(t, ({ socket }) => socket.write(refusal))
  const error = await rejection(connect(raw.wsUrl))
  assert.ok(error instanceof HandshakeError && error instanceof AnsweredError && error instanceof PeerError)
  assert.equal(error.code, 'ERR_UPGRADE_DECLINED')
  assert.equal(error.status, 401)
  assert.match(
    error.message,
    /^401 Unauthorized from 127\.0\.0\.1:\d+ instead of a 101 \(RFC 6455 section 4\.1\)/,
  )
  assert.equal(error.response.headers['www-authenticate'], 'Basic')
  assert.equal(error.body.toString(), 'who are you?')
  assert.deepEqual(error.versions, [])
  await raw.idle()
})

test('R34: R36: the versions of a 426 are read from all its lines', bounded, async (t) => {
  const lines = ['Upgrade: websocket', 'Connection: Upgrade', 'Content-Length: 0']
  const versions = ['Sec-WebSocket-Version: 25, 8', 'sec-websocket-version: 7']
  const raw = await webSocketServer(t, ({ socket }) =>
    socket.write(head('HTTP/1.1 426 No', ...lines, ...versions)),
  )
  const error = await rejection(connect(raw.wsUrl))
  assert.ok(error instanceof HandshakeError)
  assert.deepEqual([error.status, error.versions], [426, [25, 8, 7]])
})

test('a refusal that is too long or too slow is cut, and leaves no connection behind', bounded, async (t) => {
  const clock = createVirtualClock()
  const raw = await webSocketServer(t, ({ socket }) => {
    socket.write(head('HTTP/1.1 404 Not Found', 'Transfer-Encoding: chunked'))
    if (raw.requests.length === 1) socket.write(`80000\r\n${'x'.repeat(0x80000)}\r\n`)
    else {
      socket.write('1\r\ny\r\n')
      // the head has been read when the bound on the body begins
      const ring = (): void => {
        clock.advance(REFUSAL_TIMEOUT_MS)
        if (!socket.destroyed) setTimeout(ring, 5)
      }
      ring()
    }
  })
  const long = await rejection(connect(raw.wsUrl))
  assert.ok(long instanceof HandshakeError)
  assert.equal(long.body.length, MAX_REFUSAL_BYTES)
  await raw.idle()
  const slow = await rejection(connect(raw.wsUrl, { clock, timeoutMs: 1_000_000 }))
  assert.ok(slow instanceof HandshakeError)
  assert.ok(slow.body.length <= 1)
  await raw.idle()
})

test('what must not be sent is refused before a byte is', bounded, async (t) => {
  const raw = await webSocketServer(t)
  const misuses: ConnectOptions[] = [
    { protocols: ['a', 'a'] },
    { protocols: '' },
    { protocols: ['a b'] },
    { protocols: 'a,b' },
    { protocols: 'a\r\nX: y' },
    { origin: 'https://a\r\nX: y' },
    { origin: 'https://a', headers: { Origin: 'https://b' } },
    { maxRedirects: -1 },
    { maxRedirects: 0.5 },
    { timeoutMs: 0 },
    { headers: { 'X-A': 'b\nc' } },
    { timeoutMs: '5000' as never },
    { maxMessageBytes: Number.NaN },
    { rate: 20 as never },
    { heartbeat: true as never },
    { slowConsumer: 'kill' as never },
    { message: 'echo' as never },
    { onError: 'log' as never },
    { onResponse: 'log' as never },
    { signal: new AbortController() as never },
    { maxRedirects: 'x' as never },
    ...['Connection', 'Upgrade', 'Content-Length', 'Transfer-Encoding', 'Expect'].map((name) => ({
      headers: { [name]: '1' },
    })),
    ...['Key', 'Version', 'Protocol', 'Extensions', 'Accept'].map((name) => ({
      headers: { [`sec-websocket-${name}`]: 'x' },
    })),
  ]
  for (const options of misuses) {
    const error = await rejection(connect(raw.wsUrl, options))
    assert.ok(error instanceof MisuseError, `${JSON.stringify(options)}: ${error}`)
  }
  for (const url of [`${raw.wsUrl}#fragment`, `${raw.wsUrl}#`, '/relative', 'ftp://127.0.0.1/', '']) {
    assert.ok((await rejection(connect(url))) instanceof MisuseError, url)
  }
  assert.equal(raw.connections(), 0)
})

test(
  'R37: fields of the application go along, and so do Origin and the URL’s userinfo',
  bounded,
  async (t) => {
    const raw = await webSocketServer(t)
    const url = raw.wsUrl.replace('//', '//u:p@')
    await opened(t, url, {
      origin: 'https://app.example',
      headers: { Cookie: 'a=b', Host: 'virtual.example' },
    })
    const { head } = raw.requests[0]!
    assert.equal(fieldOf(head, 'Authorization'), 'Basic dTpw')
    assert.equal(fieldOf(head, 'Cookie'), 'a=b')
    assert.equal(fieldOf(head, 'Origin'), 'https://app.example')
    assert.equal(fieldOf(head, 'Host'), 'virtual.example')
  },
)

test('http: and https: URLs mean ws: and wss:', bounded, async (t) => {
  const raw = await webSocketServer(t)
  await opened(t, raw.url)
  assert.equal(fieldOf(raw.requests[0]!.head, 'Upgrade'), 'websocket')
})

test('R21: wss: speaks TLS first, with SNI, and offers http/1.1 alone', bounded, async (t) => {
  const names: unknown[] = []
  const tls = {
    key: privateKey,
    cert: certificate,
    ALPNCallback: ({ servername, protocols }: { servername: string; protocols: string[] }) => {
      names.push(servername, protocols)
      return 'http/1.1'
    },
  }
  const raw = await webSocketServer(t, undefined, { tls })
  const url = raw.wsUrl.replace('127.0.0.1', 'localhost')
  const socket = await opened(t, url, { tls: { ca: certificate } })
  assert.deepEqual(names, ['localhost', ['http/1.1']])
  socket.send('over TLS')
  assert.equal((await framesOf(raw.requests[0]!, 1))[0]!.payload.toString(), 'over TLS')
  await opened(t, url, { agent: new HttpsAgent({ ca: certificate }), tls: { servername: 'other.example' } })
  assert.deepEqual(names.slice(2), ['other.example', ['http/1.1']])
})

test('R21: a TLS failure fails the connection before a request is sent', bounded, async (t) => {
  const raw = await webSocketServer(t, undefined, { tls: { key: privateKey, cert: certificate } })
  const error = await rejection(connect(raw.wsUrl))
  assert.equal(error.code, 'ERR_CONNECT')
  assert.ok(error.cause instanceof Error)
  assert.equal(raw.requests.length, 0)
})

test('R1: an agent’s idle connection is switched, and is the agent’s no longer', bounded, async (t) => {
  const raw = await webSocketServer(t, (request) => {
    if (raw.requests.length === 1) request.socket.write(head('HTTP/1.1 404 No', 'Content-Length: 0'))
    else request.socket.write(switchFor(request))
  })
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  await rejection(connect(raw.wsUrl, { agent }))
  await turn()
  assert.equal(Object.keys(agent.freeSockets).length, 1)
  await opened(t, raw.wsUrl, { agent })
  assert.equal(raw.connections(), 1)
  assert.equal(Object.keys(agent.freeSockets).length + Object.keys(agent.sockets).length, 0)
})

test('R37: no redirect is followed unless the application says so', bounded, async (t) => {
  const raw = await webSocketServer(t, ({ socket }) => {
    socket.write(head('HTTP/1.1 302 Found', 'Location: /elsewhere', 'Content-Length: 0'))
  })
  const error = await rejection(connect(raw.wsUrl))
  assert.ok(error instanceof HandshakeError)
  assert.deepEqual([error.code, error.status], ['ERR_UPGRADE_DECLINED', 302])
  assert.equal(error.response.headers.location, '/elsewhere')
  assert.equal(raw.requests.length, 1)
})

test('R37: redirects are followed up to the bound, each with a key of its own', bounded, async (t) => {
  const raw = await webSocketServer(t, (request) => {
    const at = Number(/^GET \/(\d)/.exec(request.head)?.[1])
    if (at === 3) request.socket.write(switchFor(request))
    else request.socket.write(head('HTTP/1.1 307 Go', `Location: /${at + 1}`, 'Content-Length: 0'))
  })
  const headers = { Authorization: 'Bearer t' }
  await opened(t, `${raw.wsUrl}0`, { maxRedirects: 3, headers })
  assert.equal(raw.requests.length, 4)
  assert.ok(raw.requests.every(({ head }) => fieldOf(head, 'Authorization') === 'Bearer t'))
  assert.equal(new Set(raw.requests.map(({ head }) => fieldOf(head, 'Sec-WebSocket-Key'))).size, 4)
  const error = await rejection(connect(`${raw.wsUrl}0`, { maxRedirects: 2 }))
  assert.ok(error instanceof HandshakeError)
  assert.deepEqual([error.code, error.status], ['ERR_REDIRECT', 307])
})

test('R37: a redirect to another origin drops what says who asks', bounded, async (t) => {
  const to = await webSocketServer(t)
  const from = await webSocketServer(t, ({ socket }) => {
    socket.write(head('HTTP/1.1 308 Go', `Location: ${to.url}`, 'Content-Length: 0'))
  })
  const headers = { Cookie: 'a=b', 'Proxy-Authorization': 'Basic x', 'X-Mine': 'y' }
  await opened(t, from.wsUrl.replace('//', '//u:p@'), { maxRedirects: 1, headers })
  assert.equal(fieldOf(from.requests[0]!.head, 'Authorization'), 'Basic dTpw')
  const { head: last } = to.requests[0]!
  for (const name of ['Authorization', 'Cookie', 'Proxy-Authorization'])
    assert.equal(fieldOf(last, name), undefined)
  assert.equal(fieldOf(last, 'X-Mine'), 'y')
  assert.equal(fieldOf(last, 'Host'), new URL(to.url).host)
})

test(
  'R37: a redirect to another origin is refused where the agent would show a client certificate',
  bounded,
  async (t) => {
    const other = await webSocketServer(t)
    const raw = await webSocketServer(t, ({ socket }) => {
      const location = raw.requests.length === 1 ? '/again' : other.wsUrl
      socket.write(head('HTTP/1.1 302 Found', `Location: ${location}`, 'Content-Length: 0'))
    })
    const agent = new HttpsAgent({ key: privateKey, cert: certificate, keepAlive: true })
    t.after(() => agent.destroy())
    const plain = Object.assign(new Agent({ keepAlive: true }), { options: agent.options })
    t.after(() => plain.destroy())
    const error = await rejection(connect(raw.wsUrl, { maxRedirects: 3, agent: plain }))
    assert.equal(error.code, 'ERR_REDIRECT')
    assert.match(error.message, /the agent would show the client certificate of the first/)
    assert.equal(other.requests.length, 0)
  },
)

test('R37: a redirect from wss: to ws: is refused', bounded, async (t) => {
  const to = await webSocketServer(t)
  const tls = { key: privateKey, cert: certificate }
  const from = await webSocketServer(
    t,
    ({ socket }) => socket.write(head('HTTP/1.1 302 Go', `Location: ${to.wsUrl}`, 'Content-Length: 0')),
    { tls },
  )
  const error = await rejection(connect(from.wsUrl, { maxRedirects: 5, tls: { ca: certificate } }))
  assert.equal(error.code, 'ERR_REDIRECT')
  assert.equal(to.connections(), 0)
})

test('RFC 6455 section 4.1: one connection to a place at a time is being opened', bounded, async (t) => {
  let release = (): void => {}
  const raw = await webSocketServer(t, (request) => {
    const answer = (): void => void request.socket.write(switchFor(request))
    if (raw.requests.length === 1) release = answer
    else answer()
  })
  const place = `127.0.0.1:${raw.port}`
  const first = opened(t, raw.wsUrl)
  const others = [opened(t, raw.wsUrl), opened(t, raw.url)]
  const controller = new AbortController()
  const calledOff = rejection(connect(raw.wsUrl, { signal: controller.signal }))
  await until(() => raw.requests.length > 0)
  assert.equal(turnsWaiting(place), 3)
  assert.equal(raw.connections(), 1)
  const reason = new Error('no longer wanted')
  controller.abort(reason)
  assert.equal(await calledOff, reason)
  release()
  await Promise.all([first, ...others])
  assert.equal(raw.connections(), 3)
  assert.equal(turnsWaiting(place), undefined)
})

test('a failed handshake ends its turn too', bounded, async (t) => {
  const raw = await webSocketServer(t, (request) => {
    if (raw.requests.length === 1) request.socket.destroy()
    else request.socket.write(switchFor(request))
  })
  const failed = rejection(connect(raw.wsUrl))
  const next = opened(t, raw.wsUrl)
  assert.equal((await failed).code, 'ERR_CONNECT')
  await next
})

test('the deadline runs from a connection’s own turn, over all its redirects', bounded, async (t) => {
  const clock = createVirtualClock()
  const raw = await webSocketServer(t, ({ socket }) => {
    clock.advance(600)
    socket.write(head('HTTP/1.1 302 Go', 'Location: /', 'Content-Length: 0'))
  })
  const error = await rejection(connect(raw.wsUrl, { clock, timeoutMs: 1_000, maxRedirects: 9 }))
  assert.equal(error.code, 'ERR_HANDSHAKE_TIMEOUT')
  assert.equal(raw.requests.length, 2)
  await raw.idle()
})

test('the signal ends the handshake, and means nothing once the connection is open', bounded, async (t) => {
  const reason = new Error('no longer wanted')
  const raw = await webSocketServer(t, (request) => {
    if (raw.requests.length === 1) waiting.abort(reason)
    else request.socket.write(switchFor(request))
  })
  const waiting = new AbortController()
  assert.equal(await rejection(connect(raw.wsUrl, { signal: waiting.signal })), reason)
  await raw.idle()
  assert.equal(await rejection(connect(raw.wsUrl, { signal: waiting.signal })), reason)
  assert.equal(raw.requests.length, 1)
  const later = new AbortController()
  const socket = await opened(t, raw.wsUrl, { signal: later.signal })
  later.abort()
  socket.send('still here')
  assert.equal((await framesOf(raw.requests[1]!, 1))[0]!.payload.toString(), 'still here')
})

test('a signal ends the reading of a refusal too, with its reason, whatever that is', bounded, async (t) => {
  const refusals = [
    ['HTTP/1.1 401 Unauthorized', 'Content-Length: 9'],
    ['HTTP/1.1 302 Found', 'Content-Length: 9', 'Location: ftp://elsewhere'],
  ]
  for (const lines of refusals) {
    for (const reason of ['user left', null, Object.create(null), new Error('gone')]) {
      const raw = await webSocketServer(t, ({ socket }) => void socket.write(`${head(...lines)}half`))
      const controller = new AbortController()
      const opening = connect(raw.wsUrl, { signal: controller.signal, maxRedirects: 1 })
      const rejected: Promise<unknown> = rejection(opening)
      await until(() => raw.requests.length === 1)
      setImmediate(() => controller.abort(reason))
      assert.equal(await rejected, reason)
      await raw.idle()
    }
  }
})

test('R44: nothing is sent before the 101', bounded, async (t) => {
  let before = 'unset'
  const raw = await webSocketServer(t, (request) => {
    setImmediate(() => {
      before = request.rest()
      request.socket.write(switchFor(request))
    })
  })
  await opened(t, raw.wsUrl, { open: (socket) => void socket.send('at last') })
  const [frame] = await framesOf(raw.requests[0]!, 1)
  assert.equal(before, '')
  assert.equal(frame!.payload.toString(), 'at last')
})

test('a server that cannot be reached is ERR_CONNECT with the cause', bounded, async () => {
  const raw = await rawServer(() => {})
  await raw.close()
  const error = await rejection(connect(raw.url))
  assert.equal(error.code, 'ERR_CONNECT')
  assert.equal((error.cause as { code: string }).code, 'ECONNREFUSED')
})

test('a reset after the switch ends the connection, not the process', bounded, async (t) => {
  const raw = await webSocketServer(t)
  const socket = await opened(t, raw.wsUrl)
  raw.requests[0]!.socket.resetAndDestroy()
  const info = await socket.closed
  assert.deepEqual([info.code, info.clean], [1006, false])
  assert.equal((info.cause as { code?: string }).code, 'ECONNRESET')
})

const gone = AbortSignal.abort(new Error('not now'))
const NOWHERE = 'http://127.0.0.1:9/'

for (const [place, act] of [
  ['connect', (own: object) => connect(NOWHERE, { ...own, signal: gone })],
  ['upgrade', (own: object) => upgrade(NOWHERE, { ...own, protocols: 'a', signal: gone })],
  ['upgradeTls', (own: object) => upgradeTls(NOWHERE, { ...own, signal: gone })],
  ['connectH2c', (own: object) => connectH2c(NOWHERE, { ...own, signal: gone })],
  ['reconnecting', (own: object) => reconnecting(NOWHERE, { ...own, signal: gone }).closed],
  ['WebSocket', (own: object) => void new WebSocket(NOWHERE, { ...own, signal: gone })],
  ['WebSocketStream', (own: object) => new WebSocketStream(NOWHERE, { ...own, signal: gone }).closed],
] as const) {
  test(`an option that ${place} does not know is warned of once, and no option of its own is`, async () => {
    const heard = await unknownOptions(async () => {
      for (let i = 0; i < 2; i++) {
        await Promise.resolve(act({ handshakeTimeout: 1, proxy: { url: NOWHERE, header: {} } })).catch(
          () => {},
        )
      }
    })
    assert.deepEqual(heard, [
      `${place} has no option handshakeTimeout; did you mean timeoutMs?`,
      `${place}: proxy has no option header; did you mean headers?`,
    ])
  })
}

for (const [place, act] of [
  ['connect', () => connect(NOWHERE, 'chat' as never)],
  ['connect', () => connect(NOWHERE, ['chat'] as never)],
  ['upgrade', () => upgrade(NOWHERE, undefined as never)],
  ['upgradeTls', () => upgradeTls(NOWHERE, null as never)],
  ['connectH2c', () => connectH2c(NOWHERE, 1 as never)],
  ['reconnecting', () => reconnecting(NOWHERE, (() => {}) as never)],
] as const) {
  test(`what ${place} takes besides is an object: ${String(act)}`, async () => {
    await assert.rejects(async () => void (await act()), {
      name: 'MisuseError',
      code: 'ERR_INVALID_ARGUMENT',
      message: new RegExp(`^${place} wants an object of options.*; this is `),
    })
  })
}
