import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls'
import { createVirtualClock } from '../../src/base/clock.ts'
import type { PeerError } from '../../src/base/errors.ts'
import { beginTls, type TlsHandshake } from '../../src/upgrade/tls-handshake.ts'
import { until } from '../base/turns.ts'
import { certificate, otherCertificate, privateKey } from './certificate.ts'

/** A server that has begun TLS on a connection, its client, and what it heard. */
async function line(
  t: TestContext,
  options: TlsHandshake['options'] = {},
  { early = '', ca = certificate } = {},
) {
  // as a server of HTTP is
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const arrived = once(server, 'connection')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [stream] = (await arrived) as [Socket]
  client.on('error', () => {})
  stream.on('error', () => {})
  if (early !== '') stream.unshift(early)
  t.after(() => {
    client.destroy()
    stream.destroy()
    server.close()
  })
  const clock = createVirtualClock()
  const secured: TLSSocket[] = []
  const failures: PeerError[] = []
  beginTls({
    stream,
    secureContext: createSecureContext({ key: privateKey, cert: certificate, ca }),
    options,
    timeoutMs: 100,
    clock,
    onSecure: (socket) => void secured.push(socket),
    onFailure: (error) => void failures.push(error),
  })
  const failure = async () => {
    await until(() => failures.length > 0)
    assert.deepEqual([failures.length, secured.length, clock.waiting, stream.destroyed], [1, 0, 0, true])
    assert.equal(failures[0]!.code, 'ERR_TLS_HANDSHAKE')
    return failures[0]!.message
  }
  return { client, stream, clock, secured, failures, failure }
}

test('the connection is secured once, for HTTP/1.1, and its later end is no failure', async (t) => {
  const { client, clock, secured, failures } = await line(t)
  const ALPNProtocols = ['h2', 'http/1.1']
  const over = connectTls({ socket: client, ca: certificate, servername: 'localhost', ALPNProtocols })
  over.on('error', () => {})
  await once(over, 'secureConnect')
  await until(() => secured.length > 0)
  assert.deepEqual([secured.length, over.alpnProtocol, clock.waiting], [1, 'http/1.1', 0])
  const [socket] = secured as [TLSSocket]
  socket.write('secret')
  assert.equal(String((await once(over, 'data'))[0]), 'secret')
  const ended = once(socket.resume(), 'end')
  over.end()
  await ended
  assert.deepEqual(failures, [])
  over.destroy()
  socket.destroy()
})

for (const [what, act, message] of [
  ['goes away', (client: Socket) => client.destroy(), /^connection ended inside the TLS handshake /],
  ['ends its side', (client: Socket) => client.end(), /^connection ended inside the TLS handshake /],
  ['is reset', (client: Socket) => client.resetAndDestroy(), /TLS handshake/],
  [
    'speaks no TLS',
    (client: Socket) => void client.write('garbage, and more of it than a record has for a head'),
    /^TLS handshake: /,
  ],
] as const) {
  test(`RFC 2817 section 3.1: a client that ${what} has broken the handshake, and is disconnected`, async (t) => {
    const { client, failure } = await line(t)
    act(client)
    assert.match(await failure(), message)
  })
}

test('so has what had come before as plain text', async (t) => {
  const { failure } = await line(t, {}, { early: 'garbage, and more of it than a record has for a head' })
  assert.match(await failure(), /^TLS handshake: /)
})

test('it may take so long, and no longer', async (t) => {
  const { clock, failures, failure } = await line(t)
  clock.advance(99)
  assert.deepEqual(failures, [])
  clock.advance(1)
  assert.match(await failure(), /^no TLS handshake in 100 ms \(RFC 2817 section 3\.1\)$/)
})

const own = { key: privateKey, cert: certificate }

for (const [what, ca, shown, rejectUnauthorized, failing] of [
  ['that is trusted', certificate, own, true, undefined],
  ['that is missing', certificate, {}, true, /certificate/],
  ['that is not trusted', otherCertificate, own, true, /^client's certificate: .*section 3\.1\)$/],
  ['that is missing, where none is insisted on', certificate, {}, false, undefined],
  ['that is not trusted, where none is insisted on', otherCertificate, own, false, undefined],
] as const) {
  test(`a client’s certificate ${what} ${failing ? 'breaks it' : 'lets it in'}`, async (t) => {
    const { client, secured, failure } = await line(t, { requestCert: true, rejectUnauthorized }, { ca })
    const over = connectTls({ socket: client, ca: certificate, servername: 'localhost', ...shown })
    over.on('error', () => {})
    if (failing) assert.match(await failure(), failing)
    else await until(() => secured.length === 1)
    over.destroy()
    secured[0]?.destroy()
  })
}

test('a client that does not believe the server tells why with its alert', async (t) => {
  const { client, failure } = await line(t)
  connectTls({ socket: client, ca: otherCertificate, servername: 'localhost' }).on('error', () => {})
  assert.match(await failure(), /TLS/)
})
