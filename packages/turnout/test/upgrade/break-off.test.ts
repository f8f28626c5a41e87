import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { endToEndFields } from '../../src/http/hop.ts'
import { breakOff, breakOffOnError } from '../../src/upgrade/break-off.ts'
import { upgrade } from '../../src/upgrade/client.ts'
import { until } from '../base/turns.ts'
import { head, type RawServer, rawServer } from './raw-server.ts'
import { type StationOptions, stationTest, upgradeHead } from './wire.ts'

const SWITCH = head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: foo')

/** How the connection ends, as its other side sees it. */
async function endOf(socket: Socket | Duplex): Promise<string> {
  const error = once(socket, 'error').then(([{ code }]) => String(code))
  return Promise.race([error, once(socket, 'end').then(() => 'end')])
}

/** A gateway to a server that only switches; its errors are those of `pipeline`. */
function gateway(): { readonly options: StationOptions; upstream(): RawServer } {
  let upstream: RawServer | undefined
  const options: StationOptions = {
    setUp: (turnout) =>
      void turnout.protocol<Duplex>('foo', {
        async accept(request, { url, signal }) {
          upstream ??= await rawServer(({ socket }) => void socket.write(SWITCH))
          const { stream, response } = await upgrade(new URL(url.pathname, upstream.url), {
            protocols: 'foo',
            headers: endToEndFields(request.rawHeaders).filter(([name]) => name !== 'Content-Length'),
            signal,
          })
          if (stream) return { data: stream }
          response.destroy()
          return undefined
        },
        async handler(client, request, { data: server }) {
          request.resume()
          await pipeline(client, server, client)
        },
      }),
  }
  return { options, upstream: () => upstream! }
}

for (const [title, ask] of [
  ['', upgradeHead()],
  [', with a body', upgradeHead({ method: 'POST', fields: ['Content-Length: 5'] })],
] as const) {
  for (const who of ['server', 'client'] as const) {
    const { options, upstream } = gateway()
    stationTest(
      `a tunnel${title} whose ${who} resets is reset on its other side, and one that ends, ends`,
      async ({ dial, errors }) => {
        const wire = dial()
        wire.send(ask)
        if (title !== '') setTimeout(() => wire.send('12345'), 10)
        assert.equal((await wire.response()).status, 101)
        const [far] = [...upstream().sockets]
        const ended = endOf(who === 'server' ? wire.socket : far!)
        if (who === 'server') far!.resetAndDestroy()
        else wire.socket.resetAndDestroy()
        assert.equal(await ended, 'ECONNRESET')
        await until(() => errors.length === 1)
        await upstream().idle()

        const clean = dial()
        clean.send(ask)
        if (title !== '') setTimeout(() => clean.send('12345'), 10)
        assert.equal((await clean.response()).status, 101)
        const [other] = [...upstream().sockets]
        const over = [endOf(clean.socket), endOf(other!)]
        other!.end()
        clean.socket.end()
        assert.deepEqual(await Promise.all(over), ['end', 'end'])
        await upstream().close()
      },
      { ...options, expectedErrors: 1 },
    )
  }
}

stationTest(
  'the error of a destroy is that of the stream, and without one it ends as ever',
  async ({ dial, log }) => {
    for (const [path, seen, said] of [
      ['/error', 'ECONNRESET', 'odd'],
      ['/none', 'end', 'undefined'],
    ] as const) {
      const wire = dial()
      wire.send(upgradeHead({ path }))
      assert.equal((await wire.response()).status, 101)
      const ended = endOf(wire.socket)
      wire.send('now')
      assert.equal(await ended, seen)
      await until(() => log.length > 0)
      assert.equal(log.pop(), said)
    }
  },
  {
    setUp: (turnout, _server, log) =>
      void turnout.protocol('foo', {
        handler(stream, request) {
          stream.on('close', () => log.push(String((stream.errored as Error | null)?.message)))
          stream.once('data', () => stream.destroy(request.url === '/error' ? new Error('odd') : undefined))
        },
      }),
  },
)

for (const [title, wanted, handler] of [
  [
    'what is written in and behind it leaves',
    'hello|bye',
    async (stream: Duplex) => {
      for await (const chunk of stream) stream.write(chunk)
      stream.end('|bye')
    },
  ],
  [
    'a generator in a pipeline from and to the stream says its last',
    'HELLO|bye',
    (stream: Duplex) =>
      pipeline(
        stream,
        async function* (source: AsyncIterable<Buffer>) {
          for await (const chunk of source) yield String(chunk).toUpperCase()
          yield '|bye'
        },
        stream,
      ),
  ],
  [
    'who forgets to end the other side has ended it, behind all that waits',
    'x'.repeat(4_194_304),
    async (stream: Duplex) => {
      for await (const _ of stream) stream.write(Buffer.alloc(4_194_304, 'x'))
    },
  ],
] as const) {
  stationTest(
    `a loop over the stream that comes to its end fails nobody: ${title}`,
    async ({ dial }) => {
      const wire = dial()
      wire.socket.pause()
      wire.send(`${upgradeHead()}hello`)
      wire.socket.end()
      // a client that reads when all is over would find nothing behind a reset
      await setImmediate()
      wire.socket.resume()
      assert.equal((await wire.response()).status, 101)
      assert.equal(await endOf(wire.socket), 'end')
      assert.equal(await wire.ended(), wanted)
    },
    { setUp: (turnout) => void turnout.protocol('foo', { handler }) },
  )
}

stationTest(
  'what a handler throws behind such a loop breaks the stream off',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead())
    assert.equal((await wire.response()).status, 101)
    wire.socket.end()
    assert.equal(await endOf(wire.socket), 'ECONNRESET')
  },
  {
    expectedErrors: 1,
    setUp: (turnout) =>
      void turnout.protocol('foo', {
        async handler(stream) {
          for await (const _ of stream);
          throw new Error('odd')
        },
      }),
  },
)

stationTest(
  'a stream that fails while its end is on its way is closed all the same',
  async ({ dial, log, turnout }) => {
    const wire = dial()
    wire.send(upgradeHead())
    assert.equal((await wire.response()).status, 101)
    assert.equal(await wire.ended(), 'bye')
    assert.deepEqual(log, ['odd', 'closed'])
    assert.equal(turnout.metrics().connectionsOpen, 0)
  },
  {
    setUp: (turnout, _server, log) =>
      void turnout.protocol('foo', {
        handler(stream) {
          stream.on('error', ({ message }) => log.push(message))
          stream.on('close', () => log.push('closed'))
          stream.end('bye')
          stream.destroy(new Error('odd'))
        },
      }),
  },
)

test('what knows no reset, or is secured, is destroyed', () => {
  for (const extra of [{}, { encrypted: true, resetAndDestroy: () => assert.fail('reset') }]) {
    const seen: unknown[] = []
    const stream = {
      destroyed: false,
      destroy: (error?: Error) => void seen.push(error),
      ...extra,
    } as unknown as Duplex
    breakOffOnError(stream)
    const error = new Error('odd')
    stream.destroy(error)
    breakOff(stream)
    assert.deepEqual(seen, [error, error])
  }
})
