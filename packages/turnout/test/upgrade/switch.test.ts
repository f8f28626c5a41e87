import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { connect as connectHttp2, createSecureServer } from 'node:http2'
import { test } from 'node:test'
import { createTurnout, type Turnout } from '../../src/turnout.ts'
import { until } from '../base/turns.ts'
import { certificate, privateKey } from './certificate.ts'
import {
  clientFrame,
  dial,
  get,
  listen,
  type StationOptions,
  serverFrame,
  stationTest,
  upgradeHead,
  watchProcess,
  webSocketHead,
} from './wire.ts'

/** A masked text frame with the mask 0, and the same from the server. */

/** An app of plain node:http with a session, in which some routes upgrade. */
function inApp(
  route: (turnout: Turnout, request: IncomingMessage, response: ServerResponse, log: string[]) => unknown,
): StationOptions {
  return {
    setUp(turnout, server, log) {
      server.removeAllListeners('request')
      server.on('request', (request, response) => {
        response.setHeader('Set-Cookie', ['sid=1; HttpOnly', 'theme=dark'])
        response.setHeader('Content-Type', 'text/html')
        response.setHeader('X-Powered-By', 'hands')
        response.setHeader('Sec-WebSocket-Version', '8')
        response.setHeader('Sec-WebSocket-Extensions', 'permessage-deflate')
        response.setHeader('sec-websocket-protocol', 'chat')
        response.on('finish', () => log.push(`${request.url} ${response.statusCode} finish`))
        response.on('close', () => log.push(`${request.url} close`))
        return route(turnout, request, response, log)
      })
    },
  }
}

const echo: StationOptions = inApp((turnout, request, response) => {
  if (request.url !== '/live') return void response.end('page')
  const socket = turnout.upgrade(request, response, {
    message: (live, message) => void live.send(message as string),
  })
  socket?.send('welcome')
})

