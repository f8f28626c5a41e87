// Proves upgrade/tls-server.ts and upgrade/tls-handshake.ts over the wire.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSecureContext } from 'node:tls'
import { createVirtualClock } from '../../src/base/clock.ts'
import { createTurnout } from '../../src/turnout.ts'
import type { TlsInPlaceOptions } from '../../src/upgrade/tls-server.ts'
import { connect } from '../../src/websocket/client.ts'
import { createKey } from '../../src/websocket/key.ts'
import { until } from '../base/turns.ts'
import { certificate, privateKey } from './certificate.ts'
import { secure, tlsHead, tlsStation } from './tls-wire.ts'
import { get, openStation, stationTest, upgradeHead, type Wire, watchProcess, within } from './wire.ts'

async function switched(wire: Wire): Promise<void> {
  assert.equal((await wire.response()).status, 101)
}

stationTest(
  'R39: R14: RFC 2817 section 3.1: the request that asked is answered over TLS, and so is every later one',
  async ({ dial }) => {
    const wire = dial()
    wire.send(tlsHead({ path: '/first?x', fields: ['X-A: b'] }))
    await switched(wire)
    assert.equal(wire.rest, '')
    const over = secure(wire)
    assert.equal((await over.response()).body, 'secret GET /first?x b')
    assert.equal(over.socket.alpnProtocol, false)
    over.send(get('/second') + get('/third'))
    assert.equal((await over.response()).body, 'secret GET /second')
    assert.equal((await over.response()).body, 'secret GET /third')
  },
  tlsStation(),
)

for (const token of ['TLS/1.0', 'TLS/1.2', 'tls/1.3', 'TLS']) {
  stationTest(
    `R39: R10: the 101 names ${token} as the client wrote it, below HTTP/1.1, and no length`,
    async ({ dial }) => {
      const wire = dial()
      wire.send(tlsHead({ upgrade: `${token}, TLS/0.9` }))
      const response = await wire.response()
      assert.equal(response.status, 101)
      assert.deepEqual(response.lines('upgrade'), [`${token}, HTTP/1.1`])
      assert.deepEqual(response.lines('connection'), ['Upgrade'])
      assert.equal(response.field('content-length'), undefined)
      assert.equal((await secure(wire).response()).status, 200)
    },
    tlsStation(),
  )
}

const bodies: readonly (readonly [string, string])[] = [
  ['a length', 'Content-Length: 5\r\n\r\nhello'],
  ['chunks', 'Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'],
]
for (const [what, rest] of bodies) {
  stationTest(
    `R39: content that came in the clear, with ${what}, is the app’s over TLS`,
    async ({ dial }) => {
      const wire = dial()
      wire.send(tlsHead({ method: 'POST', path: '/post' }).slice(0, -2) + rest)
      await switched(wire)
      const over = secure(wire)
      assert.equal((await over.response()).body, 'secret POST /post  hello')
      over.send(`POST /more HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nyes`)
      assert.equal((await over.response()).body, 'secret POST /more  yes')
    },
    tlsStation(),
  )
}

stationTest(
  'R40: RFC 2817 section 3.2: OPTIONS * is answered over TLS by the server itself, and the request follows',
  async ({ dial, log }) => {
    const wire = dial()
    wire.send(tlsHead({ method: 'OPTIONS', path: '*' }))
    await switched(wire)
    const over = secure(wire)
    const answer = await over.response()
    assert.deepEqual([answer.status, answer.body, answer.field('content-length')], [200, '', '0'])
    over.send(get('/secret'))
    assert.equal((await over.response()).body, 'secret GET /secret')
    assert.deepEqual(log, [])
  },
  tlsStation(),
)

stationTest(
  'Connection: close counts behind TLS as before it',
  async ({ dial }) => {
    for (const head of [
      tlsHead({ method: 'OPTIONS', path: '*', connection: 'Upgrade, close' }),
      tlsHead({ connection: 'close, Upgrade' }),
    ]) {
      const wire = dial()
      wire.send(head)
      await switched(wire)
      const over = secure(wire)
      assert.equal((await over.response()).field('connection'), 'close')
      await over.ended()
    }
  },
  tlsStation(),
)

stationTest(
  'R44: a ClientHello that came with the request is not lost',
  async ({ dial }) => {
    const wire = dial()
    // The TLS client writes into the same packet as the request, and reads behind the 101.
    const { Duplex } = await import('node:stream')
    let begun = false
    const carrier = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        wire.send(begun ? chunk : Buffer.concat([Buffer.from(tlsHead({ path: '/early' }), 'latin1'), chunk]))
        begun = true
        done()
      },
    })
    const { connect: connectTls } = await import('node:tls')
    const socket = connectTls({ socket: carrier, ca: certificate, servername: 'localhost' })
    await switched(wire)
    wire.socket.removeAllListeners('data')
    carrier.push(Buffer.from(wire.rest, 'latin1'))
    wire.socket.on('data', (chunk) => carrier.push(chunk))
    const text = await within(
      'response',
      new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(String(chunk)))),
    )
    assert.match(text, /secret GET \/early$/)
    socket.destroy()
  },
  tlsStation(),
)

