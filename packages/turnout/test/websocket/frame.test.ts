import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PeerError } from '../../src/base/errors.ts'
import { COPY_BYTES, Outbox } from '../../src/base/outbox.ts'
import {
  encodeFrame,
  FIN,
  FrameReader,
  type FrameSink,
  isControl,
  OPCODE,
  opcodeOf,
  type Role,
  RSV1,
  writeFrame,
  writeTextFrame,
} from '../../src/websocket/frame.ts'
import { cut, frame, hex, ownMemory, parseFrames } from './frames.ts'

interface Heard {
  readonly head: number
  readonly length: number
  payload: Buffer
  ascii: boolean
  done: boolean
}

/** Collects frames, and checks on the way that each payload comes as it was announced. */
class Collector implements FrameSink {
  readonly frames: Heard[] = []

  onFrame(head: number, length: number): void {
    assert.ok(this.frames.at(-1)?.done ?? true, 'the frame before is complete')
    this.frames.push({ head, length, payload: Buffer.alloc(0), ascii: true, done: false })
  }

  onPayload(chunk: Buffer, start: number, end: number, ascii: boolean, last: boolean): void {
    const heard = this.frames.at(-1)!
    assert.equal(heard.done, false)
    const part = chunk.subarray(start, end)
    assert.ok(!ascii || part.every((byte) => byte < 0x80), 'ascii is never true in error')
    heard.payload = Buffer.concat([heard.payload, part])
    heard.ascii &&= ascii
    heard.done = last
    assert.equal(heard.payload.length === heard.length, last)
  }

  /** What comes whole has to be what comes in parts. */
  takesWhole(head: number): boolean {
    return !isControl(head)
  }

  onWhole(head: number, chunk: Buffer, start: number, end: number, ascii: boolean): void {
    this.onFrame(head, end - start)
    this.onPayload(chunk, start, end, ascii, true)
  }
}

/** For sinks that want every frame in its parts. */
const inParts = { takesWhole: () => false, onWhole: () => assert.fail('nobody asked for whole frames') }

function read(chunks: readonly Buffer[], role: Role, rsv?: number): Heard[] {
  const sink = new Collector()
  const reader = new FrameReader({ role, sink, ...(rsv !== undefined && { rsv }) })
  for (const chunk of chunks) reader.read(chunk)
  return sink.frames
}

/** The code of what reading throws, and how many frames were announced before; undefined: nothing was thrown. */
function failure(
  bytes: Buffer,
  role: Role,
  size: number = bytes.length,
): { code: string; frames: number } | undefined {
  const sink = new Collector()
  const reader = new FrameReader({ role, sink })
  try {
    for (const chunk of cut(bytes, size)) reader.read(chunk)
  } catch (error) {
    assert.ok(error instanceof PeerError)
    return { code: error.code, frames: sink.frames.length }
  }
  return undefined
}

const KEY = '37fa213d'

test('RFC 6455 section 5.7: every example is read as it is printed', () => {
  const hello = (chunks: Buffer[], role: Role) =>
    read(chunks, role).map(({ head, payload }) => [head, payload.toString()])
  assert.deepEqual(hello([hex('81 05 48 65 6c 6c 6f')], 'client'), [[0x81, 'Hello']])
  assert.deepEqual(hello([hex('81 85 37 fa 21 3d 7f 9f 4d 51 58')], 'server'), [[0x81, 'Hello']])
  assert.deepEqual(hello([hex('01 03 48 65 6c'), hex('80 02 6c 6f')], 'client'), [
    [0x01, 'Hel'],
    [0x80, 'lo'],
  ])
  assert.deepEqual(hello([hex('89 05 48 65 6c 6c 6f')], 'client'), [[0x89, 'Hello']])
  assert.deepEqual(hello([hex('8a 85 37 fa 21 3d 7f 9f 4d 51 58')], 'server'), [[0x8a, 'Hello']])
  assert.equal(read([Buffer.concat([hex('82 7e 01 00'), Buffer.alloc(256)])], 'client')[0]!.length, 256)
  assert.equal(
    read([Buffer.concat([hex('82 7f 00 00 00 00 00 01 00 00'), Buffer.alloc(65_536)])], 'client')[0]!.length,
    65_536,
  )
})

