// Proves that what tlsInPlace requires TLS for is not to be had over HTTP/2 in the clear, by any way in.
import assert from 'node:assert/strict'
import { createServer as createHttpServer, type Server } from 'node:http'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { it, type TestContext } from 'node:test'
import { createTurnout, type Turnout } from '../../src/turnout.ts'
import type { TurnoutOptions } from '../../src/turnout-options.ts'
import type { AttachOptions } from '../../src/upgrade/dispatcher.ts'
import { connectH2c } from '../../src/upgrade/h2c-client.ts'
import type { TlsInPlaceOptions } from '../../src/upgrade/tls-server.ts'
import { certificate, privateKey } from './certificate.ts'
import { extendedConnect, openSession } from './http2-wire.ts'
import { listen } from './wire.ts'

const { NGHTTP2_HTTP_1_1_REQUIRED } = constants

interface Rig {
  readonly required?: TlsInPlaceOptions['required']
  readonly server?: Http2Server | Http2SecureServer
  readonly attach?: AttachOptions
  readonly options?: TurnoutOptions
}

/** A house that wants TLS below /secret, on a server of HTTP/2, and a session with it. */
async function open(t: TestContext, rig: Rig = {}): Promise<{ session: ClientHttp2Session; house: Turnout }> {
  const { required = '/secret/*', server = createServer() } = rig
  const house = createTurnout(rig.options)
    .websocket('/secret/ws', {})
    .websocket('/open', {})
    .protocol('example', { connect: true, handler: (stream) => void stream.end('example') })
    .tlsInPlace({ key: privateKey, cert: certificate, required })
    .attach(server, rig.attach)
  return { session: await dial(t, server, house), house }
}

