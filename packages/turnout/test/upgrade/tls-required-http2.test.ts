// Proves that what tlsInPlace requires TLS for is not to be had over HTTP/2 in the clear, by any way in.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
} from 'node:http2'
import { it, type TestContext } from 'node:test'
import { createTurnout, type Turnout, type TurnoutOptions } from '../../src/turnout.ts'
import type { AttachOptions } from '../../src/upgrade/dispatcher.ts'
import type { TlsInPlaceOptions } from '../../src/upgrade/tls-server.ts'
import { certificate, privateKey } from './certificate.ts'
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

async function dial(t: TestContext, server: Http2Server | Http2SecureServer, house: Turnout) {
  const port = await listen(server)
  const scheme = 'setSecureContext' in server ? 'https' : 'http'
  const session = connectHttp2(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false })
  session.on('error', () => {})
  t.after(async () => {
    session.destroy()
    await house.close({ grace: 0 })
    server.close()
  })
  await once(session, 'remoteSettings')
  return session
}

function connect(session: ClientHttp2Session, path: string, protocol = 'websocket'): ClientHttp2Stream {
  return session.request({
    ':method': 'CONNECT',
    ':protocol': protocol,
    ':scheme': 'http',
    ':authority': 'house.example',
    ':path': path,
    'sec-websocket-version': '13',
  })
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
