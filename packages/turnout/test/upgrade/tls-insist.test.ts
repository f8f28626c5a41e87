// Proves upgrade/tls-insist.ts over the wire.
import assert from 'node:assert/strict'
import { createKey } from '../../src/websocket/key.ts'
import { clientStart, framesUntilEnd, getOn, h2cHead } from './http2-wire.ts'
import { secure, tlsHead, tlsStation } from './tls-wire.ts'
import { get, stationTest, upgradeHead } from './wire.ts'

const required = tlsStation(
  { required: ['/secret/*', '/ws'] },
  { setUp: (turnout) => turnout.websocket('/ws', { message: () => {} }).h2c() },
)

stationTest(
  'R41: RFC 2817 section 4.2: a path that wants TLS answers 426 with Upgrade, Connection and a page, until it has it',
  async ({ dial }) => {
    const wire = dial()
    wire.send(get('/secret/a?b'))
    const refused = await wire.response()
    assert.equal(refused.status, 426)
    assert.deepEqual(refused.lines('upgrade'), ['TLS/1.2'])
    assert.deepEqual(refused.lines('connection'), ['Upgrade'])
    assert.match(refused.field('content-type')!, /^text\/html/)
    assert.match(refused.body, /<h1>Upgrade Required<\/h1>/)
    wire.send(tlsHead({ path: '/secret/a?b' }))
    assert.equal((await wire.response()).status, 101)
    assert.equal((await secure(wire).response()).body, 'secret GET /secret/a?b')
  },
  required,
)

stationTest(
  'R41: it is wanted for every spelling that an app may take for that path, and for an Upgrade there too',
  async ({ dial }) => {
    const wire = dial()
    for (const path of ['/%73ecret/a', '/SECRET/a', '/a/../secret/a', '//secret/', '/secret/100%', '/ws/']) {
      wire.send(get(path), upgradeHead({ path }))
      assert.equal((await wire.response()).status, 426, path)
      assert.equal((await wire.response()).status, 426, path)
    }
    wire.send(get('/secrets'))
    assert.equal((await wire.response()).status, 200)
  },
  required,
)

stationTest(
  'R41: HEAD and content are answered 426 as well, and the connection goes on',
  async ({ dial }) => {
    const wire = dial()
    wire.send('HEAD /secret/a HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.equal((await wire.response({ head: true })).status, 426)
    wire.send('POST /secret/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi')
    assert.equal((await wire.response()).status, 426)
    wire.send(get('/open'))
    assert.equal((await wire.response()).body, 'clear GET /open')
  },
  required,
)

stationTest(
  'R41: no other upgrade gets past it: a WebSocket in the clear gets the 426; one that offers TLS too gets TLS',
  async ({ dial }) => {
    const fields = [`Sec-WebSocket-Key: ${createKey()}`, 'Sec-WebSocket-Version: 13']
    const wire = dial()
    wire.send(upgradeHead({ upgrade: 'websocket', path: '/ws', fields }))
    const refused = await wire.response()
    assert.equal(refused.status, 426)
    assert.equal(refused.field('upgrade'), 'TLS/1.2')
    wire.send(upgradeHead({ upgrade: 'unknown', path: '/secret/x' }))
    assert.equal((await wire.response()).status, 426)
    wire.send(upgradeHead({ upgrade: 'websocket, TLS/1.2', path: '/ws', fields }))
    const response = await wire.response()
    assert.deepEqual([response.status, response.field('upgrade')], [101, 'TLS/1.2, HTTP/1.1'])
  },
  required,
)

stationTest(
  'R41: nor does an Upgrade that cannot be read get past it, to others who listen',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead({ upgrade: '@@', path: '/secret/x' }))
    assert.equal((await wire.response()).status, 426)
    wire.send(upgradeHead({ upgrade: '@@', path: '/open' }))
    assert.equal((await wire.response()).body, 'theirs')
  },
  tlsStation(
    { required: '/secret/*' },
    {
      setUp: (_turnout, server) => {
        server.on('upgrade', (_request, stream) => {
          stream.end('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ntheirs')
        })
      },
    },
  ),
)

