import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpsServer } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { parseProtocol } from '../../src/http/upgrade.ts'
import { createTurnout } from '../../src/turnout.ts'
import { upgrade } from '../../src/upgrade/client.ts'
import { genericProtocol, tokenShape } from '../../src/upgrade/generic.ts'
import { until } from '../base/turns.ts'
import { certificate, privateKey } from './certificate.ts'
import { listen, stationTest, upgradeHead } from './wire.ts'

const options = { handler() {} }

for (const [token, offered, matches] of [
  ['example/1', 'example/1', true],
  ['example/1', 'EXAMPLE/1', true],
  ['example/1', 'example/1.0', false],
  ['example/1', 'example', false],
  ['Example/a', 'example/A', false],
  ['example', 'example', true],
  ['example', 'example/7', true],
  ['example/*', 'example', true],
  ['example/*', 'Example/7', true],
  ['example/*', 'examples/7', false],
] as const) {
  test(`R6: the token ${token} ${matches ? 'takes' : 'leaves'} ${offered}`, () => {
    const protocol = genericProtocol(token, options, () => {})
    assert.deepEqual(protocol.match(parseProtocol(offered)!, '/any/where'), matches ? {} : undefined)
  })
}

test('a function may choose by itself, and a path narrows it', () => {
  const isNew = ({ version }: { version: string | undefined }) => Number(version) >= 2
  const protocol = genericProtocol(isNew, { ...options, path: '/:room' }, () => {})
  assert.deepEqual(protocol.match(parseProtocol('x/2')!, '/lobby'), { room: 'lobby' })
  assert.equal(protocol.match(parseProtocol('x/1')!, '/lobby'), undefined)
  assert.equal(protocol.match(parseProtocol('x/2')!, '/a/b'), undefined)
})

for (const [token, route] of [
  ['websocket', /turnout\.websocket\(path, options\).*by a function/],
  ['WebSocket/*', /turnout\.websocket\(path, options\)/],
  ['h2c', /turnout\.h2c\(options\)/],
] as const) {
  test(`${token} has a route of its own`, () => {
    assert.throws(() => genericProtocol(token, options, () => {}), {
      code: 'ERR_INVALID_ARGUMENT',
      message: route,
    })
  })
}

for (const token of ['', 'a b', 'a/', '/1', 'a/1/2', 'a\r\nb', 'ä']) {
  test(`the token ${JSON.stringify(token)} is misuse`, () => {
    assert.throws(() => genericProtocol(token, options, () => {}), { code: 'ERR_INVALID_TOKEN' })
  })
}

test('a protocol without a handler is misuse', () => {
  assert.throws(() => genericProtocol('a', {} as never, () => {}), { code: 'ERR_INVALID_ARGUMENT' })
})

test('tokens of one shape match the same', () => {
  assert.equal(tokenShape('A'), tokenShape('a/*'))
  assert.notEqual(tokenShape('a'), tokenShape('a/1'))
  assert.equal(
    tokenShape(() => true),
    undefined,
  )
})

stationTest(
  'the stream takes setEncoding, which Node forbids on a socket of HTTP',
  async ({ dial, log, errors }) => {
    const wire = dial()
    const half = Buffer.from('grö').subarray(0, 3)
    wire.send(Buffer.concat([Buffer.from(upgradeHead({ upgrade: 'example' })), half]))
    await wire.response()
    wire.send(Buffer.from('ö!').subarray(1))
    wire.socket.end()
    await wire.ended()
    assert.deepEqual(log, ['grö!'])
    assert.deepEqual(errors, [])
  },
  {
    setUp: (turnout, _server, log) =>
      void turnout.protocol('example', {
        async handler(stream) {
          let heard = ''
          for await (const text of stream.setEncoding('utf8')) heard += text
          log.push(heard)
        },
      }),
  },
)

stationTest(
  'R13: the stream has backpressure and half-close, and the handler its context',
  async ({ dial, log }) => {
    const wire = dial()
    wire.socket.pause()
    wire.send(upgradeHead({ path: '/room/7?x=y', upgrade: 'Example/2' }))
    await until(() => log.includes('full'))
    wire.socket.resume()
    const response = await wire.response()
    assert.equal(response.field('upgrade'), 'Example/2')
    assert.equal(response.field('x-extra'), 'yes')
    assert.equal(await wire.take(4), '{"a"')
    await wire.ended()
    wire.send('still heard')
    wire.socket.end()
    await until(() => log.includes('close'))
    assert.deepEqual(log, ['{"n":"7"} 2 y 42', 'full', 'drained', 'still heard', 'end', 'close'])
  },
  {
    setUp: (turnout, _server, log) =>
      void turnout.protocol<number>('example', {
        path: '/room/:n',
        accept: () => ({ data: 42, headers: { 'X-Extra': 'yes' } }),
        async handler(stream, request, { params, protocol, url, data }) {
          assert.equal(request.url, '/room/7?x=y')
          log.push(`${JSON.stringify(params)} ${protocol.version} ${url.searchParams.get('x')} ${data}`)
          stream.write('{"a"')
          while (stream.write(Buffer.alloc(65_536)));
          log.push('full')
          await once(stream, 'drain')
          log.push('drained')
          stream.end()
          stream.on('data', (chunk) => log.push(String(chunk)))
          stream.on('end', () => log.push('end'))
          stream.on('close', () => log.push('close'))
        },
      }),
  },
)

test('R13: over TLS the client may end its side first behind a body, too', async (t) => {
  const server = createHttpsServer({ key: privateKey, cert: certificate })
  const turnout = createTurnout().attach(server)
  turnout.protocol('foo', {
    handler(stream) {
      stream.resume()
      stream.on('end', () => setImmediate(() => stream.end('the rest')))
    },
  })
  t.after(async () => {
    await turnout.close({ grace: 1 })
    server.close()
  })
  const { stream } = await upgrade(`https://127.0.0.1:${await listen(server)}/`, {
    protocols: 'foo',
    tls: { ca: certificate },
    method: 'POST',
    body: 'content',
  })
  stream!.end('first')
  assert.equal(String(await buffer(stream!)), 'the rest')
})