stationTest(
  'R1: WebSockets, declined upgrades and other protocols go on over the TLS connection; TLS in TLS does not',
  async ({ dial }) => {
    const wire = dial()
    wire.send(tlsHead())
    await switched(wire)
    const over = secure(wire)
    await over.response()
    over.send(tlsHead({ path: '/again' }))
    assert.equal((await over.response()).body, 'secret GET /again')
    over.send(upgradeHead({ upgrade: 'bar', path: '/bar' }) + get('/next'))
    assert.equal((await over.response()).body, 'secret GET /bar')
    assert.equal((await over.response()).body, 'secret GET /next')
    const key = `Sec-WebSocket-Key: ${createKey()}`
    over.send(
      upgradeHead({
        upgrade: 'websocket',
        path: '/ws',
        fields: [key, 'Sec-WebSocket-Version: 13', 'Origin: https://x'],
      }),
    )
    assert.equal((await over.response()).status, 101)
    // "hi", masked with zeros, and back without a mask
    over.send(Buffer.from('818200000000' + '6869', 'hex'))
    assert.equal(Buffer.from(await over.take(4), 'latin1').toString('hex'), '81026869')
  },
  tlsStation(
    {},
    { setUp: (turnout) => turnout.websocket('/ws', { message: (socket, text) => void socket.send(text) }) },
  ),
)

test('close(): a connection that is HTTP over TLS again is the server’s; a WebSocket on it is asked to leave', async () => {
  const station = await openStation(
    tlsStation({}, { setUp: (turnout) => turnout.websocket('/ws', { message: () => {} }) }),
  )
  const idle = station.dial()
  idle.send(tlsHead())
  await switched(idle)
  await secure(idle).response()
  const wire = station.dial()
  wire.send(tlsHead())
  await switched(wire)
  const over = secure(wire)
  await over.response()
  const key = `Sec-WebSocket-Key: ${createKey()}`
  over.send(upgradeHead({ upgrade: 'websocket', path: '/ws', fields: [key, 'Sec-WebSocket-Version: 13'] }))
  assert.equal((await over.response()).status, 101)
  const closing = station.turnout.close({ grace: 5_000 })
  assert.equal(Buffer.from(await over.take(4), 'latin1').toString('hex'), '880203e9')
  over.send(Buffer.from('8882000000' + '0003e9', 'hex'))
  over.socket.end()
  assert.deepEqual(await within('close', closing), { left: 1, destroyed: 0 })
  await station.stop()
})

test('R39: RFC 2817 section 3.1: a failed handshake disconnects, and the hook hears of it', async () => {
  const watch = watchProcess()
  const failures: string[] = []
  const station = await openStation(
    tlsStation({ onHandshakeFailure: (error, request) => failures.push(`${error.code} ${request.url}`) }),
  )
  const garbage = station.dial()
  garbage.send(tlsHead({ path: '/garbage' }))
  await switched(garbage)
  garbage.send('this is no TLS at all\r\n\r\n')
  // an alert, and not a word in the clear
  assert.doesNotMatch(await garbage.ended(), /HTTP/)
  const reset = station.dial()
  reset.send(tlsHead({ path: '/reset' }))
  await switched(reset)
  reset.socket.resetAndDestroy()
  const gone = station.dial()
  gone.send(tlsHead({ path: '/gone' }))
  await switched(gone)
  gone.socket.end()
  await gone.ended()
  await until(() => failures.length >= 3)
  assert.deepEqual(failures.toSorted(), [
    'ERR_TLS_HANDSHAKE /garbage',
    'ERR_TLS_HANDSHAKE /gone',
    'ERR_TLS_HANDSHAKE /reset',
  ])
  await station.stop()
  watch.stop()
})

test('a hook that throws is told as any error of the application', async () => {
  const station = await openStation(
    tlsStation({
      onHandshakeFailure: () => {
        throw new Error('hook')
      },
    }),
  )
  const wire = station.dial()
  wire.send(tlsHead())
  await switched(wire)
  wire.send('no TLS\r\n\r\n')
  await wire.ended()
  await until(() => station.errors.length > 0)
  assert.match(String(station.errors[0]), /hook/)
  await station.stop()
})

test('a handshake that takes too long is a failed one; one that is waited for ends with close()', async () => {
  const clock = createVirtualClock()
  const failures: string[] = []
  const station = await openStation({
    ...tlsStation({ handshakeTimeout: 3_000, onHandshakeFailure: ({ message }) => failures.push(message) }),
    clock,
  })
  const wire = station.dial()
  wire.send(tlsHead())
  await switched(wire)
  clock.advance(3_000)
  await wire.ended()
  assert.match(failures[0]!, /no TLS handshake in 3000 ms/)
  const other = station.dial()
  other.send(tlsHead())
  await switched(other)
  assert.deepEqual(await station.turnout.close(), { left: 1, destroyed: 0 })
  await other.ended()
  await station.stop()
})

