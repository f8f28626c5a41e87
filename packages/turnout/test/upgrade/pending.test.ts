import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Turnout } from '../../src/turnout.ts'
import { turn } from '../base/turns.ts'
import { clientStart, dataOf, framesUntilEnd, h2cHead } from './http2-wire.ts'
import { get, type Station, stationTest, upgradeHead, within } from './wire.ts'

const echo = {
  setUp: (turnout: Turnout) =>
    void turnout.protocol('foo', { handler: (stream: Duplex) => void stream.pipe(stream) }),
}

/** Lets the test answer the app's requests when it likes. */
function hold(station: Station): { next(path: string): Promise<ServerResponse> } {
  const held = new Map<string, ServerResponse>()
  let wake = () => {}
  station.server.removeAllListeners('request')
  station.server.on('request', (request, response) => {
    held.set(request.url ?? '', response)
    wake()
  })
  return {
    async next(path) {
      for (;;) {
        const response = held.get(path)
        if (response !== undefined) return response
        await within(`request for ${path}`, new Promise<void>((resolve) => void (wake = resolve)))
      }
    },
  }
}

stationTest(
  'two pipelined responses that are still pending go out before the 101',
  async (station) => {
    const app = hold(station)
    const wire = station.dial()
    wire.send(`${get('/slow') + get('/quick') + upgradeHead()}early`)
    const [slow, quick] = [await app.next('/slow'), await app.next('/quick')]
    quick.end('quick')
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(wire.rest, '')
    slow.end('slow')
    assert.equal((await wire.response()).body, 'slow')
    assert.equal((await wire.response()).body, 'quick')
    assert.equal((await wire.response()).status, 101)
    assert.equal(await wire.take(5), 'early')
  },
  echo,
)

stationTest(
  'what came meanwhile is read by whoever listens for `readable`',
  async (station) => {
    const app = hold(station)
    const wire = station.dial()
    wire.send(`${get('/slow') + upgradeHead()}early`)
    ;(await app.next('/slow')).end('slow')
    assert.equal((await wire.response()).body, 'slow')
    assert.equal((await wire.response()).status, 101)
    assert.equal(await wire.take(5), 'early')
  },
  {
    setUp: (turnout: Turnout) =>
      void turnout.protocol('foo', {
        handler(stream: Duplex) {
          stream.on('end', () => stream.end())
          stream.on('readable', () => {
            const chunk = stream.read() as Buffer | null
            if (chunk !== null) stream.write(chunk)
          })
        },
      }),
  },
)

stationTest(
  'HTTP/2 that begins behind a response that is still pending is served after it',
  async (station) => {
    const app = hold(station)
    const wire = station.dial()
    wire.send(get('/slow') + h2cHead(), clientStart)
    ;(await app.next('/slow')).end('slow')
    assert.equal((await wire.response()).body, 'slow')
    assert.equal((await wire.response()).status, 101)
    ;(await app.next('/up')).end('two')
    assert.equal(dataOf(await framesUntilEnd(wire, 1), 1), 'two')
  },
  { setUp: (turnout: Turnout) => void turnout.h2c() },
)

stationTest(
  'a declined upgrade waits its turn too',
  async (station) => {
    const app = hold(station)
    const wire = station.dial()
    wire.send(get('/slow') + upgradeHead({ upgrade: 'other' }) + get('/2'))
    ;(await app.next('/slow')).end('slow')
    ;(await app.next('/up')).end('up')
    ;(await app.next('/2')).end('two')
    for (const body of ['slow', 'up', 'two']) assert.equal((await wire.response()).body, body)
  },
  echo,
)

stationTest(
  'an earlier response that closes the connection drops the upgrade',
  async (station) => {
    const app = hold(station)
    const wire = station.dial()
    wire.send(get('/last') + upgradeHead())
    ;(await app.next('/last')).setHeader('Connection', 'close').end('bye')
    assert.equal((await wire.response()).body, 'bye')
    assert.equal(await wire.ended(), '')
  },
  echo,
)

stationTest(
  'a client that goes away meanwhile leaves nothing behind',
  async (station) => {
    const app = hold(station)
    const wires = [station.dial(), station.dial()]
    for (const wire of wires) wire.send(get('/slow') + upgradeHead())
    const response = await app.next('/slow')
    wires[0]!.socket.resetAndDestroy()
    wires[1]!.socket.end()
    await wires[1]!.ended()
    response.end('too late')
  },
  echo,
)

