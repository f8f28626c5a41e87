import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { pipeline, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { streamPair } from '../../src/testing/index.ts'
import { createTurnout } from '../../src/turnout.ts'
import { upgrade } from '../../src/upgrade/client.ts'
import { turn, until } from '../base/turns.ts'
import { certificate, privateKey } from './certificate.ts'
import { listen, type StationOptions, stationTest, upgradeHead } from './wire.ts'

const answering: StationOptions = {
  setUp: (turnout) =>
    void turnout
      .protocol('loop', {
        async handler(stream) {
          let heard = 0
          for await (const chunk of stream) {
            stream.write(chunk)
            heard += chunk.length
          }
          stream.end(` ${heard}`)
        },
      })
      .protocol('consumer', {
        async handler(stream) {
          stream.end((await text(stream)).toUpperCase())
        },
      })
      .protocol('impatient', {
        async handler(stream) {
          for await (const _chunk of stream) break
        },
      }),
}

for (const [protocol, answer] of [
  ['loop', 'all of it 9'],
  ['consumer', 'ALL OF IT'],
] as const) {
  stationTest(
    `R13: a ${protocol} that reads to the end leaves our side open, and the answer arrives`,
    async ({ dial, port }) => {
      const wire = dial()
      wire.send(upgradeHead({ upgrade: protocol }))
      await wire.response()
      wire.send('all of it')
      wire.socket.end()
      assert.equal(await wire.ended(), answer)

      const { stream } = await upgrade(`http://127.0.0.1:${port}/`, { protocols: protocol })
      stream!.end('all of it')
      let heard = ''
      for await (const chunk of stream!) heard += chunk
      assert.equal(heard, answer)
      if (!stream!.closed) await once(stream!, 'close')
      assert.equal(stream!.errored, null)
    },
    answering,
  )
}

stationTest(
  'R13: a client that reads by a loop may speak after the server has ended',
  async ({ port, log }) => {
    const { stream } = await upgrade(`http://127.0.0.1:${port}/`, { protocols: 'first' })
    let heard = ''
    for await (const chunk of stream!) heard += chunk
    assert.equal(heard, 'your turn')
    stream!.end('thank you')
    await until(() => log.length > 0)
    assert.deepEqual(log, ['thank you'])
  },
  {
    setUp: (turnout, _server, log) =>
      void turnout.protocol('first', {
        async handler(stream) {
          stream.end('your turn')
          log.push(await text(stream))
        },
      }),
  },
)

stationTest(
  'an async handler that is done cuts off no answer that is still on its way',
  async ({ port }) => {
    for (const protocols of ['piping', 'pipelining', 'listening']) {
      const { stream } = await upgrade(`http://127.0.0.1:${port}/`, { protocols })
      stream!.end('hello')
      assert.equal(await text(stream!), 'all of the answer', protocols)
    }
  },
  {
    setUp(turnout) {
      const answer = async function* () {
        for (const word of ['all', ' of', ' the', ' answer']) {
          await turn()
          yield word
        }
      }
      turnout
        .protocol('piping', {
          async handler(stream) {
            await text(stream)
            Readable.from(answer()).pipe(stream)
          },
        })
        .protocol('pipelining', {
          async handler(stream) {
            await text(stream)
            pipeline(Readable.from(answer()), stream, () => {})
          },
        })
        .protocol('listening', {
          async handler(stream) {
            const ended = once(stream.resume(), 'end')
            ended.then(async () => stream.end((await Readable.from(answer()).toArray()).join('')))
            await ended
          },
        })
    },
  },
)

stationTest(
  'an async handler that has read by a loop and says nothing has ended its side',
  async ({ port }) => {
    const { stream } = await upgrade(`http://127.0.0.1:${port}/`, { protocols: 'silent' })
    stream!.end('hello')
    assert.equal(await text(stream!), '')
    assert.equal(stream!.errored, null)
  },
  {
    setUp: (turnout) =>
      void turnout.protocol('silent', {
        async handler(stream) {
          for await (const chunk of stream) assert.ok(chunk.length > 0)
        },
      }),
  },
)

stationTest(
  'who leaves the loop before the end breaks the stream off',
  async ({ dial }) => {
    const wire = dial()
    wire.send(upgradeHead({ upgrade: 'impatient' }))
    await wire.response()
    const failed = once(wire.socket, 'error')
    wire.send('more to come')
    assert.equal((await failed)[0].code, 'ECONNRESET')
  },
  answering,
)

test('R13: over TLS the answer to a client that has ended its side arrives whole', async () => {
  const server = createServer({ key: privateKey, cert: certificate })
  const turnout = createTurnout()
  turnout.protocol('consumer', {
    async handler(stream) {
      stream.end((await text(stream)).toUpperCase())
    },
  })
  turnout.protocol('listener', {
    handler(stream) {
      stream.on('end', () => stream.end('BYE')).resume()
    },
  })
  turnout.attach(server)
  try {
    const url = `https://127.0.0.1:${await listen(server)}/`
    for (const [protocols, answer] of [
      ['consumer', 'X'.repeat(300_000)],
      ['listener', 'BYE'],
    ] as const) {
      const { stream } = await upgrade(url, { protocols, tls: { rejectUnauthorized: false } })
      stream!.end('x'.repeat(300_000))
      assert.equal(await text(stream!), answer)
    }
  } finally {
    assert.equal((await turnout.close({ grace: 1_000 })).destroyed, 0)
    server.close()
  }
})

test('R13: a pair in memory does the same', async () => {
  const { server, client } = streamPair()
  client.end('hello')
  server.end((await text(server)).toUpperCase())
  assert.equal(await text(client), 'HELLO')
})
