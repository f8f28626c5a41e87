import assert from 'node:assert/strict'
import { createSecureServer } from 'node:http2'
import { createServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { createTurnout } from '../../src/turnout.ts'
import { certificate, privateKey } from './certificate.ts'
import {
  dial,
  echoApp,
  get,
  listen,
  type Station,
  type StationOptions,
  stationTest,
  upgradeHead,
  type Wire,
  within,
} from './wire.ts'

function declines(
  title: string,
  script: (wire: Wire, station: Station) => Promise<void>,
  options?: StationOptions,
): void {
  stationTest(title, (station) => script(station.dial(), station), options)
}

async function expectEcho(wire: Wire, ...bodies: string[]): Promise<void> {
  for (const body of bodies) {
    const response = await wire.response()
    assert.equal(response.status, 200)
    assert.equal(response.body, body)
    assert.equal(response.field('connection'), 'keep-alive')
  }
}

declines('R11: an upgrade that nobody takes is answered by the app, and keep-alive goes on', async (wire) => {
  wire.send(upgradeHead())
  await expectEcho(wire, '/up:')
  wire.send(get('/2'))
  await expectEcho(wire, '/2:')
})

declines(
  'R11: requests pipelined behind it in one chunk are all answered, in order',
  async (wire, { log }) => {
    wire.send(upgradeHead() + get('/2') + get('/3'))
    await expectEcho(wire, '/up:', '/2:', '/3:')
    assert.deepEqual(log, ['GET /up', 'GET /2', 'GET /3'])
  },
)

declines('R11: declined again and again on one connection', async (wire) => {
  for (let round = 0; round < 15; round++) {
    wire.send(upgradeHead({ path: `/${round}` }))
    await expectEcho(wire, `/${round}:`)
  }
  wire.send(get('/last'))
  await expectEcho(wire, '/last:')
})

declines('R11: two upgrades and a request in one chunk', async (wire) => {
  wire.send(upgradeHead({ path: '/a' }) + upgradeHead({ path: '/b' }) + get('/c'))
  await expectEcho(wire, '/a:', '/b:', '/c:')
})

declines('R11, R44: garbage behind a declined upgrade is answered as in HTTP', async (wire) => {
  wire.send(`${upgradeHead()}\x00garbage\r\n\r\n`)
  await expectEcho(wire, '/up:')
  assert.equal((await wire.response({ toEnd: true })).status, 400)
})

declines('R11, R19: a body by Content-Length in the same chunk reaches the app', async (wire) => {
  wire.send(`${upgradeHead({ method: 'POST', fields: ['Content-Length: 5'] })}HELLO${get('/2')}`)
  await expectEcho(wire, '/up:HELLO', '/2:')
})

declines('R11, R19: a body by Content-Length in pieces reaches the app', async (wire, { server }) => {
  const asked = new Promise((resolve) => server.once('request', resolve))
  wire.send(`${upgradeHead({ method: 'POST', fields: ['Content-Length: 5'] })}HE`)
  await asked
  wire.send(`LLO${get('/2')}`)
  await expectEcho(wire, '/up:HELLO', '/2:')
})

declines('R11, R19: a chunked body in pieces reaches the app', async (wire, { server }) => {
  const asked = new Promise((resolve) => server.once('request', resolve))
  wire.send(`${upgradeHead({ method: 'POST', fields: ['Transfer-Encoding: chunked'] })}2\r\nHE\r\n`)
  await asked
  wire.send(`3\r\nLLO\r\n0\r\n\r\n${get('/2')}`)
  await expectEcho(wire, '/up:HELLO', '/2:')
})

declines(
  'RFC 9112 section 7.1.2: the trailers of a chunked body reach the app, with Upgrade or without',
  async (wire) => {
    const chunks = '5\r\nhello\r\n0\r\nX-Sum: 9\r\nX-A: b\r\n\r\n'
    const chunked = { method: 'POST', fields: ['Transfer-Encoding: chunked', 'Trailer: X-Sum'] }
    const seen: string[] = []
    for (const connection of ['Upgrade', 'keep-alive']) {
      wire.send(upgradeHead({ ...chunked, connection }) + chunks)
      seen.push((await wire.response()).body)
    }
    const sent = '[{"x-sum":"9","x-a":"b"},["X-Sum","9","X-A","b"]]'
    assert.deepEqual(seen, [sent, sent])
  },
  {
    app(request, response) {
      request.resume().on('end', () => {
        response.end(JSON.stringify([request.trailers, request.rawTrailers]))
      })
    },
  },
)

declines('R11, R19: everything byte by byte', async (wire) => {
  const head = upgradeHead({ method: 'POST', fields: ['Transfer-Encoding: chunked'] })
  await wire.drip(`${head}2;x=y\r\nHE\r\n3\r\nLLO\r\n0\r\nT: t\r\n\r\n${get('/2')}`)
  await expectEcho(wire, '/up:HELLO', '/2:')
})

declines('R11, R16: a client that waits for a 100 gets it, then the answer', async (wire) => {
  wire.send(upgradeHead({ method: 'POST', fields: ['Expect: 100-continue', 'Content-Length: 5'] }))
  assert.equal((await wire.response()).status, 100)
  wire.send(`HELLO${get('/2')}`)
  await expectEcho(wire, '/up:HELLO', '/2:')
})

declines('R11: HEAD has no body, and the next request is not lost', async (wire) => {
  wire.send(upgradeHead({ method: 'HEAD' }) + get('/2'))
  const response = await wire.response({ head: true })
  assert.equal(response.status, 200)
  await expectEcho(wire, '/2:')
})

declines('R4: HTTP/1.0 with Upgrade is an ordinary request of HTTP/1.0', async (wire) => {
  wire.send(upgradeHead({ version: 'HTTP/1.0', connection: 'Upgrade' }))
  const response = await wire.response({ toEnd: true })
  assert.equal(response.status, 200)
  assert.equal(response.body, '/up:')
  assert.equal(response.field('connection'), 'close')
})

declines(
  'R4: HTTP/1.0 that asks for keep-alive gets it where the length is known',
  async (wire) => {
    wire.send(upgradeHead({ version: 'HTTP/1.0' }) + get('/2'))
    const response = await wire.response()
    assert.equal(response.body, 'ok')
    assert.equal(response.field('connection'), 'keep-alive')
    assert.equal((await wire.response()).body, 'ok')
  },
  { app: (_request, response) => void response.setHeader('Content-Length', 2).end('ok') },
)

declines('R11: Connection: close is honoured', async (wire) => {
  wire.send(upgradeHead({ connection: 'close, upgrade' }))
  const response = await wire.response({ toEnd: true })
  assert.equal(response.body, '/up:')
  assert.equal(response.field('connection'), 'close')
})

declines(
  'R11: checkContinue is asked as for any request, and may refuse the body',
  async (wire, { log }) => {
    wire.send(upgradeHead({ method: 'POST', fields: ['Expect: 100-continue', 'Content-Length: 5'] }))
    const response = await wire.response({ toEnd: true })
    assert.equal(response.status, 413)
    // The client may or may not send the body now: nobody could tell it from the next request.
    assert.equal(response.field('connection'), 'close')
    assert.deepEqual(log, [])
  },
  {
    setUp: (_turnout, server) => {
      server.on('checkContinue', (_request, response) => {
        response.writeHead(413)
        response.end()
      })
    },
  },
)

declines(
  'R11: checkContinue may send the 100 and read on',
  async (wire) => {
    wire.send(upgradeHead({ method: 'POST', fields: ['Expect: 100-Continue', 'Content-Length: 2'] }))
    assert.equal((await wire.response()).status, 100)
    wire.send(`OK${get('/2')}`)
    await expectEcho(wire, '/up:OK', '/2:')
  },
  {
    setUp: (_turnout, server) => {
      server.on('checkContinue', (request, response) => {
        response.writeContinue()
        server.emit('request', request, response)
      })
    },
  },
)

declines('R11: an unknown expectation gets 417 and the connection goes on', async (wire) => {
  wire.send(upgradeHead({ fields: ['Expect: miracles'] }) + get('/2'))
  assert.equal((await wire.response()).status, 417)
  await expectEcho(wire, '/2:')
})

declines(
  'R11: an unknown expectation goes to checkExpectation where the app listens',
  async (wire) => {
    wire.send(upgradeHead({ fields: ['Expect: miracles'] }))
    assert.equal((await wire.response()).body, 'a miracle')
  },
  {
    setUp: (_turnout, server) =>
      void server.on('checkExpectation', (_request, response) => response.end('a miracle')),
  },
)

declines(
  'R11: without any app there is still an answer',
  async (wire) => {
    wire.send(upgradeHead())
    assert.equal((await wire.response()).status, 404)
    wire.send(upgradeHead())
    assert.equal((await wire.response()).status, 404)
  },
  { setUp: (_turnout, server) => void server.removeAllListeners('request') },
)

declines(
  'R11: the app sees the request as it was sent, Upgrade included',
  async (wire) => {
    wire.send(
      upgradeHead({ method: 'POST', fields: ['Content-Length: 2', 'X-A: 1', 'x-a: 2', 'Cookie: a=b'] }),
    )
    wire.send('ok')
    const seen = JSON.parse((await wire.response()).body)
    assert.deepEqual(seen, {
      method: 'POST',
      url: '/up',
      httpVersion: '1.1',
      major: 1,
      minor: 1,
      ordinary: true,
      upgrade: 'foo',
      connection: 'keep-alive, Upgrade',
      distinct: ['1', '2'],
      cookie: 'a=b',
      raw: 14,
      address: '127.0.0.1',
      complete: true,
      body: 'ok',
    })
  },
  {
    app(request, response) {
      let body = ''
      request.setEncoding('utf8').on('data', (text) => {
        body += text
      })
      request.on('end', () => {
        const { headers, headersDistinct, rawHeaders, socket } = request
        const seen = {
          method: request.method,
          url: request.url,
          httpVersion: request.httpVersion,
          major: request.httpVersionMajor,
          minor: request.httpVersionMinor,
          // Body parsers ask: what on-finished calls finished they do not read.
          ordinary: (request as { upgrade?: boolean }).upgrade === false,
          upgrade: headers.upgrade,
          connection: headers.connection,
          distinct: headersDistinct['x-a'],
          cookie: headers.cookie,
          raw: rawHeaders.length,
          address: socket.remoteAddress,
          complete: request.complete,
          body,
        }
        response.end(JSON.stringify(seen))
      })
    },
  },
)

declines(
  'R11: without a body, too, the app’s request says that it is no upgrade, and an upgrade inside the app goes on',
  async (wire) => {
    wire.send(upgradeHead())
    assert.equal((await wire.response()).body, 'false')
    wire.send(upgradeHead({ path: '/live' }))
    assert.equal((await wire.response()).status, 101)
  },
  {
    setUp(turnout, server) {
      server.removeAllListeners('request')
      server.on('request', (request, response) => {
        const protocol = { protocol: 'foo', handler: (stream: Duplex) => void stream.end() }
        if (request.url === '/live') turnout.upgrade(request, response, protocol)
        else response.end(String((request as { upgrade?: boolean }).upgrade))
      })
    },
  },
)

for (const [name, upgrade, connection] of [
  ['without the Connection option', 'foo', 'keep-alive'],
  ['x-upgrade', 'foo', 'x-upgrade'],
  ['an empty list', ',', 'upgrade'],
  ['a malformed list', 'foo/', 'upgrade'],
] as const) {
  declines(
    `R6, R7: Upgrade with ${name} is ignored`,
    async (wire) => {
      wire.send(upgradeHead({ upgrade, connection }) + get('/2'))
      for (const path of ['/up', '/2']) assert.equal((await wire.response()).body, `${path}:`)
    },
    { setUp: (turnout) => void turnout.protocol('foo', { handler: (stream) => void stream.end() }) },
  )
}

test('R11: on a TLS server the connection goes on in TLS', async () => {
  const log: string[] = []
  const server = createServer({ key: privateKey, cert: certificate }, echoApp(log))
  const turnout = createTurnout().attach(server)
  let connections = 0
  server.on('secureConnection', () => connections++)
  const wire = dial(await listen(server), { tls: true })
  wire.send(upgradeHead({ method: 'POST', fields: ['Content-Length: 4'] }))
  wire.send(`body${upgradeHead({ path: '/again' })}${get('/2')}`)
  await expectEcho(wire, '/up:body', '/again:', '/2:')
  wire.send(get('/3'))
  await expectEcho(wire, '/3:')
  assert.equal(connections, 1)
  wire.socket.destroy()
  await turnout.close()
  await within('close', new Promise((resolve) => server.close(resolve)))
})

test('R4: HTTP/1.1 beside HTTP/2 on one port upgrades and declines like any', async () => {
  const log: string[] = []
  const server = createSecureServer(
    { key: privateKey, cert: certificate, allowHTTP1: true },
    echoApp(log) as unknown as Parameters<typeof createSecureServer>[1],
  )
  const turnout = createTurnout().attach(server)
  turnout.protocol('bar', { handler: (stream) => void stream.pipe(stream) })
  let connections = 0
  server.on('secureConnection', () => connections++)
  const wire = dial(await listen(server), { tls: true })
  wire.send(upgradeHead() + get('/2'))
  await expectEcho(wire, '/up:', '/2:')
  assert.equal(connections, 1)
  wire.send(`${upgradeHead({ upgrade: 'bar' })}hello`)
  assert.equal((await wire.response()).status, 101)
  assert.equal(await wire.take(5), 'hello')
  wire.socket.destroy()
  await turnout.close()
  await within('close', new Promise((resolve) => server.close(resolve)))
})
