import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, createServer as createPlainServer, request as httpRequest } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex, Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { MisuseError, PeerError } from '../../src/base/errors.ts'
import { AnsweredError } from '../../src/upgrade/answered.ts'
import { type UpgradeOptions, upgrade } from '../../src/upgrade/client.ts'
import { connectH2c } from '../../src/upgrade/h2c-client.ts'
import { turn } from '../base/turns.ts'
import { certificate, privateKey } from './certificate.ts'
import { fieldOf, head, type RawRequest, type RawServerOptions, rawServer, textOf } from './raw-server.ts'
import { listen } from './wire.ts'

const SWITCH = head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: example/1')
const OK = `${head('HTTP/1.1 200 OK', 'Content-Length: 2')}ok`
const bounded = { timeout: 10_000 }

async function server(t: TestContext, answer: (request: RawRequest) => void, options?: RawServerOptions) {
  const raw = await rawServer(answer, options)
  t.after(() => raw.close())
  return raw
}

async function rejection(promise: Promise<unknown>): Promise<{ code?: string } & Error> {
  try {
    await promise
  } catch (error) {
    return error as { code?: string } & Error
  }
  return assert.fail('resolved')
}

async function switched(t: TestContext, url: string, options?: Partial<UpgradeOptions>) {
  const result = await upgrade(url, { protocols: 'example/1', ...options })
  assert.ok(result.stream)
  t.after(() => result.stream.destroy())
  return result
}

test('R1: R13: the same connection goes on as a two-way stream of the new protocol', bounded, async (t) => {
  const { url, requests } = await server(t, ({ socket }) => socket.write(SWITCH))
  const { protocol, stream, response } = await switched(t, url)
  assert.equal(protocol, 'example/1')
  assert.equal(response.statusCode, 101)
  stream.write('ping')
  assert.equal(await requests[0]!.received(4), 'ping')
  requests[0]!.socket.write('pong')
  const [chunk] = await once(stream, 'data')
  assert.equal(String(chunk), 'pong')
})

test('fields may be given as a Headers, a Map or pairs', bounded, async (t) => {
  const { url, requests } = await server(t, ({ socket }) => socket.end(SWITCH))
  const fields = { Authorization: 'Bearer 42', Cookie: 'a=1' }
  for (const headers of [new Headers(fields), new Map(Object.entries(fields)), Object.entries(fields)]) {
    await switched(t, url, { headers })
    const request = requests.at(-1)!
    assert.equal(fieldOf(request.head, 'authorization'), 'Bearer 42')
    assert.equal(fieldOf(request.head, 'cookie'), 'a=1')
  }
  assert.equal(requests.length, 3)
})

test('R13: each direction ends on its own', bounded, async (t) => {
  const { url, requests } = await server(t, ({ socket }) => socket.end(`${SWITCH}their end`))
  const { stream } = await switched(t, url)
  assert.equal(await textOf(stream), 'their end')
  assert.equal(stream.writable, true)
  stream.end('our end')
  assert.equal(await requests[0]!.received(7), 'our end')
})

test('R5: R7: the list goes out in order in one field, and Connection names upgrade', bounded, async (t) => {
  const { url, requests } = await server(t, ({ socket }) => socket.write(OK))
  const { response } = await upgrade(url, {
    protocols: ['example/1', 'foo/2', 'bar'],
    headers: {
      Connection: ['keep-alive', 'HTTP2-Settings'],
      'HTTP2-Settings': 'AAMAAABk',
      'X-Twice': ['a', 'b'],
    },
  })
  response.resume()
  const { head } = requests[0]!
  assert.match(head, /^GET \/ HTTP\/1\.1\r\n/)
  assert.equal(head.match(/^upgrade:/gim)?.length, 1)
  assert.equal(fieldOf(head, 'Upgrade'), 'example/1, foo/2, bar')
  assert.equal(head.match(/^connection:/gim)?.length, 1)
  assert.equal(fieldOf(head, 'Connection'), 'keep-alive, HTTP2-Settings, Upgrade')
  assert.equal(fieldOf(head, 'Host'), new URL(url).host)
  assert.equal(head.match(/^x-twice: /gim)?.length, 2)
})

test('R12: bytes right behind the 101 are in the stream already', bounded, async (t) => {
  const { url } = await server(t, ({ socket }) => socket.end(`${SWITCH}early bytes`))
  const { stream } = await switched(t, url)
  assert.equal(await textOf(stream), 'early bytes')
})

