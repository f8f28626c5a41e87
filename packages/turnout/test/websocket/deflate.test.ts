import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import zlib from 'node:zlib'
import fc from 'fast-check'
import { createVirtualClock } from '../../src/base/clock.ts'
import { MisuseError, PeerError } from '../../src/base/errors.ts'
import { createTurnout } from '../../src/turnout.ts'
import { connect } from '../../src/websocket/client.ts'
import { compressionExtension } from '../../src/websocket/deflate.ts'
import { formatExtensions } from '../../src/websocket/extension.ts'
import type { Role } from '../../src/websocket/frame.ts'
import type { CompressionOptions, Message, Sendable, WebSocketOptions } from '../../src/websocket/options.ts'
import type { Extension } from '../../src/websocket/transform.ts'
import { WebSocketStream } from '../../src/websocket/websocket-stream.ts'
import { WebSocket } from '../../src/websocket/whatwg.ts'
import { hasSync, openEngines } from '../../src/websocket/zlib-engine.ts'
import { turn, until } from '../base/turns.ts'
import { agree, createPair, type Pair, type PairOptions } from './compressed-pair.ts'
import { closeBody, frame, hex, parseFrames } from './frames.ts'
import { switchFor, webSocketServer } from './raw-websocket.ts'
import { createRig, type Rig, type RigOptions } from './rig.ts'

const MIB = 1_048_576
const KEY = '37fa213d'

/** Everything is compressed: at once, on the thread pool, and in both ways. */
const AT_ONCE: CompressionOptions = { threshold: 0, offloadBytes: Number.MAX_SAFE_INTEGER }
const APART: CompressionOptions = { threshold: 0, offloadBytes: 0 }
const MIXED: CompressionOptions = { threshold: 0, offloadBytes: 200 }
/** Windows as large as the other side likes. */
const WHOLE: CompressionOptions = { serverMaxWindowBits: 15, clientMaxWindowBits: 15 }
const WAYS = [
  ['at once', AT_ONCE],
  ['apart', APART],
] as const

/** A connection that compresses, and a peer made of bytes. */
function compressedRig(
  { role = 'server', ...options }: Omit<RigOptions, 'transform'> = {},
  pair: PairOptions = { server: AT_ONCE, client: AT_ONCE },
): Rig {
  const rig = createRig({ role, ...options, closed: true })
  rig.socket.terminate()
  const transform = agree(pair).create(role, { clock: rig.clock, ...options.options })
  return createRig({ role, ...options, transform })
}

function text(bytes: number, seed: number = 0): string {
  let result = ''
  for (let at = seed; result.length < bytes; at++)
    result += `${at % 97} turnouts, ${(at * at) % 1013} tracks; `
  return result.slice(0, bytes)
}

/** Bytes that do not compress. */
function noise(bytes: number, seed: number = 1): Buffer {
  const data = Buffer.alloc(bytes)
  let state = 0x2545_f491 + seed
  for (let at = 0; at < bytes; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    data[at] = state
  }
  return data
}

/** The payload of a message, made by nobody but zlib. */
function deflated(data: string | Uint8Array): Buffer {
  return zlib.deflateRawSync(data, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4)
}

/** So many zeros, in a thousandth of the bytes. */
function bombOf(bytes: number): Buffer {
  const flush = zlib.constants.Z_FULL_FLUSH
  const part = zlib.deflateRawSync(Buffer.alloc(MIB), { finishFlush: flush })
  const whole = Buffer.concat(Array.from({ length: bytes / MIB }, () => part))
  return whole.subarray(0, -4)
}

function shapes(messages: readonly Message[]): string[] {
  return messages.map((message) =>
    typeof message === 'string' ? message : Buffer.from(message as ArrayBuffer).toString('hex'),
  )
}

