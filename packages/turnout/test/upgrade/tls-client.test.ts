// Proves upgrade/tls-client.ts and the attempt behind it against a server of our own and against exact bytes.
import assert from 'node:assert/strict'
import { type Agent, createServer as createHttpServer, get as getHttp, type IncomingMessage } from 'node:http'
import { connect as connectTcp, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { type ConnectionOptions, TLSSocket } from 'node:tls'
import { type TlsMode, type TlsUpgradeOptions, upgradeTls } from '../../src/upgrade/tls-client.ts'
import { until } from '../base/turns.ts'
import { certificate, otherCertificate, privateKey } from './certificate.ts'
import { fieldOf, head, type RawServer, rawServer } from './raw-server.ts'
import { tlsStation } from './tls-wire.ts'
import { listen, openStation, type Station, watchProcess, within } from './wire.ts'

const tls = { ca: certificate }

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response) text += chunk
  return text
}

function getOver(agent: Agent, url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    getHttp(url, { agent }, (response) => resolve(textOf(response))).on('error', reject)
  })
}

/** Opens a station, asks it, and tells what it said. */
async function ask(
  station: Station,
  path: string,
  options: TlsUpgradeOptions,
): Promise<{ secure: boolean; text: string; agent: Agent | undefined; url: string }> {
  const url = `http://127.0.0.1:${station.port}${path}`
  const result = await within('answer', upgradeTls(url, { tls, ...options }))
  return { secure: result.secure, text: await textOf(result.response), agent: result.agent, url }
}

for (const mode of ['mandatory', 'optional'] as const) {
  test(`R39: R40: ${mode}: the request is answered over TLS, and more requests follow on the same connection`, async () => {
    const watch = watchProcess()
    const station = await openStation(tlsStation())
    const { secure, text, agent, url } = await ask(station, '/a?b', { mode, headers: { 'X-A': '1' } })
    assert.equal(secure, true)
    assert.equal(text, 'secret GET /a?b 1')
    assert.equal(await getOver(agent!, url), 'secret GET /a?b')
    assert.equal(await getOver(agent!, url), 'secret GET /a?b')
    const posted = await ask(station, '/p', { mode, method: 'POST', body: 'content' })
    assert.equal(posted.text, 'secret POST /p  content')
    const asked = await ask(station, '/h', { mode, method: 'HEAD' })
    assert.equal(asked.text, '')
    for (const used of [agent, posted.agent, asked.agent]) used!.destroy()
    await station.stop()
    watch.stop()
  })
}

test('R40: RFC 2817 section 3.2: mandatory begins with OPTIONS * and shows nothing of the request', async () => {
  const server = await rawServer(({ socket }) => socket.end(head('HTTP/1.1 200 OK', 'Content-Length: 0')))
  const options = { headers: { Cookie: 'secret', 'X-A': '1' }, body: 'secret', method: 'POST' }
  const error = await upgradeTls(server.url.replace('//', '//user:secret@'), options).catch(
    (thrown) => thrown,
  )
  assert.equal(error.code, 'ERR_UPGRADE_DECLINED')
  assert.equal(error.status, 200)
  await server.idle()
  assert.equal(server.requests.length, 1)
  const request = server.requests[0]!
  assert.match(request.head, /^OPTIONS \* HTTP\/1\.1\r\n/)
  assert.doesNotMatch(request.head + request.rest(), /secret|x-a/i)
  assert.equal(fieldOf(request.head, 'upgrade'), 'TLS/1.2, TLS/1.0')
  assert.equal(fieldOf(request.head, 'connection'), 'Upgrade')
  assert.match(fieldOf(request.head, 'host')!, /^127\.0\.0\.1:\d+$/)
  await server.close()
})

test('R39: R2: optional: a server that declines answers in the clear', async () => {
  const station = await openStation(tlsStation({ accept: () => false, advertise: false }))
  const { secure, text } = await ask(station, '/a', { mode: 'optional' })
  assert.deepEqual([secure, text], [false, 'clear GET /a'])
  await station.stop()
})

test('R41: RFC 2817 section 4.2: a 426 that names TLS is followed, with the body again', async () => {
  const station = await openStation(tlsStation({ required: '/secret' }))
  const { secure, text, agent } = await ask(station, '/secret', { mode: 'invited', method: 'PUT', body: 'x' })
  assert.deepEqual([secure, text], [true, 'secret PUT /secret  x'])
  agent!.destroy()
  const open = await ask(station, '/open', { mode: 'invited' })
  assert.deepEqual([open.secure, open.text], [false, 'clear GET /open'])
  await station.stop()
})

