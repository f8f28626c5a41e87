import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import zlib from 'node:zlib'
import fc from 'fast-check'
import { PeerError } from '../../src/base/errors.ts'
import { DeflateContext, InflateContext } from '../../src/websocket/deflate-context.ts'
import { lentEngines, OwnEngine } from '../../src/websocket/engines.ts'
import { openEngines } from '../../src/websocket/zlib-engine.ts'
import { hex } from './frames.ts'

const MIB = 1_048_576

/** At once, on the thread pool, and one after the other in the middle of a message. */
const WAYS: readonly [name: string, syncBytes: number][] = [
  ['at once', Number.MAX_SAFE_INTEGER],
  ['apart', 0],
  ['at once until it is too much', 100],
]

function deflating(takeover = true, settings = {}): DeflateContext {
  const all = { kind: 'deflate', windowBits: 15, level: 6, memLevel: 8, ...settings } as const
  return new DeflateContext(takeover ? new OwnEngine(all) : lentEngines(all))
}

function inflating(takeover = true, maxBytes = MIB, windowBits = 15): InflateContext {
  const settings = { kind: 'inflate', windowBits } as const
  return new InflateContext(takeover ? new OwnEngine(settings) : lentEngines(settings), maxBytes)
}

/** The payload of one message, made by nobody but zlib. */
function plainlyDeflated(data: Uint8Array): Buffer {
  const flushed = zlib.deflateRawSync(data, { finishFlush: zlib.constants.Z_SYNC_FLUSH })
  return flushed.subarray(0, -4)
}

/** Blocks without compression, of so many bytes with their heads. */
function stored(bytes: number): Buffer {
  if (bytes === 0) return Buffer.alloc(0)
  const length = Math.min(bytes, 60_000) - 5
  const block = Buffer.alloc(5 + length, 'x')
  block[0] = 0
  block.writeUInt16LE(length, 1)
  block.writeUInt16LE(length ^ 0xffff, 3)
  return Buffer.concat([block, stored(bytes - block.length)])
}