describe('compression', () => {
  it('is off unless it is asked for', () => {
    assert.equal(compressionExtension(undefined), undefined)
    assert.equal(compressionExtension(false), undefined)
    assert.equal(compressionExtension(true)?.name, 'permessage-deflate')
    assert.equal(compressionExtension({})?.rsv, 0x40)
  })

  it('asks a client for windows of 13 bits, and a server for nothing', () => {
    const compression = compressionExtension(true)!
    const plain = { name: 'permessage-deflate', parameters: [] }
    const offer = formatExtensions(compression.offer())
    assert.equal(offer, 'permessage-deflate; client_max_window_bits')
    assert.equal(
      formatExtensions([compression.answer(compression.offer())!.answer]),
      'permessage-deflate; server_max_window_bits=13; client_max_window_bits=13',
    )
    assert.equal(
      formatExtensions([compression.answer([plain])!.answer]),
      'permessage-deflate; server_max_window_bits=13',
    )
    assert.equal(
      formatExtensions([compressionExtension(WHOLE)!.answer([plain])!.answer]),
      'permessage-deflate',
    )
  })

  it('takes an option that is undefined for one that is not there', () => {
    const unsaid = Object.fromEntries(Object.keys(WHOLE).map((name) => [name, undefined]))
    const [whole, none] = [compressionExtension(unsaid)!, compressionExtension({})!]
    assert.deepEqual(whole.offer(), none.offer())
    assert.equal(
      formatExtensions([whole.answer(whole.offer())!.answer]),
      'permessage-deflate; server_max_window_bits=13; client_max_window_bits=13',
    )
  })

  it('refuses options that could never work', () => {
    const bad: unknown[] = [
      'yes',
      1,
      null,
      { level: -1 },
      { level: 10 },
      { level: 1.5 },
      { level: '6' },
      { memLevel: 0 },
      { memLevel: 10 },
      { threshold: -1 },
      { threshold: Number.NaN },
      { offloadBytes: -1 },
      { idleReleaseMs: -1 },
      { idleReleaseMs: 2 ** 31 },
      { serverMaxWindowBits: 7 },
      { clientMaxWindowBits: 16 },
    ]
    for (const options of bad) {
      assert.throws(() => compressionExtension(options as never), MisuseError, JSON.stringify(options))
    }
  })
})

describe('RFC 7692 section 7.2.3: the examples as frames', () => {
  const examples: readonly [string, string, string[]][] = [
    ['one block', 'c1 07 f2 48 cd c9 c9 07 00', ['Hello']],
    ['one block in two frames', '41 03 f2 48 cd 80 04 c9 c9 07 00', ['Hello']],
    ['the window shared', 'c1 07 f2 48 cd c9 c9 07 00 c1 05 f2 00 11 00 00', ['Hello', 'Hello']],
    ['no compression', 'c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00', ['Hello']],
    ['BFINAL', 'c1 08 f3 48 cd c9 c9 07 00 00', ['Hello']],
    ['two blocks', 'c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00', ['Hello']],
    ['an empty message', 'c1 01 00', ['']],
    ['an empty last frame', '41 06 f2 48 cd c9 c9 07 80 01 00', ['Hello']],
    [
      'an uncompressed message between',
      'c1 07 f2 48 cd c9 c9 07 00 81 02 68 69 c1 05 f2 00 11 00 00',
      ['Hello', 'hi', 'Hello'],
    ],
    ['a Ping between frames', '41 03 f2 48 cd 89 00 80 04 c9 c9 07 00', ['Hello']],
  ]
  for (const [name, bytes, messages] of examples) {
    for (const chunkBytes of [1, 2, 1000]) {
      for (const [how, options] of WAYS) {
        it(`${name}, read ${how} in chunks of ${chunkBytes}`, async () => {
          const rig = compressedRig(
            { role: 'client', pipe: { chunkBytes } },
            { server: options, client: options },
          )
          rig.peer.write(hex(bytes))
          const received = () => rig.log.filter((line) => line.startsWith('message'))
          await until(() => received().length === messages.length)
          assert.deepEqual(
            received(),
            messages.map((message) => `message ${message}`),
          )
          rig.socket.terminate()
        })
      }
    }
  }

  for (const [how, options] of WAYS) {
    it(`Hello twice, written ${how}`, async () => {
      const level6 = { ...options, level: 6 }
      const rig = compressedRig({}, { server: level6, client: level6 })
      await rig.socket.send('Hello')
      await rig.socket.send('Hello')
      await turn()
      assert.equal(rig.peer.bytes.toString('hex'), 'c107f248cdc9c90700c105f200110000')
      rig.socket.terminate()
    })

    it(`Hello twice without context takeover, written ${how}`, async () => {
      const level6 = { ...options, level: 6, serverNoContextTakeover: true }
      const rig = compressedRig({}, { server: level6, client: level6 })
      await rig.socket.send('Hello')
      await rig.socket.send('Hello')
      await turn()
      assert.equal(rig.peer.bytes.toString('hex'), 'c107f248cdc9c90700c107f248cdc9c90700')
      rig.socket.terminate()
    })

    it(`an empty message, written ${how}`, async () => {
      const rig = compressedRig({}, { server: options, client: options })
      await rig.socket.send('')
      await rig.socket.send(Buffer.alloc(0))
      await turn()
      assert.equal(rig.peer.bytes.toString('hex'), 'c10100c20100')
      rig.socket.terminate()
    })
  }
})