test('R41: R18: it is followed once; one that names nothing is an error; one that names no TLS is an answer', async () => {
  const invitation = (upgrade: string) => (server: { socket: RawServer['requests'][0]['socket'] }) =>
    server.socket.end(
      head('HTTP/1.1 426 Upgrade Required', upgrade, 'Connection: Upgrade, close', 'Content-Length: 0'),
    )
  for (const mode of ['invited', 'optional'] as const) {
    const stubborn = await rawServer(invitation('Upgrade: TLS/1.1'))
    await assert.rejects(upgradeTls(stubborn.url, { mode }), { code: 'ERR_UPGRADE_DECLINED', status: 426 })
    assert.equal(stubborn.requests.length, 2)
    assert.equal(fieldOf(stubborn.requests[1]!.head, 'upgrade'), 'TLS/1.1')
    await stubborn.close()
    const silent = await rawServer(invitation('X-Nothing: 1'))
    await assert.rejects(upgradeTls(silent.url, { mode }), { code: 'ERR_UPGRADE_REQUIRED_WITHOUT_UPGRADE' })
    await silent.close()
    const other = await rawServer(invitation('Upgrade: HTTP/3'))
    const result = await upgradeTls(other.url, { mode })
    assert.deepEqual([result.secure, result.response.statusCode], [false, 426])
    result.response.resume()
    await other.close()
  }
})

/** A server that sends this 101 and then TLS, in which it answers whatever comes. */
async function switching(...lines: string[]): Promise<RawServer> {
  return answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', ...lines)
}

async function answering(answer: string, ...lines: string[]): Promise<RawServer> {
  return rawServer(({ socket }) => {
    socket.removeAllListeners('data')
    socket.write(head(...lines))
    const secured = new TLSSocket(socket, { isServer: true, key: privateKey, cert: certificate })
    secured.on('error', () => {})
    secured.on('secure', () => secured.write(answer))
  })
}

test('R17: R40: cupsd’s 101 is followed, without Connection: Upgrade and with a length', async () => {
  const server = await switching(
    ...['HTTP/1.1 101 Switching Protocols', 'Connection: Keep-Alive', 'Content-Length: 0'],
    'Upgrade: TLS/1.2,TLS/1.1,TLS/1.0',
  )
  const result = await upgradeTls(server.url, { mode: 'optional', tls })
  assert.equal(result.secure, true)
  assert.equal(await textOf(result.response), 'ok')
  result.agent!.destroy()
  await server.close()
})

test('R17: a 101 to something else is not followed', async () => {
  const server = await switching('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: foo')
  await assert.rejects(upgradeTls(server.url, { tls }), { code: 'ERR_UPGRADE_NOT_OFFERED' })
  await server.close()
  const unasked = await switching(
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: TLS/1.2',
  )
  await assert.rejects(upgradeTls(unasked.url, { tls, mode: 'invited' }), { code: 'ERR_UPGRADE_UNSOLICITED' })
  await unasked.close()
})

