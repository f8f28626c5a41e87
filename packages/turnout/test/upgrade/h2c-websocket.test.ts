// Proves that the routes of a server of node:http serve WebSockets, too, on connections that go on in HTTP/2.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2'
import { createTurnout, type Turnout } from '../../src/turnout.ts'
import { connectH2c } from '../../src/upgrade/h2c-client.ts'
import { requestFrames } from '../../src/upgrade/h2c-frames.ts'
import { connect } from '../../src/websocket/client.ts'
import { clientStart, extendedConnect, h2cHead, openSession } from './http2-wire.ts'
import { type Station, type StationOptions, stationTest } from './wire.ts'

const app: RequestListener = (request, response) => void response.end(`${request.httpVersion} ${request.url}`)

const echo = (turnout: Turnout) =>
  turnout.websocket('/ws/:room', {
    open: ({ params }) => void rooms.push(params.room),
    message: (socket, message) => void socket.send(message),
  })

const rooms: string[] = []

const both: StationOptions = {
  app,
  setUp(turnout) {
    rooms.length = 0
    echo(turnout.h2c({ priorKnowledge: true }))
  },
}

async function said(socket: Awaited<ReturnType<typeof connect>>, message: string): Promise<unknown> {
  await socket.send(message)
  for await (const answer of socket) return answer
  return undefined
}

/** A session that began in HTTP/2, and what an extended CONNECT on it is answered. */
function begin({ port }: Station): Promise<ClientHttp2Session> {
  return openSession(`http://127.0.0.1:${port}`)
}

async function asked(
  session: ClientHttp2Session,
  path: string,
  protocol = 'websocket',
): Promise<IncomingHttpHeaders[':status']> {
  const stream = extendedConnect(session, { ':protocol': protocol, ':path': path })
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  stream.close()
  return headers[':status']
}

stationTest(
  'RFC 8441: a client that begins in HTTP/2 opens a WebSocket on the route that HTTP/1.1 opens, too',
  async ({ port }) => {
    const url = `ws://127.0.0.1:${port}/ws`
    const sockets = [await connect(`${url}/a`), await connect(`${url}/b`, { http2: true })]
    for (const [index, socket] of sockets.entries()) {
      assert.equal(await said(socket, `${index}`), `${index}`)
      await socket.close()
    }
    assert.deepEqual(rooms, ['a', 'b'])
  },
  both,
)

stationTest(
  'RFC 8441: a connection that was upgraded to h2c carries WebSockets beside its requests',
  async ({ port, turnout }) => {
    const result = await connectH2c(`http://127.0.0.1:${port}/first`)
    assert.ok(result.protocol === 'h2c')
    const { session, body } = result
    assert.equal(String(await body.toArray()), '2.0 /first')
    const socket = await connect(`ws://127.0.0.1:${port}/ws/c`, { http2: session })
    assert.equal(await said(socket, 'hello'), 'hello')
    assert.equal(turnout.metrics().routes.find(({ route }) => route === '/ws/:room')?.connectionsOpen, 1)
    await socket.close()
    session.close()
    await once(session, 'close')
  },
  { ...both, setUp: (turnout) => echo(turnout.h2c()) },
)

stationTest(
  'what no route takes gets 404 or 501, and neither the app’s handler nor its CONNECT of HTTP/1.1 hears of it',
  async (station) => {
    const session = await begin(station)
    assert.equal(await asked(session, '/elsewhere'), 404)
    assert.equal(await asked(session, '/ws/a', 'other'), 501)
    assert.equal(await asked(session, '/ws/a'), 200)
    assert.deepEqual(station.log, [])
    session.destroy()
  },
  {
    app: () => assert.fail('the app was asked'),
    setUp(turnout, server, log) {
      server.on('connect', () => log.push('CONNECT'))
      echo(turnout.h2c({ priorKnowledge: true }))
    },
  },
)

const below = createTurnout()