describe('RFC 7692 section 7: every parameter, end to end', () => {
  const takeovers: readonly CompressionOptions[] = [
    {},
    { serverNoContextTakeover: true },
    { clientNoContextTakeover: true },
    { serverNoContextTakeover: true, clientNoContextTakeover: true },
  ]
  const chunkings = [undefined, 1, 7, 1000]
  const messages: readonly (string | Buffer)[] = [
    '',
    'a',
    'grüße, 世界 😀',
    text(130),
    text(130),
    Buffer.alloc(0),
    noise(300),
    text(3_000, 7),
    Buffer.from(text(3_000, 8)),
    text(700, 7),
  ]

  for (let bits = 8; bits <= 15; bits++) {
    for (const [at, takeover] of takeovers.entries()) {
      it(`windows of ${bits} bits, ${JSON.stringify(takeover)}`, async () => {
        for (const [round, way] of [AT_ONCE, APART, MIXED].entries()) {
          const wish = { serverMaxWindowBits: bits, clientMaxWindowBits: 23 - bits, ...takeover, ...way }
          const chunkBytes = chunkings[(bits + at + round) % chunkings.length]
          const pair = createPair({
            // each side in turn is the one that asks
            ...(round === 0 ? { server: wish, client: way } : { client: wish, server: { ...way, ...WHOLE } }),
            ...(chunkBytes && { pipe: { chunkBytes } }),
          })
          if (bits < 15) assert.match(pair.extensions, new RegExp(`server_max_window_bits=${bits}`))
          for (const message of messages) {
            void pair.server.socket.send(message)
            void pair.client.socket.send(message)
          }
          await pair.close()
          assert.deepEqual(shapes(pair.client.messages), shapes(messages))
          assert.deepEqual(shapes(pair.server.messages), shapes(messages))
        }
      })
    }
  }

  for (const level of [0, 1, 5, 9]) {
    for (const memLevel of [1, 9]) {
      it(`level ${level}, memLevel ${memLevel}`, async () => {
        const options = { ...MIXED, level, memLevel }
        const pair = createPair({ server: options, client: options })
        for (const message of messages) void pair.server.socket.send(message)
        await pair.close()
        assert.deepEqual(shapes(pair.client.messages), shapes(messages))
      })
    }
  }
})

describe('the threshold', () => {
  it('leaves smaller messages as they are, by default those below 1,024 bytes', async () => {
    for (const [options, least] of [
      [{}, 1024],
      [{ threshold: 10 }, 10],
      [{ threshold: 0 }, 0],
    ] as const) {
      const rig = compressedRig({}, { server: options })
      for (const bytes of [least - 1, least].filter((one) => one >= 0)) {
        await rig.socket.send(text(bytes))
        await rig.socket.send(Buffer.from(text(bytes)))
      }
      await turn()
      assert.deepEqual(
        parseFrames(rig.peer.bytes).map(({ head }) => head.toString(16)),
        least === 0 ? ['c1', 'c2'] : ['81', '82', 'c1', 'c2'],
      )
      rig.socket.terminate()
    }
  })

  it('RFC 7692 section 6: messages of both kinds arrive in the order in which they were sent', async () => {
    const pair = createPair({ server: { threshold: 500, offloadBytes: 1000 }, client: { threshold: 500 } })
    const sent = [10, 600, 20, 5000, 30, 700, 8000, 40, 0, 501].map((bytes, at) => text(bytes, at))
    for (const message of sent) void pair.server.socket.send(message)
    await pair.close()
    assert.deepEqual(pair.client.messages, sent)
  })
})

