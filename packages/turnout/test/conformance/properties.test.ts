// Knows what holds for all bytes, not only for those in the tables: drawn by fast-check, judged by the slow reader.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { IN_MEMORY, type Setting } from './endpoint.ts'
import { type Bytes, close, fragments, frame, hex, masked } from './hex.ts'
import { binary, ping, pong, text } from './log.ts'
import { conclude, expectReading } from './table.ts'

const bytesUpTo = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength: length }).map((array) => Buffer.from(array))

/** Lengths around every edge of the header, and small ones. */
const payload: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 6, arbitrary: bytesUpTo(40) },
  { weight: 2, arbitrary: bytesUpTo(300) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(124, 125, 126, 127, 65_535, 65_536, 65_537), fc.nat(255))
      .map(([length, byte]) => Buffer.alloc(length, byte)),
  },
)

const words: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  {
    weight: 1,
    arbitrary: fc.string({ unit: fc.constantFrom('a', 'é', '€', '😀'), minLength: 100, maxLength: 200 }),
  },
)

/** Something the peer says that is in order, and the line that the application reads of it. */
interface Saying {
  readonly frames: readonly Buffer[]
  readonly line: string
}

const control: fc.Arbitrary<Saying> = fc.tuple(fc.boolean(), bytesUpTo(125)).map(([asks, body]) => ({
  frames: [frame(asks ? 0x89 : 0x8a, body)],
  line: asks ? ping(body) : pong(body),
}))

const message: fc.Arbitrary<Saying> = fc
  .tuple(fc.oneof(words, payload), fc.array(fc.nat(1_000), { maxLength: 6 }))
  .map(([content, cuts]) => {
    const body = Buffer.from(content as string)
    const places = [0, ...cuts.map((place) => place % (body.length + 1)).sort((a, b) => a - b), body.length]
    const parts = places.slice(1).map((place, at) => body.subarray(places[at], place))
    const isText = typeof content === 'string'
    return { frames: fragments(isText ? 0x81 : 0x82, parts), line: isText ? text(content) : binary(body) }
  })

/** A message, with control frames between its fragments. */
const interleaved: fc.Arbitrary<readonly Saying[]> = fc
  .tuple(message, fc.array(fc.tuple(fc.nat(20), control), { maxLength: 4 }))
  .map(([whole, controls]) => {
    const sayings: Saying[] = whole.frames.slice(0, -1).map((part) => ({ frames: [part], line: '' }))
    for (const [place, saying] of controls) sayings.splice(place % (sayings.length + 1), 0, saying)
    return [...sayings, { frames: whole.frames.slice(-1), line: whole.line }]
  })

const conversation = fc.array(
  fc.oneof(
    interleaved,
    control.map((saying) => [saying]),
  ),
  { maxLength: 8 },
)

/** Sends bytes in chunks whose sizes come round and round. */
async function sendCut(
  send: (part: Bytes) => Promise<void>,
  all: Buffer,
  sizes: readonly number[],
): Promise<void> {
  for (let at = 0, turn = 0; at < all.length; turn++) {
    const size = sizes[turn % sizes.length]!
    await send(all.subarray(at, at + size))
    at += size
  }
}

const chunkSizes = fc.oneof(
  fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
  fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 5 }),
  fc.constant([1_000_000]),
)
const maskKey = fc.uint8Array({ minLength: 4, maxLength: 4 })

const each = (title: string, run: (setting: Setting) => Promise<void>) => {
  for (const setting of IN_MEMORY) it(`${title}: a ${setting.role}`, () => run(setting))
}