test('a client’s certificate is asked for, shown to the app, and refused where it is not trusted', async () => {
  const failures: string[] = []
  const station = await openStation(
    tlsStation(
      { requestCert: true, ca: certificate, onHandshakeFailure: ({ message }) => failures.push(message) },
      {
        app: (request, response) => {
          const socket = request.socket as unknown as {
            authorized: boolean
            getPeerCertificate(): { subject: { CN: string } }
          }
          response.end(`${socket.authorized} ${socket.getPeerCertificate().subject.CN}`)
        },
      },
    ),
  )
  const known = station.dial()
  known.send(tlsHead())
  await switched(known)
  const over = secure(known, { key: privateKey, cert: certificate })
  assert.equal((await over.response()).body, 'true turnout test')
  const unknown = station.dial()
  unknown.send(tlsHead())
  await switched(unknown)
  await secure(unknown).ended()
  await until(() => failures.length > 0)
  assert.equal(failures.length, 1)
  await station.stop()
})

test('a certificate that is asked for and not insisted on leaves the word to the app', async () => {
  const station = await openStation(
    tlsStation(
      { requestCert: true, rejectUnauthorized: false },
      {
        app: (request, response) => {
          const socket = request.socket as unknown as { authorized: boolean; authorizationError: string }
          response.end(`${socket.authorized} ${socket.authorizationError}`)
        },
      },
    ),
  )
  const wire = station.dial()
  wire.send(tlsHead())
  await switched(wire)
  assert.equal((await secure(wire).response()).body, 'false UNABLE_TO_GET_ISSUER_CERT')
  await station.stop()
})

test('SNI: the name that the client gives chooses the certificate', async () => {
  const names: string[] = []
  const station = await openStation(
    tlsStation({
      SNICallback: (name, done) => {
        names.push(name)
        done(null, createSecureContext({ key: privateKey, cert: certificate }))
      },
    }),
  )
  const wire = station.dial()
  wire.send(tlsHead())
  await switched(wire)
  assert.equal((await secure(wire, { servername: 'other.example' }).response()).status, 200)
  assert.deepEqual(names, ['other.example'])
  await station.stop()
})

stationTest(
  'R2: R11: accept declines: the request is answered in the clear',
  async ({ dial }) => {
    const wire = dial()
    wire.send(tlsHead({ path: '/no' }) + get('/next'))
    assert.equal((await wire.response()).body, 'clear GET /no')
    assert.equal((await wire.response()).body, 'clear GET /next')
  },
  tlsStation({ accept: (request) => (request.url === '/no' ? (undefined as never) : Promise.resolve(true)) }),
)

test('R26: our own WebSocket client goes through an agent of the secured connection', async () => {
  const { upgradeTls } = await import('../../src/upgrade/tls-client.ts')
  const station = await openStation(
    tlsStation(
      {},
      { setUp: (turnout) => turnout.websocket('/ws', { message: (socket, text) => void socket.send(text) }) },
    ),
  )
  const url = `http://127.0.0.1:${station.port}/`
  const line = await upgradeTls(url, { tls: { ca: certificate } })
  line.response.resume()
  await new Promise((resolve) => line.response.once('end', resolve))
  const socket = await connect(`ws://127.0.0.1:${station.port}/ws`, { agent: line.agent! })
  await socket.send('over TLS')
  for await (const message of socket) {
    assert.equal(message, 'over TLS')
    break
  }
  await socket.close()
  line.agent!.destroy()
  await station.stop()
})

test('registered once, and bad options are refused at once', () => {
  return openStation().then(async (station) => {
    const options = { key: privateKey, cert: certificate }
    station.turnout.tlsInPlace(options)
    assert.throws(() => station.turnout.tlsInPlace(options), { code: 'ERR_DUPLICATE_ROUTE' })
    assert.throws(() => station.turnout.tlsInPlace({ ...options, handshakeTimeout: 0 }), {
      code: 'ERR_INVALID_ARGUMENT',
    })
    assert.throws(() => station.turnout.tlsInPlace({ key: 'none', cert: 'none' }))
    await station.stop()
  })
})

const incomplete: readonly (readonly [TlsInPlaceOptions, string])[] = [
  [{}, 'no certificate'],
  [{ key: undefined, cert: undefined, required: '/secret' }, 'no certificate'],
  [{ key: '', cert: [] }, 'no certificate'],
  [{ key: privateKey }, '`key` without `cert`'],
  [{ cert: certificate }, '`cert` without `key`'],
]
for (const [options, seen] of incomplete) {
  test(`TLS in place, whose every handshake would fail, is misuse: ${Object.keys(options)} as ${seen}`, () => {
    assert.throws(() => createTurnout().tlsInPlace(options), {
      name: 'MisuseError',
      code: 'ERR_INVALID_ARGUMENT',
      message: `tlsInPlace wants \`key\` and \`cert\`, \`pfx\` or \`SNICallback\`; this is ${seen}`,
    })
  })
}

test('TLS in place takes its certificates from SNICallback alone, too', () => {
  createTurnout().tlsInPlace({ SNICallback: (_, done) => done(null, createSecureContext({})) })
  assert.throws(() => createTurnout().tlsInPlace({ SNICallback: 'localhost' as never }), {
    name: 'MisuseError',
    message: /option SNICallback is "localhost", not a function/,
  })
})