describe('RFC 7692 section 6: RSV1', () => {
  const bad: readonly [string, readonly Buffer[]][] = [
    ['on a continuation', [frame(0x01, 'Hel', KEY), frame(0xc0, 'lo', KEY)]],
    [
      'on a continuation of a compressed message',
      [frame(0x41, hex('f248cd'), KEY), frame(0xc0, hex('c9c90700'), KEY)],
    ],
    ['on a Ping', [frame(0xc9, '', KEY)]],
    ['on a Pong', [frame(0xca, '', KEY)]],
    ['on a Close', [frame(0xc8, closeBody(1000), KEY)]],
  ]
  for (const [where, frames] of bad) {
    it(`${where} fails the connection with 1002`, async () => {
      await expectFailure(Buffer.concat(frames), 1002)
    })
  }

  it('with RSV2 or RSV3 beside it fails the connection with 1002', async () => {
    for (const head of [0xe1, 0xd1, 0xa1, 0x91])
      await expectFailure(frame(head, hex('f248cdc9c90700'), KEY), 1002)
  })

  it('without an agreement fails the connection with 1002', async () => {
    const rig = createRig()
    rig.peer.write(frame(0xc1, hex('f248cdc9c90700'), KEY))
    await turn()
    assert.equal(closeCode(rig), 1002)
  })
})

describe('what a peer may not send', () => {
  for (const [how, options] of WAYS) {
    it(`data that is no DEFLATE: 1002, read ${how}`, async () => {
      await expectFailure(frame(0xc1, hex('ffff'), KEY), 1002, options)
      await expectFailure(frame(0xc1, hex('f248cdc9c90700 41'), KEY), 1002, options)
    })

    it(`data that was cut short: 1002, read ${how}`, async () => {
      await expectFailure(frame(0xc1, deflated(text(500)).subarray(0, 60), KEY), 1002, options)
    })

    it(`RFC 7692 section 6.2: text that is no UTF-8 once inflated: 1007, read ${how}`, async () => {
      for (const bytes of ['c3', 'ff', 'eda080', 'f8888080', '48656c6c6fe282']) {
        await expectFailure(frame(0xc1, deflated(hex(bytes)), KEY), 1007, options)
      }
      const rig = compressedRig({}, { server: options, client: options })
      await rig.peer.send([0xc2, deflated(hex('ff'))])
      await until(() => rig.log.includes('message <ff>'))
      rig.socket.terminate()
    })

    it(`more than maxMessageBytes once inflated: 1009, read ${how}`, async () => {
      const before = openEngines()
      await expectFailure(frame(0xc2, deflated(Buffer.alloc(1001)), KEY), 1009, options, 1000)
      await expectFailure(frame(0xc2, noise(1200), KEY), 1009, options, 1000)
      assert.equal(openEngines(), before)
      const rig = compressedRig({ options: { maxMessageBytes: 1000 } }, { server: options, client: options })
      await rig.peer.send([0xc2, deflated(Buffer.alloc(1000))])
      await until(() => rig.log.includes('message binary of 1000'))
      rig.socket.terminate()
    })

    it(`as much as maxMessageBytes that does not compress, and grew: taken, read ${how}`, async () => {
      for (const memLevel of [1, 9]) {
        const grown = zlib.deflateRawSync(noise(100_000), {
          level: 1,
          memLevel,
          finishFlush: zlib.constants.Z_SYNC_FLUSH,
        })
        assert.ok(grown.length > 100_004, `${grown.length} bytes`)
        const rig = compressedRig(
          { options: { maxMessageBytes: 100_000 } },
          { server: options, client: options },
        )
        await rig.peer.send([0xc2, grown.subarray(0, -4)])
        await until(() => rig.log.includes('message binary of 100000'))
        rig.socket.terminate()
      }
    })

    it(`a bomb of a gibibyte: 1009 and no more memory than the limit, read ${how}`, async () => {
      const bomb = bombOf(1024 * MIB)
      const engines = openEngines()
      const peakBefore = process.resourceUsage().maxRSS
      await expectFailure(frame(0xc2, bomb, KEY), 1009, options, 8 * MIB)
      const growth = (process.resourceUsage().maxRSS - peakBefore) / 1024
      assert.ok(growth < 64, `${growth} MiB`)
      assert.equal(openEngines(), engines)
    })
  }

  it('a bomb is defused off the event loop, however small it comes', async () => {
    const rig = compressedRig({ options: { maxMessageBytes: 1024 * MIB } }, { server: {}, client: {} })
    const bomb = bombOf(60 * MIB)
    assert.ok(bomb.length < 65_536)
    rig.peer.write(frame(0xc2, bomb, KEY))
    let turns = 0
    while (rig.log.length === 1) {
      await turn()
      turns++
    }
    assert.equal(rig.log[1], `message binary of ${60 * MIB}`)
    assert.ok(turns > 50, `${turns} turns of the event loop`)
    rig.socket.terminate()
  })

  it('a compressed message is bounded also where messages come in parts', async () => {
    const rig = compressedRig({ iterated: true })
    rig.socket.streams()
    await rig.peer.send([0x42, Buffer.alloc(MIB)], [0x00, Buffer.alloc(60_000)])
    assert.equal(closeCode(rig), 1009)
    rig.socket.terminate()
  })
})

