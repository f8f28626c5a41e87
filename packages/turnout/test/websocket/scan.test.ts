// Knows that messages found all at once are those that are found frame by frame, whatever happens in between.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { PeerError } from '../../src/base/errors.ts'
import { lent } from '../../src/base/lent.ts'
import { LENT_BYTES, TABLE_BYTES } from '../../src/base/linear.ts'
import { FrameReader, type FrameSink, isControl, RSV1 } from '../../src/websocket/frame.ts'
import { endScan, scan } from '../../src/websocket/scan.ts'
import { cut, frame } from './frames.ts'

/** What a sink does when it has heard of so many whole messages. */
type Act = 'stop' | 'suspend' | 'parts' | 'throw' | 'nest'

interface Course {
  readonly frames: readonly Buffer[]
  readonly acts: ReadonlyMap<number, Act>
}

/** Writes down all that it hears, and does as it was told. */
class Scribe implements FrameSink {
  readonly heard: string[] = []
  readonly reader: FrameReader
  readonly #acts: ReadonlyMap<number, Act>
  readonly #nested: () => void
  #parts = false
  #count = 0

  constructor(acts: ReadonlyMap<number, Act>, nested: () => void = () => {}) {
    this.#acts = acts
    this.#nested = nested
    this.reader = new FrameReader({ role: 'server', rsv: RSV1, sink: this })
  }

  onFrame(head: number, length: number): void {
    this.heard.push(`frame ${head.toString(16)} of ${length}`)
  }

  onPayload(chunk: Buffer, start: number, end: number, ascii: boolean, last: boolean): void {
    this.heard.push(`${chunk.toString('hex', start, end)} ${ascii} ${last}`)
  }

  takesWhole(head: number, length: number): boolean {
    return !this.#parts && !isControl(head) && length < 300
  }

  onWhole(head: number, chunk: Buffer, start: number, end: number, ascii: boolean): void {
    this.heard.push(`whole ${head.toString(16)} ${chunk.toString('hex', start, end)} ${ascii}`)
    const act = this.#acts.get(++this.#count)
    if (act === 'stop') this.reader.stop()
    else if (act === 'suspend') this.reader.suspend()
    else if (act === 'parts') this.#parts = true
    else if (act === 'nest') this.#nested()
    else if (act === 'throw') throw new Error('told to')
  }

  /** Reads all of it, goes on where it was suspended, and notes what is thrown. */
  readAll(chunks: Iterable<Buffer>): string[] {
    try {
      for (const chunk of chunks) {
        this.reader.read(chunk)
        this.reader.resume()
        this.#parts = false
      }
    } catch (error) {
      this.heard.push(error instanceof PeerError ? error.message : String(error))
    }
    this.heard.push(`at its end: ${this.reader.isAtEnd}`)
    return this.heard
  }
}

/** Each in the memory that is read into, one after the other in the same place. */
function* inLent(chunks: readonly Buffer[], offset: number): Iterable<Buffer> {
  for (const chunk of chunks) {
    const at = Math.min(offset, LENT_BYTES - chunk.length)
    chunk.copy(lent, at)
    yield lent.subarray(at, at + chunk.length)
  }
}

const inMemoryOfItsOwn = (chunks: readonly Buffer[]) =>
  chunks.map((chunk) => Buffer.from(new Uint8Array(chunk)))

const payloads = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 40 }).map((length) => Buffer.alloc(length, 'text')) },
  { weight: 3, arbitrary: fc.uint8Array({ maxLength: 40 }).map(Buffer.from) },
  { weight: 2, arbitrary: fc.integer({ min: 120, max: 310 }).map((length) => Buffer.alloc(length, 'text')) },
  { weight: 1, arbitrary: fc.integer({ min: 65_530, max: 65_540 }).map((length) => Buffer.alloc(length)) },
)

const heads = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(0x81, 0x82) },
  { weight: 1, arbitrary: fc.constantFrom(0x01, 0x00, 0x80, 0xc1) },
)

const keys = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((key) => Buffer.from(key).toString('hex'))

const frames = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.tuple(heads, payloads, keys).map(([head, payload, key]) => frame(head, payload, key)),
  },
  { weight: 2, arbitrary: keys.map((key) => frame(0x89, 'ping', key)) },
  // not masked, with an RSV bit of nobody, of an unknown opcode, with a length in more bits than it needs
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(
        '8100',
        'a18000000000',
        '838000000000',
        '81fe007d00000000',
        '82ff000000000000000100000000',
      )
      .map((hex) => Buffer.from(hex, 'hex')),
  },
)