test('R12: a 101 and its bytes may come one at a time', bounded, async (t) => {
  const { url } = await server(t, ({ socket }) => {
    socket.setNoDelay(true)
    const bytes = [...`${head('HTTP/1.1 103 Early Hints', 'Link: </a>')}${SWITCH}first`]
    const next = (): void => {
      const byte = bytes.shift()
      if (byte === undefined) socket.end()
      else socket.write(byte, () => setImmediate(next))
    }
    next()
  })
  const { stream } = await switched(t, url)
  assert.equal(await textOf(stream), 'first')
})

test(
  'RFC 9112 section 6.3: what follows a 101 is the new protocol, whatever its Content-Length says',
  bounded,
  async (t) => {
    const lines = ['HTTP/1.1 101 Go', 'Connection: Upgrade', 'Upgrade: example/1', 'Content-Length: 3']
    const { url } = await server(t, ({ socket }) => socket.end(`${head(...lines)}abcrest`))
    const { stream } = await switched(t, url)
    assert.equal(await textOf(stream), 'abcrest')
  },
)

test('R10: layers are named from the lowest up', bounded, async (t) => {
  const answer = head('HTTP/1.1 101 Go', 'Connection: Upgrade', 'Upgrade: tls/1.2, HTTP/1.1')
  const { url } = await server(t, ({ socket }) => socket.write(answer))
  const { protocol } = await switched(t, url, { protocols: ['TLS/1.3', 'TLS/1.2'] })
  assert.equal(protocol, 'TLS/1.2')
})

test(
  'R2: R11: a declined upgrade is an ordinary response, and the agent uses its connection again',
  bounded,
  async (t) => {
    const raw = await server(t, ({ socket, index }) => socket.write(index < 2 ? OK : SWITCH))
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    t.after(() => agent.destroy())
    for (const round of [1, 2]) {
      const { protocol, stream, response } = await upgrade(raw.url, { protocols: 'example/1', agent })
      assert.deepEqual([round, protocol, stream, response.statusCode], [round, undefined, undefined, 200])
      assert.equal(await textOf(response), 'ok')
      await turn()
    }
    assert.equal(Object.values(agent.freeSockets).flat().length, 1)
    const { stream } = await switched(t, raw.url, { agent })
    assert.equal(raw.connections(), 1)
    assert.equal(raw.requests.length, 3)
    // R1: the switched connection is no longer the agent's
    assert.deepEqual(
      [agent.sockets, agent.freeSockets],
      [{}, {}].map((pool) => Object.assign(Object.create(null), pool)),
    )
    const next = upgrade(raw.url, { protocols: 'example/1', agent })
    const { response } = await next
    response.resume()
    assert.equal(raw.connections(), 2)
    stream.destroy()
  },
)

test('R18: a response that advertises an upgrade is an ordinary response too', bounded, async (t) => {
  const answer = `${head('HTTP/1.1 200 OK', 'Connection: Upgrade', 'Upgrade: TLS/1.2', 'Content-Length: 2')}ok`
  const { url } = await server(t, ({ socket }) => socket.write(answer))
  const { protocol, response } = await upgrade(url, { protocols: 'example/1' })
  assert.equal(protocol, undefined)
  assert.equal(response.headers.upgrade, 'TLS/1.2')
  assert.equal(await textOf(response), 'ok')
})

test('R18: a 426 that says what to upgrade to is an ordinary response', bounded, async (t) => {
  const answer = `${head('HTTP/1.1 426 No', 'Connection: Upgrade', 'Upgrade: foo/2', 'Content-Length: 2')}no`
  const { url } = await server(t, ({ socket }) => socket.write(answer))
  const { response } = await upgrade(url, { protocols: 'example/1' })
  assert.equal(response.statusCode, 426)
  assert.equal(await textOf(response), 'no')
})

test('R18: a 426 without Upgrade is reported with what it said, and not retried', bounded, async (t) => {
  const raw = await server(t, ({ socket }) =>
    socket.write(`${head('HTTP/1.1 426 No', 'Content-Length: 2')}no`),
  )
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const error = await rejection(upgrade(raw.url, { protocols: 'example/1', agent }))
  assert.ok(error instanceof AnsweredError && error instanceof PeerError)
  assert.equal(error.code, 'ERR_UPGRADE_REQUIRED_WITHOUT_UPGRADE')
  assert.equal(error.status, 426)
  assert.equal(error.response.statusCode, 426)
  assert.equal(error.body.toString(), 'no')
  assert.equal(raw.requests.length, 1)
  await turn()
  assert.equal(Object.values(agent.freeSockets).flat().length, 1)
})

