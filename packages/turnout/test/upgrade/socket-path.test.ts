// Proves the option `socketPath` over real Unix sockets, for each of the clients.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, createServer, type Server } from 'node:http'
import { createServer as createHttp2Server, createSecureServer, type Http2Server } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createTurnout, type Turnout } from '../../src/turnout.ts'
import { upgrade } from '../../src/upgrade/client.ts'
import { connectH2c } from '../../src/upgrade/h2c-client.ts'
import { upgradeTls } from '../../src/upgrade/tls-client.ts'
import { connect } from '../../src/websocket/client.ts'
import { reconnecting } from '../../src/websocket/reconnecting.ts'
import { turnsWaiting } from '../../src/websocket/turns.ts'
import { WebSocket } from '../../src/websocket/whatwg.ts'
import { webSocketServer } from '../websocket/raw-websocket.ts'
import { certificate, privateKey } from './certificate.ts'

const identity = { key: privateKey, cert: certificate }
const tls = { ca: certificate }

/** A house behind a Unix socket, which says by which name it was asked. */
async function behind(
  t: TestContext,
  server: Server | Http2Server,
  prepare: (turnout: Turnout) => unknown = () => {},
): Promise<string> {
  const turnout = createTurnout().websocket('/ws', {
    accept: ({ headers }) => ({ data: headers.host ?? headers[':authority'] }),
    message: (socket, message) => void socket.send(`${socket.data} ${message}`),
  })
  turnout.protocol('foo', { handler: (stream) => void stream.pipe(stream) })
  prepare(turnout)
  turnout.attach(server)
  const folder = mkdtempSync(join(tmpdir(), 'turnout-'))
  const path = join(folder, 's')
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.after(async () => {
    await turnout.close({ grace: 0 })
    await new Promise((resolve) => server.close(resolve))
    rmSync(folder, { recursive: true })
  })
  return path
}

async function echoed(url: string, options: Parameters<typeof connect>[1]): Promise<unknown> {
  const socket = await connect(url, options)
  await socket.send('hi')
  const { value } = await socket[Symbol.asyncIterator]().next()
  await socket.close(1000)
  return value
}

test('a WebSocket is opened over it, and the URL names the server', async (t) => {
  const socketPath = await behind(t, createServer())
  assert.equal(await echoed('ws://house.example/ws', { socketPath }), 'house.example hi')
  assert.equal(await echoed('ws://house.example:8080/ws', { socketPath }), 'house.example:8080 hi')
  const agent = new Agent()
  assert.equal(await echoed('ws://house.example/ws', { socketPath, agent }), 'house.example hi')
  agent.destroy()
  const standard = new WebSocket('ws://house.example/ws', { socketPath })
  await new Promise((resolve) => standard.addEventListener('open', resolve))
  standard.close()
  await new Promise((resolve) => standard.addEventListener('close', resolve))
  const peer = reconnecting('ws://house.example/ws', { socketPath })
  assert.equal(await peer.send('held'), true)
  await peer.close()
})

test('so it is with TLS, where the name is that of the URL', async (t) => {
  const socketPath = await behind(t, createHttpsServer(identity))
  assert.equal(await echoed('wss://localhost/ws', { socketPath, tls }), 'localhost hi')
  await assert.rejects(connect('wss://house.example/ws', { socketPath, tls }), { code: 'ERR_CONNECT' })
})

test('and over HTTP/2, whose connection is shared by who goes the same way alone', async (t) => {
  const server = createSecureServer(identity)
  let sessions = 0
  server.on('session', () => sessions++)
  const socketPath = await behind(t, server)
  const first = await connect('wss://localhost/ws', { socketPath, tls, http2: true })
  assert.equal(await echoed('wss://localhost/ws', { socketPath, tls, http2: true }), 'localhost hi')
  assert.equal(sessions, 1)
  const elsewhere = { socketPath: `${socketPath}-none`, tls, http2: true } as const
  await assert.rejects(connect('wss://localhost/ws', elsewhere), {
    code: 'ERR_CONNECT',
    message: `cannot connect to ${socketPath}-none: connect ENOENT ${socketPath}-none`,
  })
  await first.close()
  const plain = await behind(t, createHttp2Server())
  assert.equal(await echoed('ws://localhost/ws', { socketPath: plain, http2: true }), 'localhost hi')
})

test('any protocol, h2c and TLS in place go over it as well', async (t) => {
  const server = createServer((_, response) => response.end('app'))
  const socketPath = await behind(t, server, (turnout) => turnout.h2c().tlsInPlace(identity))
  const { stream } = await upgrade('http://house.example/', { protocols: 'foo', socketPath })
  stream!.end('over a Unix socket')
  let text = ''
  for await (const chunk of stream!) text += chunk
  assert.equal(text, 'over a Unix socket')
  const h2c = await connectH2c('http://house.example/', { socketPath })
  assert.equal(h2c.protocol, 'h2c')
  if (h2c.protocol === 'h2c') {
    h2c.body.resume()
    h2c.session.close()
  }
  const secured = await upgradeTls('http://localhost/', { socketPath, tls })
  secured.response.resume()
  secured.agent.destroy()
})

test('nobody there is told by the path, and each path has a queue of its own', async () => {
  const socketPath = join(tmpdir(), 'turnout-nobody')
  const opening = connect('ws://house.example/', { socketPath })
  assert.equal(turnsWaiting(socketPath), 0)
  await assert.rejects(opening, {
    code: 'ERR_CONNECT',
    message: `cannot connect to ${socketPath}: connect ENOENT ${socketPath}`,
  })
  assert.equal(turnsWaiting(socketPath), undefined)
})

test('a redirect to another origin leaves it', async (t) => {
  const other = await webSocketServer(t)
  const server = createServer()
  server.on('upgrade', (_, socket) => {
    socket.end(`HTTP/1.1 302 Found\r\nLocation: ${other.wsUrl}\r\nContent-Length: 0\r\n\r\n`)
  })
  const folder = mkdtempSync(join(tmpdir(), 'turnout-'))
  const socketPath = join(folder, 's')
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  t.after(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })
  const socket = await connect('ws://house.example/', { socketPath, maxRedirects: 1 })
  socket.terminate()
  assert.equal(other.requests.length, 1)
})

test('what is no path, and a proxy beside it, are misuse; a scheme for it says where it goes', async () => {
  for (const options of [
    { socketPath: '' },
    { socketPath: 5 as never },
    { socketPath: 'a\0b' },
    { socketPath: '/a', proxy: 'http://127.0.0.1:1' },
    { socketPath: '/a', proxy: 'env' },
  ] as const) {
    await assert.rejects(connect('ws://house.example/', options), { code: 'ERR_INVALID_ARGUMENT' })
    await assert.rejects(upgrade('http://house.example/', { ...options, protocols: 'a' }), {
      code: 'ERR_INVALID_ARGUMENT',
    })
  }
  await assert.rejects(connect('ws+unix:///a:/b'), /; a Unix socket goes into `socketPath`$/)
  await assert.rejects(connect('localhost:8080/ws'), /; is 'localhost' the host, and its scheme missing\?$/)
})
