import assert from 'node:assert/strict'
import { constants, isUtf8 } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { PeerError } from '../../src/base/errors.ts'
import { borrowText, decodeText, encodeText, TextParts, Utf8Check } from '../../src/websocket/text.ts'
import { cut, hex } from './frames.ts'

/** Text and rubbish: valid pieces, wrong pieces, pieces that are right only beside the right neighbour. */
const mixture: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }).map((text) => Buffer.from(text)) },
      { weight: 3, arbitrary: fc.string({ maxLength: 70 }).map((text) => Buffer.from(text)) },
      {
        weight: 2,
        arbitrary: fc
          .constantFrom(
            'c3',
            'e2',
            '82',
            'ac',
            'f0',
            '9f',
            '98',
            '80',
            'ed',
            'a0',
            'f4',
            '90',
            'c0',
            'ff',
            'ef bf bd',
            'e0 9f',
            'f0 8f',
          )
          .map(hex),
      },
    ),
    { maxLength: 12 },
  )
  .map((pieces) => Buffer.concat(pieces))

/** What can follow a first byte, straight from the table of RFC 3629 section 4. */
const SEQUENCES: readonly (readonly (readonly [number, number])[])[] = [
  [[0x00, 0x7f]],
  [
    [0xc2, 0xdf],
    [0x80, 0xbf],
  ],
  [
    [0xe0, 0xe0],
    [0xa0, 0xbf],
    [0x80, 0xbf],
  ],
  [
    [0xe1, 0xec],
    [0x80, 0xbf],
    [0x80, 0xbf],
  ],
  [
    [0xed, 0xed],
    [0x80, 0x9f],
    [0x80, 0xbf],
  ],
  [
    [0xee, 0xef],
    [0x80, 0xbf],
    [0x80, 0xbf],
  ],
  [
    [0xf0, 0xf0],
    [0x90, 0xbf],
    [0x80, 0xbf],
    [0x80, 0xbf],
  ],
  [
    [0xf1, 0xf3],
    [0x80, 0xbf],
    [0x80, 0xbf],
    [0x80, 0xbf],
  ],
  [
    [0xf4, 0xf4],
    [0x80, 0x8f],
    [0x80, 0xbf],
    [0x80, 0xbf],
  ],
]

/** Where the first wrong byte stands (-1: nowhere), and whether the text is complete at its end. */
function plainCheck(bytes: Uint8Array): { wrongAt: number; complete: boolean } {
  let open = SEQUENCES
  let step = 0
  for (const [at, byte] of bytes.entries()) {
    open = open.filter((sequence) => byte >= sequence[step]![0] && byte <= sequence[step]![1])
    if (open.length === 0) return { wrongAt: at, complete: false }
    if (open[0]!.length === ++step) {
      open = SEQUENCES
      step = 0
    }
  }
  return { wrongAt: -1, complete: step === 0 }
}

function check(chunks: readonly Buffer[]): boolean {
  const utf8 = new Utf8Check()
  return chunks.every((chunk) => utf8.add(chunk, 0, chunk.length)) && utf8.complete
}

test('RFC 6455 section 8.1: every split of any bytes is judged as the whole is', () => {
  fc.assert(
    fc.property(mixture, fc.integer({ min: 1, max: 90 }), (bytes, size) => {
      assert.equal(check(cut(bytes, size)), isUtf8(bytes))
      assert.equal(check([bytes]), isUtf8(bytes))
    }),
    { numRuns: 2000 },
  )
})

test('RFC 6455 section 8.1: a text is refused at its first wrong byte, never before and never after', () => {
  fc.assert(
    fc.property(mixture, (bytes) => {
      const { wrongAt, complete } = plainCheck(bytes)
      const utf8 = new Utf8Check()
      let failedAt = -1
      for (let at = 0; at < bytes.length && failedAt < 0; at++) {
        if (!utf8.add(bytes, at, at + 1)) failedAt = at
      }
      assert.equal(failedAt, wrongAt)
      if (wrongAt < 0) assert.equal(utf8.complete, complete)
      // and in bulk: up to the wrong byte it may still become a text, with it no more
      if (wrongAt >= 0) {
        assert.equal(new Utf8Check().add(bytes, 0, wrongAt), true)
        assert.equal(new Utf8Check().add(bytes, 0, wrongAt + 1), false)
      }
    }),
    { numRuns: 2000 },
  )
})