describe('RFC 6455 sections 5 and 6: whatever is in order comes out the same', { timeout: 120_000 }, () => {
  each('any messages in any fragments with any control frames between, cut anywhere', async (setting) => {
    const property = fc.asyncProperty(conversation, chunkSizes, maskKey, async (sayings, sizes, key) => {
      const all = sayings.flat()
      const frames = all.flatMap((saying) => saying.frames)
      const sent = frames.map((each) => (setting.role === 'server' ? masked(each, key) : each))
      const opened = await setting.open()
      await sendCut((part) => opened.peer.sendBytes([part]), Buffer.concat(sent), sizes)
      await conclude(opened, {
        events: all.map((saying) => saying.line).filter((line) => line !== ''),
        answers: frames
          .filter((each) => each[0] === 0x89)
          .map((each) => Buffer.concat([Buffer.of(0x8a), each.subarray(1)])),
      })
    })
    await fc.assert(property, { numRuns: 300 })
  })

  each('any messages that are sent leave as frames that say the same', async (setting) => {
    const property = fc.asyncProperty(
      fc.array(fc.oneof(words, payload), { maxLength: 12 }),
      async (messages) => {
        const opened = await setting.open()
        for (const each of messages) void opened.endpoint.socket.send(each)
        await opened.peer.expect(
          ...messages.map((each) => frame(typeof each === 'string' ? 0x81 : 0x82, Buffer.from(each))),
        )
        await conclude(opened, {})
      },
    )
    await fc.assert(property, { numRuns: 200 })
  })
})

/** Frames with any header at all, most of them sane enough to be read on. */
const anyFrame: fc.Arbitrary<Buffer> = fc
  .record({
    first: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(0x01, 0x02, 0x00, 0x80, 0x81, 0x82, 0x89, 0x8a) },
      { weight: 1, arbitrary: fc.constant(0x88) },
      { weight: 1, arbitrary: fc.nat(255) },
    ),
    body: fc.oneof(
      { weight: 3, arbitrary: bytesUpTo(20) },
      { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 10 }).map((each) => Buffer.from(each)) },
      { weight: 1, arbitrary: bytesUpTo(140) },
      {
        weight: 1,
        arbitrary: fc.integer({ min: 990, max: 5_010 }).map((code) => Buffer.of(code >> 8, code)),
      },
    ),
    flip: fc.option(fc.tuple(fc.nat(12), fc.integer({ min: 1, max: 255 })), { freq: 12 }),
  })
  .map(({ first, body, flip }) => {
    const whole = frame(first, body)
    if (flip !== null) whole[flip[0] % whole.length]! ^= flip[1]
    return whole
  })

describe('RFC 6455 sections 5 to 8: whatever comes, it is taken or it ends in a Close', {
  timeout: 120_000,
}, () => {
  // nothing may be thrown out of the endpoint, nothing may hang, and the slow reader has to be of the same opinion
  const maxMessageBytes = 200

  each('any frames, cut anywhere', async (setting) => {
    const property = fc.asyncProperty(
      fc.array(anyFrame, { maxLength: 8 }),
      fc.nat(),
      maskKey,
      async (frames, at, key) => {
        const sent = Buffer.concat(
          frames.map((each) => (setting.role === 'server' ? masked(each, key) : each)),
        )
        await expectReading(setting, sent, at % (sent.length + 1), { maxMessageBytes })
        await expectReading(setting, sent, 'a byte at a time', { maxMessageBytes })
      },
    )
    await fc.assert(property, { numRuns: 500 })
  })

  each('any bytes', async (setting) => {
    const property = fc.asyncProperty(bytesUpTo(80), fc.nat(), async (sent, at) => {
      await expectReading(setting, sent, at % (sent.length + 1), { maxMessageBytes })
    })
    await fc.assert(property, { numRuns: 500 })
  })

  each('any bytes behind a Close change nothing', async (setting) => {
    const property = fc.asyncProperty(bytesUpTo(80), fc.nat(), async (noise, at) => {
      const start = setting.role === 'server' ? masked(close(1000)) : close(1000)
      const sent = Buffer.concat([start, noise])
      await expectReading(setting, sent, at % (sent.length + 1))
    })
    await fc.assert(property, { numRuns: 200 })
  })
})

describe('the notation of the suite', () => {
  it('masking twice with the same key gives the bytes again', () => {
    fc.assert(
      fc.property(payload, maskKey, (body, key) => {
        const once = masked(frame(0x82, body), key)
        const header = once.length - body.length
        const again = masked(frame(0x82, once.subarray(header)), key)
        assert.equal(hex(again.subarray(header)), hex(body))
      }),
      { numRuns: 50 },
    )
  })
})