stationTest(
  'a large earlier response drains, and not a byte behind the upgrade is lost meanwhile',
  async (station) => {
    const app = hold(station)
    const wire = station.dial()
    wire.socket.pause()
    const size = 4_194_304
    const early = 'e'.repeat(100_000)
    wire.send(get('/first') + get('/large') + get('/third') + upgradeHead() + early)
    const [first, large, third] = [
      await app.next('/first'),
      await app.next('/large'),
      await app.next('/third'),
    ]
    third.end('third')
    // More than a connection may queue: Node stops reading from it, and starts again on its own.
    let left = size
    const write = () => {
      while (left > 0) {
        left -= 65_536
        if (!large.write(Buffer.alloc(65_536, 'x'))) return
      }
      large.end()
    }
    large.on('drain', write)
    write()
    await turn()
    first.end('first')
    await new Promise((resolve) => setTimeout(resolve, 20))
    wire.socket.resume()
    assert.equal((await wire.response()).body, 'first')
    assert.equal((await wire.response()).body.length, size)
    assert.equal((await wire.response()).body, 'third')
    assert.equal((await wire.response()).status, 101)
    assert.equal(await wire.take(early.length), early)
    wire.send('more')
    assert.equal(await wire.take(4), 'more')
  },
  echo,
)

stationTest(
  'the keep-alive timeout of an earlier response does not reach the new protocol',
  async (station) => {
    station.server.keepAliveTimeout = 1
    Object.assign(station.server, { keepAliveTimeoutBuffer: 1 })
    const app = hold(station)
    const wire = station.dial()
    wire.send(get('/slow') + upgradeHead())
    const slow = await app.next('/slow')
    slow.end('slow')
    await wire.response()
    assert.equal((await wire.response()).status, 101)
    assert.equal(slow.req.socket.timeout, 0)
  },
  echo,
)

stationTest(
  'an upgrade that waited and was declined leaves no listener on its connection',
  async (station) => {
    const counts: number[] = []
    station.server.on('request', ({ url, socket }) => {
      if (url === '/first') counts.push(socket.listenerCount('close'))
    })
    const wire = station.dial()
    for (let round = 0; round < 8; round++) {
      wire.send(get('/first') + upgradeHead({ upgrade: 'nobody' }))
      for (const expected of [200, 200]) assert.equal((await wire.response()).status, expected)
    }
    assert.equal(counts.at(-1), counts[1], `listeners for close: ${counts.join(' ')}`)
  },
)

for (const [firstBytes, secondBytes] of [
  [10, 15_000],
  [30_000, 33_000],
  [30_000, 200_000],
] as const) {
  for (const first of ['whole', 'cut'] as const) {
    stationTest(
      `a body of ${secondBytes} bytes, ${first}, behind a request whose ${firstBytes} bytes are read late, loses none`,
      async (station) => {
        const sizes: string[] = []
        station.server.removeAllListeners('request')
        station.server.on('request', async (request, response) => {
          if (request.url === '/first') await new Promise((resolve) => setTimeout(resolve, 10))
          let bytes = 0
          for await (const chunk of request) bytes += chunk.length
          sizes.push(`${request.url} ${bytes}`)
          response.end(request.url)
        })
        const post = (path: string, bytes: number, fields: readonly string[]) =>
          `POST ${path} HTTP/1.1\r\nHost: x\r\n${[...fields, `Content-Length: ${bytes}`].join('\r\n')}\r\n\r\n${'b'.repeat(bytes)}`
        const declined = post('/second', secondBytes, ['Connection: Upgrade', 'Upgrade: other'])
        const bytes = post('/first', firstBytes, []) + declined + get('/third')
        const wire = station.dial()
        const cut = first === 'whole' ? bytes.length : firstBytes + 400
        wire.send(bytes.slice(0, cut))
        await new Promise((resolve) => setTimeout(resolve, 3))
        wire.send(bytes.slice(cut))
        for (const path of ['/first', '/second', '/third']) assert.equal((await wire.response()).body, path)
        assert.deepEqual(sizes, [`/first ${firstBytes}`, `/second ${secondBytes}`, '/third 0'])
      },
      echo,
    )
  }
}