for (const [name, syncBytes] of WAYS) {
  const inflate = async (context: InflateContext, payload: string | Buffer) =>
    String(await context.inflate(typeof payload === 'string' ? hex(payload) : payload, syncBytes))
  const broken = (code: string) => (error: unknown) => error instanceof PeerError && error.code === code

  describe(`a message compressed ${name}`, () => {
    it('RFC 7692 section 7.2.3.1: Hello is f2 48 cd c9 c9 07 00', async () => {
      const payload = await deflating().compress(Buffer.from('Hello'), syncBytes)
      assert.equal(payload.toString('hex'), 'f248cdc9c90700')
    })

    it('RFC 7692 section 7.2.3.2: Hello again refers to the window, and to none without takeover', async () => {
      const hello = Buffer.from('Hello')
      const keeping = deflating()
      await keeping.compress(hello, syncBytes)
      assert.equal((await keeping.compress(hello, syncBytes)).toString('hex'), 'f200110000')
      const forgetting = deflating(false)
      await forgetting.compress(hello, syncBytes)
      assert.equal((await forgetting.compress(hello, syncBytes)).toString('hex'), 'f248cdc9c90700')
    })

    it('RFC 7692 section 7.2.3.3: level 0 stores, in a block without compression', async () => {
      const payload = await deflating(true, { level: 0 }).compress(Buffer.from('Hello'), syncBytes)
      assert.equal(payload.toString('hex'), '000500faff48656c6c6f00')
    })

    it('RFC 7692 section 7.2.3.6: an empty one is 00', async () => {
      assert.equal((await deflating().compress(Buffer.alloc(0), syncBytes)).toString('hex'), '00')
    })

    it('RFC 7692 section 7.2.1: never ends with the four bytes that travel with no message', async () => {
      const context = deflating()
      for (const bytes of [1, 100, 16_381, 65_531, 200_000]) {
        const payload = await context.compress(Buffer.alloc(bytes, 'turnout'), syncBytes)
        assert.notEqual(payload.subarray(-4).toString('hex'), '0000ffff')
      }
    })
  })

  describe(`a message inflated ${name}`, () => {
    it('RFC 7692 section 7.2.3.1: a compressed Hello', async () => {
      assert.equal(await inflate(inflating(), 'f2 48 cd c9 c9 07 00'), 'Hello')
    })

    it('RFC 7692 section 7.2.3.2: the next may refer to its window', async () => {
      const context = inflating()
      await inflate(context, 'f2 48 cd c9 c9 07 00')
      assert.equal(await inflate(context, 'f2 00 11 00 00'), 'Hello')
    })

    it('RFC 7692 section 7.1.1: without takeover there is no window to refer to', async () => {
      const context = inflating(false)
      await inflate(context, 'f2 48 cd c9 c9 07 00')
      await assert.rejects(inflate(context, 'f2 00 11 00 00'), broken('ERR_FRAME'))
    })

    it('RFC 7692 section 7.2.3.3: a block without compression', async () => {
      assert.equal(await inflate(inflating(), '00 05 00 fa ff 48 65 6c 6c 6f 00'), 'Hello')
    })

    it('RFC 7692 section 7.2.3.4: a block with BFINAL, and messages after it', async () => {
      const context = inflating()
      for (let round = 0; round < 3; round++) {
        assert.equal(await inflate(context, 'f3 48 cd c9 c9 07 00 00'), 'Hello')
      }
      // the window begins anew behind it, and is taken over from there
      assert.equal(await inflate(context, 'f2 48 cd c9 c9 07 00'), 'Hello')
      assert.equal(await inflate(context, 'f2 00 11 00 00'), 'Hello')
    })

    it('RFC 7692 section 7.2.3.4: several blocks with BFINAL, other blocks between and behind them', async () => {
      const context = inflating()
      const final = 'f3 48 cd c9 c9 07 00'
      assert.equal(await inflate(context, `${final} ${final} 00`), 'HelloHello')
      assert.equal(await inflate(context, `${final} f2 48 cd c9 c9 07 00`), 'HelloHello')
      assert.equal(await inflate(context, `f2 48 cd c9 c9 07 00 00 00 ff ff ${final} 00`), 'HelloHello')
      const many = Buffer.concat([...Array.from({ length: 50 }, () => hex(final)), hex('00')])
      assert.equal(await inflate(context, many), 'Hello'.repeat(50))
      assert.equal(await inflate(context, 'f2 48 cd c9 c9 07 00'), 'Hello')
    })

    it('RFC 7692 section 7.2.3.4: a block with BFINAL for each 1,024 bytes and 64 more, and then no more', async () => {
      for (const [finals, bytes] of [
        [64, 1_023],
        [65, 1_024],
        [1_000, 958_464],
      ] as const) {
        const message = (count: number) =>
          Buffer.concat([hex('03 00'.repeat(count)), stored(bytes - 2 * count - 1), hex('00')])
        assert.match(await inflate(inflating(), message(finals)), /^x+$/)
        await assert.rejects(inflate(inflating(), message(finals + 1)), broken('ERR_MESSAGE_TOO_BIG'))
      }
      await assert.rejects(inflate(inflating(), hex('03 00'.repeat(500_000))), broken('ERR_MESSAGE_TOO_BIG'))
    })

    it('RFC 7692 section 7.2.3.4: BFINAL without the empty block that belongs behind it', async () => {
      const context = inflating()
      for (let round = 0; round < 3; round++) {
        assert.equal(await inflate(context, 'f3 48 cd c9 c9 07 00'), 'Hello')
      }
      assert.equal(await inflate(context, 'f2 48 cd c9 c9 07 00'), 'Hello')
    })

    it('RFC 7692 section 7.2.3.5: two blocks', async () => {
      assert.equal(await inflate(inflating(), 'f2 48 05 00 00 00 ff ff ca c9 c9 07 00'), 'Hello')
    })

    it('RFC 7692 section 7.2.3.6: an empty one, and one of no bytes at all', async () => {
      const context = inflating()
      assert.equal(await inflate(context, '00'), '')
      assert.equal(await inflate(context, ''), '')
      assert.equal(await inflate(context, 'f2 48 cd c9 c9 07 00'), 'Hello')
    })

    it('is refused when it is no DEFLATE', async () => {
      for (const payload of ['ff ff', '06', '00 05 00 00 00 48 65 6c 6c 6f 00', 'f2 00 11 00 00']) {
        await assert.rejects(inflate(inflating(), payload), broken('ERR_FRAME'), payload)
      }
    })

    it('is refused when it was cut short, instead of mixing with the next', async () => {
      const whole = plainlyDeflated(Buffer.from(Array.from({ length: 40 }, (_, at) => `${at} `).join('')))
      let unnoticed = 0
      for (let bytes = 1; bytes < whole.length; bytes++) {
        await inflate(inflating(), whole.subarray(0, bytes)).then(
          () => unnoticed++,
          (error) => assert.ok(broken('ERR_FRAME')(error), String(error)),
        )
      }
      assert.equal(unnoticed, 0)
      await assert.rejects(inflate(inflating(), '00 05 00 fa ff 48 65'), broken('ERR_FRAME'))
    })

    it('is refused with garbage behind its blocks', async () => {
      for (const garbage of ['41', 'ff', '00 00 ff ff', '00 41 41 41 41 41 41']) {
        const payload = `f2 48 cd c9 c9 07 00 ${garbage}`
        await assert.rejects(inflate(inflating(), payload), broken('ERR_FRAME'), payload)
      }
    })

    it('is bounded while it inflates', async () => {
      const data = Buffer.alloc(300_000, 'turnout ')
      const payload = plainlyDeflated(data)
      assert.equal(await inflate(inflating(true, 300_000), payload), String(data))
      await assert.rejects(inflate(inflating(true, 299_999), payload), broken('ERR_MESSAGE_TOO_BIG'))
      await assert.rejects(inflate(inflating(true, 0), payload), broken('ERR_MESSAGE_TOO_BIG'))
      const hello = 'f3 48 cd c9 c9 07 00'
      assert.equal(await inflate(inflating(true, 10), `${hello} ${hello} 00`), 'HelloHello')
      await assert.rejects(inflate(inflating(true, 9), `${hello} ${hello} 00`), broken('ERR_MESSAGE_TOO_BIG'))
    })

    it('frees its engine when it is refused', async () => {
      const before = openEngines()
      const bomb = plainlyDeflated(Buffer.alloc(5 * MIB))
      await assert.rejects(inflate(inflating(), bomb), broken('ERR_MESSAGE_TOO_BIG'))
      await assert.rejects(inflate(inflating(false), bomb), broken('ERR_MESSAGE_TOO_BIG'))
      await assert.rejects(inflate(inflating(), 'ff ff'), broken('ERR_FRAME'))
      assert.equal(openEngines(), before)
    })

    it('gives memory that no later message changes', async () => {
      const context = inflating()
      const messages: Buffer[] = []
      for (let at = 0; at < 20; at++) {
        messages.push(await context.inflate(plainlyDeflated(Buffer.from(`message ${at}`)), syncBytes))
      }
      assert.deepEqual(
        messages.map(String),
        Array.from({ length: 20 }, (_, at) => `message ${at}`),
      )
    })
  })
}

