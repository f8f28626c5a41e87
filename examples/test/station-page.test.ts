// The page's own modules that need no browser: reading bytes, deriving the Accept, explaining fields.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { derive, sha1 } from '../src/station/page/accept.ts'
import { fromLatin1, hex, latin1 } from '../src/station/page/bytes.ts'
import { explainField, explainStart, sectionUrl } from '../src/station/page/explain.ts'
import { bits, type Frame, FrameReader } from '../src/station/page/frames.ts'
import { fieldList, readMessage } from '../src/station/page/http.ts'
import { Http2FrameReader } from '../src/station/page/http2-frames.ts'
import { ConnectionReader, type Step } from '../src/station/page/reader.ts'
import { describeRow, rowsOf } from '../src/station/page/rows.ts'
import { scenarios, settle } from '../src/station/page/scenarios.ts'
import { RecordReader } from '../src/station/page/tls-records.ts'
import type { UnitReader } from '../src/station/page/unit.ts'
import { hexDump } from '../src/station/page/wire-view.ts'
import type { Side, WireEvent } from '../src/station/tape.ts'

const bytes = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

function framesOf(wire: Uint8Array, chunkBytes: number = wire.length): Frame[] {
  const reader = new FrameReader()
  const frames: Frame[] = []
  for (let at = 0; at < wire.length; at += chunkBytes)
    frames.push(...reader.read(wire.slice(at, at + chunkBytes)))
  return frames
}

describe('the frame reader', () => {
  test('RFC 6455 section 5.7: takes the examples apart, whole or a byte at a time', () => {
    const wire = bytes('81 05 48 65 6c 6c 6f 81 85 37 fa 21 3d 7f 9f 4d 51 58 01 03 48 65 6c 80 02 6c 6f')
    for (const chunkBytes of [wire.length, 1, 2]) {
      const frames = framesOf(wire, chunkBytes)
      assert.deepEqual(
        frames.map(({ name, fin, text }) => [name, fin, text]),
        [
          ['text', true, 'Hello'],
          ['text', true, 'Hello'],
          ['text', false, 'Hel'],
          ['continuation', true, 'lo'],
        ],
      )
      assert.deepEqual(
        frames.map(({ mask }) => mask && hex(mask)),
        [undefined, '37 fa 21 3d', undefined, undefined],
      )
    }
  })

  test('RFC 6455 section 5.2: reads lengths of 7, 16 and 64 bits, and the pieces give the wire back', () => {
    for (const [length, head] of [
      [125, '827d'],
      [126, '827e007e'],
      [65_536, '827f0000000000010000'],
    ] as const) {
      const wire = new Uint8Array(Buffer.concat([Buffer.from(head, 'hex'), randomBytes(length)]))
      const [frame, ...others] = framesOf(wire, 4096)
      assert.equal(others.length, 0)
      assert.equal(frame!.length, length)
      assert.deepEqual(Buffer.concat(frame!.pieces.map((piece) => piece.bytes)), Buffer.from(wire))
    }
  })

  test('shows the bits of the first two bytes, and a close with its code', () => {
    const [frame] = framesOf(bytes('88 82 00 00 00 00 03 e8'))
    assert.equal(frame!.text, '1000')
    assert.deepEqual(
      bits(frame!).map((field) => field.bits),
      ['1', '000', '1000', '1', '0000010'],
    )
  })

  test('shows what breaks a rule as it came: RSV bits, reserved opcodes, text that is no UTF-8', () => {
    const frames = framesOf(bytes('c1 01 00 83 00 81 01 ff'))
    assert.deepEqual(
      frames.map(({ rsv, name, text }) => [rsv, name, text]),
      [
        [0b100, 'text', undefined],
        [0, 'reserved', undefined],
        [0, 'text', undefined],
      ],
    )
  })
})

describe('the readers of units', () => {
  const labels = (reader: UnitReader, wire: Uint8Array, chunkBytes: number) => {
    const seen: string[] = []
    for (let at = 0; at < wire.length; at += chunkBytes) {
      for (const { label, pieces } of reader.read(wire.slice(at, at + chunkBytes))) {
        seen.push(label)
        assert.ok(pieces.length > 0)
      }
    }
    return seen
  }

  test('RFC 9113 section 4.1: takes frames apart behind the preface, however they are cut', () => {
    const frames =
      '00 00 06 04 00 00 00 00 00 00 02 00 00 00 00 00 00 00 04 01 00 00 00 00 00 00 02 00 01 00 00 00 01 68 69'
    const wire = new Uint8Array(
      Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), bytes(frames)]),
    )
    for (const chunkBytes of [wire.length, 1, 7]) {
      assert.deepEqual(labels(new Http2FrameReader('client'), wire, chunkBytes), [
        'preface: PRI * HTTP/2.0',
        'SETTINGS',
        'SETTINGS, ACK',
        'DATA, stream 1 “hi”',
      ])
    }
  })

  test('RFC 8446 section 5.1: takes records apart, and names what is in the clear', () => {
    const wire = bytes('16 03 01 00 02 01 00 14 03 03 00 01 01 16 03 03 00 01 01 17 03 03 00 03 aa bb cc')
    for (const chunkBytes of [wire.length, 1, 7]) {
      assert.deepEqual(labels(new RecordReader(), wire, chunkBytes), [
        'handshake: ClientHello',
        'change_cipher_spec, 1 bytes',
        'handshake, 1 bytes',
        'application_data, 3 bytes',
      ])
    }
  })
})

