import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { Duplex } from 'node:stream'
import { after, before, test } from 'node:test'
import tls from 'node:tls'
import fc from 'fast-check'
import { isLent } from '../../src/base/lent.ts'
import { LENT_BYTES } from '../../src/base/linear.ts'
import { duplexTransport } from '../../src/transport/duplex.ts'
import type { Transport } from '../../src/transport/transport.ts'
import { turn, until } from '../base/turns.ts'
import { certificate, privateKey } from '../upgrade/certificate.ts'
import { bytes, logSink, started } from './sink.ts'

const LAYERS = ['TCP', 'TLS'] as const
type Layer = (typeof LAYERS)[number]

const servers = {
  TCP: net.createServer({ allowHalfOpen: true }),
  TLS: tls.createServer({ allowHalfOpen: true, cert: certificate, key: privateKey }),
}
const sockets = new Set<net.Socket>()

before(async () => {
  for (const server of Object.values(servers)) await once(server.listen(0, '127.0.0.1'), 'listening')
})

after(() => {
  for (const socket of sockets) socket.destroy()
  for (const server of Object.values(servers)) server.close()
})

/** @returns `wire`: what lies beneath the client */
async function connected(
  over: Layer = 'TCP',
): Promise<{ client: net.Socket; wire: net.Socket; accepted: net.Socket }> {
  const server = servers[over]
  const { port } = server.address() as net.AddressInfo
  const wire = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  wire.on('error', () => {})
  const client = over === 'TCP' ? wire : tls.connect({ socket: wire, rejectUnauthorized: false })
  const connecting = once(client, over === 'TCP' ? 'connect' : 'secureConnect')
  const event = over === 'TCP' ? 'connection' : 'secureConnection'
  const accepted = await new Promise<net.Socket>((resolve) => {
    const onConnection = (socket: net.Socket) => {
      // others may be connecting at the same time
      if (socket.remotePort !== wire.localPort) return
      server.off(event, onConnection)
      resolve(socket)
    }
    server.on(event, onConnection)
  })
  await connecting
  for (const socket of [client, accepted]) {
    socket.on('error', () => {})
    sockets.add(socket)
  }
  return { client, wire, accepted }
}

/** A pattern of its own for each number, without a period that a mix-up could hide behind. */
function pattern(number: number, from: number, size: number): Buffer {
  const made = Buffer.allocUnsafe(size)
  for (let at = 0; at < size; at++) made[at] = ((from + at) * 31 + ((from + at) >> 8) + number * 101) & 0xff
  return made
}

for (const over of LAYERS) {
  test(`a socket of ${over} is read into lent memory, on either side`, { timeout: 10_000 }, async () => {
    const { client, accepted } = await connected(over)
    for (const [from, to] of [
      [client, accepted],
      [accepted, client],
    ] as const) {
      const lentOnes: boolean[] = []
      const heard = started(duplexTransport(to), (chunk) => lentOnes.push(isLent(chunk)))
      from.write('hello')
      await until(() => heard.bytes.length === 5)
      assert.deepEqual(lentOnes, [true])
      assert.deepEqual(heard.told, ['data hello'])
    }
  })
}

for (const over of LAYERS) {
  test(`many sockets of ${over} at once, paused and resumed at random: every byte, in order, to the right one`, {
    timeout: 60_000,
  }, async () => {
    const plan = fc.record({
      writes: fc.array(fc.constantFrom(1, 100, 5_000, 40_000, 65_536, 200_000), {
        minLength: 1,
        maxLength: 8,
      }),
      pauses: fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(plan, { minLength: 2, maxLength: 6 }), async (plans) => {
        await Promise.all(
          plans.map(async ({ writes, pauses }, number) => {
            const { client, accepted } = await connected(over)
            const transport = duplexTransport(accepted)
            let reads = 0
            const heard = started(transport, () => {
              if (pauses[reads++ % pauses.length] !== true) return
              transport.pause()
              setImmediate(() => transport.resume())
            })
            let sent = 0
            for (const size of writes) {
              client.write(pattern(number, sent, size))
              sent += size
            }
            client.end()
            await until(() => heard.told.at(-1) === 'end')
            assert.ok(heard.bytes.equals(pattern(number, 0, sent)))
            accepted.destroy()
          }),
        )
      }),
      { numRuns: 25 },
    )
  })
}