describe('memory', () => {
  it('is taken with the first message of each direction, and given back at the end', async () => {
    const before = openEngines()
    const pair = createPair({ server: AT_ONCE, client: AT_ONCE })
    await turn()
    assert.equal(openEngines(), before)
    void pair.server.socket.send('Hello')
    if (hasSync()) assert.equal(openEngines(), before + 1, 'the server compresses')
    await until(() => pair.client.messages.length === 1)
    assert.equal(openEngines(), before + 2, 'the client inflates')
    void pair.client.socket.send('Hello')
    await until(() => pair.server.messages.length === 1)
    assert.equal(openEngines(), before + 4, 'and the other way round')
    await pair.close()
    assert.equal(openEngines(), before)
  })

  it('of a sender that idles is given back, and what comes after can be read', async () => {
    const before = openEngines()
    const options = { ...AT_ONCE, idleReleaseMs: 1000 }
    const pair = createPair({ server: options, client: options })
    const sent = ['one', text(400), text(400), 'one']
    for (const [at, message] of sent.entries()) {
      void pair.server.socket.send(message)
      await until(() => pair.client.messages.length === at * 2 + 1)
      assert.equal(openEngines(), before + 2)
      pair.clock.advance(600)
      void pair.server.socket.send(message)
      await until(() => pair.client.messages.length === at * 2 + 2)
      pair.clock.advance(600)
      assert.equal(openEngines(), before + 2, 'it was used 600 ms ago')
      pair.clock.advance(400)
      assert.equal(openEngines(), before + 1, 'the reader of its messages has to remember')
    }
    await pair.close()
    assert.deepEqual(
      pair.client.messages,
      sent.flatMap((message) => [message, message]),
    )
    assert.equal(pair.clock.waiting, 0)
  })

  it('is given back after half a minute by default, and never with idleReleaseMs: 0', async () => {
    for (const [options, engines] of [
      [AT_ONCE, 1],
      [{ ...AT_ONCE, idleReleaseMs: 0 }, 2],
    ] as const) {
      const before = openEngines()
      const pair = createPair({ server: options, client: AT_ONCE })
      void pair.server.socket.send('Hello')
      await until(() => pair.client.messages.length === 1)
      pair.clock.advance(29_999)
      assert.equal(openEngines(), before + 2)
      pair.clock.advance(1)
      assert.equal(openEngines(), before + engines)
      await pair.close()
    }
  })

  it('of many is given back on one alarm, which the heartbeats share', async () => {
    const clock = createVirtualClock()
    const before = openEngines()
    const options = { clock, heartbeat: {} }
    const pairs = Array.from({ length: 50 }, () => createPair({ server: AT_ONCE, client: AT_ONCE, options }))
    for (const { server } of pairs) void server.socket.send('Hello')
    await until(() => pairs.every(({ client }) => client.messages.length === 1))
    assert.equal(openEngines(), before + 100)
    assert.equal(clock.waiting, 1)
    clock.advance(30_000)
    assert.equal(openEngines(), before + 50)
    for (const pair of pairs) await pair.close()
    assert.equal(clock.waiting, 0)
  })

  it('is not taken away from a message that is being compressed', async () => {
    const options = { ...APART, idleReleaseMs: 10 }
    const pair = createPair({ server: options, client: APART, options: { maxMessageBytes: 8 * MIB } })
    const message = noise(4 * MIB)
    const sent = pair.server.socket.send(message)
    await turn()
    for (let at = 0; at < 5; at++) pair.clock.advance(10)
    await sent
    await pair.close()
    assert.equal(pair.client.messages.length, 1)
    assert.ok(message.equals(pair.client.messages[0] as Buffer))
  })

  it('without context takeover is shared by all connections, and nothing else is', async () => {
    const before = openEngines()
    const options = { ...AT_ONCE, serverNoContextTakeover: true, clientNoContextTakeover: true, level: 7 }
    const pairs = Array.from({ length: 10 }, () => createPair({ server: options, client: options }))
    const frames: string[] = []
    for (const [at, pair] of pairs.entries()) {
      const { transport } = pair.server
      const write = transport.write.bind(transport)
      transport.write = (pieces) => {
        frames.push(Buffer.concat(pieces).subarray(2).toString('hex'))
        return write(pieces)
      }
      void pair.server.socket.send(`the secret of ${at === 9 ? 0 : at}`)
      void pair.client.socket.send('what is your secret?')
      await until(() => pair.client.messages.length + pair.server.messages.length === 2)
    }
    // to compress on both sides, and to inflate on both sides, each at once or one after the other
    assert.ok(openEngines() - before <= 4, `${openEngines() - before} engines`)
    for (const [at, pair] of pairs.entries()) {
      assert.deepEqual(pair.client.messages, [`the secret of ${at === 9 ? 0 : at}`])
      assert.equal(frames[at], deflated(pair.client.messages[0] as string).toString('hex'))
    }
    for (const pair of pairs) await pair.close()
  })
})

