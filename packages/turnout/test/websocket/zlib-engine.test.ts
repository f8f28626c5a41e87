import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import zlib from 'node:zlib'
import {
  Engine,
  type EngineSettings,
  hasSync,
  openEngines,
  type Processed,
} from '../../src/websocket/zlib-engine.ts'
import { hex } from './frames.ts'

const DEFLATE: EngineSettings = { kind: 'deflate', windowBits: 15, level: 6, memLevel: 8 }
const INFLATE: EngineSettings = { kind: 'inflate', windowBits: 15 }
const ALL = Number.POSITIVE_INFINITY
const NODE = process.versions.bun === undefined && process.versions.deno === undefined

/** Every way to run an engine that this runtime has. */
const WAYS: readonly [
  string,
  (engine: Engine, input: Uint8Array, maxBytes?: number) => Promise<Processed>,
][] = [
  ['at once', async (engine, input, maxBytes = ALL) => engine.runSync(input, maxBytes)],
  ['on the thread pool', (engine, input, maxBytes = ALL) => engine.runLater(input, maxBytes)],
]
const ways = WAYS.filter(([name]) => hasSync() || name !== 'at once')

/** An engine that is closed when the test ends, whatever happens. */
async function withEngine<Result>(
  settings: EngineSettings,
  use: (engine: Engine) => Promise<Result>,
): Promise<Result> {
  const engine = new Engine(settings)
  try {
    return await use(engine)
  } finally {
    engine.close()
  }
}

for (const [name, run] of ways) {
  describe(`an engine run ${name}`, () => {
    it('keeps its window from one run to the next', async () => {
      await withEngine(DEFLATE, async (engine) => {
        const outputs = [
          await run(engine, Buffer.from('Hello')),
          await run(engine, Buffer.from('Hello')),
        ].map(({ output }) => output.toString('hex'))
        assert.deepEqual(outputs, ['f248cdc9c907000000ffff', 'f2001100000000ffff'])
      })
    })

    it('forgets its window when it is restarted', async () => {
      await withEngine(DEFLATE, async (engine) => {
        await run(engine, Buffer.from('Hello'))
        engine.restart()
        assert.equal(
          (await run(engine, Buffer.from('Hello'))).output.toString('hex'),
          'f248cdc9c907000000ffff',
        )
      })
    })

    it('gives memory that the next run leaves alone', async () => {
      await withEngine(INFLATE, async (engine) => {
        const first = await run(engine, hex('f248cdc9c907000000ffff'))
        const second = await run(engine, hex('000500faff776f726c64 000000ffff'))
        assert.deepEqual([String(first.output), String(second.output)], ['Hello', 'world'])
      })
    })

    it('takes any size in, and gives any size out', async () => {
      for (const bytes of [0, 1, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 131_072, 1_000_003]) {
        const data = Buffer.alloc(bytes, (bytes % 251).toString())
        await withEngine(DEFLATE, async (deflate) => {
          await withEngine(INFLATE, async (inflate) => {
            for (let round = 0; round < 2; round++) {
              const { output } = await run(deflate, data)
              const back = await run(inflate, output)
              assert.ok(back.output.equals(data), `${bytes} bytes`)
              assert.equal(back.consumed, output.length)
              assert.equal(back.cut, false)
            }
          })
        })
      }
    })

    it('says how much it took when a block with BFINAL ends the stream, and begins again', async () => {
      await withEngine(INFLATE, async (engine) => {
        for (let round = 0; round < 3; round++) {
          const { output, consumed } = await run(engine, hex('f348cdc9c90700 0000'))
          assert.deepEqual([String(output), consumed], ['Hello', 7])
          engine.restart()
        }
      })
    })

    it('stops soon after the limit', async () => {
      const zeros = zlib.deflateRawSync(Buffer.alloc(10_000_000))
      await withEngine(INFLATE, async (engine) => {
        const { output, cut } = await run(engine, zeros, 100_000)
        assert.equal(cut, true)
        assert.ok(output.length > 100_000 && output.length <= 100_000 + 131_072, `${output.length} bytes`)
      })
    })

    it('rejects what is no DEFLATE, closes, and is of no use any more', async () => {
      const before = openEngines()
      const engine = new Engine(INFLATE)
      assert.equal(openEngines(), before + 1)
      await assert.rejects(run(engine, hex('ffff')), /invalid block type/)
      assert.equal(engine.closed, true)
      assert.equal(openEngines(), before)
      await assert.rejects(run(engine, hex('00')), /closed/)
    })

    it('is closed once, however often it is said', async () => {
      const before = openEngines()
      const engine = new Engine(DEFLATE)
      await run(engine, Buffer.from('Hello'))
      engine.close()
      engine.close()
      assert.equal(openEngines(), before)
    })
  })
}