for (const over of LAYERS) {
  test(`what was read or unshifted before comes out first, and nothing within start itself, over ${over}`, {
    timeout: 10_000,
  }, async () => {
    for (const pausesAtFirst of [false, true]) {
      const { client, accepted } = await connected(over)
      accepted.pause()
      for (const chunk of ['st ', 'fir']) accepted.unshift(bytes(chunk))
      client.end('second')
      const transport = duplexTransport(accepted)
      const heard = started(transport)
      if (pausesAtFirst) transport.pause()
      assert.deepEqual(heard.told, [])
      if (pausesAtFirst) {
        for (let turns = 0; turns < 5; turns++) await turn()
        assert.deepEqual(heard.told, [])
        transport.resume()
      }
      await until(() => heard.told.at(-1) === 'end')
      assert.equal(heard.bytes.toString(), 'first second')
    }
  })
}

for (const over of LAYERS) {
  test(`a pause takes one read more at most, and TCP slows the peer, over ${over}`, {
    timeout: 10_000,
  }, async () => {
    const { client, accepted } = await connected(over)
    const transport: Transport = duplexTransport(accepted)
    const heard = started(transport, () => transport.pause())
    const sent = pattern(7, 0, 8_000_000)
    client.write(sent)
    await until(() => heard.told.length === 1)
    for (let turns = 0; turns < 20; turns++) await turn()
    assert.equal(heard.told.length, 1)
    assert.ok(accepted.bytesRead <= 2 * LENT_BYTES, `${accepted.bytesRead} bytes read`)
    assert.ok(client.writableLength > 0)
    client.end()
    while (heard.told.at(-1) !== 'end') {
      transport.resume()
      await turn()
    }
    assert.ok(heard.bytes.equals(sent))
  })
}

for (const over of LAYERS) {
  test(`a reset is noticed during a pause, over ${over}`, { timeout: 10_000 }, async () => {
    const { client, wire, accepted } = await connected(over)
    const transport = duplexTransport(accepted)
    const heard = started(transport)
    client.write('x')
    await until(() => heard.told.length === 1)
    transport.pause()
    wire.resetAndDestroy()
    await until(() => heard.told.length === 2)
    assert.deepEqual(heard.told, ['data x', 'close read ECONNRESET'])
  })
}

for (const over of LAYERS) {
  test(`the end waits for what came before it during a pause, over ${over}`, {
    timeout: 10_000,
  }, async () => {
    const { client, accepted } = await connected(over)
    const transport = duplexTransport(accepted)
    const heard = started(transport)
    client.write('one')
    await until(() => heard.told.length === 1)
    transport.pause()
    client.end('two')
    for (let turns = 0; turns < 10; turns++) await turn()
    assert.deepEqual(heard.told, ['data one'])
    transport.resume()
    transport.resume()
    await until(() => heard.told.length === 3)
    assert.deepEqual(heard.told, ['data one', 'data two', 'end'])
  })
}

test('what waits is not lost where the end closes the socket by itself', { timeout: 10_000 }, async () => {
  const closing = net.createServer().listen(0, '127.0.0.1')
  await once(closing, 'listening')
  closing.once('connection', (socket) => socket.end())
  const { port } = closing.address() as net.AddressInfo
  const client = net.connect({ port, host: '127.0.0.1' })
  sockets.add(client)
  client.pause()
  await once(client, 'connect')
  client.unshift(bytes('early'))
  const transport = duplexTransport(client)
  const heard = started(transport)
  transport.pause()
  await once(client, 'close')
  assert.deepEqual(heard.told, [])
  transport.resume()
  await until(() => heard.told.includes('close'))
  assert.deepEqual(heard.told, ['data early', 'end', 'close'])
  closing.close()
})

