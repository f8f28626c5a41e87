// Knows UTF-8 in texts: section 8.1, right and wrong, cut anywhere, and noticed as soon as it is wrong.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IN_MEMORY } from './endpoint.ts'
import { bytes, close, fragments, frame, hex, masked } from './hex.ts'
import { binary, ping, text } from './log.ts'
import { endsWhole, utf8Fault } from './reference.ts'
import { type Case, conclude, conform, expectReading, named } from './table.ts'

const VALID: readonly (readonly [title: string, payload: string])[] = [
  ['nothing', ''],
  ['NUL', '00'],
  ['U+0000 to U+007F, first and last', '00 7f'],
  ['U+0080 to U+07FF, first and last', 'c2 80 df bf'],
  ['U+0800 to U+FFFF, first and last', 'e0 a0 80 ef bf bf'],
  ['U+10000 to U+10FFFF, first and last', 'f0 90 80 80 f4 8f bf bf'],
  ['both sides of the surrogates', 'ed 9f bf ee 80 80'],
  ['the noncharacters U+FFFE and U+FFFF', 'ef bf be ef bf bf'],
  ['the noncharacters U+FDD0 to U+FDEF, first and last', 'ef b7 90 ef b7 af'],
  ['the noncharacters at the end of planes 1 and 16', 'f0 9f bf be f0 9f bf bf f4 8f bf be f4 8f bf bf'],
  ['the private use planes', 'ee 80 80 ef a3 bf f3 b0 80 80 f4 80 80 80'],
  ['the replacement character', 'ef bf bd'],
  ['a byte order mark in front, which is kept', 'ef bb bf "text"'],
  ['nothing but byte order marks', 'ef bb bf ef bb bf'],
  ['a byte order mark inside', '"a" ef bb bf "b"'],
  ['one, two, three and four bytes in turn', '"aé€😀é€a😀"'],
  ['Greek, Hebrew, Devanagari, Han', '"κόσμε שלום नमस्ते 世界"'],
  ['combined: a family of emoji', '"👩‍👩‍👧‍👦"'],
]

/** Bytes that are no UTF-8; the fault is noticed at the last of them, whatever follows. */
const INVALID: readonly (readonly [title: string, payload: string])[] = [
  ['a lone continuation byte 80', '80'],
  ['a lone continuation byte BF', 'bf'],
  ['a continuation byte too many', 'c3 a9 a9'],
  ['two bytes, the second not there', 'c3 28'],
  ['three bytes, the second not there', 'e2 28'],
  ['three bytes, the third not there', 'e2 82 28'],
  ['four bytes, the second not there', 'f0 28'],
  ['four bytes, the third not there', 'f0 9f 28'],
  ['four bytes, the fourth not there', 'f0 9f 98 28'],
  ['a new character inside another', 'e2 82 c3'],
  ['an overlong NUL in two bytes', 'c0'],
  ['an overlong slash in two bytes', 'c1'],
  ['an overlong form in three bytes: the last is U+07FF', 'e0 9f'],
  ['an overlong form in four bytes: the last is U+FFFF', 'f0 8f'],
  ['the first surrogate, U+D800', 'ed a0'],
  ['the last surrogate, U+DFFF', 'ed bf'],
  ['U+110000, the first beyond Unicode', 'f4 90'],
  ['F5: beyond Unicode altogether', 'f5'],
  ['F8: five bytes', 'f8'],
  ['FC: six bytes', 'fc'],
  ['FE', 'fe'],
  ['FF', 'ff'],
  ['Latin-1', '"caf" e9 20'],
  ['UTF-16 of "hi", with its mark', 'ff'],
  ['a fault behind plenty of good text', '"κόσμε"*10 ed a0'],
  ['a fault behind 200 ASCII bytes', '"x"*200 ff'],
]

/** Texts that end inside a character. */
const CUT_SHORT = [
  'c3',
  'e2',
  'e2 82',
  'f0',
  'f0 9f',
  'f0 9f 98',
  'ed',
  'f4',
  '"Hello" ce',
  '"Hello"*20 f0 9f 98',
]