stationTest(
  'an upgrade inside the app carries what middleware set, and tells the access log the truth',
  async ({ dial, log }) => {
    const wire = dial()
    wire.send(webSocketHead('/live') + clientFrame('early'))
    const response = await wire.response()
    assert.equal(response.status, 101)
    assert.deepEqual(response.lines('set-cookie'), ['sid=1; HttpOnly', 'theme=dark'])
    assert.equal(response.field('connection'), 'Upgrade')
    assert.equal(response.field('upgrade'), 'websocket')
    assert.equal(response.field('x-powered-by'), 'hands')
    assert.equal(response.field('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    for (const name of ['content-type', 'content-length', 'transfer-encoding', 'keep-alive']) {
      assert.equal(response.field(name), undefined, name)
    }
    await wire.until(serverFrame('welcome'))
    await wire.until(serverFrame('early'))
    wire.send(clientFrame('later'))
    await wire.until(serverFrame('later'))
    assert.deepEqual(log, ['/live 101 finish', '/live close'])
  },
  echo,
)

stationTest(
  'a request that did not ask gets 426 with the invitation, and the connection goes on',
  async ({ dial }) => {
    const wire = dial()
    for (const request of [
      get('/live'),
      upgradeHead({ path: '/live', upgrade: 'foo' }),
      upgradeHead({ path: '/live', upgrade: 'websocket;' }),
    ]) {
      wire.send(request)
      const response = await wire.response()
      assert.equal(response.status, 426)
      assert.equal(response.field('upgrade'), 'websocket')
      assert.equal(response.field('connection'), 'Upgrade')
      assert.equal(response.field('sec-websocket-version'), '13')
      assert.deepEqual(response.lines('set-cookie'), ['sid=1; HttpOnly', 'theme=dark'])
    }
    wire.send('GET /live HTTP/1.0\r\nHost: x\r\n\r\n')
    const last = await wire.response({ toEnd: true })
    assert.equal(last.status, 426)
    assert.equal(last.field('connection'), 'Upgrade, close')
  },
  echo,
)

stationTest(
  'what middleware said of the body of a page says nothing of the answer, neither ours nor a Response',
  async ({ dial }) => {
    const wire = dial()
    wire.send(webSocketHead('/live') + get('/live') + webSocketHead('/page'))
    const refused = await wire.response()
    assert.deepEqual([refused.status, refused.body], [401, 'who are you?'])
    const invited = await wire.response()
    assert.equal(invited.status, 426)
    for (const response of [refused, invited]) {
      assert.equal(response.field('content-encoding'), undefined)
      assert.equal(response.field('x-powered-by'), 'hands')
    }
    assert.equal((await wire.response()).body, 'page')
  },
  inApp((turnout, request, response) => {
    if (request.url === '/page') return void response.end('page')
    response.setHeader('Content-Length', 3)
    response.setHeader('Content-Encoding', 'gzip')
    return void turnout.upgrade(request, response, {
      accept: (_request: IncomingMessage) =>
        new Response('who are you?', { status: 401, headers: { 'Content-Length': '2' } }),
    })
  }),
)

stationTest(
  'R18: inside the app, too, a Response of 426 names the route’s protocol',
  async ({ dial }) => {
    const wire = dial()
    wire.send(webSocketHead('/live') + webSocketHead('/live'))
    for (let round = 0; round < 2; round++) {
      const response = await wire.response()
      assert.deepEqual([response.status, response.body], [426, 'later'])
      assert.equal(response.field('upgrade'), 'websocket')
      assert.equal(response.field('connection'), 'Upgrade')
    }
  },
  inApp((turnout, request, response) => {
    const accept = (_request: IncomingMessage) => new Response('later', { status: 426 })
    return void turnout.upgrade(request, response, { accept })
  }),
)

stationTest(
  'R34: another version of WebSocket gets 426 with the version list through the app’s response',
  async ({ dial }) => {
    const wire = dial()
    wire.send(webSocketHead('/live').replace('Version: 13', 'Version: 8') + get('/page'))
    const response = await wire.response()
    assert.equal(response.status, 426)
    assert.equal(response.field('sec-websocket-version'), '13')
    assert.deepEqual(response.lines('set-cookie'), ['sid=1; HttpOnly', 'theme=dark'])
    assert.equal((await wire.response()).body, 'page')
  },
  echo,
)

stationTest(
  'a route may take its time before it upgrades, and the client may leave meanwhile',
  async ({ dial, log }) => {
    const [staying, leaving] = [dial(), dial()]
    staying.send(webSocketHead('/live') + clientFrame('early'))
    leaving.send(webSocketHead('/live'))
    await until(() => log.length >= 2)
    leaving.socket.resetAndDestroy()
    assert.equal((await staying.response()).status, 101)
    await staying.until(serverFrame('early'))
    await until(() => log.length >= 4)
    assert.deepEqual(log.slice(2).sort(), ['true', 'undefined'].sort())
  },
  {
    setUp(turnout, server, log) {
      server.removeAllListeners('request')
      server.on('request', async (request, response) => {
        log.push('asked')
        await new Promise((resolve) => setTimeout(resolve, 30))
        const socket = turnout.upgrade(request, response, {
          message: (live, message) => void live.send(message as string),
        })
        log.push(String(socket && true))
      })
    },
  },
)

stationTest(
  'an async accept gives a promise of the connection',
  async ({ dial, log }) => {
    const wire = dial()
    wire.send(webSocketHead('/live?user=eve') + clientFrame('early'))
    assert.equal((await wire.response()).status, 101)
    await wire.until(serverFrame('early'))
    wire.socket.destroy()
    const refused = dial()
    refused.send(webSocketHead('/live') + get('/live?user=eve'))
    assert.equal((await refused.response()).status, 401)
    assert.equal((await refused.response()).status, 426)
    assert.ok(log.includes('eve') && log.includes('nobody'))
  },
  inApp(async (turnout, request, response, log) => {
    const socket = await turnout.upgrade<{ user: string }>(request, response, {
      async accept(_request, { url }) {
        const user = url.searchParams.get('user')
        return user === null ? new Response('who?', { status: 401 }) : { data: { user } }
      },
      message: (live, message) => void live.send(message as string),
    })
    log.push(socket?.data.user ?? 'nobody')
  }),
)

stationTest(
  'an accept that returns nothing leaves the response to the route',
  async ({ dial }) => {
    const wire = dial()
    wire.send(webSocketHead('/live') + get('/live'))
    assert.equal((await wire.response()).body, 'a page instead')
  },
  inApp((turnout, request, response) => {
    const socket = turnout.upgrade(request, response, { accept: () => undefined })
    if (socket === undefined && !response.headersSent) response.end('a page instead')
  }),
)

for (const [what, accept] of [
  [
    'throws',
    () => {
      throw new Error('no')
    },
  ],
  ['sets a field that no line may carry', () => ({ headers: { 'X-A': 'a\r\nb' } })],
] as const) {
  stationTest(
    `an accept that ${what} gets 500 and reaches onError; the route is spared`,
    async ({ dial }) => {
      const wire = dial()
      wire.send(webSocketHead('/live') + get('/live'))
      assert.equal((await wire.response()).status, 500)
      assert.equal((await wire.response()).status, 426)
    },
    {
      expectedErrors: 1,
      ...inApp((turnout, request, response) => turnout.upgrade(request, response, { accept })),
    },
  )
}

stationTest(
  'headers of accept join those of the middleware; cookies of both are sent',
  async ({ dial }) => {
    const wire = dial()
    wire.send(webSocketHead('/live'))
    const response = await wire.response()
    assert.deepEqual(response.lines('set-cookie'), ['sid=1; HttpOnly', 'theme=dark', 'mine=1', 'mine=2'])
    assert.deepEqual(response.lines('x-powered-by'), ['turnout'])
  },
  inApp((turnout, request, response) =>
    turnout.upgrade(request, response, {
      accept: () => ({ headers: { 'Set-Cookie': ['mine=1', 'mine=2'], 'X-Powered-By': 'turnout' } }),
    }),
  ),
)

stationTest(
  'middleware that holds end back until a session is saved delays the log, not the 101',
  async ({ dial, log }) => {
    const wire = dial()
    wire.send(webSocketHead('/live'))
    assert.equal((await wire.response()).field('x-late'), 'yes')
    await wire.until(serverFrame('welcome'))
    await until(() => log.includes('/live close'))
    assert.deepEqual(log, ['welcomed', 'saved', '/live 101 finish', '/live close'])
  },
  inApp((turnout, request, response, log) => {
    const { writeHead, end } = response
    response.writeHead = function (this: ServerResponse, ...args: unknown[]) {
      response.setHeader('X-Late', 'yes')
      return (writeHead as (...args: unknown[]) => ServerResponse).apply(this, args)
    } as typeof writeHead
    response.end = function (this: ServerResponse, ...args: unknown[]) {
      setTimeout(() => {
        log.push('saved')
        ;(end as (...args: unknown[]) => unknown).apply(response, args)
      }, 20)
      return response
    } as typeof end
    turnout.upgrade(request, response)?.send('welcome')
    log.push('welcomed')
  }),
)

stationTest(
  'a framework that goes on writing to the response harms nothing',
  async ({ dial, log }) => {
    const wire = dial()
    wire.send(webSocketHead('/live'))
    assert.equal((await wire.response()).status, 101)
    await until(() => log.includes('written'))
    wire.send(clientFrame('still here'))
    await wire.until(serverFrame('still here'))
    assert.equal(wire.rest, '')
  },
  inApp((turnout, request, response, log) => {
    turnout.upgrade(request, response, { message: (live, message) => void live.send(message as string) })
    assert.equal(response.headersSent, true)
    assert.equal(response.writableEnded, true)
    assert.equal(response.statusCode, 101)
    const write = () => {
      response.write('late')
      response.end('late')
      assert.throws(() => response.setHeader('X-Late', 'yes'))
      response.destroy()
    }
    write()
    setTimeout(() => {
      write()
      log.push('written')
    }, 20)
  }),
)

stationTest(
  'a response that was sent is no place to upgrade',
  async ({ dial, log }) => {
    const wire = dial()
    wire.send(webSocketHead('/live'))
    assert.equal((await wire.response()).body, 'page')
    assert.deepEqual(log[0], 'ERR_ALREADY_ANSWERED')
  },
  inApp((turnout, request, response, log) => {
    response.end('page')
    try {
      turnout.upgrade(request, response)
    } catch (error) {
      log.push((error as { code: string }).code)
    }
  }),
)

stationTest(
  'a route that answers while its accept still decides keeps its answer',
  async ({ dial, errors }) => {
    const wire = dial()
    wire.send(webSocketHead('/live') + get('/live'))
    assert.equal((await wire.response()).body, 'page')
    assert.equal((await wire.response()).status, 426)
    await until(() => errors.length > 0)
    assert.equal((errors[0] as { code: string }).code, 'ERR_ALREADY_ANSWERED')
  },
  {
    expectedErrors: 1,
    ...inApp((turnout, request, response) => {
      const taken = turnout.upgrade(request, response, {
        accept: () => new Promise<true>((resolve) => setTimeout(resolve, 20, true)),
      })
      if (request.headers.upgrade !== undefined) response.end('page')
      return taken
    }),
  },
)

stationTest(
  'another protocol can be taken inside the app, body and all',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead({ method: 'POST', upgrade: 'Example/1', fields: ['Content-Length: 5'] }))
    await new Promise((resolve) => setTimeout(resolve, 10))
    wire.send('HELLOearly')
    const response = await wire.response()
    assert.equal(response.status, 101)
    assert.equal(response.field('upgrade'), 'Example/1')
    assert.equal(await wire.take(10), 'HELLOearly')
    const other = dial()
    other.send(get('/live'))
    assert.equal((await other.response()).field('upgrade'), 'example/1')
  },
  inApp((turnout, request, response) =>
    turnout.upgrade(request, response, {
      protocol: 'example/1',
      async handler(stream) {
        for await (const chunk of request) stream.write(chunk)
        stream.pipe(stream)
      },
    }),
  ),
)