describe('both ways', () => {
  const data = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: 'binary', maxLength: 300 }).map((text) => new Uint8Array(Buffer.from(text))),
    fc
      .tuple(fc.nat(200_000), fc.string({ minLength: 1, maxLength: 9 }))
      .map(([bytes, text]) => new Uint8Array(Buffer.alloc(bytes, text))),
    fc.nat(100_000).map((bytes) => incompressible(bytes)),
  )
  const syncBytes = fc.constantFrom(0, 64, 4096, 65_536, Number.MAX_SAFE_INTEGER)

  it('whatever goes in comes out, in every window, wherever it is worked on', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 9, max: 15 }),
        fc.integer({ min: 0, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        fc.array(fc.tuple(data, syncBytes, syncBytes), { maxLength: 6 }),
        async (windowBits, level, memLevel, takeover, messages) => {
          const settings = { windowBits, level, memLevel }
          const out = new OwnEngine({ kind: 'deflate', ...settings })
          const back = new OwnEngine({ kind: 'inflate', windowBits })
          const deflate = takeover ? new DeflateContext(out) : deflating(false, settings)
          const inflate = takeover ? new InflateContext(back, MIB) : inflating(false, MIB, windowBits)
          for (const [message, there, here] of messages) {
            const payload = await deflate.compress(message, there)
            assert.ok(Buffer.from(message).equals(await inflate.inflate(payload, here)))
          }
          out.release()
          back.release()
        },
      ),
      { numRuns: 60 },
    )
  })

  it('whatever a peer sends, it ends in a message or in a PeerError', async () => {
    const context = inflating(true, 10_000)
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), syncBytes, async (payload, sync) => {
        try {
          await context.inflate(payload, sync)
        } catch (error) {
          assert.ok(error instanceof PeerError, String(error))
        }
      }),
      { numRuns: 500 },
    )
  })
})

function incompressible(bytes: number): Uint8Array {
  const data = new Uint8Array(bytes)
  let state = 0x2545_f491
  for (let at = 0; at < bytes; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    data[at] = state
  }
  return data
}