describe('an engine run both ways', () => {
  it('goes on with one window', { skip: !hasSync() }, async () => {
    await withEngine(DEFLATE, async (deflate) => {
      await withEngine(INFLATE, async (inflate) => {
        for (let round = 0; round < 4; round++) {
          const [there, back] = round % 2 === 0 ? WAYS : WAYS.toReversed()
          const { output } = await there![1](deflate, Buffer.from('the same words again and again'))
          if (round > 0) assert.ok(output.length < 16, `${output.length} bytes`)
          assert.equal(String((await back![1](inflate, output)).output), 'the same words again and again')
        }
      })
    })
  })

  it('goes on from where it was cut', { skip: !hasSync() }, async () => {
    const data = Buffer.from(Array.from({ length: 200_000 }, (_, at) => (at * at) % 251))
    const packed = zlib.deflateRawSync(data, { finishFlush: zlib.constants.Z_SYNC_FLUSH })
    await withEngine(INFLATE, async (engine) => {
      const first = engine.runSync(packed, 70_000)
      assert.equal(first.cut, true)
      const second = await engine.runLater(packed.subarray(first.consumed), ALL)
      assert.ok(Buffer.concat([first.output, second.output]).equals(data))
    })
  })

  it('is not run twice at a time, for that would end the process', async () => {
    await withEngine(DEFLATE, async (engine) => {
      const running = engine.runLater(Buffer.alloc(100_000), ALL)
      assert.throws(() => engine.runSync(Buffer.from('Hello'), ALL), /busy/)
      await assert.rejects(engine.runLater(Buffer.from('Hello'), ALL), /busy/)
      assert.throws(() => engine.restart(), /busy/)
      await running
    })
  })

  it('rejects at once when it is closed on the thread pool, and the process lives on', async () => {
    const before = openEngines()
    for (const settings of [DEFLATE, INFLATE]) {
      const engine = new Engine(settings)
      const input =
        settings === DEFLATE ? Buffer.alloc(3_000_000) : zlib.deflateRawSync(Buffer.alloc(3_000_000))
      const running = engine.runLater(input, ALL)
      const rejected = assert.rejects(running, /closed/)
      engine.close()
      await rejected
    }
    assert.equal(openEngines(), before)
  })
})

describe('a runtime without what Node does not document', () => {
  it('does all the same work on the thread pool', { skip: !hasSync() || !NODE }, async () => {
    const withoutSync = `
      import zlib from 'node:zlib'
      for (const name of ['createDeflateRaw', 'createInflateRaw']) {
        const create = zlib[name]
        const value = (options) => {
          const stream = create(options)
          stream._handle.writeSync = undefined
          return stream
        }
        Object.defineProperty(zlib, name, { value })
      }`
    const tests = ['deflate-context', 'deflate'].map((name) =>
      fileURLToPath(import.meta.url).replace('zlib-engine.test', `${name}.test`),
    )
    const preload = `data:text/javascript,${encodeURIComponent(withoutSync)}`
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const { code, output } = await run(['--import', preload, '--test', ...tests], env)
    assert.equal(code, 0, output)
  })
})

describe('a window', () => {
  it('of 9 bits, for want of a raw one of 8, reaches back no further than 8 allow', async () => {
    const text = Array.from({ length: 400 }, (_, at) => `${at % 37} and ${at % 11} more; `).join('')
    await withEngine({ ...DEFLATE, windowBits: 9 }, async (engine) => {
      const { output } = await engine.runLater(Buffer.from(text), ALL)
      assert.ok(output.length < text.length / 2)
      // with so small a chunk there is nothing to copy from but the window itself
      const strict = zlib.createInflateRaw({ windowBits: 8, chunkSize: 64 })
      const parts: Buffer[] = []
      strict.on('data', (part: Buffer) => parts.push(part))
      await new Promise<void>((resolve, reject) => {
        strict.on('error', reject)
        strict.write(output, () => resolve())
      })
      assert.equal(Buffer.concat(parts).toString(), text)
      strict.close()
    })
  })
})

function run(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { env, timeout: 60_000 })
    let output = ''
    const take = (text: Buffer) => {
      output += text
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.on('close', (code) => resolve({ code, output }))
  })
}