describe('a connection that ends while a message is worked on apart', () => {
  const endings: readonly [string, (pair: Pair, role: Role) => void][] = [
    ['by terminate', (pair, role) => pair[role].socket.terminate()],
    ['by a reset', (pair, role) => pair[role].transport.destroy(new Error('ECONNRESET'))],
    ['by the peer', (pair, role) => pair[role === 'server' ? 'client' : 'server'].socket.terminate()],
    [
      'by a broken rule',
      (pair, role) => pair[role === 'server' ? 'client' : 'server'].transport.write([hex('ff00')]),
    ],
  ]
  const message = noise(2 * MIB)
  const large: PairOptions = { server: APART, client: APART, options: { maxMessageBytes: 16 * MIB } }

  for (const [how, end] of endings) {
    it(`compressed, ${how}: nothing is thrown, nothing is kept`, async () => {
      const before = openEngines()
      const pair = createPair(large)
      const sent = pair.server.socket.send(message)
      const next = pair.server.socket.send('and more')
      assert.ok(sent instanceof Promise && next instanceof Promise)
      await turn()
      end(pair, 'server')
      assert.deepEqual([await sent, await next], [false, false])
      pair.client.socket.terminate()
      await Promise.all([pair.server.socket.closed, pair.client.socket.closed])
      await until(() => openEngines() === before)
    })

    it(`inflated, ${how}: nothing is thrown, nothing is kept`, async () => {
      const before = openEngines()
      const pair = createPair(large)
      const sent = pair.client.socket.send(message)
      await sent
      // what has arrived is being inflated now
      await turn()
      end(pair, 'server')
      pair.client.socket.terminate()
      await Promise.all([pair.server.socket.closed, pair.client.socket.closed])
      await until(() => openEngines() === before)
    })
  }

  it('waits for a place on the thread pool: it takes none any more', async () => {
    const before = openEngines()
    const pairs = Array.from({ length: 12 }, () => createPair(large))
    const sent = pairs.map((pair) => pair.server.socket.send(message))
    await turn()
    for (const pair of pairs) pair.server.socket.terminate()
    assert.deepEqual(
      await Promise.all(sent),
      sent.map(() => false),
    )
    await until(() => openEngines() === before)
  })

  it('closes only after what was sent before', async () => {
    const pair = createPair(large)
    void pair.server.socket.send(message)
    void pair.server.socket.send('last words')
    const closed = pair.server.socket.close(1000, 'done')
    assert.equal(await pair.server.socket.send('too late'), false)
    assert.equal((await closed).clean, true)
    assert.equal(pair.client.messages.length, 2)
    assert.equal(pair.client.messages[1], 'last words')
  })

  it('hears the messages that came before the end', async () => {
    const pair = createPair(large)
    await pair.client.socket.send(message)
    await pair.client.socket.send('last words')
    await turn()
    pair.client.transport.end()
    await pair.server.socket.closed
    assert.equal(pair.server.messages[1], 'last words')
    pair.client.socket.terminate()
  })
})