test('an option of TLS that is undefined is not given: the name goes out, and is checked', async () => {
  const names: unknown[] = []
  const server = await rawServer(({ socket }) => {
    socket.removeAllListeners('data')
    socket.write(head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: TLS/1.2'))
    const ALPNCallback = ({ servername, protocols }: { servername: string; protocols: string[] }) => {
      names.push(servername)
      return protocols[0]
    }
    const options = { isServer: true, key: privateKey, cert: certificate, ALPNCallback }
    const secured = new TLSSocket(socket, options)
    secured.on('error', () => {})
    secured.on('secure', () => secured.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
  })
  const url = server.url.replace('127.0.0.1', 'localhost')
  const unsaid = { servername: undefined, checkServerIdentity: undefined, rejectUnauthorized: undefined }
  const options = { ...tls, ...unsaid } as ConnectionOptions
  const result = await upgradeTls(url, { mode: 'optional', tls: options })
  assert.equal(await textOf(result.response), 'ok')
  assert.deepEqual(names, ['localhost'])
  result.agent!.destroy()
  await server.close()
})

test('RFC 2817 section 3.1: a handshake that fails is ERR_TLS_HANDSHAKE, and the connection is closed', async () => {
  const watch = watchProcess()
  const station = await openStation(tlsStation())
  const url = `http://127.0.0.1:${station.port}/`
  for (const mode of ['mandatory', 'optional'] satisfies TlsMode[]) {
    // not trusted; another name
    await assert.rejects(upgradeTls(url, { mode }), { code: 'ERR_TLS_HANDSHAKE' })
    await assert.rejects(upgradeTls(url, { mode, tls: { ...tls, servername: 'wrong.example' } }), {
      code: 'ERR_TLS_HANDSHAKE',
    })
  }
  await station.stop()
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: TLS/1.2']
  const garbage = await rawServer(({ socket }) =>
    socket.write(`${head(...lines)}garbage, and more of it than a record's head`),
  )
  await assert.rejects(upgradeTls(garbage.url, { tls }), { code: 'ERR_TLS_HANDSHAKE' })
  await within('closed', garbage.idle())
  await garbage.close()
  const gone = await rawServer(({ socket }) => socket.end(head(...lines)))
  await assert.rejects(upgradeTls(gone.url, { tls }), { code: 'ERR_TLS_HANDSHAKE' })
  await gone.close()
  watch.stop()
})

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`RFC 2817 section 3.1: a client’s certificate that is missing or not trusted is ERR_TLS_HANDSHAKE in ${maxVersion}`, async () => {
    const station = await openStation(tlsStation({ requestCert: true, ca: otherCertificate }))
    const url = `http://127.0.0.1:${station.port}/`
    for (const mode of ['mandatory', 'optional'] satisfies TlsMode[]) {
      for (const own of [{}, { key: privateKey, cert: certificate }]) {
        await assert.rejects(upgradeTls(url, { mode, tls: { ...tls, ...own, maxVersion } }), {
          code: 'ERR_TLS_HANDSHAKE',
          message: new RegExp(`^TLS handshake with 127.0.0.1:${station.port}: .*RFC 2817 section 3.1`, 's'),
        })
      }
    }
    await station.stop()
  })
}

test('a connection that breaks after the handshake, where no certificate was at stake, is ERR_CONNECT', async () => {
  const server = await rawServer(({ socket }) => {
    socket.removeAllListeners('data')
    socket.write(head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: TLS/1.2'))
    const secured = new TLSSocket(socket, { isServer: true, key: privateKey, cert: certificate })
    secured.on('error', () => {})
    secured.on('secure', () => socket.destroy())
  })
  await assert.rejects(upgradeTls(server.url, { tls }), { code: 'ERR_CONNECT' })
  await server.close()
})

test('R40: mandatory: of a server that closes with its answer to OPTIONS * the error says so', async () => {
  for (const lines of [['HTTP/1.1 405 No', 'Connection: close'], ['HTTP/1.0 405 No']]) {
    const answer = head(...lines, 'Content-Length: 0')
    const switching = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: TLS/1.2']
    const server = await answering(answer, ...switching)
    const seen = `127.0.0.1:${server.port} closed the secured connection with its 405 to OPTIONS *`
    await assert.rejects(upgradeTls(server.url, { tls }), {
      code: 'ERR_CONNECT',
      message: `${seen}; the request was not sent (RFC 2817 section 3.2)`,
    })
    await within('closed', server.idle())
    await server.close()
  }
})

test('deadline and signal reach into the handshake, and the signal to the connection after it', async () => {
  const watch = watchProcess()
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: TLS/1.2']
  const silent = await rawServer(({ socket }) => socket.write(head(...lines)))
  await assert.rejects(upgradeTls(silent.url, { tls, timeoutMs: 50 }), { code: 'ERR_HANDSHAKE_TIMEOUT' })
  const reason = new Error('enough')
  const controller = new AbortController()
  const waiting = upgradeTls(silent.url, { tls, signal: controller.signal })
  await until(() => silent.requests.length >= 2)
  await silent.requests[1]!.received(5)
  controller.abort(reason)
  await assert.rejects(waiting, reason)
  await within('closed', silent.idle())
  await silent.close()

  const station = await openStation(tlsStation())
  const second = new AbortController()
  const result = await upgradeTls(`http://127.0.0.1:${station.port}/`, { tls, signal: second.signal })
  await textOf(result.response)
  const another = getOver(result.agent, `http://127.0.0.1:${station.port}/`)
  second.abort(reason)
  await assert.rejects(within('failure', another), reason)
  assert.equal(result.socket.errored, reason)
  await station.stop()
  watch.stop()
})

test('the agent has this connection only: when it is gone, or for another host, a request fails and nothing leaks', async () => {
  const station = await openStation(tlsStation())
  const { agent, url } = await ask(station, '/', {})
  await assert.rejects(getOver(agent!, 'http://other.example/'), { code: 'ERR_CLOSED' })
  assert.equal(await getOver(agent!, url), 'secret GET /')
  agent!.destroy()
  await assert.rejects(getOver(agent!, url), { code: 'ERR_CLOSED' })
  await station.stop()
})

test('R42: RFC 2817 section 5.2: through a proxy it is a tunnel first, in which TLS is asked for', async () => {
  const station = await openStation(tlsStation())
  const proxy = createHttpServer((request, response) => response.writeHead(500).end(request.url))
  const asked: string[] = []
  proxy.on('connect', (request, client: Socket, first: Buffer) => {
    asked.push(request.url ?? '')
    const [host, port] = (request.url ?? '').split(':')
    const server = connectTcp(Number(port), host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n')
      server.write(first)
      server.pipe(client).pipe(server)
    })
    server.on('error', () => client.destroy())
    client.on('error', () => server.destroy())
  })
  const port = await listen(proxy)
  for (const mode of ['mandatory', 'optional', 'invited'] satisfies TlsMode[]) {
    const { secure, text, agent } = await ask(station, '/a', { mode, proxy: `http://127.0.0.1:${port}` })
    assert.deepEqual([secure, text], mode === 'invited' ? [false, 'clear GET /a'] : [true, 'secret GET /a'])
    agent?.destroy()
  }
  const target = `127.0.0.1:${station.port}`
  assert.deepEqual(asked, [target, target, target])
  await station.stop()
  proxy.closeAllConnections()
  await new Promise((done) => proxy.close(done))
})