test('RFC 3629 section 3: every sequence of two bytes, and every beginning of a longer one, alone and behind text', () => {
  for (const before of [Buffer.alloc(0), Buffer.alloc(40, 'a'), Buffer.from('é'.repeat(20))]) {
    for (let first = 0; first < 0x100; first++) {
      for (let second = 0; second < 0x100; second++) {
        const bytes = Buffer.concat([before, Buffer.of(first, second)])
        const utf8 = new Utf8Check()
        const { wrongAt, complete } = plainCheck(bytes)
        assert.equal(utf8.add(bytes, 0, bytes.length), wrongAt < 0)
        if (wrongAt < 0) assert.equal(utf8.complete, complete)
      }
    }
  }
})

test('RFC 3629 section 3: no surrogates, no overlong forms, nothing above U+10FFFF, at every split', () => {
  for (const bad of [
    'eda080',
    'edbfbf',
    'c080',
    'c1bf',
    'e08080',
    'e09fbf',
    'f0808080',
    'f08fbfbf',
    'f4908080',
    'f5808080',
    'fe',
    'ff',
    '80',
    'e282',
    'f09f98',
  ]) {
    for (const filler of ['', 'x'.repeat(50)]) {
      const bytes = Buffer.concat([Buffer.from(filler), hex(bad)])
      for (let size = 1; size <= bytes.length; size++) assert.equal(check(cut(bytes, size)), false, bad)
    }
  }
  for (const good of [
    '7f',
    'c280',
    'dfbf',
    'e0a080',
    'ed9fbf',
    'ee8080',
    'efbfbf',
    'f0908080',
    'f48fbfbf',
    'efbbbf',
  ]) {
    for (let size = 1; size <= 4; size++) assert.equal(check(cut(hex(good), size)), true, good)
  }
})

test('an empty part changes nothing, and a new text may end at once', () => {
  const utf8 = new Utf8Check()
  assert.equal(utf8.complete, true)
  assert.equal(utf8.add(hex('e2'), 0, 1), true)
  assert.equal(utf8.add(hex('e2'), 1, 1), true)
  assert.equal(utf8.complete, false)
  assert.equal(utf8.add(hex('82ac'), 0, 2), true)
  assert.equal(utf8.complete, true)
})

test('a text is what its bytes say, a byte order mark and U+0000 included', () => {
  const bytes = Buffer.from('..\ufeffa\0é…', 'utf8')
  assert.equal(decodeText(bytes, 2, bytes.length, false), '\ufeffa\0é…')
  assert.equal(decodeText(Buffer.from('plain'), 1, 4, true), 'lai')
  assert.equal(decodeText(bytes, 2, 2, true), '')
})

test('more text than a string holds is the peer’s fault, told as too big', () => {
  const bytes = Buffer.allocUnsafeSlow(constants.MAX_STRING_LENGTH + 1)
  for (const ascii of [true, false]) {
    assert.throws(
      () => decodeText(bytes, 0, bytes.length, ascii),
      (error) => error instanceof PeerError && error.code === 'ERR_MESSAGE_TOO_BIG',
    )
  }
})

test('a text in parts is the text, no part cut inside a code point, and wrong where the whole is', () => {
  fc.assert(
    fc.property(mixture, fc.integer({ min: 1, max: 40 }), (bytes, size) => {
      const parts = new TextParts()
      const texts: string[] = []
      const read = () => {
        for (const chunk of cut(bytes, size)) texts.push(parts.add(chunk, 0, chunk.length))
        parts.end()
      }
      if (!isUtf8(bytes)) return assert.throws(read, { code: 'ERR_UTF8' })
      read()
      assert.equal(texts.join(''), bytes.toString())
      assert.ok(texts.every((text) => !/\p{Surrogate}/u.test(text)))
    }),
    { numRuns: 1000 },
  )
})

test('encodeText writes what Buffer.write writes, whatever the text and its length', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ maxLength: 80 })), (text) => {
      const [fast, plain] = [Buffer.alloc(text.length * 3 + 2), Buffer.alloc(text.length * 3 + 2)]
      assert.equal(encodeText(fast, 1, text), plain.write(text, 1))
      assert.deepEqual(fast, plain)
    }),
  )
})

test('borrowText writes the same, wherever what needs more than one byte stands', () => {
  const letters = fc.constantFrom('a', 'é', '€', '😀', '\ud800')
  const stretch = fc.tuple(letters, fc.constantFrom(1, 2, 3, 500, 511, 512, 513, 3000))
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 5 }), (stretches) => {
      const text = stretches.map(([letter, count]) => letter.repeat(count)).join('')
      const { loan, length } = borrowText(text)
      assert.ok(loan.bytes.subarray(0, length).equals(Buffer.from(text)))
      loan.letGo()
    }),
    { numRuns: 500 },
  )
})
