// Knows the largest message that an endpoint takes: section 10.4, refused with 1009 (7.4.1) before memory is spent.
import { fragments, frame } from './hex.ts'
import { binary, ping, text } from './log.ts'
import { conform } from './table.ts'

const options = { maxMessageBytes: 1000 } as const

conform('RFC 6455 section 10.4: a message of exactly maxMessageBytes is fine', {
  'in one frame': { options, send: [frame(0x82, '61*1000')], events: [binary('61*1000')] },
  'one after the other': {
    options,
    send: [frame(0x82, '61*1000'), frame(0x81, '62*1000'), frame(0x82, '63*1000')],
    events: [binary('61*1000'), text('b'.repeat(1000)), binary('63*1000')],
  },
  'in fragments': {
    options,
    send: fragments(0x82, ['61*600', '62*399', '63']),
    events: [binary('61*600 62*399 63')],
  },
  'in fragments, empty ones behind it': {
    options,
    send: fragments(0x82, ['61*1000', '', '', '']),
    events: [binary('61*1000')],
  },
  'with Pings between, which do not count': {
    options,
    send: ['02 7e 03 e7 61*999', '89 7d 3f*125', '80 01 61'],
    events: [ping('3f*125'), binary('61*1000')],
    answers: ['8a 7d 3f*125'],
  },
  'of text, counted in bytes': {
    options,
    send: [frame(0x81, '"€"*333 "a"')],
    events: [text(`${'€'.repeat(333)}a`)],
  },
  'one byte allowed, one byte sent': {
    options: { maxMessageBytes: 1 },
    send: ['82 01 61'],
    events: [binary('61')],
  },
})

conform('RFC 6455 section 10.4: one byte more is 1009, by the header alone', {
  'in one frame': { options, send: ['82 7e 03 e9'], fails: 1009 },
  'in one frame, behind a message': {
    options,
    send: [frame(0x81, '61*1000'), '82 7e 03 e9'],
    events: [text('a'.repeat(1000))],
    fails: 1009,
  },
  'in a first fragment': { options, send: ['01 7e 03 e9'], fails: 1009 },
  'in the last fragment': { options, send: [frame(0x02, '61*600'), '80 7e 01 91'], fails: 1009 },
  'in a middle fragment': { options, send: [frame(0x02, '61*600'), '00 7e 01 91'], fails: 1009 },
  'a byte behind a full message': { options, send: [frame(0x02, '61*1000'), '80 01'], fails: 1009 },
  'with a Ping before it': {
    options,
    send: [frame(0x02, '61*1000'), '89 00', '00 01'],
    events: [ping()],
    answers: ['8a 00'],
    fails: 1009,
  },
  'of text, fewer characters than bytes': { options, send: ['81 7e 03 e9 "€"*2'], fails: 1009 },
  'whole, with another message behind it': {
    options,
    send: [frame(0x82, '61*1001'), '81 01 61'],
    fails: 1009,
  },
  'two bytes where one is allowed': { options: { maxMessageBytes: 1 }, send: ['82 02'], fails: 1009 },
})

conform('RFC 6455 section 10.4: without a choice, the limit is 1 MiB', {
  exactly: { send: [frame(0x82, '61*1048576')], events: [binary('61*1048576')] },
  'exactly, in fragments': {
    send: fragments(0x82, Array(16).fill('61*65536')),
    events: [binary('61*1048576')],
  },
  'one byte more': { send: ['82 7f 00 00 00 00 00 10 00 01'], fails: 1009 },
  'one byte more, in fragments': { send: [frame(0x02, '61*1048576'), '00 01'], fails: 1009 },
})

conform('RFC 6455 section 10.4: lengths that no memory holds', {
  '2 GiB': { send: ['82 7f 00 00 00 00 80 00 00 00'], fails: 1009 },
  '4 GiB': { send: ['82 7f 00 00 00 01 00 00 00 00'], fails: 1009 },
  '2 to the power of 53, and one': { send: ['82 7f 00 20 00 00 00 00 00 01'], fails: 1009 },
  'the longest there is': { send: ['82 7f 7f ff ff ff ff ff ff ff'], fails: 1009 },
  'the longest there is, behind a fragment': {
    send: ['02 01 61', '80 7f 7f ff ff ff ff ff ff ff'],
    fails: 1009,
  },
})