for (const [name, answer, code] of [
  ['a protocol that was not offered', ['Connection: Upgrade', 'Upgrade: foo/2'], 'ERR_UPGRADE_NOT_OFFERED'],
  ['another version', ['Connection: Upgrade', 'Upgrade: example/1.0'], 'ERR_UPGRADE_NOT_OFFERED'],
  ['no Connection: upgrade', ['Upgrade: example/1'], 'ERR_UPGRADE_NO_CONNECTION_OPTION'],
  ['no Upgrade', ['Connection: Upgrade'], 'ERR_UPGRADE_UNSOLICITED'],
  ['neither of the two fields', ['X-Nothing: at all'], 'ERR_UPGRADE_UNSOLICITED'],
] as const) {
  test(`R17: a 101 with ${name} fails with ${code}, and the socket is destroyed`, bounded, async (t) => {
    const raw = await server(t, ({ socket }) => socket.write(`${head('HTTP/1.1 101 Go', ...answer)}surplus`))
    const error = await rejection(upgrade(raw.url, { protocols: ['example/1'] }))
    assert.ok(error instanceof PeerError)
    assert.equal(error.code, code)
    await raw.idle()
  })
}

test('R4: R17: a 101 in HTTP/1.0 fails', bounded, async (t) => {
  const raw = await server(t, ({ socket }) => socket.write(SWITCH.replace('HTTP/1.1', 'HTTP/1.0')))
  assert.equal(
    (await rejection(upgrade(raw.url, { protocols: 'example/1' }))).code,
    'ERR_UPGRADE_UNSOLICITED',
  )
  await raw.idle()
})

test(
  'R15: R44: nothing of the new protocol can be sent before the 101, with a body neither',
  bounded,
  async (t) => {
    let seenBefore = ''
    const raw = await server(t, (request) => {
      void request.received(/0\r\n\r\n$/).then((rest) => {
        seenBefore = rest
        request.socket.write(SWITCH)
      })
    })
    async function* body() {
      yield 'one'
      await turn()
      yield Buffer.from('two')
    }
    const { stream } = await switched(t, raw.url, { method: 'POST', body: body() })
    stream.write('new')
    assert.equal(await raw.requests[0]!.received(/new$/), `${seenBefore}new`)
    assert.equal(seenBefore, '3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n')
  },
)

for (const method of ['POST', 'GET', 'OPTIONS', 'DELETE', 'PROPFIND']) {
  test(`R19: ${method} with a body is framed by Content-Length, a stream by chunks`, bounded, async (t) => {
    const raw = await server(t, (request) => {
      const framed = fieldOf(request.head, 'Content-Length') !== undefined
      void request.received(framed ? /^body$/ : /0\r\n\r\n$/).then(() => request.socket.write(SWITCH))
    })
    for (const body of ['body', Buffer.from('body')]) {
      await switched(t, raw.url, { method, body })
      const { head } = raw.requests.at(-1)!
      assert.ok(head.startsWith(`${method} / HTTP/1.1\r\n`))
      assert.equal(fieldOf(head, 'Content-Length'), '4')
      assert.equal(fieldOf(head, 'Transfer-Encoding'), undefined)
    }
    await switched(t, raw.url, { method, body: Readable.from(['bo', 'dy']) })
    assert.equal(fieldOf(raw.requests.at(-1)!.head, 'Transfer-Encoding'), 'chunked')
    await switched(t, raw.url, {
      method,
      body: Readable.from(['bo', 'dy']),
      headers: { 'content-length': '4' },
    })
    assert.equal(fieldOf(raw.requests.at(-1)!.head, 'Transfer-Encoding'), undefined)
  })
}

test('R15: a 101 while the body is still going out fails with ERR_UPGRADE_TOO_EARLY', bounded, async (t) => {
  const raw = await server(t, ({ socket }) => socket.write(SWITCH))
  const body = new Readable({ read() {} })
  body.push('the first part')
  const error = await rejection(upgrade(raw.url, { protocols: 'example/1', method: 'POST', body }))
  assert.equal(error.code, 'ERR_UPGRADE_TOO_EARLY')
  assert.equal(body.destroyed, true)
  await raw.idle()
})