describe('whatever is sent', () => {
  const sendable: fc.Arbitrary<{ readonly send: () => Sendable; readonly shape: string }> = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }).map((message) => ({ send: () => message, shape: message })),
    fc.nat(5_000).map((bytes) => ({ send: () => text(bytes), shape: text(bytes) })),
    fc.tuple(fc.nat(5_000), fc.nat(99)).map(([bytes, seed]) => {
      const message = noise(bytes, seed)
      return { send: () => message, shape: message.toString('hex') }
    }),
    fc.nat(3_000).map((bytes) => {
      const message = Buffer.from(text(bytes))
      return { send: () => new Blob([message]), shape: message.toString('hex') }
    }),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => ({
      // whoever uses the bytes again after the call harms nobody
      send: () => {
        const reused = Buffer.from(bytes)
        queueMicrotask(() => reused.fill(0xee))
        return reused
      },
      shape: Buffer.from(bytes).toString('hex'),
    })),
  )
  const way: fc.Arbitrary<CompressionOptions> = fc.record({
    threshold: fc.constantFrom(0, 30, 1024),
    offloadBytes: fc.constantFrom(0, 50, 2000, 65_536),
    level: fc.constantFrom(1, 6),
    serverNoContextTakeover: fc.boolean(),
    clientNoContextTakeover: fc.boolean(),
  })

  it('arrives as it was, in order, and before the Close', async () => {
    await fc.assert(
      fc.asyncProperty(
        way,
        way,
        fc.constantFrom(undefined, 3, 500),
        fc.array(fc.tuple(fc.boolean(), sendable, fc.boolean()), { maxLength: 12 }),
        async (server, client, chunkBytes, sends) => {
          const before = openEngines()
          const pair = createPair({ server, client, ...(chunkBytes && { pipe: { chunkBytes } }) })
          for (const [byServer, { send }, wait] of sends) {
            void (byServer ? pair.server : pair.client).socket.send(send())
            if (wait) await turn()
          }
          // what the server sent after the client's Close frame came would be lost by right
          await until(() => pair.client.messages.length === sends.filter(([byServer]) => byServer).length)
          const [info] = await pair.close()
          assert.equal(info.code, 1000)
          for (const byServer of [true, false]) {
            assert.deepEqual(
              shapes((byServer ? pair.client : pair.server).messages),
              sends.filter(([by]) => by === byServer).map(([, { shape }]) => shape),
            )
          }
          // lent ones stay, by the handful
          assert.ok(openEngines() - before <= 16)
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe('RFC 6455 section 9: an extension of the user beside compression', () => {
  /** Turns bytes round, and says so by RSV2; what is long it turns apart. */
  const turning: Extension = {
    name: 'x-turn',
    rsv: 0x20,
    offer: () => [{ name: 'x-turn', parameters: [] }],
    answer: ([offer]) => offer && turning.confirm(offer),
    confirm: (answer) => ({
      answer,
      create: () => ({
        rsv: 0x20,
        wants: (bytes) => bytes > 3,
        encode: (payload) => {
          const turned = Buffer.from(payload).reverse()
          return payload.length > 100 ? turn().then(() => turned) : turned
        },
        decode: (payload) => Buffer.from(payload).reverse(),
        release: () => {},
      }),
    }),
  }

  it('works on the same messages, in the order agreed upon', async () => {
    const server = { ...AT_ONCE, ...WHOLE, serverMaxWindowBits: 12 }
    const pair = createPair({ server, client: AT_ONCE, extensions: [turning] })
    assert.equal(pair.extensions, 'permessage-deflate; server_max_window_bits=12, x-turn')
    const heads: number[] = []
    const { transport } = pair.server
    const write = transport.write.bind(transport)
    transport.write = (pieces) => {
      heads.push(...parseFrames(Buffer.concat(pieces)).map(({ head }) => head))
      return write(pieces)
    }
    const sent = ['Hello', 'hi', text(3000), 'Hello']
    for (const message of sent) void pair.server.socket.send(message)
    await pair.close()
    assert.deepEqual(pair.client.messages, sent)
    assert.deepEqual(heads, [0xe1, 0x81, 0xe1, 0xe1, 0x88])
  })

  it('may be used by a peer without the other', async () => {
    const pair = { server: AT_ONCE, client: AT_ONCE, extensions: [turning] }
    const rig = compressedRig({}, pair)
    await rig.peer.send(
      [0xa1, 'olleH'],
      [0xc1, hex('f248cdc9c90700')],
      [0xe1, hex('f248cdc9c90700').reverse()],
    )
    await until(() => rig.log.length === 4)
    assert.deepEqual(rig.log.slice(1), ['message Hello', 'message Hello', 'message Hello'])
    rig.socket.terminate()
  })

  it('that fails apart ends the connection with 1011, and nobody is left with a rejection', async () => {
    const transform = {
      rsv: 0x20,
      wants: () => true,
      encode: () => turn().then(() => Promise.reject(new Error('out of order'))),
      decode: (payload: Buffer) => payload,
      release: () => {},
    }
    const rig = createRig({ transform })
    assert.equal(await rig.socket.send('Hello'), false)
    await turn()
    assert.equal(closeCode(rig), 1011)
    rig.socket.terminate()
    const { cause } = await rig.socket.closed
    assert.equal((cause?.cause as Error | undefined)?.message, 'out of order')
  })
})

describe('over HTTP', () => {
  it('both sides agree and say so', async (t) => {
    const url = await serve(t, { compression: { ...MIXED, serverMaxWindowBits: 12 } })
    const socket = await connect(url, { compression: MIXED })
    assert.equal(
      socket.extensions,
      'permessage-deflate; server_max_window_bits=12; client_max_window_bits=13',
    )
    const sent = [text(50), text(5000), '', text(200_000)]
    for (const message of sent) void socket.send(message)
    const received: Message[] = []
    for await (const message of socket) {
      received.push(message)
      if (received.length === sent.length) break
    }
    assert.deepEqual(received, sent)
    assert.equal((await socket.close(1000)).clean, true)
  })

  it('the standard classes offer none of themselves, and compression when they are told to', async (t) => {
    const url = await serve(t, { compression: AT_ONCE })
    for (const [init, extensions] of [
      [{}, ''],
      [{ compression: true }, 'permessage-deflate; server_max_window_bits=13; client_max_window_bits=13'],
    ] as const) {
      const socket = new WebSocket(url, init)
      await once(socket, 'open')
      assert.equal(socket.extensions, extensions)
      socket.send('Hello')
      assert.equal((await once(socket, 'message'))[0].data, 'Hello')
      socket.close()
      await once(socket, 'close')

      const stream = new WebSocketStream(url, init)
      const { readable, writable, ...opened } = await stream.opened
      assert.equal(opened.extensions, extensions)
      await writable.getWriter().write('Hello')
      assert.equal((await readable.getReader().read()).value, 'Hello')
      stream.close()
      await stream.closed
    }
  })

  it('compression on one side alone is none', async (t) => {
    const withOut = await connect(await serve(t, {}), { compression: true })
    assert.equal(withOut.extensions, '')
    await withOut.close()
    const without = await connect(await serve(t, { compression: true }))
    assert.equal(without.extensions, '')
    await without.close()
  })

  it('RFC 7692 section 7.1: a client fails the connection on an answer that it cannot keep to', async (t) => {
    const answers = [
      'permessage-deflate; server_max_window_bits=16',
      'permessage-deflate; unknown',
      'permessage-deflate; client_max_window_bits',
      'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
      'permessage-deflate, permessage-deflate',
      'x-webkit-deflate-frame',
    ]
    for (const answer of answers) {
      const { wsUrl } = await webSocketServer(t, (request) =>
        request.socket.write(switchFor(request, `Sec-WebSocket-Extensions: ${answer}`)),
      )
      await assert.rejects(
        connect(wsUrl, { compression: true }),
        (error) => error instanceof PeerError && error.code === 'ERR_EXTENSION_NOT_OFFERED',
        answer,
      )
    }
  })
})

/** The URL of a server that echoes. */
async function serve(t: TestContext, options: Pick<WebSocketOptions, 'compression'>): Promise<string> {
  const server = createServer()
  const turnout = createTurnout()
  turnout.websocket('/', { ...options, message: (socket, message) => void socket.send(message) })
  turnout.attach(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    await turnout.close({ grace: 100 })
    server.close()
  })
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** Sends bytes to a server that compresses, and sees it fail. */
async function expectFailure(
  bytes: Buffer,
  code: number,
  options: CompressionOptions = AT_ONCE,
  maxMessageBytes: number = MIB,
): Promise<void> {
  const rig = compressedRig({ options: { maxMessageBytes } }, { server: options, client: options })
  rig.peer.write(bytes)
  await until(() => rig.peer.ended)
  assert.equal(closeCode(rig), code)
  assert.deepEqual(
    rig.log.filter((line) => line.startsWith('message')),
    [],
  )
  rig.peer.transport.end()
  await rig.socket.closed
}

function closeCode(rig: Rig): number | undefined {
  return parseFrames(rig.peer.bytes).at(-1)?.payload.readUInt16BE()
}