async function dial(t: TestContext, server: Http2Server | Http2SecureServer | Server, house: Turnout) {
  const port = await listen(server)
  const scheme = 'setSecureContext' in server ? 'https' : 'http'
  const session = await openSession(`${scheme}://127.0.0.1:${port}`)
  t.after(async () => {
    session.destroy()
    await house.close({ grace: 0 })
    server.close()
  })
  return session
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

function connect(session: ClientHttp2Session, path: string, protocol = 'websocket'): ClientHttp2Stream {
  return extendedConnect(session, { ':protocol': protocol, ':path': path })
}

/** The status that it got, or the code with which it was reset. */
function fate(stream: ClientHttp2Stream): Promise<string> {
  return new Promise((resolve) => {
    stream.on('error', () => {})
    stream.once('response', (headers) => {
      stream.close()
      resolve(`status ${headers[':status']}`)
    })
    stream.once('close', () => resolve(`reset ${stream.rstCode}`))
  })
}

const SENT_BACK = `reset ${NGHTTP2_HTTP_1_1_REQUIRED}`

it('R41: an extended CONNECT for such a path is HTTP_1_1_REQUIRED, whoever would have taken it', async (t) => {
  const server = createServer()
  server.on('connect', (_request, response) => response.end('connected'))
  server.on('stream', (stream, headers) => {
    if (headers[':protocol'] !== undefined) stream.respond({ ':status': 200 })
  })
  const { session, house } = await open(t, { server, attach: { foreign: () => true } })
  assert.equal(await fate(connect(session, '/secret/ws')), SENT_BACK)
  assert.equal(await fate(connect(session, '/secret/x', 'example')), SENT_BACK)
  assert.equal(await fate(connect(session, '/secret/x', 'unknown')), SENT_BACK)
  assert.equal(await fate(connect(session, '/open')), 'status 200')
  const refused = house.metrics().routes.find(({ route }) => route === '')
  assert.deepEqual(refused?.handshakes, { 426: 3 })
})

it('R41: nor does it come by the listener for connect', async (t) => {
  const server = createServer(() => {})
  server.on('connect', (_request, response) => response.end('connected'))
  const { session } = await open(t, { server })
  assert.equal(await fate(connect(session, '/secret/nowhere')), SENT_BACK)
  assert.equal(await fate(connect(session, '/nowhere')), 'status 200')
})

it('an extended CONNECT over TLS opens on such a path as on any other', async (t) => {
  const server = createSecureServer({ key: privateKey, cert: certificate })
  const { session } = await open(t, { server })
  assert.equal(await fate(connect(session, '/secret/ws')), 'status 200')
})

it('R41: an app that upgrades itself cannot, in a turnout that did not see the stream come', async (t) => {
  const server = createServer(() => {})
  const strict = createTurnout().tlsInPlace({ key: privateKey, cert: certificate, required: '/secret/*' })
  server.on('connect', (request, response) => {
    strict.upgrade(request as never, response as never)
  })
  const session = await dial(t, server, createTurnout().attach(server))
  assert.equal(await fate(connect(session, '/secret/ws')), SENT_BACK)
  assert.equal(await fate(connect(session, '/open')), 'status 200')
  await strict.close({ grace: 0 })
})

it('`required` that throws costs an extended CONNECT a 500', async (t) => {
  const errors: unknown[] = []
  const broken = new Error('broken')
  const required = () => {
    throw broken
  }
  const options = { onError: (error: unknown) => errors.push(error) }
  const { session } = await open(t, { required, options })
  assert.equal(await fate(connect(session, '/open')), 'status 500')
  assert.deepEqual(errors, [broken])
})

it('R41: an app that reads streams itself is not shown one for such a path, and of others nothing is touched', async (t) => {
  const server = createServer()
  server.on('stream', (stream) => {
    const traces = stream.listenerCount('error') + stream.listenerCount('aborted')
    stream.respond({ ':status': 200 + traces })
    stream.end()
  })
  const seen: unknown[] = []
  const { session } = await open(t, {
    server,
    required: ({ method, url, headers, httpVersion, socket }) => {
      seen.push([method, url, headers['x-a'], httpVersion, socket.remoteAddress])
      return headers['x-a'] === 'secret'
    },
  })
  assert.equal(await fate(session.request({ ':path': '/a?b', 'x-a': 'secret' })), SENT_BACK)
  assert.equal(await fate(session.request({ ':path': '/a?b', 'x-a': 'open' })), 'status 200')
  assert.deepEqual(seen, [
    ['GET', '/a?b', 'secret', '2.0', '127.0.0.1'],
    ['GET', '/a?b', 'open', '2.0', '127.0.0.1'],
  ])
})

it('`required` that throws costs a stream a 500, before such an app hears of it', async (t) => {
  const errors: unknown[] = []
  const broken = new Error('broken')
  const required = () => {
    throw broken
  }
  const server = createServer()
  server.on('stream', () => assert.fail())
  const options = { onError: (error: unknown) => errors.push(error) }
  const { session } = await open(t, { required, options, server })
  assert.equal(await fate(session.request({ ':path': '/' })), 'status 500')
  assert.deepEqual(errors, [broken])
})

for (const [kind, listen] of [
  ['request', (server: Http2Server) => server.on('request', (_request, response) => response.end('app'))],
  ['stream', (server: Http2Server) => server.on('stream', (stream) => stream.respond({ ':status': 200 }))],
] as const) {
  it(`R41: a server of HTTP/2 that h2c is given, and that is not attached, holds to it: its ${kind} listeners`, async (t) => {
    const http2 = createServer({ settings: { enableConnectProtocol: true } })
    listen(http2)
    http2.on('connect', (_request, response) => response.end('connected'))
    const server = createHttpServer()
    const house = createTurnout()
      .h2c({ server: http2, priorKnowledge: true })
      .tlsInPlace({ key: privateKey, cert: certificate, required: '/secret/*' })
      .attach(server)
    const session = await dial(t, server, house)
    const upgraded = await connectH2c(`http://127.0.0.1:${portOf(server)}/open`)
    assert.equal(upgraded.protocol, 'h2c')
    t.after(() => upgraded.session.destroy())
    for (const each of [session, upgraded.session]) {
      assert.equal(await fate(each.request({ ':path': '/secret/x' })), SENT_BACK)
      assert.equal(await fate(connect(each, '/secret/x')), SENT_BACK)
      assert.equal(await fate(each.request({ ':path': '/open' })), 'status 200')
      assert.equal(await fate(connect(each, '/open')), 'status 200')
    }
  })
}

it('what such a server serves by itself is none of the house’s', async (t) => {
  const http2 = createServer((_request, response) => response.end('app'))
  const house = createTurnout()
    .h2c({ server: http2 })
    .tlsInPlace({ key: privateKey, cert: certificate, required: '/secret/*' })
  const session = await dial(t, http2, house)
  assert.equal(await fate(session.request({ ':path': '/secret/x' })), 'status 200')
})
