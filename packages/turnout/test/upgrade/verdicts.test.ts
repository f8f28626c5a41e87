import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { GivenValue } from '../../src/http/fields.ts'
import type { Turnout } from '../../src/turnout.ts'
import type { ProtocolOptions, ProtocolResult } from '../../src/upgrade/generic.ts'
import { until } from '../base/turns.ts'
import { get, type StationOptions, stationTest, upgradeHead } from './wire.ts'

const accepts = (
  accept: (request: IncomingMessage) => ProtocolResult<undefined> | Promise<ProtocolResult<undefined>>,
  handler: ProtocolOptions['handler'] = (stream) => void stream.pipe(stream),
): StationOptions => ({ setUp: (turnout: Turnout) => void turnout.protocol('foo', { accept, handler }) })

const KEY_FIELDS = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
const POST_HEAD = { method: 'POST', fields: ['Content-Length: 5'] }

for (const [when, later] of [
  ['at once', (response: Response) => response],
  ['later', async (response: Response) => response],
] as const) {
  stationTest(
    `a Response that accept returns ${when} is sent whole, and keep-alive goes on`,
    async ({ dial }) => {
      const wire = dial()
      wire.send(upgradeHead() + get('/2'))
      const response = await wire.response()
      assert.equal(response.status, 401)
      assert.match(response.head, /^HTTP\/1\.1 401 Who\r\n/)
      assert.equal(response.body, 'who are you?')
      assert.equal(response.field('content-length'), '12')
      assert.equal(response.field('content-type'), 'text/plain;charset=UTF-8')
      assert.equal(response.field('connection'), 'keep-alive')
      assert.deepEqual(response.lines('set-cookie'), ['a=1; Path=/', 'b=2'])
      assert.deepEqual(response.lines('x-list'), ['1, 2'])
      assert.notEqual(response.field('date'), undefined)
      assert.equal((await wire.response()).body, '/2:')
    },
    accepts(() => {
      const headers = new Headers([
        ['Set-Cookie', 'a=1; Path=/'],
        ['Set-Cookie', 'b=2'],
        ['X-List', '1'],
        ['X-List', '2'],
      ])
      return later(new Response('who are you?', { status: 401, statusText: 'Who', headers }))
    }),
  )
}

for (const length of ['1', '30']) {
  stationTest(
    `a Response of three bytes that says ${length} is framed by what it is, and the next request is not lost`,
    async ({ dial }) => {
      const wire = dial()
      wire.send(upgradeHead() + get('/2'))
      const response = await wire.response()
      assert.equal(response.field('content-length'), '3')
      assert.equal(response.body, 'abc')
      assert.equal((await wire.response()).body, '/2:')
    },
    accepts(() => new Response('abc', { status: 401, headers: { 'Content-Length': length } })),
  )
}

stationTest(
  'a Response that fetch has decoded goes out decoded',
  async ({ dial, server }) => {
    const { port } = server.address() as AddressInfo
    decoded = () => fetch(`http://127.0.0.1:${port}/gzip`)
    const wire = dial()
    wire.send(upgradeHead() + get('/2'))
    const response = await wire.response()
    assert.equal(response.field('content-encoding'), undefined)
    assert.equal(response.body, 'denied '.repeat(100))
    assert.equal((await wire.response()).status, 401)
    server.closeIdleConnections()
  },
  {
    ...accepts(() => decoded()),
    app(_request, response) {
      const body = gzipSync('denied '.repeat(100))
      response.writeHead(401, { 'Content-Encoding': 'gzip', 'Content-Length': body.length }).end(body)
    },
  },
)
let decoded: () => Promise<Response>

stationTest(
  'a Response that asks to close closes',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead())
    const response = await wire.response({ toEnd: true })
    assert.equal(response.field('connection'), 'close')
    assert.equal(response.body, 'abc')
  },
  accepts(() => new Response('abc', { headers: { Connection: 'close', 'Transfer-Encoding': 'gzip' } })),
)

stationTest(
  'a Response streams as it comes',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead() + get('/2'))
    await wire.until('\r\n\r\n')
    await wire.until('one')
    source.enqueue(Buffer.from('two'))
    await wire.until('two')
    source.close()
    await wire.until('0\r\n\r\n')
    assert.equal((await wire.response()).body, '/2:')
  },
  accepts(() => {
    const body = new ReadableStream({
      start(controller) {
        source = controller
        controller.enqueue(Buffer.from('one'))
      },
    })
    return new Response(body)
  }),
)
let source: ReadableStreamDefaultController