stationTest(
  'close() asks those who entered through the app too, and turns others away',
  async ({ turnout, dial }) => {
    const [inside, late] = [dial(), dial()]
    inside.send(webSocketHead('/live'))
    await inside.response()
    await inside.until(serverFrame('welcome'))
    const closed = turnout.close({ code: 1012, reason: 'soon' })
    assert.equal(await inside.take(8), '\x88\x06\x03\xf4soon')
    late.send(webSocketHead('/live'))
    assert.equal((await late.response({ toEnd: true })).status, 503)
    inside.send('\x88\x82\0\0\0\0\x03\xf4')
    inside.socket.end()
    assert.deepEqual(await closed, { left: 1, destroyed: 0 })
  },
  echo,
)

test('an upgrade on a server without the turnout is refused with what to do', async () => {
  const turnout = createTurnout()
  const app: RequestListener = (request, response) => {
    try {
      turnout.upgrade(request, response)
      response.end('unreached')
    } catch (error) {
      response.end((error as { code: string }).code)
    }
  }
  const server = createServer(app)
  const wire = dial(await listen(server))
  wire.send(webSocketHead('/live'))
  assert.equal((await wire.response()).body, 'ERR_NOT_ATTACHED')
  wire.socket.destroy()
  server.close()
  await once(server, 'close')
})

test('R3: inside an app on HTTP/2 there is no Upgrade, no Connection and no throw', async () => {
  const watch = watchProcess()
  const told: unknown[] = []
  const turnout = createTurnout({ onError: (error) => told.push(error) })
  const server = createSecureServer(
    { key: privateKey, cert: certificate, allowHTTP1: true },
    (request, response) => {
      turnout.upgrade(request as unknown as IncomingMessage, response as unknown as ServerResponse)
    },
  )
  turnout.attach(server)
  const session = connectHttp2(`https://127.0.0.1:${await listen(server)}`, { rejectUnauthorized: false })
  const stream = session.request({ ':path': '/live' })
  const [headers] = await once(stream, 'response')
  assert.equal(headers[':status'], 400)
  assert.equal(headers.upgrade, undefined)
  assert.equal(headers.connection, undefined)
  assert.deepEqual(
    told.map((error) => (error as { code?: string }).code),
    ['ERR_HTTP2_FORBIDS_UPGRADE'],
  )
  stream.resume()
  session.close()
  await turnout.close()
  await new Promise((resolve) => server.close(resolve))
  watch.stop()
})