const plainFrame = fc.record({
  head: fc.constantFrom(0x81, 0x82, 0x01, 0x00, 0x80, 0x89, 0x8a, 0x88),
  payload: fc.oneof(
    { weight: 5, arbitrary: fc.uint8Array({ maxLength: 125 }) },
    { weight: 2, arbitrary: fc.string({ maxLength: 125 }).map((text) => Buffer.from(text).subarray(0, 125)) },
    {
      weight: 2,
      arbitrary: fc
        .constantFrom(126, 127, 300, 65_535, 65_536, 66_000)
        .map((size) => Buffer.alloc(size, 'ab')),
    },
  ),
  key: fc.uint8Array({ minLength: 4, maxLength: 4 }),
})

test('any frames in any chunks are read as they were written, in both roles', () => {
  fc.assert(
    fc.property(
      fc.array(plainFrame, { maxLength: 8 }),
      fc.constantFrom('server' as const, 'client' as const),
      fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(64, 1000, 65_536, 1_000_000)),
      (frames, role, size) => {
        const fitting = frames.map(({ head, payload, key }) => ({
          head,
          payload: isControl(head) ? payload.subarray(0, 125) : payload,
          key: Buffer.from(key).toString('hex'),
        }))
        const bytes = Buffer.concat(
          fitting.map(({ head, payload, key }) => frame(head, payload, role === 'server' ? key : undefined)),
        )
        const heard = read(cut(bytes, bytes.length > 5000 ? Math.max(size, 97) : size), role)
        assert.equal(heard.length, fitting.length)
        for (const [at, { head, payload, done }] of heard.entries()) {
          assert.equal(head, fitting[at]!.head)
          assert.ok(payload.equals(fitting[at]!.payload))
          assert.ok(done)
        }
      },
    ),
    { numRuns: 150 },
  )
})

test('a header may be cut anywhere, and an empty chunk changes nothing', () => {
  for (const role of ['server', 'client'] as const) {
    for (const size of [0, 5, 126, 65_536]) {
      const payload = Buffer.alloc(size, 'x')
      const bytes = frame(0x82, payload, role === 'server' ? KEY : undefined)
      for (let at = 1; at < Math.min(bytes.length, 20); at++) {
        const heard = read(
          [ownMemory(bytes.subarray(0, at)), Buffer.alloc(0), ownMemory(bytes.subarray(at)), Buffer.alloc(0)],
          role,
        )
        assert.equal(heard.length, 1)
        assert.ok(heard[0]!.payload.equals(payload) && heard[0]!.done)
      }
    }
  }
})

test('a whole text in ASCII is told as such when it came masked', () => {
  const ascii = (payload: Buffer | string) => read([frame(0x81, payload, KEY)], 'server')[0]!.ascii
  assert.equal(ascii('plain text, long enough for whole words'), true)
  assert.equal(ascii(''), true)
  assert.equal(ascii('é'), false)
  assert.equal(ascii(`${'x'.repeat(100)}é`), false)
})

test('RFC 6455 section 5.2: reserved opcodes are refused, at whatever split', () => {
  for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
    for (const fin of [0, FIN]) {
      const bytes = Buffer.concat([frame(0x82, 'fine', KEY), frame(fin | opcode, 'bad', KEY)])
      for (const size of [1, 3, bytes.length]) {
        assert.deepEqual(failure(bytes, 'server', size), { code: 'ERR_FRAME', frames: 1 })
      }
    }
  }
})

test('RFC 6455 section 5.2: RSV bits that no extension owns are refused', () => {
  for (const rsv of [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70]) {
    assert.deepEqual(failure(frame(0x81 | rsv, 'x', KEY), 'server'), { code: 'ERR_FRAME', frames: 0 })
    const owned = () => read([frame(0x81 | rsv, 'x', KEY)], 'server', RSV1)
    if (rsv === RSV1) assert.equal(owned()[0]!.head, 0xc1)
    else assert.throws(owned, { code: 'ERR_FRAME' })
  }
})

test('RFC 6455 section 5.1: a client masks, a server does not, or it is refused', () => {
  assert.deepEqual(failure(frame(0x81, 'x'), 'server'), { code: 'ERR_FRAME', frames: 0 })
  assert.deepEqual(failure(frame(0x81, 'x', KEY), 'client'), { code: 'ERR_FRAME', frames: 0 })
  // two bytes tell
  assert.deepEqual(failure(hex('81 05'), 'server'), { code: 'ERR_FRAME', frames: 0 })
})