stationTest(
  'a large Response waits for the client, byte for byte',
  async ({ dial }) => {
    const wire = dial()
    wire.socket.pause()
    wire.send(upgradeHead() + get('/2'))
    await new Promise((resolve) => setTimeout(resolve, 30))
    const pulledEarly = pulled
    assert.ok(pulledEarly < 200, `${pulledEarly} chunks were pulled`)
    wire.socket.resume()
    assert.equal((await wire.response()).body.length, 200 * 65_536)
    assert.equal((await wire.response()).body, '/2:')
  },
  accepts(() => {
    const body = new ReadableStream({
      pull(controller) {
        if (pulled++ < 200) controller.enqueue(new Uint8Array(65_536))
        else controller.close()
      },
    })
    return new Response(body)
  }),
)
let pulled = 0

stationTest(
  'a Response to HEAD has its fields and no body',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead({ method: 'HEAD' }) + get('/2'))
    const response = await wire.response({ head: true })
    assert.equal(response.status, 403)
    assert.equal((await wire.response()).body, '/2:')
  },
  accepts(() => new Response('no', { status: 403 })),
)

stationTest(
  'a Response without a body, and one of 426 with its own Upgrade and Connection',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead() + get('/2'))
    const response = await wire.response()
    assert.equal(response.status, 426)
    assert.equal(response.field('upgrade'), 'bar')
    assert.equal(response.field('connection'), 'Upgrade')
    assert.equal((await wire.response()).body, '/2:')
  },
  accepts(() => new Response(null, { status: 426, headers: { Upgrade: 'bar', Connection: 'Upgrade' } })),
)

for (const [what, headers, upgrade] of [
  ['its own Upgrade alone', { Upgrade: 'bar' }, 'bar'],
  ['no Upgrade', {}, 'foo/1'],
] as const) {
  stationTest(
    `R18: a Response of 426 with ${what} names a protocol, and names it in Connection`,
    async ({ dial }) => {
      const wire = dial()
      wire.send(upgradeHead({ upgrade: 'foo/1' }) + get('/2'))
      const response = await wire.response()
      assert.equal(response.field('upgrade'), upgrade)
      assert.equal(response.field('connection'), 'Upgrade')
      assert.equal((await wire.response()).body, '/2:')
    },
    accepts(() => new Response(null, { status: 426, headers })),
  )
}

stationTest(
  'a Response to a client that wants to close says so',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead({ connection: 'close, upgrade' }))
    const response = await wire.response({ toEnd: true })
    assert.equal(response.field('connection'), 'Upgrade, close')
  },
  accepts(() => new Response(null, { status: 426, headers: { Upgrade: 'bar', Connection: 'Upgrade' } })),
)

stationTest(
  'a Response that breaks before its first byte becomes a 500',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead() + get('/2'))
    assert.equal((await wire.response()).status, 500)
    assert.equal((await wire.response()).body, '/2:')
  },
  {
    expectedErrors: 1,
    ...accepts(() => {
      const body = new ReadableStream({
        pull() {
          throw new Error('broken')
        },
      })
      return new Response(body, { headers: { 'Content-Length': '7' } })
    }),
  },
)

stationTest(
  'a Response that breaks in the middle ends the connection',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead())
    await wire.ended()
  },
  {
    expectedErrors: 1,
    ...accepts(() => {
      let pieces = 0
      const body = new ReadableStream({
        async pull(controller) {
          if (pieces++ > 2) throw new Error('broken')
          await new Promise((resolve) => setTimeout(resolve, 2))
          controller.enqueue(Buffer.from('piece'))
        },
      })
      return new Response(body)
    }),
  },
)

stationTest(
  'a client that goes away cancels the body of a Response',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead())
    await wire.until('\r\n\r\n')
    wire.socket.destroy()
    await cancelled
  },
  accepts(() => {
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
      cancel: () => wasCancelled(),
    })
    return new Response(body)
  }),
)
let wasCancelled: () => void
const cancelled = new Promise<void>((resolve) => {
  wasCancelled = resolve
})