test('R15: a stream of an agent may answer within the write that ends the request', bounded, async (t) => {
  const answering = (soon: (act: () => void) => void) => {
    let request = ''
    return new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        request += chunk
        soon(() => {
          if (/(\r\n\r\n|body)$/.test(request)) this.push(`${SWITCH}hello`)
          done()
        })
      },
    })
  }
  for (const soon of [(act: () => void) => act(), setImmediate]) {
    for (const body of [undefined, 'body']) {
      const agent = new Agent()
      agent.createConnection = () => answering(soon)
      const method = body === undefined ? 'GET' : 'POST'
      const { stream } = await switched(t, 'http://127.0.0.1/', { agent, method, ...(body && { body }) })
      assert.equal(String((await once(stream, 'data'))[0]), 'hello')
    }
  }
})

test('R16: with Expect the body waits for the 100', bounded, async (t) => {
  const raw = await server(t, async (request) => {
    await turn()
    assert.equal(request.rest(), '')
    request.socket.write(head('HTTP/1.1 100 Continue'))
    await request.received(4)
    request.socket.write(SWITCH)
  })
  await switched(t, raw.url, { method: 'POST', body: 'body', headers: { Expect: '100-continue' } })
  assert.equal(raw.requests[0]!.rest(), 'body')
})

test('R15: R16: a 101 instead of the 100 is too early', bounded, async (t) => {
  const raw = await server(t, ({ socket }) => socket.write(SWITCH))
  const options = {
    protocols: 'example/1',
    method: 'POST',
    body: 'body',
    headers: { Expect: '100-continue' },
  }
  assert.equal((await rejection(upgrade(raw.url, options))).code, 'ERR_UPGRADE_TOO_EARLY')
  await raw.idle()
})

test(
  'RFC 9110 section 10.1.1: a body whose 100 never comes is sent after a second all the same',
  bounded,
  async (t) => {
    const clock = createVirtualClock()
    const raw = await server(t, (request) => {
      void request.received(4).then(() => request.socket.write(SWITCH))
      clock.advance(1_000)
    })
    const headers = { Expect: '100-continue' }
    await switched(t, raw.url, { method: 'POST', body: 'body', headers, clock })
    assert.equal(clock.waiting, 0)
  },
)

test(
  'RFC 9110 section 10.1.1: a refusal instead of the 100 ends the connection, for the body is never sent',
  bounded,
  async (t) => {
    const refusal = `${head('HTTP/1.1 417 No', 'Content-Length: 2')}no`
    const raw = await server(t, ({ socket }) => socket.write(refusal))
    const body = Readable.from(['body'])
    const headers = { Expect: '100-continue' }
    const { response } = await upgrade(raw.url, { protocols: 'example/1', method: 'POST', body, headers })
    assert.equal(response.statusCode, 417)
    assert.equal(await textOf(response), 'no')
    assert.equal(body.destroyed, true)
    await raw.idle()
    assert.equal(raw.requests[0]!.rest(), '')
  },
)

test('a body that fails, fails the upgrade with its own error', bounded, async (t) => {
  const raw = await server(t, () => {})
  const broken = new Error('the file is gone')
  async function* body() {
    yield 'some'
    throw broken
  }
  assert.equal(
    await rejection(upgrade(raw.url, { protocols: 'example/1', method: 'POST', body: body() })),
    broken,
  )
  await raw.idle()
})

test(
  'RFC 9110 section 8.6: a body longer or shorter than its Content-Length never completes the request',
  bounded,
  async (t) => {
    const raw = await server(t, () => {})
    for (const body of ['toolong', 'abc']) {
      const options = { protocols: 'example/1', method: 'POST', headers: { 'Content-Length': '4' } }
      const error = await rejection(upgrade(raw.url, { ...options, body: Readable.from([body]) }))
      assert.ok(error instanceof MisuseError)
      await raw.idle()
      assert.ok(raw.requests.length === 0 || raw.requests.at(-1)!.rest().length < 4)
    }
  },
)

