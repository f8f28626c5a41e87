import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { TLSSocket } from 'node:tls'
import { createVirtualClock } from '../../src/base/clock.ts'
import { PeerError } from '../../src/base/errors.ts'
import {
  awaitsTrust,
  brokenHandshake,
  type ClientTlsHandshake,
  isAlert,
  secureConnection,
} from '../../src/upgrade/tls-client-handshake.ts'
import { until } from '../base/turns.ts'
import { certificate, privateKey } from './certificate.ts'

const TARGET = { secure: false, host: 'localhost', port: 80, path: '/', credentials: [] } as const

/** A handshake of a client, on a connection whose other end is in hand. */
async function line(t: TestContext, options: Partial<ClientTlsHandshake> = {}) {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const arrived = once(server, 'connection')
  const connection = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [peer] = (await arrived) as [Socket]
  peer.on('error', () => {})
  connection.on('error', () => {})
  t.after(() => {
    connection.destroy()
    peer.destroy()
    server.close()
  })
  const clock = createVirtualClock()
  const shared = { connection, clock, signal: undefined, timeoutMs: 1_000, leftMs: 400 }
  const begin = () => secureConnection({ ...shared, target: TARGET, tls: { ca: certificate }, ...options })
  return { connection, peer, clock, begin }
}

/** The server's side of TLS, with the names that it was asked for. */
function serve(peer: Socket): { readonly secured: TLSSocket; readonly names: string[] } {
  const names: string[] = []
  const secured = new TLSSocket(peer, {
    isServer: true,
    key: privateKey,
    cert: certificate,
    ALPNProtocols: ['h2', 'http/1.1'],
    SNICallback(name, done) {
      names.push(name)
      done(null)
    },
  })
  secured.on('error', () => {})
  return { secured, names }
}

test('the connection is secured for HTTP/1.1, whatever the options say, and no deadline is left', async (t) => {
  const tls = { ca: certificate, ALPNProtocols: ['h2'] }
  const { peer, clock, begin } = await line(t, { tls })
  const { names } = serve(peer)
  const socket = await begin()
  assert.deepEqual([socket.authorized, socket.alpnProtocol, names], [true, 'http/1.1', ['localhost']])
  assert.equal(clock.waiting, 0)
  assert.equal(awaitsTrust(socket), false)
  socket.destroy()
})

test('the name is the target’s, or the one that the options give; an address is none', async (t) => {
  for (const [host, servername, sent] of [
    ['localhost', undefined, ['localhost']],
    ['127.0.0.1', undefined, []],
    ['127.0.0.1', 'localhost', ['localhost']],
  ] as const) {
    const tls = { rejectUnauthorized: false, ...(servername !== undefined && { servername }) }
    const { peer, begin } = await line(t, { target: { ...TARGET, host }, tls })
    const { names } = serve(peer)
    const socket = await begin()
    assert.deepEqual(names, sent, host)
    socket.destroy()
  }
})

for (const [what, act, message] of [
  [
    'a server that closes',
    (peer: Socket) => peer.end(),
    /^TLS handshake with localhost:80: .*section 3\.1\)$/,
  ],
  [
    'a server that speaks no TLS',
    (peer: Socket) => peer.write('garbage, and more of it than a record has for a head'),
    /^TLS handshake with localhost:80: what listens there speaks no TLS \(RFC 2817 section 3\.1\)$/,
  ],
] as const) {
  test(`RFC 2817 section 3.1: ${what} has broken the handshake, and the connection is gone`, async (t) => {
    const { connection, peer, clock, begin } = await line(t)
    const handshake = begin()
    act(peer)
    await assert.rejects(handshake, { name: 'PeerError', code: 'ERR_TLS_HANDSHAKE', message })
    assert.deepEqual([connection.destroyed, clock.waiting], [true, 0])
  })
}

test('a server that is not believed has broken it, too', async (t) => {
  const { connection, peer, begin } = await line(t, { tls: {} })
  serve(peer)
  await assert.rejects(begin(), { code: 'ERR_TLS_HANDSHAKE', message: /self.signed certificate/ })
  assert.equal(connection.destroyed, true)
})

test('it may take what is left of the time, and the error names the whole', async (t) => {
  const { connection, clock, begin } = await line(t)
  const handshake = begin()
  clock.advance(399)
  assert.equal(connection.destroyed, false)
  clock.advance(1)
  await assert.rejects(handshake, {
    code: 'ERR_HANDSHAKE_TIMEOUT',
    message: 'TLS handshake with localhost:80: not done in 1000 ms',
  })
  assert.equal(connection.destroyed, true)
})

test('the signal ends it before it begins, in its midst, and the secured connection after it', async (t) => {
  const reason = new Error('enough')
  const before = await line(t, { signal: AbortSignal.abort(reason) })
  await assert.rejects(before.begin(), reason)
  assert.deepEqual([before.connection.destroyed, before.clock.waiting], [true, 0])

  const controller = new AbortController()
  const { signal } = controller
  const midst = await line(t, { signal })
  const after = await line(t, { signal })
  serve(after.peer)
  const socket = await after.begin()
  const heard = once(socket, 'error')
  const handshake = midst.begin()
  controller.abort(reason)
  await assert.rejects(handshake, reason)
  assert.deepEqual([midst.connection.destroyed, midst.clock.waiting], [true, 0])
  assert.deepEqual(await heard, [reason])
  await until(() => socket.destroyed)
})

test('options that could never work are misuse, and the connection is not left open', async (t) => {
  const { connection, clock, begin } = await line(t, {
    tls: { ca: certificate, minVersion: 'TLSv9' as never },
  })
  await assert.rejects(begin(), { name: 'MisuseError', code: 'ERR_INVALID_ARGUMENT' })
  assert.deepEqual([connection.destroyed, clock.waiting], [true, 0])
})

test('a client that shows a certificate cannot know yet whether it is trusted', async (t) => {
  const { peer, begin } = await line(t, { tls: { ca: certificate, key: privateKey, cert: certificate } })
  serve(peer)
  const socket = await begin()
  assert.equal(awaitsTrust(socket), true)
  socket.destroy()
})

test('an alert of TLS is told from other failures, and a failure says what is known of it', () => {
  const code = (name: string) => Object.assign(new Error('no'), { code: name })
  assert.equal(isAlert(code('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')), true)
  for (const other of [
    code('ECONNRESET'),
    code('ERR_SSL_WRONG_VERSION_NUMBER'),
    new Error('no'),
    undefined,
  ]) {
    assert.equal(isAlert(other), false)
  }
  const cause = new Error('no')
  const told = brokenHandshake(TARGET, cause)
  assert.ok(told instanceof PeerError)
  assert.deepEqual(
    [told.cause, told.message],
    [cause, 'TLS handshake with localhost:80: no (RFC 2817 section 3.1)'],
  )
  assert.match(brokenHandshake(TARGET, undefined).message, /: the connection was closed /)
})