test('close is at once, and loses nothing that was written', { timeout: 10_000 }, async () => {
  const { client, accepted } = await connected()
  const errors: Error[] = []
  client.on('error', (error) => errors.push(error)).pause()
  const transport = duplexTransport(accepted)
  const heard = started(transport)
  client.write('last')
  await until(() => heard.told.length === 1)
  const sent = pattern(1, 0, 100_000)
  transport.write([sent])
  assert.equal(transport.close!(), true)
  await until(() => heard.told.length === 2)
  assert.deepEqual(heard.told, ['data last', 'close'])
  const read: Buffer[] = []
  client.on('data', (chunk: Buffer) => read.push(chunk)).resume()
  await once(client, 'end')
  assert.ok(Buffer.concat(read).equals(sent))
  assert.deepEqual(errors, [])
})

test('close is not at once where something is under way', { timeout: 10_000 }, async () => {
  const brimful = await connected()
  const full = duplexTransport(brimful.accepted)
  let tried: boolean | undefined
  started(full, (chunk) => {
    if (chunk.length === LENT_BYTES) tried ??= full.close!()
  })
  brimful.client.write(Buffer.alloc(4 * LENT_BYTES))
  await until(() => tried !== undefined)
  assert.equal(tried, false, 'a read that took as much as fits')

  const slow = await connected()
  slow.client.pause()
  const unsettled = duplexTransport(slow.accepted)
  started(unsettled)
  unsettled.write([Buffer.alloc(16_000_000)])
  assert.equal(unsettled.close!(), false, 'bytes that the system has not taken')

  const paused = await connected()
  const waiting = duplexTransport(paused.accepted)
  started(waiting)
  waiting.pause()
  paused.client.write('unread')
  await until(() => paused.accepted.bytesRead > 0)
  assert.equal(waiting.close!(), false, 'bytes that nobody has read')

  const watched = await connected()
  watched.accepted.on('data', () => {})
  const observed = duplexTransport(watched.accepted)
  started(observed)
  assert.equal(observed.close!(), false, 'a socket that somebody watches')
})

test('close behind the end of the peer is at once', { timeout: 10_000 }, async () => {
  const { client, accepted } = await connected()
  const transport = duplexTransport(accepted)
  const heard = started(transport)
  client.end('bye')
  await until(() => heard.told.at(-1) === 'end')
  assert.equal(transport.close!(), true)
  await once(client, 'close')
  assert.deepEqual(heard.told, ['data bye', 'end', 'close'])
})

for (const over of LAYERS) {
  test(`nothing that waited comes once it is destroyed, over ${over}`, { timeout: 10_000 }, async () => {
    const { client, accepted } = await connected(over)
    const transport = duplexTransport(accepted)
    const heard = started(transport)
    transport.pause()
    client.write('late')
    await until(() => accepted.bytesRead === 4)
    transport.resume()
    transport.destroy()
    await until(() => heard.told.length > 0)
    assert.deepEqual(heard.told, ['close'])
  })
}

for (const over of LAYERS) {
  test(`whoever listens to a socket of ${over} already goes on to hear everything`, {
    timeout: 10_000,
  }, async () => {
    const { client, accepted } = await connected(over)
    let tapped = ''
    accepted.on('data', (chunk) => {
      tapped += chunk
    })
    const lentOnes: boolean[] = []
    const heard = started(duplexTransport(accepted), (chunk) => lentOnes.push(isLent(chunk)))
    client.end('for both')
    await until(() => heard.told.at(-1) === 'end')
    assert.equal(tapped, 'for both')
    assert.equal(heard.bytes.toString(), 'for both')
    assert.ok(!lentOnes.includes(true))
  })
}

test('whoever has put a method of their own in the way goes on to see everything', {
  timeout: 10_000,
}, async () => {
  for (const name of ['push', 'emit'] as const) {
    const { client, accepted } = await connected()
    const original: (...args: never[]) => unknown = accepted[name]
    const seen: unknown[] = []
    Object.assign(accepted, {
      [name]: (...args: never[]) => {
        seen.push(...args)
        return original.apply(accepted, args)
      },
    })
    const heard = started(duplexTransport(accepted))
    client.end('seen')
    await until(() => heard.told.at(-1) === 'end')
    assert.equal(heard.bytes.toString(), 'seen')
    assert.ok(seen.some((each) => Buffer.isBuffer(each) && each.toString() === 'seen'))
  }
})

