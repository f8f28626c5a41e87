// Knows messages in several frames: section 5.4.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { movedBy } from '../base/moved.ts'
import { IN_MEMORY } from './endpoint.ts'
import { bytes, fragments, frame } from './hex.ts'
import { binary, ping, pong, text } from './log.ts'
import { conclude, conform } from './table.ts'

conform('RFC 6455 section 5.4: fragments make one message', {
  'a text in two': { send: fragments(0x81, ['"Hel"', '"lo"']), events: [text('Hello')] },
  'a binary message in three': {
    send: fragments(0x82, ['01 02', '03', '04 05 06']),
    events: [binary('01 02 03 04 05 06')],
  },
  'a text, a byte in each': {
    send: fragments(
      0x81,
      [...bytes('"Hello"')].map((byte) => Buffer.of(byte)),
    ),
    events: [text('Hello')],
  },
  'an empty first fragment': { send: fragments(0x81, ['', '"Hello"']), events: [text('Hello')] },
  'an empty fragment in the middle': {
    send: fragments(0x81, ['"Hel"', '', '"lo"']),
    events: [text('Hello')],
  },
  'an empty last fragment': { send: fragments(0x81, ['"Hello"', '']), events: [text('Hello')] },
  'many empty ones around a byte': {
    send: fragments(0x82, ['', '', '', '07', '', '', '']),
    events: [binary('07')],
  },
  'nothing but empty ones, text': { send: fragments(0x81, ['', '', '']), events: [text('')] },
  'nothing but empty ones, binary': { send: fragments(0x82, ['', '', '']), events: [binary('')] },
  'two fragmented messages and a whole one between them': {
    send: [...fragments(0x81, ['"a"', '"b"']), '82 01 63', ...fragments(0x82, ['64', '65'])],
    events: [text('ab'), binary('63'), binary('64 65')],
  },
  'fragments beyond 125 and beyond 65,535 bytes': {
    send: fragments(0x82, ['61*126', '62*65536', '63*125']),
    events: [binary('61*126 62*65536 63*125')],
  },
  'sent back whole': {
    send: fragments(0x81, ['"frag"', '', '"ments"']),
    echo: true,
    events: [text('fragments')],
    answers: ['81 09 "fragments"'],
  },
})

conform('RFC 6455 section 5.4: control frames may come between fragments', {
  'a Ping, answered at once': {
    send: ['01 03 "Hel"', '89 01 3f', '80 02 "lo"'],
    events: [ping('3f'), text('Hello')],
    answers: ['8a 01 3f'],
  },
  'a Ping before the last, empty fragment': {
    send: ['01 05 "Hello"', '89 01 3f', '80 00'],
    events: [ping('3f'), text('Hello')],
    answers: ['8a 01 3f'],
  },
  'a Ping between all of five': {
    send: [
      '02 01 01',
      '89 01 "a"',
      '00 01 02',
      '89 01 "b"',
      '00 01 03',
      '89 01 "c"',
      '00 01 04',
      '89 01 "d"',
      '80 01 05',
    ],
    events: [ping('"a"'), ping('"b"'), ping('"c"'), ping('"d"'), binary('01 02 03 04 05')],
    answers: ['8a 01 "a"', '8a 01 "b"', '8a 01 "c"', '8a 01 "d"'],
  },
  'a Pong that nobody asked for': {
    send: ['01 03 "Hel"', '8a 02 "hm"', '80 02 "lo"'],
    events: [pong('"hm"'), text('Hello')],
  },
  'a Ping of 125 bytes inside a text cut in a code point': {
    send: ['01 01 e2', '89 7d ff*125', '00 01 82', '89 00', '80 01 ac'],
    events: [ping('ff*125'), ping(), text('€')],
    answers: ['8a 7d ff*125', '8a 00'],
  },
  'a Close: the message is given up': {
    send: ['01 03 "Hel"', '88 02 03 e8', '80 02 "lo"'],
    closes: [1000],
  },
})

conform('RFC 6455 section 5.4: a continuation needs something to continue', {
  'the last fragment first': { send: ['80 05 "Hello"', '81 01 61'], fails: 1002 },
  'a middle fragment first': { send: ['00 05 "Hello"', '81 01 61'], fails: 1002 },
  'an empty one': { send: ['80 00'], fails: 1002 },
  'after a whole message': { send: ['81 02 "hi"', '80 05 "Hello"'], events: [text('hi')], fails: 1002 },
  'after the end of a fragmented message': {
    send: [...fragments(0x81, ['"Hel"', '"lo"']), '80 02 "lo"'],
    events: [text('Hello')],
    fails: 1002,
  },
  'after a control frame': { send: ['89 00', '00 00'], events: [ping()], answers: ['8a 00'], fails: 1002 },
})

conform('RFC 6455 section 5.4: fragments of two messages do not mix', {
  'a whole text inside a text': { send: ['01 03 "Hel"', '81 02 "lo"', '80 02 "lo"'], fails: 1002 },
  'a whole binary message inside a text': { send: ['01 03 "Hel"', '82 02 "lo"'], fails: 1002 },
  'a first fragment inside a text': { send: ['01 03 "Hel"', '01 02 "lo"'], fails: 1002 },
  'a text inside a binary message': { send: ['02 03 "Hel"', '81 02 "lo"'], fails: 1002 },
  'an empty text after an empty fragment': { send: ['01 00', '81 00'], fails: 1002 },
  'after a Ping in between': {
    send: ['01 03 "Hel"', '89 00', '81 02 "lo"'],
    events: [ping()],
    answers: ['8a 00'],
    fails: 1002,
  },
})

describe('RFC 6455 section 5.4: a large message in fragments of any size', { timeout: 120_000 }, () => {
  const payload = Buffer.from(Array.from({ length: 65_536 }, (_, at) => 32 + ((at * 7) % 90)))
  for (const setting of IN_MEMORY) {
    for (const size of [1, 7, 64, 256, 1_300, 4_096, 16_384, 65_535]) {
      it(`64 KiB in fragments of ${size}, to a ${setting.role}`, async () => {
        const parts = Array.from({ length: Math.ceil(payload.length / size) }, (_, at) =>
          payload.subarray(at * size, (at + 1) * size),
        )
        const opened = await setting.open({ echo: true })
        await opened.peer.send(fragments(0x81, parts), 'a frame at a time')
        await opened.peer.send(fragments(0x82, parts))
        await conclude(opened, {
          events: [text(payload.toString()), binary(payload)],
          answers: [frame(0x81, payload), frame(0x82, payload)],
        })
      })
    }

    it(`twice the fragments are twice the bytes moved, not four times, in a ${setting.role}`, async () => {
      const moved = async (count: number) => {
        const opened = await setting.open()
        const sent = fragments(0x82, Array(count).fill('07'))
        const { bytes } = await movedBy(() => opened.peer.send(sent, 'a frame at a time'))
        await conclude(opened, { events: [binary(`07*${count}`)] })
        return bytes
      }
      const [once, twice] = [await moved(5_000), await moved(10_000)]
      assert.ok(twice < once * 2.5, `${once} bytes for 5,000 fragments, ${twice} for 10,000`)
    })
  }
})
