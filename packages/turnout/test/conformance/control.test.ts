// Knows control frames: section 5.5, with Ping and Pong (5.5.2 and 5.5.3). Close has a file of its own.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EVERYWHERE } from './endpoint.ts'
import { bytes, close, frame, hex, SPLITS } from './hex.ts'
import { ping, pong, text } from './log.ts'
import { conclude, conform, named } from './table.ts'

conform('RFC 6455 section 5.5: a control frame carries at most 125 bytes', {
  'a Ping of 125': { send: ['89 7d fe*125'], events: [ping('fe*125')], answers: ['8a 7d fe*125'] },
  'a Pong of 125': { send: ['8a 7d fe*125'], events: [pong('fe*125')] },
  'a Close of 125': { send: ['88 7d 03 e8 61*123'], closes: [1000, 'a'.repeat(123)] },
  'a Ping of 126': { send: ['89 7e 00 7e fe*126', '81 01 61'], fails: 1002 },
  'a Pong of 126': { send: ['8a 7e 00 7e fe*126'], fails: 1002 },
  'a Close of 126': { send: ['88 7e 00 7e 03 e8 61*124'], fails: 1002 },
  'a Ping of 125, written in 16 bits': { send: ['89 7e 00 7d fe*125'], fails: 1002 },
  'a Ping of 65,536': { send: ['89 7f 00 00 00 00 00 01 00 00'], fails: 1002 },
  'a Close of nothing, written in 64 bits': { send: ['88 7f 00 00 00 00 00 00 00 00'], fails: 1002 },
})

conform('RFC 6455 section 5.5: a control frame is not fragmented', {
  'a Ping': { send: ['09 03 "one"', '80 03 "two"'], fails: 1002 },
  'a Pong': { send: ['0a 03 "one"', '80 03 "two"'], fails: 1002 },
  'a Close': { send: ['08 02 03 e8'], fails: 1002 },
  'an empty Ping': { send: ['09 00'], fails: 1002 },
  'a Ping inside a fragmented message': { send: ['01 03 "Hel"', '09 00', '80 02 "lo"'], fails: 1002 },
})

conform('RFC 6455 section 5.5.2: a Ping is answered by a Pong with the same payload (5.5.3)', {
  'an empty one': { send: ['89 00'], events: [ping()], answers: ['8a 00'] },
  'a byte': { send: ['89 01 00'], events: [ping('00')], answers: ['8a 01 00'] },
  'a text': { send: ['89 05 "Hello"'], events: [ping('"Hello"')], answers: ['8a 05 "Hello"'] },
  'bytes that are no UTF-8': {
    send: ['89 08 00 ff fe fd fc fb 00 ff'],
    events: [ping('00 ff fe fd fc fb 00 ff')],
    answers: ['8a 08 00 ff fe fd fc fb 00 ff'],
  },
  'between two messages': {
    send: ['81 01 "a"', '89 01 2e', '81 01 "b"'],
    events: [text('a'), ping('2e'), text('b')],
    answers: ['8a 01 2e'],
  },
  'in order with what the application sends': {
    send: ['81 01 "a"', '89 01 2e', '81 01 "b"'],
    echo: true,
    events: [text('a'), ping('2e'), text('b')],
    answers: ['81 01 "a"', '8a 01 2e', '81 01 "b"'],
  },
  ten: {
    send: Array.from({ length: 10 }, (_, at) => frame(0x89, Buffer.of(at))),
    events: Array.from({ length: 10 }, (_, at) => ping(Buffer.of(at))),
    answers: Array.from({ length: 10 }, (_, at) => frame(0x8a, Buffer.of(at))),
  },
})

conform('RFC 6455 section 5.5.3: a Pong that nobody asked for is no fault and gets no answer', {
  'an empty one': { send: ['8a 00'], events: [pong()] },
  'with a payload': { send: ['8a 05 "Hello"'], events: [pong('"Hello"')] },
  many: {
    send: Array(12).fill('8a 02 00 ff'),
    events: Array(12).fill(pong('00 ff')),
  },
  'before a Ping': {
    send: ['8a 02 "no"', '89 03 "yes"'],
    events: [pong('"no"'), ping('"yes"')],
    answers: ['8a 03 "yes"'],
  },
})

describe('RFC 6455 sections 5.5.2 and 5.5.3: Pings and Pongs of our own', () => {
  for (const setting of EVERYWHERE) {
    it(`leave with their payload, in order with messages: a ${setting.role} (${setting.carrier})`, async () => {
      const opened = await setting.open()
      const { socket } = opened.endpoint
      void socket.send('a')
      assert.equal(socket.ping(), true)
      assert.equal(socket.ping('€'), true)
      assert.equal(socket.ping(bytes('ff*125')), true)
      assert.equal(socket.pong(new Uint8Array([0, 1, 2]).subarray(1)), true)
      void socket.send('b')
      await conclude(opened, {
        answers: ['81 01 "a"', '89 00', '89 03 "€"', '89 7d ff*125', '8a 02 01 02', '81 01 "b"'],
      })
    })

    it(`of 126 bytes are refused before a byte is written: a ${setting.role} (${setting.carrier})`, async () => {
      const opened = await setting.open()
      const { socket } = opened.endpoint
      const tooLong = { name: 'MisuseError', code: 'ERR_CONTROL_TOO_LONG', section: 'RFC 6455 section 5.5' }
      assert.throws(() => socket.ping(bytes('61*126')), tooLong)
      assert.throws(() => socket.pong('x'.repeat(126)), tooLong)
      assert.throws(() => socket.ping('€'.repeat(42)), tooLong)
      await conclude(opened, {})
    })

    it(`answered, they are heard: a ${setting.role} (${setting.carrier})`, async () => {
      const opened = await setting.open()
      opened.endpoint.socket.ping('are you there')
      await opened.peer.expect('89 0d "are you there"')
      await opened.peer.send(['8a 0d "are you there"'])
      await conclude(opened, { events: [pong('"are you there"')] })
    })
  }
})

describe('RFC 6455 section 5.5.3: a thousand Pings in one chunk', { timeout: 120_000 }, () => {
  for (const setting of EVERYWHERE) {
    it(`are answered, the last one without fail: a ${setting.role} (${setting.carrier})`, async () => {
      const opened = await setting.open()
      const { peer } = opened
      const pings = Array.from({ length: 1000 }, (_, at) => frame(0x89, Buffer.of(at >> 8, at)))
      await peer.send([...pings, close(1000)])
      const frames = (await peer.framesToClose()).map(hex)
      assert.equal(frames.at(-1), '88 02 03 e8')
      const answers = frames.slice(0, -1)
      assert.equal(answers.at(-1), '8a 02 03 e7')
      const due = pings.map((each) => hex(Buffer.concat([Buffer.of(0x8a), each.subarray(1)])))
      assert.deepEqual(
        answers,
        due.filter((each) => answers.includes(each)),
        'each at most once, in order',
      )
      peer.end()
      await peer.expectEnd()
    })
  }
})

describe('RFC 6455 section 5.5: control frames come through a message that has only half arrived', () => {
  for (const setting of EVERYWHERE) {
    it(`a Ping is answered before the message goes on: a ${setting.role} (${setting.carrier})`, async () => {
      for (const split of SPLITS) {
        const opened = await setting.open()
        const { peer } = opened
        await peer.send(['01 03 "Hel"', '89 01 3f'], split)
        await peer.expect('8a 01 3f').catch((error: unknown) => {
          throw named(error, split)
        })
        await peer.send(['80 02 "lo"'], split)
        await conclude(opened, { events: [ping('3f'), text('Hello')] })
      }
    })
  }
})