test('a socket that is not quite one of net is read as a stream', { timeout: 10_000 }, async () => {
  const { client, accepted } = await connected()
  Object.setPrototypeOf(accepted, Object.create(net.Socket.prototype))
  const lentOnes: boolean[] = []
  const heard = started(duplexTransport(accepted), (chunk) => lentOnes.push(isLent(chunk)))
  client.end('plain')
  await until(() => heard.told.at(-1) === 'end')
  assert.deepEqual([heard.bytes.toString(), lentOnes], ['plain', [false]])
})

test('TLS over a stream of JavaScript, which is read while it is written to, reads past no other connection', {
  timeout: 10_000,
}, async () => {
  const outer = await connected('TLS')
  const near: Duplex = new Duplex({ read() {}, write: (chunk, _, done) => done(void far.push(chunk)) })
  const far: Duplex = new Duplex({ read() {}, write: (chunk, _, done) => done(void near.push(chunk)) })
  const accepting = once(servers.TLS, 'secureConnection')
  servers.TLS.emit('connection', near)
  const client = tls.connect({ socket: far, rejectUnauthorized: false })
  const [accepted] = (await accepting) as [tls.TLSSocket]
  for (const socket of [client, accepted]) sockets.add(socket)
  // what the handshake wrote is out, and nothing waits behind it
  for (let turns = 0; turns < 5; turns++) await turn()
  const inner = started(duplexTransport(accepted))
  let after: string | undefined
  started(duplexTransport(outer.accepted), (chunk) => {
    client.write('another')
    after = chunk.toString()
  })
  outer.client.write('its own')
  await until(() => after !== undefined)
  assert.equal(inner.bytes.toString(), 'another')
  assert.equal(after, 'its own')
})

for (const over of LAYERS) {
  test(`each side still ends without the other, over ${over}`, { timeout: 10_000 }, async () => {
    const { client, accepted } = await connected(over)
    const sink = logSink()
    const transport = duplexTransport(accepted)
    transport.start(sink)
    client.end()
    await until(() => sink.told.includes('end'))
    transport.write([bytes('still here')])
    transport.end()
    const [answer] = (await once(client, 'data')) as [Buffer]
    assert.equal(answer.toString(), 'still here')
    await until(() => sink.told.includes('close'))
  })
}

test('over TLS no close is at once: its end is told, and nothing looks cut off', {
  timeout: 10_000,
}, async () => {
  const { client, accepted } = await connected('TLS')
  const errors: Error[] = []
  client.on('error', (error) => errors.push(error))
  const transport = duplexTransport(accepted)
  const heard = started(transport)
  client.write('last')
  await until(() => heard.told.length === 1)
  transport.write([bytes('bye')])
  assert.equal(transport.close!(), false)
  transport.end()
  const [answer] = (await once(client, 'data')) as [Buffer]
  assert.equal(answer.toString(), 'bye')
  await once(client.resume(), 'end')
  client.end()
  await until(() => heard.told.at(-1) === 'close')
  assert.deepEqual(heard.told, ['data last', 'end', 'close'])
  assert.deepEqual(errors, [])
})

test('of many records that come at once during a pause none is lost, and none comes after a destroy', {
  timeout: 10_000,
}, async () => {
  for (const isDestroyed of [false, true]) {
    const { client, accepted } = await connected('TLS')
    assert.ok((client as tls.TLSSocket).setMaxSendFragment(512))
    const transport = duplexTransport(accepted)
    const heard = started(transport, () => {
      if (heard.told.length > 1) return
      if (isDestroyed) transport.destroy()
      else transport.pause()
    })
    const sent = pattern(3, 0, 20_000)
    client.end(sent)
    await until(() => heard.told.length > 0)
    for (let turns = 0; turns < 20; turns++) await turn()
    assert.equal(heard.told[0], 'data 512')
    if (isDestroyed) {
      assert.deepEqual(heard.told, ['data 512', 'close'])
      continue
    }
    assert.equal(heard.told.length, 1)
    while (heard.told.at(-1) !== 'end') {
      transport.resume()
      await turn()
    }
    assert.ok(heard.bytes.equals(sent))
  }
})