test('what must not be sent is refused before a byte is', bounded, async (t) => {
  const raw = await server(t, () => {})
  const protocols = 'example/1'
  const misuses: Partial<UpgradeOptions>[] = [
    { protocols: [] },
    { protocols: '' },
    { protocols: 'example/1\r\nX: y' },
    { protocols: 'example/1, foo/2' },
    { protocols: ['example/1', 'foo/'] },
    { protocols: ['example/1/2'] },
    { protocols: 'exämple' },
    { protocols, method: 'GET / HTTP/1.1\r\nX:' },
    { protocols, method: 'CONNECT' },
    { protocols, headers: { 'X-A': 'b\r\nc: d' } },
    { protocols, headers: 'X-A: b' as never },
    { protocols, headers: { 'X-A': true } as never },
    { protocols, headers: { 'X-A': 'b\nc' } },
    { protocols, headers: { 'X-A': ['fine', 'b\0'] } },
    { protocols, headers: { 'X A': 'b' } },
    { protocols, headers: { 'X-A\r\n': 'b' } },
    { protocols, headers: { 'X-A': '\u20ac' } },
    { protocols, headers: { upgrade: 'foo/2' } },
    { protocols, headers: { 'Transfer-Encoding': 'chunked' } },
    { protocols, headers: { 'Content-Length': '5' }, body: 'four' },
    { protocols, headers: { 'Content-Length': '5' } },
    { protocols, headers: { 'Content-Length': 'five' }, body: Readable.from(['five']) },
    { protocols, headers: { 'Content-Length': ['4', '4'] }, body: 'four' },
    { protocols, headers: { Expect: '100-continue' } },
    { protocols, body: 5 as unknown as string },
    { protocols, timeoutMs: 0 },
    { protocols, timeoutMs: -1 },
    { protocols, timeoutMs: Number.NaN },
    { protocols, signal: new AbortController() as never },
  ]
  for (const options of misuses) {
    const error = await rejection(upgrade(raw.url, options as UpgradeOptions))
    assert.ok(error instanceof MisuseError, `${JSON.stringify(options)}: ${error}`)
  }
  for (const url of ['/relative', 'ftp://127.0.0.1/', 'ws://127.0.0.1/']) {
    assert.ok((await rejection(upgrade(url, { protocols }))) instanceof MisuseError)
  }
  assert.equal(raw.connections(), 0)
})

test('websocket without a key is misuse that names connect, before a byte is written', bounded, async () => {
  for (const protocols of ['websocket', ['example/1', 'WebSocket']]) {
    const error = await rejection(upgrade('http://127.0.0.1:1/', { protocols }))
    assert.ok(error instanceof MisuseError)
    assert.equal(error.code, 'ERR_INVALID_ARGUMENT')
    assert.match(error.message, /connect\(url\).*RFC 6455 section 4\.1/)
  }
})

test('with a Sec-WebSocket-Key of the app’s own websocket is a stream', bounded, async (t) => {
  const switching = head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket')
  const { url, requests } = await server(t, ({ socket }) => socket.write(switching))
  const headers = { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version': '13' }
  const { protocol } = await switched(t, url, { protocols: ['websocket', 'example/1'], headers })
  assert.equal(protocol, 'websocket')
  assert.equal(fieldOf(requests[0]!.head, 'Sec-WebSocket-Key'), headers['sec-websocket-key'])
})

test(
  'R38: h2c without HTTP2-Settings is misuse that names connectH2c, before a byte is written',
  bounded,
  async (t) => {
    const { url, requests } = await server(t, ({ socket }) => socket.write(OK))
    for (const protocols of ['h2c', ['example/1', 'H2C']]) {
      const error = await rejection(upgrade(url, { protocols }))
      assert.ok(error instanceof MisuseError)
      assert.equal(error.code, 'ERR_INVALID_ARGUMENT')
      assert.match(error.message, /connectH2c\(url\).*RFC 7540 section 3\.2\.1/)
    }
    assert.equal(requests.length, 0)
  },
)

test(
  'R38: with an HTTP2-Settings of the app’s own, which Connection then names, h2c is a stream',
  bounded,
  async (t) => {
    const switching = head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: h2c')
    const { url, requests } = await server(t, ({ socket }) => socket.write(switching))
    const headers = { 'http2-settings': 'AAMAAABk' }
    const { protocol } = await switched(t, url, { protocols: ['h2c', 'example/1'], headers })
    assert.equal(protocol, 'h2c')
    assert.equal(fieldOf(requests[0]!.head, 'Connection'), 'HTTP2-Settings, Upgrade')
    await switched(t, url, { protocols: 'h2c', headers: { ...headers, Connection: 'http2-settings' } })
    assert.equal(fieldOf(requests[1]!.head, 'Connection'), 'http2-settings, Upgrade')
  },
)

test('an agent that cannot make this connection is misuse', bounded, async () => {
  const options = { protocols: 'example/1', agent: new Agent() }
  assert.ok((await rejection(upgrade('https://127.0.0.1:1/', options))) instanceof MisuseError)
})

test('an agent may go through a Unix socket, as to a Docker daemon', bounded, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'turnout-'))
  const daemon = createServer((socket) => {
    socket.once('data', () =>
      socket.end(`${head('HTTP/1.1 101 UPGRADED', 'Connection: Upgrade', 'Upgrade: tcp')}logs`),
    )
  })
  daemon.listen(join(folder, 'docker.sock'))
  await once(daemon, 'listening')
  t.after(() => {
    daemon.close()
    rmSync(folder, { recursive: true })
  })
  const agent = new Agent({ socketPath: join(folder, 'docker.sock') } as object)
  const options = { protocols: 'tcp', method: 'POST', body: '{}', agent }
  const { stream } = await switched(t, 'http://docker/containers/1/attach', options)
  assert.equal(await textOf(stream), 'logs')
  stream.end()
})