test('a reason that is null is told like any other, once TLS stands', async () => {
  const controller = new AbortController()
  const server = await answering(
    '',
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: TLS/1.2',
  )
  const waiting = upgradeTls(server.url, { tls, mode: 'optional', signal: controller.signal }).then(
    () => assert.fail('resolved'),
    (error) => error,
  )
  await until(() => server.requests.length === 1)
  setTimeout(() => controller.abort(null), 100)
  assert.equal(await waiting, null)
  await server.close()
})

test('a server that is not there cannot be connected to, and the body is let go', async () => {
  const gone = await rawServer(() => {})
  await gone.close()
  const body = Readable.from(['a'])
  await assert.rejects(upgradeTls(gone.url, { method: 'POST', body }), {
    code: 'ERR_CONNECT',
    message: /^cannot connect to 127\.0\.0\.1:\d+: connect ECONNREFUSED/,
  })
  assert.equal(body.destroyed, true)
})

test('TLS options that could never work are misuse, and leave no connection behind', async (t) => {
  const server = await rawServer(({ socket }) =>
    socket.write(
      head('HTTP/1.1 101 Switching Protocols', 'Upgrade: TLS/1.2, HTTP/1.1', 'Connection: Upgrade'),
    ),
  )
  t.after(() => server.close())
  await assert.rejects(upgradeTls(server.url, { tls: { minVersion: 'none' as never } }), {
    name: 'MisuseError',
    code: 'ERR_INVALID_ARGUMENT',
    message: /^node:tls refuses its options: "none" is not/,
  })
  await server.idle()
})

test('what could never be is refused before a byte is written', async () => {
  const bad: (readonly [string, TlsUpgradeOptions])[] = [
    ['https://127.0.0.1/', {}],
    ['http://127.0.0.1/', { mode: 'maybe' as TlsMode }],
    ['http://127.0.0.1/', { headers: { upgrade: 'TLS/1.2' } }],
    ['http://127.0.0.1/', { timeoutMs: 0 }],
  ]
  for (const [url, options] of bad)
    await assert.rejects(upgradeTls(url, options), { code: 'ERR_INVALID_ARGUMENT' })
  await assert.rejects(upgradeTls('http://127.0.0.1/', { method: 'G T' }), { code: 'ERR_INVALID_TOKEN' })
})
