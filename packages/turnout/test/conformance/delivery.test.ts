// Knows what the application gets and gives: every message once, in order, as the right type, however early it came.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Sendable } from '../../src/websocket/options.ts'
import { turn } from '../base/turns.ts'
import { EVERYWHERE, OVER_TCP } from './endpoint.ts'
import { type Bytes, bytes, close, frame, hex, masked, SPLITS } from './hex.ts'
import { binary, ping, text } from './log.ts'
import { conclude, expectGoodOrder, named } from './table.ts'

const EARLY: readonly Bytes[] = ['81 01 "a"', '01 01 "b"', '89 01 3f', '80 01 "c"', '82 02 01 02']
const EARLY_EVENTS = [text('a'), ping('3f'), text('bc'), binary('01 02')]

describe('RFC 6455 section 4: frames in the packet that brings the handshake are not lost', {
  concurrency: 4,
}, () => {
  for (const setting of EVERYWHERE) {
    for (const split of SPLITS) {
      const who = `a ${setting.role} (${setting.carrier}), ${split}`

      it(`messages and a Ping: ${who}`, async () => {
        const opened = await setting.open({ early: EARLY, split })
        await opened.peer.send(['81 01 "d"'])
        await conclude(opened, { events: [...EARLY_EVENTS, text('d')], answers: ['8a 01 3f'] })
      })

      it(`half a frame, the rest later: ${who}`, async () => {
        const opened = await setting.open({ early: ['81 01 "a"', '81 05 "Hel"'], split })
        const whole = opened.peer.masks ? masked('81 05 "Hello"') : bytes('81 05 "Hello"')
        await opened.peer.sendBytes([whole.subarray(-2)], split)
        await conclude(opened, { events: [text('a'), text('Hello')] })
      })

      it(`a Close: ${who}`, async () => {
        const opened = await setting.open({ early: [...EARLY, close(1001, '"bye"')], split })
        await conclude(opened, { events: EARLY_EVENTS, answers: ['8a 01 3f'], closes: [1001, 'bye'] })
      })

      it(`a fault: ${who}`, async () => {
        const opened = await setting.open({ early: ['81 01 "a"', '83 00'], split })
        await conclude(opened, { events: [text('a')], fails: 1002 })
      })
    }

    it(`read from an iterator: a ${setting.role} (${setting.carrier})`, async () => {
      const opened = await setting.open({ early: [...EARLY, close(1000)], iterate: true })
      await opened.peer.framesToClose()
      await expectGoodOrder(opened)
      await opened.endpoint.recorder.iterated
      const messages = opened.endpoint.events.filter((line) => !line.startsWith('ping'))
      assert.deepEqual(messages, [text('a'), text('bc'), binary('01 02')])
    })

    it(`read from an iterator that is made long after they came: a ${setting.role} (${setting.carrier})`, async () => {
      const opened = await setting.open({ early: EARLY, iterate: true, iterateAfterTurns: 20 })
      await opened.peer.send(['81 01 "d"', close(1000)])
      await opened.peer.framesToClose()
      await expectGoodOrder(opened)
      await opened.endpoint.recorder.iterated
      const messages = opened.endpoint.events.filter((line) => !line.startsWith('ping'))
      assert.deepEqual(messages, [text('a'), text('bc'), binary('01 02'), text('d')])
    })
  }
})

describe('RFC 6455 section 6.2: a message is delivered once, in order, as what it is', {
  timeout: 120_000,
}, () => {
  for (const setting of EVERYWHERE) {
    const who = `a ${setting.role} (${setting.carrier})`

    for (const iterate of [false, true]) {
      it(`10,000 in one go, ${iterate ? 'from the iterator' : 'by callback'}: ${who}`, async () => {
        const opened = await setting.open({ iterate })
        const numbers = Array.from({ length: 10_000 }, (_, at) => String(at))
        await opened.peer.send(
          numbers.map((number, at) => frame(at % 2 === 0 ? 0x81 : 0x82, Buffer.from(number))),
        )
        await opened.peer.send([close(1000)])
        await opened.peer.expectClose(1000)
        await expectGoodOrder(opened)
        await opened.endpoint.socket.closed
        await opened.endpoint.recorder.iterated
        assert.deepEqual(
          opened.endpoint.events,
          numbers.map((number, at) => (at % 2 === 0 ? text(number) : binary(Buffer.from(number)))),
        )
      })
    }

    it(`a Buffer that the application keeps stays as it is: ${who}`, async () => {
      const kept: Buffer[] = []
      const opened = await setting.open({ onMessage: (message) => void kept.push(message as Buffer) })
      const payloads = Array.from({ length: 60 }, (_, at) => Buffer.alloc(at * 40, at))
      for (const payload of payloads) await opened.peer.send([frame(0x82, payload)], 'a frame at a time')
      await opened.peer.send(payloads.map((payload) => frame(0x82, payload)))
      await opened.peer.send([frame(0x82, '00*65536'), frame(0x82, 'ff*65536')])
      await conclude(opened, { events: opened.endpoint.events })
      assert.deepEqual(kept.slice(0, 120).map(hex), [...payloads, ...payloads].map(hex))
      assert.equal(kept.length, 122)
    })

    it(`text is a string, binary a Buffer: ${who}`, async () => {
      const kept: unknown[] = []
      const opened = await setting.open({ onMessage: (message) => void kept.push(message) })
      await opened.peer.send([
        '81 01 "a"',
        '81 00',
        '82 01 61',
        '82 00',
        '02 01 61',
        '80 01 62',
        '01 00',
        '80 00',
      ])
      await conclude(opened, { events: opened.endpoint.events })
      const kinds = kept.map((message) => (Buffer.isBuffer(message) ? 'Buffer' : typeof message))
      assert.deepEqual(kinds, ['string', 'string', 'Buffer', 'Buffer', 'Buffer', 'string'])
    })

    it(`with binary: 'arraybuffer', an ArrayBuffer of exactly the message: ${who}`, async () => {
      const opened = await setting.open({ options: { binary: 'arraybuffer' } })
      await opened.peer.send([
        '81 01 "a"',
        '82 02 61 62',
        '82 00',
        '02 01 63',
        '80 01 64',
        frame(0x82, '65*70000'),
      ])
      await conclude(opened, {
        events: [
          text('a'),
          'arraybuffer 61 62',
          'arraybuffer ',
          'arraybuffer 63 64',
          `arraybuffer ${hex(bytes('65*70000'))}`,
        ],
      })
    })
  }
})