test('R37: userinfo becomes Authorization, unless the application says another', bounded, async (t) => {
  const raw = await server(t, ({ socket }) => socket.write(OK))
  const url = raw.url.replace('//', '//u:p@')
  ;(await upgrade(url, { protocols: 'example/1' })).response.resume()
  ;(await upgrade(url, { protocols: 'example/1', headers: { authorization: 'Bearer t' } })).response.resume()
  assert.deepEqual(
    raw.requests.map(({ head }) => fieldOf(head, 'Authorization')),
    ['Basic dTpw', 'Bearer t'],
  )
})

test('a server that cannot be reached is ERR_CONNECT with the cause', bounded, async () => {
  const raw = await rawServer(() => {})
  await raw.close()
  const error = await rejection(upgrade(raw.url, { protocols: 'example/1' }))
  assert.ok(error instanceof PeerError)
  assert.equal(error.code, 'ERR_CONNECT')
  assert.equal((error.cause as { code: string }).code, 'ECONNREFUSED')
  assert.match(error.message, /^cannot connect to 127\.0\.0\.1:\d+: connect ECONNREFUSED/)
})

for (const [name, act] of [
  ['hangs up', (request: RawRequest) => request.socket.end()],
  ['resets', (request: RawRequest) => request.socket.resetAndDestroy()],
  ['sends half a head', (request: RawRequest) => request.socket.end('HTTP/1.1 101 Swi')],
  ['sends no HTTP', (request: RawRequest) => request.socket.end('220 smtp.example ESMTP\r\n')],
] as const) {
  test(`a server that ${name} instead of answering is ERR_CONNECT with the cause`, bounded, async (t) => {
    const raw = await server(t, act)
    const error = await rejection(upgrade(raw.url, { protocols: 'example/1' }))
    assert.ok(error instanceof PeerError)
    assert.equal(error.code, 'ERR_CONNECT')
    assert.ok(error.cause instanceof Error)
    assert.match(error.message, /^no answer from 127\.0\.0\.1:\d+: /)
    await raw.idle()
  })
}

test('a reset after the switch does not end the process, and destroys the stream', bounded, async (t) => {
  const raw = await server(t, ({ socket }) => socket.write(SWITCH))
  const { stream } = await switched(t, raw.url)
  stream.resume()
  raw.requests[0]!.socket.resetAndDestroy()
  if (!stream.destroyed) await new Promise((resolve) => stream.once('close', resolve))
  assert.equal((stream.errored as { code?: string }).code, 'ECONNRESET')
})

test('the deadline ends a handshake that is not answered, and nothing after it', bounded, async (t) => {
  const clock = createVirtualClock()
  const raw = await server(t, ({ socket, index }) => {
    if (index === 0 && raw.requests.length > 1) socket.write(SWITCH)
    else clock.advance(10_000)
  })
  const error = await rejection(upgrade(raw.url, { protocols: 'example/1', clock }))
  assert.equal(error.code, 'ERR_HANDSHAKE_TIMEOUT')
  await raw.idle()
  const { stream } = await switched(t, raw.url, { clock })
  assert.equal(clock.waiting, 0)
  clock.advance(1_000_000)
  assert.equal(stream.destroyed, false)
})

test('the deadline covers a server that trickles its head', bounded, async (t) => {
  const clock = createVirtualClock()
  const raw = await server(t, ({ socket }) => {
    socket.write('HTTP/1.1 101 Swi', () => setImmediate(() => clock.advance(50)))
  })
  const error = await rejection(upgrade(raw.url, { protocols: 'example/1', clock, timeoutMs: 50 }))
  assert.equal(error.code, 'ERR_HANDSHAKE_TIMEOUT')
  await raw.idle()
})

test('an agent without a free connection is waited for within the deadline', bounded, async (t) => {
  const clock = createVirtualClock()
  const raw = await server(t, () => {})
  const agent = new Agent({ maxSockets: 1 })
  const blocking = httpRequest(raw.url, { agent }).on('error', () => {})
  blocking.end()
  await once(blocking, 'socket')
  const waiting = rejection(upgrade(raw.url, { protocols: 'example/1', clock, agent }))
  clock.advance(10_000)
  assert.equal((await waiting).code, 'ERR_HANDSHAKE_TIMEOUT')
  blocking.destroy()
  await raw.idle()
  assert.equal(raw.requests.length <= 1, true)
})