test('RFC 6455 section 5.5: a control frame is whole and has at most 125 bytes', () => {
  for (const opcode of [8, 9, 10]) {
    assert.deepEqual(failure(frame(opcode, '', KEY), 'server'), { code: 'ERR_FRAME', frames: 0 })
    assert.equal(failure(frame(FIN | opcode, Buffer.alloc(125), KEY), 'server'), undefined)
    assert.deepEqual(failure(frame(FIN | opcode, Buffer.alloc(126), KEY), 'server'), {
      code: 'ERR_FRAME',
      frames: 0,
    })
    // refused by its second byte, before the length is there
    assert.deepEqual(failure(Buffer.of(FIN | opcode, 0xfe), 'server'), { code: 'ERR_FRAME', frames: 0 })
    assert.deepEqual(failure(Buffer.of(FIN | opcode, 0xff), 'server'), { code: 'ERR_FRAME', frames: 0 })
  }
})

test('RFC 6455 section 5.2: a length is written in the fewest bytes, and never with its top bit', () => {
  for (const bad of [
    '82 7e 0000',
    '82 7e 007d',
    '82 7f 0000000000000000',
    '82 7f 000000000000007e',
    '82 7f 000000000000ffff',
  ]) {
    for (const size of [1, 4, 20])
      assert.deepEqual(failure(hex(bad), 'client', size), { code: 'ERR_FRAME', frames: 0 })
  }
  for (const bad of ['82 7f 8000000000000000', '82 7f ffffffffffffffff', '82 7f 8000000000010000']) {
    assert.deepEqual(failure(hex(bad), 'client'), { code: 'ERR_FRAME', frames: 0 })
  }
})

test('the largest lengths are announced as they are, before any payload', () => {
  for (const [length, seen] of [
    ['7fffffffffffffff', 2 ** 63],
    ['0020000000000000', 2 ** 53],
    ['0000000100000000', 2 ** 32],
    ['0000000080000000', 2 ** 31],
  ] as const) {
    const announced: number[] = []
    const reader = new FrameReader({
      role: 'client',
      sink: { ...inParts, onFrame: (_, bytes) => announced.push(bytes), onPayload: () => {} },
    })
    reader.read(hex(`82 7f ${length}`))
    assert.deepEqual(announced, [seen])
  }
})

test('the key goes on where the part before left off, in a payload of any announced length', () => {
  const parts: string[] = []
  const reader = new FrameReader({
    role: 'server',
    sink: {
      ...inParts,
      onFrame() {},
      onPayload: (chunk, start, end) => void parts.push(chunk.toString('hex', start, end)),
    },
  })
  reader.read(hex('82 ff 0000000200000000 01020304'))
  for (const size of [5, 3, 0, 2]) reader.read(Buffer.alloc(size))
  assert.deepEqual(parts, ['0102030401', '020304', '', '0102'])
})

test('a sink that throws or stops hears nothing more', () => {
  for (const at of ['onFrame', 'onPayload'] as const) {
    const heard: string[] = []
    const reader: FrameReader = new FrameReader({
      role: 'client',
      sink: {
        ...inParts,
        onFrame(head) {
          heard.push(`frame ${opcodeOf(head)}`)
          if (at === 'onFrame') reader.stop()
        },
        onPayload(chunk, start, end) {
          heard.push(chunk.toString('utf8', start, end))
          reader.stop()
        },
      },
    })
    reader.read(Buffer.concat([frame(0x81, 'one'), frame(0x81, 'two')]))
    reader.read(frame(0x81, 'three'))
    assert.deepEqual(heard, at === 'onFrame' ? ['frame 1'] : ['frame 1', 'one'])
  }
})

test('a stopped reader ignores what would be wrong, and lets go of a cut header', () => {
  const reader = new FrameReader({ role: 'server', sink: new Collector() })
  reader.read(hex('81'))
  reader.stop()
  reader.read(hex('05 ff ff ff ff'))
})

