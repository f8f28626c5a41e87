// Knows the frame's header: section 5.2, bit by bit.
import { describe, it } from 'node:test'
import { IN_MEMORY } from './endpoint.ts'
import { type Bytes, bytes, frame, hex, masked } from './hex.ts'
import { binary, text } from './log.ts'
import { type Case, conform, expectReading, named, runCase } from './table.ts'

/** `{ 'title of x': case of x, … }` */
function each<T>(
  items: readonly T[],
  row: (item: T) => readonly [title: string, row: Case],
): Record<string, Case> {
  return Object.fromEntries(items.map(row))
}

const LENGTHS = [0, 1, 2, 124, 125, 126, 127, 128, 255, 256, 65_535, 65_536, 65_537]

conform('RFC 6455 section 5.2: a length is written in the fewest bits, both ways', {
  ...each(LENGTHS, (length) => [
    `text of ${length}`,
    {
      send: [frame(0x81, `2a*${length}`)],
      echo: true,
      events: [text('*'.repeat(length))],
      answers: [frame(0x81, `2a*${length}`)],
    },
  ]),
  ...each(LENGTHS, (length) => [
    `binary of ${length}`,
    {
      send: [frame(0x82, `fe*${length}`)],
      echo: true,
      events: [binary(`fe*${length}`)],
      answers: [frame(0x82, `fe*${length}`)],
    },
  ]),
  'text of 300 three-byte characters, whose header grows with its bytes': {
    send: [frame(0x81, '"€"*300')],
    echo: true,
    events: [text('€'.repeat(300))],
    answers: ['81 7e 03 84 "€"*300'],
  },
  'text of 42 three-byte characters: 126 bytes': {
    send: [frame(0x81, '"€"*42')],
    echo: true,
    events: [text('€'.repeat(42))],
    answers: ['81 7e 00 7e "€"*42'],
  },
  'text of 21,846 three-byte characters: beyond 65,535 bytes': {
    send: [frame(0x81, '"€"*21846')],
    echo: true,
    events: [text('€'.repeat(21_846))],
    answers: ['81 7f 00 00 00 00 00 01 00 02 "€"*21846'],
  },
})

describe('RFC 6455 section 5.2: a frame of 64 KiB, a byte at a time', { timeout: 120_000 }, () => {
  for (const setting of IN_MEMORY) {
    it(`to a ${setting.role}`, async () => {
      const row = { send: [frame(0x81, '"€"*21846')], events: [text('€'.repeat(21_846))] }
      await runCase(row, setting, 'a byte at a time')
    })
  }
})

conform('RFC 6455 section 5.2: a length in more bits than it needs is a protocol error', {
  ...each([0, 1, 124, 125], (length) => [
    `${length} in 16 bits`,
    { send: [`82 7e 00 ${hex(Buffer.of(length))} 61*${length}`], fails: 1002 },
  ]),
  ...each(['00 00', '00 01', '00 7d', '00 7e', '00 7f', '01 00', 'ff ff'], (length) => [
    `${length} in 64 bits`,
    { send: [`82 7f 00 00 00 00 00 00 ${length}`], fails: 1002 },
  ]),
})

conform('RFC 6455 section 5.2: the top bit of a 64-bit length is 0', {
  'top bit and nothing else': { send: ['82 7f 80 00 00 00 00 00 00 00'], fails: 1002 },
  'top bit and a small length': { send: ['82 7f 80 00 00 00 00 01 00 00'], fails: 1002 },
  'all bits': { send: ['82 7f ff ff ff ff ff ff ff ff'], fails: 1002 },
  'top bit in a continuation': { send: ['02 00', '80 7f 80 00 00 00 00 01 00 00'], fails: 1002 },
})

const BITS = ['RSV3', 'RSV2', 'RSV2 and RSV3', 'RSV1', 'RSV1 and RSV3', 'RSV1 and RSV2', 'all RSV'] as const
const KINDS: readonly (readonly [title: string, before: readonly Bytes[], first: number, rest: string])[] = [
  ['a text', [], 0x81, '05 "Hello"'],
  ['a binary message', [], 0x82, '05 01 02 03 04 05'],
  ['a first fragment', [], 0x01, '03 "Hel"'],
  ['a continuation', ['01 03 "Hel"'], 0x80, '02 "lo"'],
  ['a Ping', [], 0x89, '00'],
  ['a Pong', [], 0x8a, '00'],
  ['a Close', [], 0x88, '02 03 e8'],
]

conform(
  'RFC 6455 section 5.2: an RSV bit that no extension owns is a protocol error',
  each(
    KINDS.flatMap((kind) => BITS.map((bit, at) => ({ kind, bit, rsv: (at + 1) << 4 }))),
    ({ kind: [title, before, first, rest], bit, rsv }) => [
      `${bit} on ${title}`,
      {
        // what came before is delivered, what comes after is not
        send: [
          '81 06 "before"',
          ...before,
          `${hex(Buffer.of(first | rsv))} ${rest}`,
          '81 05 "after"',
          '89 00',
        ],
        events: [text('before')],
        fails: 1002,
      },
    ],
  ),
)

const RESERVED = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]

conform('RFC 6455 section 5.2: a reserved opcode is a protocol error', {
  ...each(RESERVED, (opcode) => [
    `opcode ${opcode}, empty`,
    { send: [frame(0x80 | opcode), '89 00'], fails: 1002 },
  ]),
  ...each(RESERVED, (opcode) => [
    `opcode ${opcode}, with a payload, behind a message`,
    {
      send: ['81 06 "before"', frame(0x80 | opcode, '"payload"'), '81 05 "after"'],
      events: [text('before')],
      fails: 1002,
    },
  ]),
  ...each(RESERVED, (opcode) => [
    `opcode ${opcode}, as a fragment`,
    { send: [frame(opcode, '"payload"')], fails: 1002 },
  ]),
  ...each(RESERVED, (opcode) => [
    `opcode ${opcode}, inside a fragmented message`,
    { send: ['01 03 "Hel"', frame(0x80 | opcode), '80 02 "lo"'], fails: 1002 },
  ]),
})

describe('RFC 6455 section 5.2: every pair of first bytes means what a slow reader says', {
  timeout: 120_000,
}, () => {
  /** A text, so that what comes before is seen to be delivered, or a message that has begun. */
  const openings = ['81 01 61', '01 01 61']
  for (const setting of IN_MEMORY) {
    for (const opening of openings) {
      it(`a ${setting.role}, behind ${opening}`, async () => {
        for (let first = 0; first < 256; first++) {
          for (const second of [0x00, 0x01, 0x7e, 0x80, 0x81, 0xfe]) await pair(opening, first, second)
        }
        for (const first of [0x00, 0x80, 0x01, 0x81, 0x02, 0x82, 0x88, 0x89, 0x8a]) {
          for (let second = 0; second < 256; second++) await pair(opening, first, second)
        }
      })

      const pair = async (before: string, first: number, second: number) => {
        const start = setting.role === 'server' ? masked(before) : bytes(before)
        // a key or a length of zeros, and what a short payload needs
        const input = Buffer.concat([start, Buffer.of(first, second), Buffer.alloc(14)])
        await expectReading(setting, input).catch((error: unknown) => {
          throw named(error, hex(Buffer.of(first, second)))
        })
      }
    }
  }
})