const invalidCases = (row: (payload: Buffer) => Case): Record<string, Case> =>
  Object.fromEntries(INVALID.map(([title, payload]) => [title, row(bytes(payload))]))

conform(
  'RFC 6455 section 5.6: a text is UTF-8, and comes out and goes back as it came',
  Object.fromEntries(
    VALID.flatMap(([title, payload]): [string, Case][] => {
      const all = bytes(payload)
      const due = { events: [text(all.toString())], answers: [frame(0x81, all)], echo: true }
      return [
        [title, { send: [frame(0x81, all)], ...due }],
        [
          `${title}: a byte in each fragment`,
          {
            send: fragments(
              0x81,
              [...all, undefined].map((byte) => (byte === undefined ? '' : Buffer.of(byte))),
            ),
            ...due,
          },
        ],
      ]
    }),
  ),
)

conform(
  'RFC 6455 section 8.1: a text that is no UTF-8 fails the connection',
  invalidCases((payload) => ({
    send: ['81 06 "before"', frame(0x81, Buffer.concat([payload, Buffer.from('rest')])), '81 05 "after"'],
    events: [text('before')],
    fails: 1007,
  })),
)

conform(
  'RFC 6455 section 8.1: the fault is noticed although the message has not ended',
  invalidCases((payload) => ({ send: [frame(0x01, payload)], fails: 1007 })),
)

conform(
  'RFC 6455 section 8.1: the fault is noticed although the frame has not ended',
  invalidCases((payload) => ({
    send: [frame(0x81, Buffer.concat([payload, Buffer.alloc(1000)])).subarray(0, -1000)],
    fails: 1007,
  })),
)

conform(
  'RFC 6455 section 8.1: the fault is noticed with the byte that makes it, fragments and Pings in between',
  invalidCases((payload) => ({
    send: [
      ...fragments(0x81, [...[...payload].map((byte) => Buffer.of(byte)), '']).slice(0, -2),
      '89 02 ff fe',
      frame(payload.length === 1 ? 0x01 : 0x00, payload.subarray(-1)),
    ],
    events: [ping('ff fe')],
    answers: ['8a 02 ff fe'],
    fails: 1007,
  })),
)

conform(
  'RFC 6455 section 8.1: a text that ends inside a character fails the connection',
  Object.fromEntries(
    CUT_SHORT.flatMap((payload): [string, Case][] => [
      [`${payload}, in one frame`, { send: [frame(0x81, payload)], fails: 1007 }],
      [
        `${payload}, in two fragments, the last one empty`,
        { send: [frame(0x01, payload), '80 00'], fails: 1007 },
      ],
      [
        `${payload}, the rest of the character in the next message`,
        { send: [frame(0x81, payload), frame(0x81, '82 ac')], fails: 1007 },
      ],
    ]),
  ),
)

conform('RFC 6455 section 5.6: only texts are UTF-8', {
  'binary takes any byte': {
    send: [frame(0x82, 'ff fe c0 80 ed a0 80'), ...fragments(0x82, ['f0 9f', 'ff'])],
    events: [binary('ff fe c0 80 ed a0 80'), binary('f0 9f ff')],
  },
  'a Ping inside a text may carry any': {
    send: ['01 01 e2', '89 03 ff 80 c0', '80 02 82 ac'],
    events: [ping('ff 80 c0'), text('€')],
    answers: ['8a 03 ff 80 c0'],
  },
  'every text starts afresh behind one of many kinds of bytes': {
    send: ['81 03 "€"', '82 01 e2', '81 01 61', '82 02 82 ac', '81 04 "😀"'],
    events: [text('€'), binary('e2'), text('a'), binary('82 ac'), text('😀')],
  },
})