test('a suspended reader keeps everything in order until it is resumed, over and over', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 60 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
      (sizes, size, suspends) => {
        const heard: string[] = []
        let frames = 0
        let suspended = false
        let payload = ''
        const reader: FrameReader = new FrameReader({
          role: 'server',
          sink: {
            ...inParts,
            onFrame: () => assert.equal(suspended, false),
            onPayload(chunk, start, end, _, last) {
              payload += chunk.toString('latin1', start, end)
              if (!last) return
              heard.push(payload)
              payload = ''
              if (!suspends[frames++ % suspends.length]) return
              suspended = true
              reader.suspend()
            },
          },
        })
        const go = () => {
          while (suspended) {
            suspended = false
            reader.resume()
          }
        }
        const texts = sizes.map((each, at) => String.fromCharCode(97 + at).repeat(each))
        for (const [at, chunk] of cut(
          Buffer.concat(texts.map((text) => frame(0x82, text, KEY))),
          size,
        ).entries()) {
          reader.read(chunk)
          if (at % 3 === 2) go()
        }
        go()
        assert.deepEqual(heard, texts)
      },
    ),
    { numRuns: 300 },
  )
})

test('what is written is read back, in both roles, by the reader and by the letter of the section', () => {
  const size = fc.oneof(
    { weight: 4, arbitrary: fc.nat({ max: 400 }) },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        0,
        125,
        126,
        65_535,
        65_536,
        COPY_BYTES - 1,
        COPY_BYTES,
        COPY_BYTES + 1,
        70_000,
      ),
    },
  )
  const message = fc.oneof(
    fc.record({ kind: fc.constant('bytes'), size, text: fc.constant('') }),
    fc.record({
      kind: fc.constant('text'),
      size: fc.constant(0),
      text: fc.string({ unit: 'binary', maxLength: 200 }),
    }),
    fc.record({
      kind: fc.constant('text'),
      size: fc.constant(0),
      text: fc
        .tuple(
          fc.constantFrom('a', 'é', '€', '😀', '\ud800'),
          fc.constantFrom(41, 42, 63, 125, 126, COPY_BYTES, COPY_BYTES + 1, 21_845, 66_000),
        )
        .map(([unit, count]) => unit.repeat(count)),
    }),
  )
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 8 }),
      fc.constantFrom('server' as const, 'client' as const),
      (messages, role) => {
        const outbox = new Outbox()
        for (const [number, { kind, size, text }] of messages.entries()) {
          if (kind === 'text') writeTextFrame(outbox, 0x81, text, role)
          else writeFrame(outbox, 0x82, Buffer.alloc(size, number), role)
        }
        const bytes = Buffer.concat(outbox.take())
        const due = messages.map(({ kind, size, text }, number) => ({
          head: kind === 'text' ? 0x81 : 0x82,
          payload: kind === 'text' ? Buffer.from(text) : Buffer.alloc(size, number),
        }))
        const plain = parseFrames(bytes)
        const heard = read([ownMemory(bytes)], role === 'client' ? 'server' : 'client')
        for (const frames of [plain, heard]) {
          assert.equal(frames.length, due.length)
          for (const [at, { head, payload }] of frames.entries()) {
            assert.equal(head, due[at]!.head)
            assert.ok(payload.equals(due[at]!.payload))
          }
        }
        assert.ok(plain.every(({ key }) => (key !== undefined) === (role === 'client')))
      },
    ),
    { numRuns: 100 },
  )
})

test('writing leaves the payload of the user as it is, and copies what is small', () => {
  for (const role of ['server', 'client'] as const) {
    for (const size of [10, COPY_BYTES, COPY_BYTES + 1]) {
      const outbox = new Outbox()
      const payload = Buffer.alloc(size, 'a')
      writeFrame(outbox, 0x82, payload, role)
      assert.ok(payload.every((byte) => byte === 0x61))
      const uncopied = size > COPY_BYTES && role === 'server'
      payload.fill('b')
      const [written] = parseFrames(Buffer.concat(outbox.take()))
      assert.equal(written!.payload[size - 1], uncopied ? 0x62 : 0x61)
    }
  }
})

test('RFC 6455 section 5.3: each frame gets a key of its own, also equal ones', () => {
  const outbox = new Outbox()
  for (let count = 0; count < 100; count++) writeTextFrame(outbox, 0x81, 'same', 'client')
  const keys = parseFrames(Buffer.concat(outbox.take())).map(({ key }) => key!.toString('hex'))
  assert.equal(new Set(keys).size, 100)
})

test('a frame encoded for many is the frame that one would get', () => {
  for (const size of [0, 1, 125, 126, 65_535, 65_536]) {
    const payload = Buffer.alloc(size, 'x')
    assert.ok(encodeFrame(FIN | OPCODE.binary, payload).equals(frame(0x82, payload)))
  }
})