test('the signal ends it at every stage, with the reason that it was given', bounded, async (t) => {
  const reason = new Error('no longer wanted')
  const protocols = 'example/1'

  // before it began
  const quiet = await server(t, () => {})
  const body = Readable.from(['never read'])
  const signal = AbortSignal.abort(reason)
  assert.equal(await rejection(upgrade(quiet.url, { protocols, method: 'POST', signal, body })), reason)
  assert.equal(quiet.connections(), 0)
  assert.equal(body.destroyed, true)

  // while it connects
  const connecting = new AbortController()
  const dialled = rejection(upgrade(quiet.url, { protocols, signal: connecting.signal }))
  connecting.abort(reason)
  assert.equal(await dialled, reason)

  // while it waits for the answer
  const waiting = new AbortController()
  const silent = await server(t, () => waiting.abort(reason))
  assert.equal(await rejection(upgrade(silent.url, { protocols, signal: waiting.signal })), reason)
  await silent.idle()

  // while a declined response is read
  const reading = new AbortController()
  const slow = await server(t, ({ socket }) => socket.write(head('HTTP/1.1 200 OK', 'Content-Length: 9')))
  const { response } = await upgrade(slow.url, { protocols, signal: reading.signal })
  const read = rejection(textOf(response))
  reading.abort(reason)
  assert.equal(await read, reason)
  await slow.idle()

  // after the switch
  const living = new AbortController()
  const switching = await server(t, ({ socket }) => socket.write(SWITCH))
  const { stream } = await switched(t, switching.url, { signal: living.signal })
  living.abort(reason)
  assert.equal(stream.destroyed, true)
  assert.equal(stream.errored, reason)
  await switching.idle()
})

test('a reason that is no Error ends a response and a stream as one that is', bounded, async (t) => {
  const slow = await server(t, ({ socket }) => socket.write(head('HTTP/1.1 200 OK', 'Content-Length: 9')))
  const switching = await server(t, ({ socket }) => socket.write(SWITCH))
  for (const reason of ['user left', null, 5, Object.create(null), Symbol('odd')]) {
    const reading = new AbortController()
    const { response } = await upgrade(slow.url, { protocols: 'example/1', signal: reading.signal })
    const read = rejection(textOf(response))
    reading.abort(reason)
    assert.equal((await read).cause, reason)
    const living = new AbortController()
    const { stream } = await switched(t, switching.url, { signal: living.signal })
    living.abort(reason)
    assert.equal((stream.errored as Error).cause, reason)
  }
  await slow.idle()
  await switching.idle()
})

test('an agent may fail with what is no Error', bounded, async () => {
  class OddAgent extends Agent {
    override createConnection(_: object, callback?: (error: Error | null, stream: never) => void): undefined {
      callback?.('no route' as unknown as Error, undefined as never)
    }
  }
  const error = await rejection(
    upgrade('http://127.0.0.1:1/', { protocols: 'example/1', agent: new OddAgent() }),
  )
  assert.equal(error.message, 'cannot connect to 127.0.0.1:1: no route')
})

test('a body is let go where it is never sent, misuse included', bounded, async (t) => {
  const raw = await server(t, () => {})
  const cancelled: unknown[] = []
  const web = new ReadableStream({ cancel: (reason) => void cancelled.push(reason) })
  for (const body of [Readable.from(['a']), web]) {
    const options = { protocols: 'not one', method: 'POST', body } as UpgradeOptions
    assert.ok((await rejection(upgrade(raw.url, options))) instanceof MisuseError)
    if (body instanceof Readable) assert.equal(body.destroyed, true)
  }
  assert.equal(cancelled.length, 1)
  const body = Readable.from(['a'])
  assert.ok((await rejection(connectH2c('https://127.0.0.1/', { body }))) instanceof MisuseError)
  assert.equal(body.destroyed, true)
})

test(
  'a ReadableStream that says nothing is cancelled with the exchange it was to go with',
  bounded,
  async (t) => {
    const raw = await server(t, ({ socket }) => socket.destroy())
    let cancelled = false
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(Buffer.from('first')),
      cancel: () => void (cancelled = true),
    })
    const error = await rejection(upgrade(raw.url, { protocols: 'example/1', method: 'POST', body }))
    assert.equal(error.code, 'ERR_CONNECT')
    assert.equal(cancelled, true)
  },
)