for (const [kind, headers] of [
  [
    'a Headers',
    new Headers([['Set-Cookie', 'a=1'] as [string, string], ['Set-Cookie', 'b=2'], ['X-A', '3']]),
  ],
  ['a Map', new Map<string, GivenValue>(Object.entries({ 'Set-Cookie': ['a=1', 'b=2'], 'X-A': 3 }))],
  ['pairs', Object.entries({ 'Set-Cookie': ['a=1', 'b=2'], 'X-A': 3 })],
] as const) {
  for (const upgrade of ['foo', 'websocket']) {
    stationTest(
      `${kind} as the headers of an accepted ${upgrade} goes out with the 101`,
      async ({ dial }) => {
        const wire = dial()
        wire.send(upgradeHead({ upgrade, fields: KEY_FIELDS }))
        const response = await wire.response()
        assert.equal(response.status, 101)
        assert.deepEqual(response.lines('set-cookie'), ['a=1', 'b=2'])
        assert.equal(response.field('x-a'), '3')
      },
      {
        setUp: (turnout) =>
          void turnout
            .protocol('foo', { accept: () => ({ headers }), handler: (stream) => void stream.end() })
            .websocket('/up', { accept: () => ({ headers }), message() {} }),
      },
    )
  }
}

for (const [what, accept] of [
  [
    'a throw in accept',
    () => {
      throw new Error('no')
    },
  ],
  ['a field with CR LF in it', () => ({ headers: { 'X-A': 'a\r\nX-B: b' } })],
  ['a field with NUL in it', () => ({ headers: { 'X-A': 'a\0' } })],
  ['a field whose name is no token', () => ({ headers: { 'X A': 'a' } })],
  ['Content-Length in a 101', () => ({ headers: { 'Content-Length': '5' } })],
  ['Transfer-Encoding in a 101', () => ({ headers: { 'transfer-encoding': 'chunked' } })],
  ['a list of names and values for headers', () => ({ headers: ['X-A', 'a'] })],
  ['a field that is neither text nor number', () => ({ headers: { 'X-A': {} } })],
  ['Upgrade set by hand', () => ({ headers: { Upgrade: 'bar' } })],
  ['a Response that was read already', () => used],
  ['Response.error()', () => Response.error()],
] as const) {
  stationTest(
    `R10: ${what} gets 500 and reaches onError; nothing of it is written`,
    async ({ dial, errors }) => {
      await used.text().catch(() => {})
      const wire = dial()
      wire.send(upgradeHead() + get('/2'))
      const response = await wire.response()
      assert.equal(response.status, 500)
      assert.doesNotMatch(response.head, /x-[ab]/i)
      assert.equal((await wire.response()).body, '/2:')
      assert.ok(errors[0] instanceof Error)
    },
    { expectedErrors: 1, ...accepts(accept as () => ProtocolResult<undefined>) },
  )
}
const used = new Response('x')

stationTest(
  'a handler that throws at once breaks the connection off and reaches onError',
  async ({ dial, errors }) => {
    const wire = dial()
    wire.send(upgradeHead())
    assert.equal((await wire.response()).status, 101)
    await wire.ended()
    assert.equal((errors[0] as Error).message, 'at once')
  },
  {
    expectedErrors: 1,
    ...accepts(
      () => true,
      () => {
        throw new Error('at once')
      },
    ),
  },
)

stationTest(
  'a handler that rejects resets the connection and reaches onError',
  async ({ dial, errors }) => {
    const wire = dial()
    wire.send(upgradeHead())
    const broken = once(wire.socket, 'error')
    assert.equal((await wire.response()).status, 101)
    assert.equal(((await broken)[0] as NodeJS.ErrnoException).code, 'ECONNRESET')
    assert.equal((errors[0] as Error).message, 'later')
  },
  {
    expectedErrors: 1,
    ...accepts(
      () => true,
      async () => {
        // libuv tells a reset that comes together with data as an end
        await new Promise((resolve) => setTimeout(resolve, 30))
        throw new Error('later')
      },
    ),
  },
)