stationTest(
  'R3: R43: over HTTP/2 in the clear it is HTTP_1_1_REQUIRED, never an Upgrade',
  async ({ dial }) => {
    const wire = dial()
    wire.send(h2cHead({ path: '/open' }), clientStart, getOn(3, '/secret/a'))
    assert.equal((await wire.response()).status, 101)
    const frames = await framesUntilEnd(wire, 3)
    const last = frames.at(-1)!
    assert.deepEqual([last.type, last.streamId, last.payload.toString('hex')], [3, 3, '0000000d'])
    assert.ok(frames.every(({ payload }) => !payload.toString('latin1').includes('upgrade')))
  },
  required,
)

stationTest(
  'R41: RFC 2817 section 4.1: other responses in the clear mention TLS, those over it do not',
  async ({ dial }) => {
    const wire = dial()
    wire.send(get('/open') + get('/open'))
    for (const response of [await wire.response(), await wire.response()]) {
      assert.deepEqual(response.lines('upgrade'), ['TLS/1.2'])
      assert.deepEqual(response.lines('connection'), ['Upgrade'])
    }
    wire.send(tlsHead())
    assert.equal((await wire.response()).status, 101)
    const over = await secure(wire).response()
    assert.equal(over.field('upgrade'), undefined)
  },
  required,
)

stationTest(
  'R7: it is not mentioned where the connection ends, in HTTP/1.0, or where the app has a Connection of its own',
  async ({ dial }) => {
    for (const request of [
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      'GET / HTTP/1.0\r\n\r\n',
      'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
      get('/own'),
      get('/own-object'),
      get('/own-array'),
      get('/own-reason'),
    ]) {
      const wire = dial()
      wire.send(request)
      const response = await wire.response()
      assert.equal(response.field('upgrade'), undefined, request)
      assert.equal(response.status, 200)
    }
  },
  tlsStation(
    {},
    {
      app: (request, response) => {
        if (request.url === '/own') response.setHeader('Connection', 'x-hop')
        if (request.url === '/own-object') response.writeHead(200, { connection: 'x-hop' })
        if (request.url === '/own-array') response.writeHead(200, ['Connection', 'x-hop'])
        if (request.url === '/own-reason') response.writeHead(200, 'Fine', { Connection: 'x-hop' })
        response.end('x')
      },
    },
  ),
)

stationTest(
  'R41: it is mentioned beside fields that the app gives to writeHead, whichever way',
  async ({ dial }) => {
    const wire = dial()
    for (const path of ['/object', '/array', '/reason', '/status', '/flush']) {
      wire.send(get(path))
      const response = await wire.response()
      assert.deepEqual([response.status, response.field('upgrade')], [201, 'TLS/1.2'], path)
      assert.equal(response.field('x-a'), path === '/status' ? undefined : '1')
      assert.equal(response.lines('connection').join(), 'Upgrade')
    }
  },
  tlsStation(
    {},
    {
      app: (request, response) => {
        if (request.url === '/object') response.writeHead(201, { 'X-A': '1' })
        if (request.url === '/array') response.writeHead(201, ['X-A', '1'])
        if (request.url === '/reason') response.writeHead(201, 'Made', { 'X-A': '1' })
        if (request.url === '/status') response.writeHead(201)
        if (request.url === '/flush') {
          response.statusCode = 201
          response.setHeader('X-A', '1')
          response.flushHeaders()
        }
        response.end('x')
      },
    },
  ),
)

stationTest(
  'it is not mentioned where that is switched off; a function may say what wants TLS',
  async ({ dial }) => {
    const wire = dial()
    wire.send(get('/open'))
    assert.equal((await wire.response()).field('upgrade'), undefined)
    wire.send('DELETE /open HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.equal((await wire.response()).status, 426)
  },
  tlsStation({ advertise: false, required: (request) => request.method === 'DELETE' }),
)

stationTest(
  'R2: a required path whose upgrade is not accepted is still not shown in the clear',
  async ({ dial }) => {
    const wire = dial()
    wire.send(tlsHead({ path: '/secret' }))
    assert.equal((await wire.response()).status, 426)
  },
  tlsStation({ required: '/secret', accept: () => false }),
)