const courses: fc.Arbitrary<Course> = fc.record({
  frames: fc.array(frames, { maxLength: 30 }),
  acts: fc
    .array(
      fc.tuple(
        fc.integer({ min: 1, max: 25 }),
        fc.constantFrom<Act>('stop', 'suspend', 'parts', 'throw', 'nest'),
      ),
      { maxLength: 3 },
    )
    .map((acts) => new Map(acts)),
})

test('at once and frame by frame agree: any frames, any cuts, whoever stops, waits, wants parts or throws', () => {
  const nested = Buffer.concat(['one', 'two'].map((text) => frame(0x81, text, '01020304')))
  fc.assert(
    fc.property(
      courses,
      fc.oneof(fc.constant(LENT_BYTES), fc.integer({ min: 1, max: 2_000 })),
      fc.nat({ max: 100_000 }),
      ({ frames, acts }, size, offset) => {
        const chunks = cut(Buffer.concat(frames), size)
        const inner: string[][] = []
        const nest = (place: Buffer) => () => {
          nested.copy(place)
          inner.push(new Scribe(new Map()).readAll([place.subarray(0, nested.length)]))
        }
        const plain = new Scribe(acts, nest(Buffer.alloc(nested.length))).readAll(inMemoryOfItsOwn(chunks))
        // what lies at the end of lent memory, where the chunk does not
        const far = lent.subarray(LENT_BYTES - nested.length)
        const isFar = chunks.every(({ length }) => offset + length <= LENT_BYTES - nested.length)
        const fast = new Scribe(acts, nest(isFar ? far : Buffer.alloc(nested.length)))
        assert.deepEqual(fast.readAll(inLent(chunks, offset)), plain)
        for (const heard of inner) assert.deepEqual(heard.slice(0, 2), TWO)
      },
    ),
    { numRuns: 1500 },
  )
})

const TWO = ['one', 'two'].map((text) => `whole 81 ${Buffer.from(text).toString('hex')} true`)

test('more messages than are listed at a time come one after the other', () => {
  const count = TABLE_BYTES / 4
  const message = (index: number) => frame(0x82, Buffer.from([index >> 8, index]), 'a1b2c3d4')
  const chunk = Buffer.concat(Array.from({ length: count }, (_, index) => message(index)))
  const heard = new Scribe(new Map()).readAll(inLent([chunk], 7))
  assert.equal(heard.length, count + 1)
  const hex = (index: number) => Buffer.from([index >> 8, index]).toString('hex')
  for (let index = 0; index < count; index++) {
    assert.equal(heard[index]!.startsWith(`whole 82 ${hex(index)} `), true)
  }
})

test('what nobody has taken lies there as it came', () => {
  const messages = [1, 2, 3, 200, 5].map((length) => frame(0x81, Buffer.alloc(length, 'é'), 'f1f2f3f4'))
  for (const act of ['stop', 'suspend'] as const) {
    const [chunk] = inLent([Buffer.concat(messages)], 11)
    new Scribe(new Map([[2, act]])).reader.read(chunk!)
    const taken = messages[0]!.length + messages[1]!.length
    assert.ok(chunk!.subarray(taken).equals(Buffer.concat(messages.slice(2))))
  }
})

test('the list is free again for the next read, also when this one was broken off', () => {
  const message = frame(0x81, 'again', 'f1f2f3f4')
  for (const act of ['throw', 'stop'] as const) {
    new Scribe(new Map([[1, act]])).readAll(inLent([Buffer.concat([message, message])], 0))
    const [chunk] = inLent([message], 0)
    assert.equal(scan(chunk!, 0, chunk!.length), 1)
    endScan()
  }
})

test('without WebAssembly the same comes out', () => {
  // in a process of its own: gone before the library looks for it
  const script = `
    delete globalThis.WebAssembly
    const { lent } = await import(${JSON.stringify(new URL('../../src/base/lent.js', import.meta.url))})
    const { FrameReader } = await import(${JSON.stringify(new URL('../../src/websocket/frame.js', import.meta.url))})
    const bytes = Buffer.from('8185a1b2c3d4c9d7afb8ce8182a1b2c3d4c9db', 'hex')
    bytes.copy(lent)
    const onWhole = (head, chunk, start, end, ascii) => console.log(chunk.toString('latin1', start, end), ascii)
    new FrameReader({ role: 'server', sink: { takesWhole: () => true, onWhole } }).read(lent.subarray(0, bytes.length))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script])
  assert.equal(String(stdout), 'hello true\nhi true\n', String(stderr))
})