stationTest(
  'R15, R16: the 101 waits for the body, which the handler can read, and goes behind a 100',
  async ({ dial, log }) => {
    const wire = dial()
    wire.send(upgradeHead({ method: 'POST', fields: ['Content-Length: 5', 'Expect: 100-continue'] }))
    assert.equal((await wire.response()).status, 100)
    wire.send('HEL')
    await new Promise((resolve) => setTimeout(resolve, 10))
    assert.equal(wire.rest, '')
    wire.send('LOearly')
    assert.equal((await wire.response()).status, 101)
    assert.equal(await wire.take(5), 'early')
    assert.deepEqual(log, ['HELLO'])
  },
  {
    setUp: (turnout, _server, log) =>
      void turnout.protocol('foo', {
        async handler(stream, request) {
          let body = ''
          for await (const chunk of request) body += chunk
          log.push(body)
          stream.pipe(stream)
        },
      }),
  },
)

stationTest(
  'R16: without a body the 100 still goes before the 101',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead({ fields: ['Expect: 100-continue'] }))
    assert.equal((await wire.response()).status, 100)
    assert.equal((await wire.response()).status, 101)
  },
  accepts(() => true),
)

stationTest(
  'a client upgrades with a POST that has a body, then ends its side (as Docker’s does)',
  async ({ dial, log }) => {
    for (const head of [
      `${upgradeHead(POST_HEAD)}HELLO`,
      `${upgradeHead({ method: 'POST', fields: ['Transfer-Encoding: chunked'] })}2\r\nHE\r\n3\r\nLLO\r\n0\r\n\r\n`,
    ]) {
      const wire = dial()
      await wire.drip(head)
      assert.equal((await wire.response()).status, 101)
      wire.socket.end('stdin')
      assert.equal(await wire.ended(), 'stdin')
    }
    assert.deepEqual(log, ['HELLO', 'HELLO'])
  },
  {
    setUp: (turnout, _server, log) =>
      void turnout.protocol('foo', {
        async handler(stream, request) {
          let body = ''
          for await (const chunk of request) body += chunk
          log.push(body)
          stream.pipe(stream)
        },
      }),
  },
)

stationTest(
  'RFC 9112 section 7.1.2: the trailers of a body before the switch are the handler’s to read',
  async ({ dial, log }) => {
    const wire = dial()
    wire.send(upgradeHead({ method: 'POST', fields: ['Transfer-Encoding: chunked'] }))
    wire.send('2\r\nHE\r\n0\r\nX-Sum: 9\r\n\r\n')
    assert.equal((await wire.response()).status, 101)
    await wire.ended()
    assert.deepEqual(log, ['{"x-sum":"9"}'])
  },
  {
    setUp: (turnout, _server, log) =>
      void turnout.protocol('foo', {
        handler(stream, request) {
          log.push(JSON.stringify(request.trailers))
          stream.end()
        },
      }),
  },
)

stationTest(
  'a handler need not read the body to get at the stream',
  async ({ dial }) => {
    const wire = dial()
    const size = 500_000
    wire.send(upgradeHead({ method: 'POST', fields: [`Content-Length: ${size}`] }))
    wire.send(`${'x'.repeat(size)}early`)
    assert.equal((await wire.response()).status, 101)
    assert.equal(await wire.take(5), 'early')
  },
  accepts(() => true),
)

stationTest(
  'more body than is kept unread gets 413 and the end',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead({ method: 'POST', fields: ['Content-Length: 3000000'] }))
    wire.send('x'.repeat(3_000_000))
    assert.equal((await wire.response()).status, 413)
    await wire.ended()
  },
  accepts(() => true),
)

stationTest(
  'a client that goes away inside the body of an accepted upgrade is dropped',
  async ({ dial, log }) => {
    const [resetting, ending] = [dial(), dial()]
    for (const wire of [resetting, ending]) wire.send(`${upgradeHead(POST_HEAD)}HE`)
    await until(() => log.length >= 2)
    resetting.socket.resetAndDestroy()
    ending.socket.end()
    await ending.ended()
    assert.deepEqual(log, ['accept', 'accept'])
  },
  {
    setUp: (turnout, _server, log) =>
      void turnout.protocol('foo', {
        accept() {
          log.push('accept')
          return true
        },
        handler: () => void log.push('handler'),
      }),
  },
)

stationTest(
  'a reset after the switch is the handler’s to notice, and ends nothing else',
  async ({ dial, log }) => {
    const wire = dial()
    wire.send(upgradeHead())
    await wire.response()
    wire.socket.resetAndDestroy()
    await until(() => log.length > 0)
  },
  {
    setUp: (turnout, _server, log) =>
      void turnout.protocol('foo', {
        handler: (stream) => void stream.resume().on('close', () => log.push('close')),
      }),
  },
)