test(
  'the head goes out before the first chunk of a streamed body, and may be answered',
  bounded,
  async (t) => {
    const raw = await server(t, ({ socket }) => socket.write(head('HTTP/1.1 403 No', 'Content-Length: 0')))
    const body = new Readable({ read() {} })
    const { response } = await upgrade(raw.url, { protocols: 'example/1', method: 'POST', body })
    assert.equal(response.statusCode, 403)
    response.destroy()
    body.destroy()
    await raw.idle()
  },
)

test('no listener stays on a signal that outlives its upgrades', bounded, async (t) => {
  const { signal } = new AbortController()
  const added: string[] = []
  signal.addEventListener = new Proxy(signal.addEventListener, {
    apply: (target, self, args) => {
      added.push(args[0])
      return Reflect.apply(target, self, args)
    },
  })
  signal.removeEventListener = new Proxy(signal.removeEventListener, {
    apply: (target, self, args) => {
      added.pop()
      return Reflect.apply(target, self, args)
    },
  })
  const raw = await server(t, ({ socket, head }) => socket.write(head.startsWith('GET') ? SWITCH : OK))
  const { stream } = await switched(t, raw.url, { signal })
  assert.equal(added.length, 1)
  stream.destroy()
  await once(stream, 'close')
  const { response } = await upgrade(raw.url, {
    protocols: 'example/1',
    method: 'POST',
    signal,
    agent: false,
  })
  response.resume()
  await once(response, 'close')
  assert.deepEqual(added, [])
})

test('a connection that the agent had given a timeout loses it with the switch', bounded, async (t) => {
  const raw = await server(t, ({ socket }) => socket.write(SWITCH))
  const agent = new Agent({ keepAlive: true, timeout: 1_000 })
  const { stream } = await switched(t, raw.url, { agent })
  assert.equal((stream as { timeout?: number }).timeout, 0)
})

test(
  'R21: over TLS the name goes out as SNI, and http/1.1 is the only protocol offered',
  bounded,
  async (t) => {
    const names: unknown[] = []
    const tls = {
      key: privateKey,
      cert: certificate,
      ALPNCallback: ({ servername, protocols }: { servername: string; protocols: string[] }) => {
        names.push(servername, protocols)
        return 'http/1.1'
      },
    }
    const raw = await server(t, ({ socket }) => socket.end(`${SWITCH}secret`), { tls })
    const options = { protocols: 'example/1', tls: { ca: certificate, ALPNProtocols: ['h2'] } }
    const { stream } = await switched(t, raw.url.replace('127.0.0.1', 'localhost'), options)
    assert.equal(await textOf(stream), 'secret')
    assert.equal(stream.writable, true)
    stream.end()
    assert.deepEqual(names, ['localhost', ['http/1.1']])
  },
)

test('R21: a TLS failure is ERR_CONNECT with the cause, and no request is sent', bounded, async (t) => {
  const raw = await server(t, () => {}, { tls: { key: privateKey, cert: certificate } })
  const error = await rejection(upgrade(raw.url, { protocols: 'example/1' }))
  assert.equal(error.code, 'ERR_CONNECT')
  assert.equal((error.cause as { code: string }).code, 'DEPTH_ZERO_SELF_SIGNED_CERT')
  assert.match(error.message, /^cannot connect to [^ ]+: self-signed certificate/)
  assert.equal(raw.requests.length, 0)
})

test('a connection that the agent kept is connected: what fails then is the answer', bounded, async (t) => {
  const raw = await server(t, ({ socket, index }) => {
    if (index === 0) socket.write(head('HTTP/1.1 200 OK', 'Content-Length: 0'))
    else socket.resetAndDestroy()
  })
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const { response } = await upgrade(raw.url, { protocols: 'example/1', agent })
  response.resume()
  await new Promise((resolve) => response.once('end', resolve))
  await turn()
  const error = await rejection(upgrade(raw.url, { protocols: 'example/1', agent }))
  assert.match(error.message, /^no answer from /)
  assert.equal(raw.connections(), 1)
})

test('who speaks TLS to a port without it is told so', bounded, async (t) => {
  const plain = createPlainServer()
  t.after(() => plain.close())
  const port = await listen(plain)
  const error = await rejection(upgrade(`https://127.0.0.1:${port}`, { protocols: 'foo' }))
  assert.equal(error.code, 'ERR_CONNECT')
  assert.match(error.message, /^cannot connect to 127\.0\.0\.1:\d+: what listens there speaks no TLS$/)
})