describe('RFC 6455 section 8.1: long texts, where checks go by words and blocks', {
  timeout: 120_000,
}, () => {
  for (const setting of IN_MEMORY) {
    it(`every character cut by a chunk at every place, to a ${setting.role}`, async () => {
      for (const filler of ['a', 'é', '€', '😀', 'a€', 'aé😀€']) {
        const payload = Buffer.from(filler.repeat(Math.ceil(90 / Buffer.byteLength(filler))))
        const sent = setting.role === 'server' ? masked(frame(0x81, payload)) : frame(0x81, payload)
        const opened = await setting.open()
        for (let at = 1; at < sent.length; at++) await opened.peer.sendBytes([sent], at)
        await conclude(opened, { events: Array(sent.length - 1).fill(text(payload.toString())) })
      }
    })

    it(`one wrong byte at every place of a long text, to a ${setting.role}`, async () => {
      for (const filler of ['a', '€']) {
        for (let at = 0; at <= 100; at++) {
          const good = Buffer.from(filler.repeat(120))
          // between two characters, or inside one
          const wrong = Buffer.concat([good.subarray(0, at), Buffer.of(0xff), good.subarray(at)])
          const opened = await setting.open()
          await opened.peer.send([frame(0x81, wrong)], at % 2 === 0 ? 'all at once' : at + 5)
          await conclude(opened, { fails: 1007 }).catch((error: unknown) => {
            throw named(error, `FF at ${at} of ${filler}`)
          })
        }
      }
    })

    it(`every character of Unicode, there and back, with a ${setting.role}`, async () => {
      const opened = await setting.open({ echo: true })
      const all: number[] = []
      for (let point = 0; point <= 0x10ffff; point++) if (point < 0xd800 || point > 0xdfff) all.push(point)
      const events: string[] = []
      for (let at = 0; at < all.length; at += 4096) {
        const part = String.fromCodePoint(...all.slice(at, at + 4096))
        await opened.peer.send([frame(0x81, Buffer.from(part))], (at % 1021) + 20)
        await opened.peer.expect(frame(0x81, Buffer.from(part)))
        events.push(text(part))
      }
      await conclude(opened, { events })
    })
  }
})

describe('RFC 6455 section 8.1: every sequence of edge bytes, as a decoder of Unicode reads it', {
  timeout: 120_000,
}, () => {
  /** First and last of every range in which UTF-8 treats bytes alike. */
  const EDGES = bytes('00 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 ff')

  /** Up to four bytes: each edge behind each sequence without a fault; of those with four only what begins with F. */
  const sequences: Buffer[] = [...EDGES].map((byte) => Buffer.of(byte))
  for (const sequence of sequences) {
    const goesOn = sequence.length < 3 || (sequence.length === 3 && sequence[0]! >= 0xf0)
    if (!goesOn || utf8Fault(sequence) >= 0) continue
    for (const byte of EDGES) sequences.push(Buffer.from([...sequence, byte]))
  }
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const isValid = (sequence: Buffer) => {
    try {
      return decoder.decode(sequence).length >= 0
    } catch {
      return false
    }
  }

  const valid = sequences.filter(isValid)
  const invalid = sequences.filter((sequence) => !valid.includes(sequence))

  it('the slow reader agrees with the platform, so that it can be believed below', () => {
    const believed = sequences.filter((sequence) => utf8Fault(sequence) < 0 && endsWhole(sequence))
    assert.deepEqual(believed.map(hex), valid.map(hex))
  })

  for (const setting of IN_MEMORY) {
    it(`as a text and as a close reason, to a ${setting.role}`, async () => {
      const asSent = (plain: Buffer) => (setting.role === 'server' ? masked(plain) : plain)
      const opened = await setting.open()
      await opened.peer.send(valid.map((sequence) => frame(0x81, sequence)))
      await conclude(opened, { events: valid.map((sequence) => text(sequence.toString())) })
      for (const sequence of invalid) await expectReading(setting, asSent(frame(0x81, sequence)))
      for (const sequence of sequences.filter((each) => each.length < 3)) {
        await expectReading(setting, asSent(close(1000, sequence)))
      }
    })
  }
})