describe('the Accept', () => {
  test('R29: is derived as in RFC 6455 section 1.3', () => {
    const { valid, accept } = derive('dGhlIHNhbXBsZSBub25jZQ==')
    assert.deepEqual([valid, accept], [true, 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='])
  })

  test('R27: a key that is not 16 bytes in canonical base64 is not valid', () => {
    for (const key of ['', 'AAAA', 'this is no base64!', 'dGhlIHNhbXBsZSBub25jZR==']) {
      assert.equal(derive(key).valid, false, key)
    }
  })

  test('its SHA-1 agrees with Node’s for every length around a block', () => {
    for (let length = 0; length <= 130; length += 1) {
      const message = randomBytes(length)
      assert.equal(
        Buffer.from(sha1(message)).toString('hex'),
        createHash('sha1').update(message).digest('hex'),
      )
    }
  })
})

describe('the message reader', () => {
  test('cuts off bodies with a length, chunked, and without', () => {
    const cases = [
      ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi', 'hi'],
      ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n', 'abcd'],
      ['HTTP/1.1 204 No Content\r\n\r\n', ''],
      ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', ''],
    ] as const
    for (const [wire, body] of cases) {
      const read = readMessage(fromLatin1(`${wire}next`))
      assert.equal(latin1(read!.message.body), body)
      assert.equal(latin1(read!.message.wire), wire)
      assert.equal(latin1(read!.rest), 'next')
      assert.equal(readMessage(fromLatin1(wire.slice(0, -1))), undefined)
    }
  })

  test('joins the lines of a list', () => {
    const { message } = readMessage(fromLatin1('GET / HTTP/1.1\r\nUpgrade: a, b\r\nupgrade: c\r\n\r\n'))!
    assert.deepEqual(fieldList(message.head, 'Upgrade'), ['a', 'b', 'c'])
  })
})

describe('the connection reader', () => {
  const said = (from: Side, text: string): WireEvent => ({
    connection: 1,
    atMs: 1,
    kind: 'bytes',
    from,
    base64: Buffer.from(text, 'latin1').toString('base64'),
  })
  const steps = (...events: readonly WireEvent[]): Step[] => {
    const reader = new ConnectionReader()
    return events.flatMap((event) => reader.read(event))
  }
  const ask = 'GET /a?b HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  const agree = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

  test('R12: reads frames that share a read with the 101, and those the client sent too early', () => {
    const seen = steps(said('client', `${ask}\x81\x80\0\0\0\0`), said('server', `${agree}\x81\x02hi`))
    assert.deepEqual(
      seen.map(({ kind }) => kind),
      ['request', 'response', 'switch', 'frame', 'frame'],
    )
  })

  test('R44: reads what follows a declined upgrade as HTTP', () => {
    const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
    const seen = steps(said('client', `${ask}GET /next HTTP/1.1\r\nHost: a\r\n\r\n`), said('server', ok + ok))
    assert.deepEqual(
      seen.map(({ kind }) => kind),
      ['request', 'response', 'request', 'response'],
    )
  })

  test('gives the same steps however the bytes are cut', () => {
    const whole = steps(said('client', ask), said('server', `${agree}\x81\x02hi\x88\x00`))
    const cut = steps(
      ...[...ask].map((byte) => said('client', byte)),
      ...[...`${agree}\x81\x02hi\x88\x00`].map((byte) => said('server', byte)),
    )
    assert.deepEqual(cut, whole)
  })

  test('each step has a row, each row a sentence, and many frames fold into one', () => {
    const rows = rowsOf(steps(said('client', ask), said('server', agree + '\x81\x02hi'.repeat(40))))
    assert.deepEqual(
      rows.filter(({ kind }) => kind === 'more').map((row) => describeRow(row)),
      ['24 more.'],
    )
    assert.equal(describeRow(rows[0]!), 'Client: GET /a, Upgrade: websocket.')
    assert.ok(rows.every((row) => describeRow(row).length > 5))
  })
})

describe('the explanations', () => {
  const { message } = readMessage(
    fromLatin1('GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: example/1, foo/2\r\n\r\n'),
  )!

  test('R5: tell the order of preference', () => {
    const { says, section } = explainField('Upgrade', 'example/1, foo/2', message.head, undefined)
    assert.equal(says, 'The client would like example/1 best, then foo/2.')
    assert.equal(section, 'RFC 9110 section 7.8')
  })

  test('R11: tell a declined upgrade from an ordinary answer', () => {
    const { head } = readMessage(fromLatin1('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))!.message
    assert.match(explainStart(head, message.head).says, /Declined, and no error/)
    assert.equal(explainStart(head, undefined).says, 'An ordinary answer.')
  })

  test('lead to the section that they name', () => {
    assert.equal(sectionUrl('RFC 6455 section 4.2.2'), 'https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2')
  })
})

test('choices that nobody offers become the first', () => {
  for (const scenario of scenarios) {
    const settled = settle(
      scenario,
      Object.fromEntries(scenario.choices.map(({ name }) => [name, 'nonsense'])),
    )
    for (const { name, options } of scenario.choices) assert.equal(settled[name], options[0]!.value)
  }
})

test('a hex dump has sixteen bytes a line', () => {
  assert.equal(
    hexDump(fromLatin1('GET / HTTP/1.1\r\nA')),
    `0000  47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1··\n0010  41${' '.repeat(45)}  A`,
  )
})