const floats = new Float64Array([1, 2])
const SENDABLES: readonly (readonly [title: string, make: () => Sendable, first: number, payload: Bytes])[] =
  [
    ['a string', () => 'aé€😀', 0x81, '"aé€😀"'],
    ['an empty string', () => '', 0x81, ''],
    ['a string with a byte order mark', () => '\ufeffa', 0x81, 'ef bb bf 61'],
    [
      'a lone surrogate, which UTF-8 has no form for',
      () => 'a\ud800b\udc00',
      0x81,
      '"a" ef bf bd "b" ef bf bd',
    ],
    ['a Buffer', () => Buffer.of(1, 2, 255), 0x82, '01 02 ff'],
    ['an empty Buffer', () => Buffer.alloc(0), 0x82, ''],
    ['a window on a Uint8Array', () => new Uint8Array([0, 1, 2, 3]).subarray(1, 3), 0x82, '01 02'],
    ['a Uint16Array', () => new Uint16Array(new Uint8Array([1, 2, 3, 4]).buffer), 0x82, '01 02 03 04'],
    ['a Float64Array', () => floats, 0x82, Buffer.from(floats.buffer)],
    [
      'a window through a DataView',
      () => new DataView(new Uint8Array([0, 1, 2, 3]).buffer, 1, 2),
      0x82,
      '01 02',
    ],
    ['an ArrayBuffer', () => new Uint8Array([7, 8]).buffer, 0x82, '07 08'],
    ['a SharedArrayBuffer', () => new SharedArrayBuffer(3), 0x82, '00 00 00'],
    ['a Blob', () => new Blob(['aé']), 0x82, '"aé"'],
  ]

describe('RFC 6455 section 6.1: whatever is sent leaves as one whole frame of its kind', {
  concurrency: 4,
}, () => {
  for (const setting of EVERYWHERE) {
    const who = `a ${setting.role} (${setting.carrier})`

    for (const [title, make, first, payload] of SENDABLES) {
      it(`${title}: ${who}`, async () => {
        const opened = await setting.open()
        assert.notEqual(await opened.endpoint.socket.send(make()), false)
        await opened.peer.expect(frame(first, payload))
        await conclude(opened, {})
      })
    }

    it(`all of them, in order: ${who}`, async () => {
      const opened = await setting.open()
      for (const [, make] of SENDABLES) void opened.endpoint.socket.send(make())
      await opened.peer.expect(...SENDABLES.map(([, , first, payload]) => frame(first, payload)))
      await conclude(opened, {})
    })

    it(`texts of every length around the edges of headers and copies: ${who}`, async () => {
      const opened = await setting.open()
      for (const character of ['a', 'é', '€', '😀']) {
        for (const around of [41, 42, 62, 63, 125, 126, 5_461, 16_384, 32_768, 65_535]) {
          for (const length of [around - 1, around, around + 1]) {
            const message = character.repeat(length)
            void opened.endpoint.socket.send(message)
            await opened.peer.expect(frame(0x81, Buffer.from(message))).catch((error: unknown) => {
              throw named(error, `${length} times ${character}`)
            })
          }
        }
      }
      await conclude(opened, {})
    })

    it(`what changes after it has left does not matter: ${who}`, async () => {
      const opened = await setting.open()
      const mine = Buffer.from('first')
      await opened.endpoint.socket.send(mine)
      await opened.peer.expect('82 05 "first"')
      mine.write('again')
      await opened.endpoint.socket.send(mine)
      await opened.peer.expect('82 05 "again"')
      await turn()
      await conclude(opened, {})
    })
  }
})

describe('RFC 6455 section 4.1: a client says nothing before it has read the 101', () => {
  it('sends made in the open callback come right after', async () => {
    for (const split of SPLITS) {
      const opened = await OVER_TCP[1]!.open({ split, onOpen: (socket) => void socket.send('first') })
      await opened.peer.expect('81 05 "first"')
      await conclude(opened, {})
    }
  })
})