stationTest(
  'another turnout on the server is asked, too; one that has left the server takes nothing more',
  async (station) => {
    const session = await begin(station)
    assert.equal(await asked(session, '/below'), 200)
    assert.equal(await asked(session, '/nowhere'), 404)
    station.turnout.detach(station.server)
    assert.equal(await asked(session, '/ws/a'), 404)
    assert.equal(await asked(session, '/below'), 200)
    below.detach(station.server)
    assert.equal(await asked(session, '/below'), 405)
    session.destroy()
  },
  {
    app,
    setUp(turnout, server) {
      below.websocket('/below', { message() {} })
      below.attach(server)
      echo(turnout.h2c({ priorKnowledge: true }))
    },
  },
)

stationTest(
  'without the announcement nobody asks',
  async ({ port }) => {
    const asking = connect(`ws://127.0.0.1:${port}/ws/a`, { http2: true })
    await assert.rejects(asking, { code: 'ERR_HTTP2_NOT_OFFERED' })
  },
  {
    app,
    setUp: (turnout) =>
      echo(turnout.h2c({ priorKnowledge: true, settings: { enableConnectProtocol: false } })),
  },
)

stationTest(
  'close() asks the WebSocket to leave, and the connection after it',
  async ({ port, turnout }) => {
    const socket = await connect(`ws://127.0.0.1:${port}/ws/a`, { http2: true })
    const counts = await turnout.close({ code: 1012, grace: 5_000 })
    assert.equal((await socket.closed).code, 1012)
    assert.deepEqual(counts, { left: 2, destroyed: 0 })
  },
  both,
)

/** A request that the client takes back in the same breath, with NO_ERROR. */
function takenBack(streamId: number, fields: Record<string, string>): Buffer {
  const head = requestFrames(Object.entries(fields))
  const reset = Buffer.from([0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  for (const frame of [head, reset]) frame[8] = streamId
  return Buffer.concat([clientStart, head, reset])
}

const CONNECT_FIELDS = {
  ':method': 'CONNECT',
  ':protocol': 'websocket',
  ':scheme': 'http',
  ':path': '/ws/a',
  ':authority': 'x',
  'sec-websocket-version': '13',
}

for (const [what, fields] of [
  ['with a content-length', { ...CONNECT_FIELDS, 'content-length': '0' }],
  ['whose Host contradicts', { ...CONNECT_FIELDS, host: 'y' }],
  ['with a user in its authority', { ...CONNECT_FIELDS, ':authority': 'u@x' }],
  ['of another version', { ...CONNECT_FIELDS, 'sec-websocket-version': '8' }],
  ['from another site', { ...CONNECT_FIELDS, origin: 'http://evil.example' }],
  ['for a path that nobody has', { ...CONNECT_FIELDS, ':path': '/nowhere' }],
  ['that is taken', CONNECT_FIELDS],
  ['that accept answers', { ...CONNECT_FIELDS, ':path': '/refused' }],
  [
    'in an app that calls upgrade',
    { ':method': 'GET', ':scheme': 'http', ':path': '/in-app', ':authority': 'x' },
  ],
] as const) {
  stationTest(
    `a request ${what} and its reset in one write harm nobody`,
    async ({ dial }) => {
      dial().send(takenBack(1, fields))
      const upgraded = dial()
      upgraded.send(h2cHead())
      await upgraded.response()
      upgraded.send(takenBack(3, fields))
      await new Promise((resolve) => setTimeout(resolve, 50))
      const next = dial()
      next.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      assert.equal((await next.response()).body, '1.1 /')
    },
    {
      setUp(turnout, server) {
        server.removeAllListeners('request')
        server.on('request', (request, response) => {
          if (request.url === '/in-app') turnout.upgrade(request, response, {})
          else app(request, response)
        })
        echo(turnout.h2c({ priorKnowledge: true })).websocket('/refused', {
          accept: () => new Response('no', { status: 403 }),
        })
      },
      app,
      expectedErrors: fields[':path'] === '/in-app' ? 1 : 0,
    },
  )
}
