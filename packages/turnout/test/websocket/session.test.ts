import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MisuseError, PeerError } from '../../src/base/errors.ts'
import { Outbox } from '../../src/base/outbox.ts'
import type { Role } from '../../src/websocket/frame.ts'
import { Session } from '../../src/websocket/session.ts'
import type { SessionState } from '../../src/websocket/session-state.ts'
import type { MessageTransform } from '../../src/websocket/transform.ts'
import { closeBody, cut, frame, hex, ownMemory, parseFrames, shown } from './frames.ts'

const roles = ['server', 'client'] as const
const KEY = '37fa213d'

interface Trial {
  readonly session: Session
  readonly outbox: Outbox
  /** What it told, in order. */
  readonly told: string[]
  /** Frames that are due to leave, as `81 "text"`; they are taken. */
  sent(): string[]
  /** Hex, or frames as the peer of this role sends them, read as one chunk. */
  receive(...frames: (string | readonly [head: number, payload?: string | Uint8Array])[]): void
}

interface TrialOptions {
  readonly maxMessageBytes?: number
  readonly transform?: MessageTransform
  /** Called with everything that is told, as it is told. */
  readonly on?: (told: string, session: Session) => void
}

function trial(role: Role, { maxMessageBytes = 1_048_576, transform, on }: TrialOptions = {}): Trial {
  const outbox = new Outbox()
  const told: string[] = []
  const tell = (text: string) => {
    told.push(text)
    on?.(text, session)
  }
  const show = (message: string | Buffer) =>
    typeof message === 'string' ? JSON.stringify(message) : `<${message.toString('hex')}>`
  const session: Session = new Session({
    role,
    maxMessageBytes,
    outbox,
    transform,
    events: {
      onMessage: (message) =>
        tell(`message ${show(Array.isArray(message) ? Buffer.concat(message) : message)}`),
      onStream: (text) => tell(`stream ${text ? 'text' : 'binary'}`),
      onPart: (part) => tell(`part ${show(part)}`),
      onStreamEnd: () => tell('stream end'),
      onPing: (payload) => tell(`ping ${payload}`),
      onPong: (payload) => tell(`pong ${payload}`),
      onState: (state) => {
        tell(state)
        // as the shell does when nothing waits
        if (state === 'closeReceived') session.answerClose()
      },
      onWait: (ready) => {
        tell('wait')
        void ready.then(() => session.proceed())
      },
    },
  })
  return {
    session,
    outbox,
    told,
    sent: () => shown(Buffer.concat(outbox.take())),
    receive(...frames) {
      const bytes = frames.map((each) =>
        typeof each === 'string' ? hex(each) : frame(each[0], each[1], role === 'server' ? KEY : undefined),
      )
      session.receive(ownMemory(Buffer.concat(bytes)))
    },
  }
}

function close(code?: number, reason?: string): readonly [number, Uint8Array] {
  return [0x88, code === undefined ? Buffer.alloc(0) : closeBody(code, reason)]
}

const closed = (code?: number, reason?: string) =>
  `88 ${close(code, reason)[1] && Buffer.from(close(code, reason)[1]).toString('hex')}`.trim()

// --- its states

/** A session in each state there is. */
function inState(role: Role, state: SessionState): Trial {
  const made = trial(role, {
    on: (told, session) => {
      // hold the answer back, to stand in `closeReceived`
      if (told === 'closeReceived' && state === 'closeReceived') session.answerClose = () => {}
    },
  })
  if (state === 'closeSent') made.session.sendClose(1000, '')
  if (state === 'closeReceived' || state === 'closeDone') made.receive(close(1000))
  if (state === 'failed') made.session.fail(new PeerError('ERR_LIMIT', 'no'))
  if (state === 'ended') made.session.transportEnd()
  assert.equal(made.session.state, state)
  made.sent()
  made.told.length = 0
  return made
}

test('whatever is asked of a session in whatever state, it takes a step of the table or none', () => {
  const states = ['open', 'closeSent', 'closeReceived', 'closeDone', 'failed', 'ended'] as const
  for (const role of roles) {
    for (const state of states) {
      const live = state === 'open' || state === 'closeSent' || state === 'closeReceived'
      const reads = state === 'open' || state === 'closeSent'
      const after = (act: (made: Trial) => void): SessionState => {
        const made = inState(role, state)
        act(made)
        return made.session.state
      }
      assert.equal(
        after(({ session }) => session.sendClose(1000, '')),
        state === 'open' ? 'closeSent' : state,
      )
      assert.equal(
        after(({ session }) => session.fail(new Error('why'))),
        live ? 'failed' : state,
      )
      assert.equal(
        after(({ session }) => session.transportEnd()),
        'ended',
      )
      assert.equal(
        after((made) => made.receive(close(1000))),
        reads ? 'closeDone' : state,
      )
      assert.equal(
        after((made) => made.receive([0xff])),
        reads ? 'failed' : state,
      )
      assert.equal(
        after((made) => made.receive([0x81, 'x'])),
        state,
      )
    }
  }
})

test('nothing is told and nothing sent once both Close frames are out, or the connection failed or ended', () => {
  for (const role of roles) {
    for (const state of ['closeReceived', 'closeDone', 'failed', 'ended'] as const) {
      const made = inState(role, state)
      made.receive([0x81, 'x'], [0x89, 'p'], [0x8a, 'p'], [0x01, 'y'], [0xff])
      made.session.congested(true)
      made.session.congested(false)
      assert.deepEqual(made.told, [])
      assert.deepEqual(made.sent(), [])
    }
  }
})

// --- messages

test('RFC 6455 section 5.6: text is a string, binary is bytes, each whole', () => {
  for (const role of roles) {
    const { receive, told } = trial(role)
    receive([0x81, 'Hello'], [0x82, hex('00ff')], [0x81], [0x82], [0x81, '\ufeffé'])
    assert.deepEqual(told, [
      'message "Hello"',
      'message <00ff>',
      'message ""',
      'message <>',
      'message "\ufeffé"',
    ])
  }
})

test('RFC 6455 section 5.4: fragments are one message, control frames may stand between them', () => {
  for (const role of roles) {
    const { receive, told, sent } = trial(role)
    receive([0x01, 'Hel'], [0x89, 'p'], [0x00], [0x00, 'lo'], [0x8a, 'q'], [0x80, '!'])
    receive([0x02, hex('01')], [0x80, hex('02')], [0x01], [0x80])
    assert.deepEqual(told, ['ping p', 'pong q', 'message "Hello!"', 'message <0102>', 'message ""'])
    assert.deepEqual(sent(), ['8a 70'])
  }
})

test('RFC 6455 section 5.4: a continuation outside a message, and a message inside another, are 1002', () => {
  for (const role of roles) {
    for (const wrong of [
      [[0x80, 'x']],
      [[0x00, 'x']],
      [
        [0x01, 'a'],
        [0x81, 'b'],
      ],
      [
        [0x01, 'a'],
        [0x02, 'b'],
      ],
      [
        [0x02, 'a'],
        [0x80, 'b'],
        [0x80, 'c'],
      ],
    ] as const) {
      const { receive, told, sent, session } = trial(role)
      receive(...wrong, [0x81, 'ignored'])
      assert.equal(told.at(-1), 'failed')
      assert.equal(told.includes('message "ignored"'), false)
      assert.equal(sent()[0]!.slice(0, 7), '88 03ea')
      assert.equal((session.failure as PeerError).code, 'ERR_FRAME')
    }
  }
})

test('any messages in any fragments and any chunks are told as they are, in both roles', () => {
  const message = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ maxLength: 60 }),
    fc.uint8Array({ maxLength: 60 }),
  )
  fc.assert(
    fc.property(
      fc.array(fc.record({ message, fragment: fc.integer({ min: 1, max: 70 }), ping: fc.boolean() }), {
        maxLength: 6,
      }),
      fc.integer({ min: 1, max: 200 }),
      fc.constantFrom('server' as const, 'client' as const),
      fc.boolean(),
      (messages, size, role, streamed) => {
        const { session, told, sent } = trial(role)
        if (streamed) session.stream(Number.POSITIVE_INFINITY)
        const frames: Buffer[] = []
        let pings = 0
        for (const { message, fragment, ping } of messages) {
          const pieces = cut(Buffer.from(message as string), fragment)
          if (pieces.length === 0) pieces.push(Buffer.alloc(0))
          for (const [at, piece] of pieces.entries()) {
            const opcode = at > 0 ? 0 : typeof message === 'string' ? 1 : 2
            const fin = at === pieces.length - 1 ? 0x80 : 0
            frames.push(frame(fin | opcode, piece, role === 'server' ? KEY : undefined))
            if (!ping) continue
            frames.push(frame(0x89, `${pings++}`, role === 'server' ? KEY : undefined))
          }
        }
        for (const chunk of cut(Buffer.concat(frames), size)) session.receive(chunk)
        const heard: string[] = []
        let parts = ''
        for (const entry of told) {
          if (entry.startsWith('ping')) continue
          if (entry.startsWith('message')) heard.push(entry.slice(8))
          else if (entry.startsWith('part')) parts += entry.slice(6, -1)
          else if (entry === 'stream text') parts = '"'
          else if (entry === 'stream binary') parts = '<'
          else if (entry === 'stream end') heard.push(parts + (parts[0] === '<' ? '>' : '"'))
          else assert.fail(entry)
        }
        assert.deepEqual(
          heard,
          messages.map(({ message }) =>
            typeof message === 'string'
              ? JSON.stringify(Buffer.from(message).toString())
              : `<${Buffer.from(message).toString('hex')}>`,
          ),
        )
        assert.deepEqual(
          told.filter((entry) => entry.startsWith('ping')),
          Array.from({ length: pings }, (_, at) => `ping ${at}`),
        )
        assert.equal(sent().length, pings)
      },
    ),
    { numRuns: 300 },
  )
})

test('RFC 6455 section 8.1: a text that is not UTF-8 is 1007, as soon as a part of it shows it', () => {
  for (const role of roles) {
    const whole = trial(role)
    whole.receive([0x81, hex('61 ff')])
    assert.deepEqual(whole.told, ['failed'])
    assert.equal(whole.sent()[0]!.slice(0, 7), '88 03ef')

    const early = trial(role)
    early.receive([0x01, hex('61 ff')])
    assert.deepEqual(early.told, ['failed'])

    const cutFrame = trial(role)
    const bytes = frame(0x81, hex('61 ff 62 63 64'), role === 'server' ? KEY : undefined)
    cutFrame.session.receive(ownMemory(bytes.subarray(0, bytes.length - 2)))
    assert.deepEqual(cutFrame.told, ['failed'])

    const late = trial(role)
    late.receive([0x01, hex('e2 82')], [0x80])
    assert.equal((late.session.failure as PeerError).code, 'ERR_UTF8')

    const straddling = trial(role)
    straddling.receive([0x01, hex('e2')], [0x00, hex('82')], [0x80, hex('ac')])
    assert.deepEqual(straddling.told, ['message "€"'])

    const binary = trial(role)
    binary.receive([0x82, hex('ff')])
    assert.deepEqual(binary.told, ['message <ff>'])
  }
})

test('a message beyond the limit is 1009 by its header, before any payload, and at the limit it is fine', () => {
  for (const role of roles) {
    const mask = role === 'server' ? ([0x80, KEY] as const) : ([0, ''] as const)
    const header = (head: number, length: number) =>
      Buffer.concat([
        Buffer.of(head, mask[0] | 127),
        hex(length.toString(16).padStart(16, '0')),
        hex(mask[1]),
      ])
    const limited = () => trial(role, { maxMessageBytes: 100_000 })

    const fine = limited()
    fine.receive([0x82, Buffer.alloc(100_000)])
    assert.equal(fine.told.length, 1)

    const large = limited()
    large.session.receive(header(0x82, 100_001))
    assert.deepEqual(large.told, ['failed'])
    assert.equal(large.sent()[0]!.slice(0, 7), '88 03f1')

    const absurd = limited()
    absurd.session.receive(header(0x81, 2 ** 52))
    assert.equal((absurd.session.failure as PeerError).code, 'ERR_MESSAGE_TOO_BIG')

    const fragments = limited()
    fragments.receive([0x02, Buffer.alloc(60_000)], [0x89, 'p'], [0x00, Buffer.alloc(40_000)], [0x00])
    assert.deepEqual(fragments.told, ['ping p'])
    fragments.receive([0x80, Buffer.alloc(1)])
    assert.equal((fragments.session.failure as PeerError).code, 'ERR_MESSAGE_TOO_BIG')

    const next = limited()
    next.receive([0x02, Buffer.alloc(60_000)], [0x80], [0x82, Buffer.alloc(60_000)])
    assert.equal(next.told.length, 2)

    const none = trial(role, { maxMessageBytes: 0 })
    none.receive([0x81], [0x82], [0x01], [0x80])
    assert.equal(none.told.length, 3)
    none.receive([0x81, 'x'])
    assert.equal(none.told.at(-1), 'failed')
  }
})

test('RFC 6455 section 10.4: a message has no more fragments than it may have bytes, empty ones included', () => {
  for (const role of roles) {
    for (const [maxMessageBytes, most] of [
      [5_000, 5_000],
      [0, 1_024],
    ] as const) {
      const { receive, told, session } = trial(role, { maxMessageBytes })
      receive([0x01])
      for (let count = 0; count < most - 1; count++) receive([0x00])
      receive([0x80])
      assert.deepEqual(told, ['message ""'])
      receive([0x02])
      for (let count = 0; count < most; count++) receive([0x00])
      assert.equal(session.state, 'open')
      receive([0x00])
      assert.equal(session.failure?.message.includes(`more than ${most} fragments`), true)
      assert.equal((session.failure as PeerError).code, 'ERR_MESSAGE_TOO_BIG')
    }
  }
})

// --- control frames

test('RFC 6455 section 5.5.2: a ping is answered with its payload, a pong with nothing', () => {
  for (const role of roles) {
    const { receive, told, sent } = trial(role)
    receive([0x89, 'Hello'], [0x89], [0x8a, 'unasked'], [0x89, 'x'.repeat(125)])
    assert.deepEqual(told, ['ping Hello', 'ping ', 'pong unasked', `ping ${'x'.repeat(125)}`])
    assert.deepEqual(sent(), ['8a 48656c6c6f', '8a', `8a ${'78'.repeat(125)}`])
  }
})

test('a control frame may be cut anywhere, also inside a message', () => {
  for (const role of roles) {
    const { session, told, sent } = trial(role)
    const mask = role === 'server' ? KEY : undefined
    const bytes = Buffer.concat([
      frame(0x01, 'He', mask),
      frame(0x89, 'ping', mask),
      frame(0x80, 'y', mask),
      frame(0x88, closeBody(1000, 'bye'), mask),
    ])
    for (const chunk of cut(bytes, 1)) session.receive(chunk)
    assert.deepEqual(told, ['ping ping', 'message "Hey"', 'closeReceived', 'closeDone'])
    assert.deepEqual(sent(), ['8a 70696e67', closed(1000, 'bye')])
    assert.deepEqual(session.received, { code: 1000, reason: 'bye' })
  }
})

test('RFC 6455 section 5.5.3: while nobody takes our bytes only the latest ping is answered, later', () => {
  for (const role of roles) {
    const { receive, told, sent, session } = trial(role)
    session.congested(true)
    receive([0x89, 'a'], [0x89, 'b'])
    receive([0x89, 'c'])
    assert.deepEqual(told, ['ping a', 'ping b', 'ping c'])
    assert.deepEqual(sent(), [])
    session.congested(false)
    assert.deepEqual(sent(), ['8a 63'])
    session.congested(false)
    assert.deepEqual(sent(), [])
    session.congested(true)
    receive([0x89, 'd'])
    session.sendClose(1000, '')
    session.congested(false)
    assert.deepEqual(sent(), [closed(1000)], 'none after Close')
  }
})

test('a held pong keeps its payload when the chunk it came in is used again', () => {
  const { session, sent } = trial('server')
  session.congested(true)
  const chunk = ownMemory(frame(0x89, 'mine', KEY))
  session.receive(chunk)
  chunk.fill(0)
  session.congested(false)
  assert.deepEqual(sent(), [`8a ${Buffer.from('mine').toString('hex')}`])
})

test('RFC 6455 section 5.5: a control frame of ours above 125 bytes is misuse, and nothing is written', () => {
  for (const role of roles) {
    const { session, outbox } = trial(role)
    assert.throws(() => session.sendPing(Buffer.alloc(126)), { code: 'ERR_CONTROL_TOO_LONG' })
    assert.throws(() => session.sendPong(Buffer.alloc(126)), /pong of 126 bytes/)
    assert.equal(outbox.bytes, 0)
  }
})

// --- closing

test('RFC 6455 section 5.5.1: a Close is answered once with its own code and reason, and nothing after it is read', () => {
  for (const role of roles) {
    for (const code of [undefined, 1000, 1003, 1014, 3000, 4999]) {
      const { receive, told, sent, session } = trial(role)
      receive(close(code, code === undefined ? undefined : 'why'), close(1001), [0x81, 'x'], 'ff ff')
      assert.deepEqual(told, ['closeReceived', 'closeDone'])
      assert.deepEqual(sent(), [closed(code, code === undefined ? undefined : 'why')])
      assert.deepEqual(session.received, { code: code ?? 1005, reason: code === undefined ? '' : 'why' })
      assert.equal(session.clean, true)
      assert.equal(session.failure, undefined)
    }
  }
})

test('RFC 6455 section 5.5.1: after our Close we listen, answer no ping, and end with theirs', () => {
  for (const role of roles) {
    const { receive, told, sent, session } = trial(role)
    session.sendClose(4000, 'done')
    session.sendClose(4001, 'again')
    receive([0x81, 'late'], [0x89, 'p'], close(4000))
    assert.deepEqual(told, ['closeSent', 'message "late"', 'ping p', 'closeDone'])
    assert.deepEqual(sent(), [closed(4000, 'done')])
    assert.equal(session.clean, true)
  }
})

test('RFC 6455 section 7.4: a Close that may not travel is 1002, one that is not UTF-8 is 1007', () => {
  for (const role of roles) {
    for (const [body, answer] of [
      [hex('03'), '03ea'],
      [closeBody(999), '03ea'],
      [closeBody(1005), '03ea'],
      [closeBody(1006), '03ea'],
      [closeBody(1015), '03ea'],
      [closeBody(2999), '03ea'],
      [closeBody(5000), '03ea'],
      [hex('03e8 ff'), '03ef'],
    ] as const) {
      const { receive, told, sent, session } = trial(role)
      receive([0x88, body])
      assert.deepEqual(told, ['failed'])
      assert.equal(sent()[0]!.slice(3, 7), answer)
      assert.equal(session.received, undefined)
      assert.equal(session.clean, false)
    }
  }
})

test('what must not travel in our own Close is misuse in every state', () => {
  for (const state of ['open', 'closeSent', 'closeDone', 'failed', 'ended'] as const) {
    const { session, told } = inState('server', state)
    assert.throws(() => session.sendClose(1005, ''), MisuseError)
    assert.throws(() => session.sendClose(1000, 'x'.repeat(124)), MisuseError)
    assert.deepEqual(told, [])
  }
})

test('RFC 6455 section 7.1.7: failing says why in a Close unless ours is out, and only once', () => {
  const codes = {
    ERR_FRAME: 1002,
    ERR_UTF8: 1007,
    ERR_MESSAGE_TOO_BIG: 1009,
    ERR_LIMIT: 1008,
    ERR_SLOW_CONSUMER: 1013,
    ERR_HANDLER_FAILED: 1011,
  } as const
  for (const role of roles) {
    for (const [code, number] of Object.entries(codes)) {
      const { session, told, sent } = trial(role)
      const error = new PeerError(code as keyof typeof codes, 'what was seen')
      session.fail(error)
      session.fail(new Error('again'))
      assert.deepEqual(told, ['failed'])
      assert.deepEqual(sent(), [closed(number, 'what was seen')])
      assert.equal(session.failure, error)
      assert.equal(session.clean, false)
    }
    const late = trial(role)
    late.session.sendClose(1000, '')
    late.receive([0xff])
    assert.deepEqual(late.told, ['closeSent', 'failed'])
    assert.deepEqual(late.sent(), [closed(1000)])
    const foreign = trial(role)
    foreign.session.fail(new Error('not for the wire'))
    assert.deepEqual(foreign.sent(), [closed(1002)])
  }
})

test('a long reason for failing is cut to what a Close may bear, never inside a character', () => {
  for (const text of [
    'x'.repeat(300),
    'é'.repeat(300),
    '€'.repeat(300),
    '😀'.repeat(300),
    `x${'😀'.repeat(300)}`,
  ]) {
    const { session, outbox } = trial('server')
    session.fail(new PeerError('ERR_FRAME', text))
    const [close] = parseFrames(Buffer.concat(outbox.take()))
    const reason = close!.payload.subarray(2).toString()
    assert.ok(close!.payload.length <= 125 && reason.length > 40)
    assert.ok(text.startsWith(reason))
  }
})

test('what is half read is let go when the connection closes or fails', () => {
  for (const act of ['fail', 'close', 'end'] as const) {
    const { session, told, receive } = trial('server')
    receive([0x01, 'half'])
    session.receive(ownMemory(frame(0x89, 'ping', KEY).subarray(0, 8)))
    if (act === 'fail') session.fail(new PeerError('ERR_LIMIT', 'no'))
    else if (act === 'close') session.transportEnd()
    else session.transportEnd()
    const before = told.length
    receive([0x80, 'rest'])
    assert.equal(told.length, before)
  }
})

test('whoever hears a message may close, fail or end, and hears no more of this chunk', () => {
  const acts: { readonly [name: string]: (session: Session) => void } = {
    fail: (session) => session.fail(new PeerError('ERR_LIMIT', 'no')),
    end: (session) => session.transportEnd(),
  }
  for (const role of roles) {
    for (const [name, act] of Object.entries(acts)) {
      for (const at of ['message "one"', 'ping p', 'pong q', 'message "fragments"']) {
        const { receive, told } = trial(role, { on: (told, session) => told === at && act(session) })
        receive(
          [0x81, 'one'],
          [0x89, 'p'],
          [0x8a, 'q'],
          [0x01, 'frag'],
          [0x80, 'ments'],
          [0x81, 'last'],
          close(1000),
        )
        const state = name === 'fail' ? 'failed' : 'ended'
        assert.deepEqual(told.slice(-2), [at, state])
      }
    }
    const closing = trial(role, {
      on: (told, session) => told === 'message "one"' && session.sendClose(1000, ''),
    })
    closing.receive([0x81, 'one'], [0x81, 'two'], close(1000))
    assert.deepEqual(closing.told, ['message "one"', 'closeSent', 'message "two"', 'closeDone'])
  }
})

// --- extensions

/** Turns every byte over, and marks it with RSV1. */
function inverting(later: boolean): MessageTransform & { released: number } {
  const invert = (payload: Uint8Array) => Buffer.from(payload.map((byte) => byte ^ 0xff))
  const maybeLater = (bytes: Buffer) => (later ? Promise.resolve().then(() => bytes) : bytes)
  return {
    rsv: 0x40,
    released: 0,
    wants: (bytes) => bytes >= 4,
    encode: (payload) => maybeLater(invert(payload)),
    decode(payload) {
      if (payload[0] === 0) throw new PeerError('ERR_FRAME', 'begins with a zero')
      return maybeLater(invert(payload))
    },
    release() {
      this.released++
    },
  }
}

test('a transform changes what it wants, both ways, at once or later, and order holds', async () => {
  for (const role of roles) {
    for (const later of [false, true]) {
      const transform = inverting(later)
      const { session, told, sent, receive } = trial(role, { transform })
      await session.sendText('long')
      await session.sendBinary(hex('01'))
      await session.sendBinary(hex('00010203'))
      assert.deepEqual(sent(), ['c1 "����"', '82 01', 'c2 fffefdfc'])
      receive(
        [0xc1, hex('9e 9d')],
        [0x81, 'plain'],
        [0x41, hex('9c')],
        [0x89, 'p'],
        [0x80, hex('9b')],
        [0xc2, hex('ff')],
        close(1000),
      )
      for (let count = 0; count < 20; count++) await undefined
      const kept = told.filter((entry) => entry !== 'wait')
      assert.deepEqual(kept, [
        'message "ab"',
        'message "plain"',
        'ping p',
        'message "cd"',
        'message <00>',
        'closeReceived',
        'closeDone',
      ])
      assert.equal(told.length - kept.length, later ? 3 : 0)
      session.transportEnd()
      assert.equal(transform.released, 1)
    }
  }
})

test('RFC 6455 section 5.2: a bit that an extension owns stands on first data frames only', () => {
  for (const role of roles) {
    for (const frames of [
      [[0xc9, 'p']],
      [[0xc8, closeBody(1000)]],
      [
        [0x41, 'a'],
        [0xc0, 'b'],
      ],
      [
        [0x01, 'a'],
        [0x40, 'b'],
      ],
      [[0xa1, 'a']],
    ] as const) {
      const { receive, told, session } = trial(role, { transform: inverting(false) })
      receive(...frames)
      assert.equal(told.at(-1), 'failed')
      assert.equal((session.failure as PeerError).code, 'ERR_FRAME')
    }
  }
})

test('what a transform cannot read fails the connection, at once or later', async () => {
  for (const fails of [
    () => {
      throw new Error('at once')
    },
    () => Promise.reject(new PeerError('ERR_MESSAGE_TOO_BIG', 'later')),
    () => Promise.reject(new Error('of its own kind')),
    () => hex('ff'),
    () => Promise.resolve(hex('ff')),
  ] as (() => Buffer | Promise<Buffer>)[]) {
    const { receive, told, session } = trial('server', { transform: { ...inverting(false), decode: fails } })
    receive([0xc1, 'whatever'], [0x81, 'next'])
    for (let count = 0; count < 10; count++) await undefined
    assert.equal(told.at(-1), 'failed')
    assert.equal(told.includes('message "next"'), false)
    assert.ok(session.failure instanceof PeerError)
  }
})

test('a message that is decoded when the connection has ended is told to nobody', async () => {
  for (const end of ['fail', 'transportEnd'] as const) {
    const { receive, told, session } = trial('server', { transform: inverting(true) })
    receive([0xc1, hex('9e')], [0x81, 'next'])
    if (end === 'fail') session.fail(new PeerError('ERR_LIMIT', 'no'))
    else session.transportEnd()
    for (let count = 0; count < 10; count++) await undefined
    assert.deepEqual(told, ['wait', end === 'fail' ? 'failed' : 'ended'])
  }
})

test('what was being encoded when the connection closed is not sent', async () => {
  const { session, sent } = trial('server', { transform: inverting(true) })
  const encoded = session.sendText('late message')
  session.fail(new PeerError('ERR_LIMIT', 'no'))
  await encoded
  assert.deepEqual(sent(), [closed(1008, 'no')])
})

// --- messages in parts

test('a streamed message is told as it comes, checked as it comes, and bounded as a whole', () => {
  for (const role of roles) {
    const { receive, told, session } = trial(role, { maxMessageBytes: 5 })
    receive([0x01, 'wh'])
    session.stream(8)
    receive(
      [0x80, 'ole'],
      [0x02, hex('0102')],
      [0x89, 'p'],
      [0x80, hex('03')],
      [0x01, hex('e2')],
      [0x00, hex('82 ac 61')],
      [0x80],
    )
    assert.deepEqual(told, [
      'message "whole"',
      'stream binary',
      'part <0102>',
      'ping p',
      'part <03>',
      'stream end',
      'stream text',
      'part "€a"',
      'stream end',
    ])
    told.length = 0
    receive([0x01, 'abcd'], [0x00, 'efgh'], [0x80, 'i'])
    assert.deepEqual(told, ['stream text', 'part "abcd"', 'part "efgh"', 'failed'])
    assert.equal((session.failure as PeerError).code, 'ERR_MESSAGE_TOO_BIG')
  }
  const spoilt = trial('server')
  spoilt.session.stream(100)
  spoilt.receive([0x01, 'ok'], [0x80, hex('ff')])
  assert.deepEqual(spoilt.told, ['stream text', 'part "ok"', 'failed'])
  const short = trial('server')
  short.session.stream(100)
  short.receive([0x81, hex('61 e2')])
  assert.deepEqual(short.told, ['stream text', 'part "a"', 'failed'])
})

test('sections 5.5.1 and 5.5.2: the peer is done with its Close, but for a Pong on its way and what comes behind', () => {
  const isDone = (script: (made: Trial) => void, role: Role = 'server') => {
    const made = trial(role)
    script(made)
    return made.session.peerIsDone
  }
  for (const role of roles) {
    assert.equal(
      isDone(() => {}, role),
      false,
    )
    assert.equal(
      isDone(({ receive }) => receive([0x81, 'last'], close(1000)), role),
      true,
    )
    assert.equal(
      isDone(({ session }) => session.sendClose(1000, ''), role),
      false,
    )
    assert.equal(
      isDone(({ session, receive }) => {
        session.sendClose(1000, '')
        receive(close(1000))
      }, role),
      true,
    )
  }
  const isDoneAfter = (pings: readonly string[], pongs: readonly string[]) =>
    isDone(({ session, receive }) => {
      for (const payload of pings) session.sendPing(Buffer.from(payload))
      receive(...pongs.map((payload) => [0x8a, payload] as const), close(1000))
    })
  assert.equal(isDoneAfter(['a'], []), false)
  assert.equal(isDoneAfter(['a', 'b'], ['a']), false)
  assert.equal(isDoneAfter(['a', 'b'], ['b']), true)
  assert.equal(
    isDone(({ receive }) => receive(close(1000), [0x81, 'more'])),
    false,
  )
  assert.equal(
    isDone(({ receive }) => receive([0x83, 'broken'])),
    false,
  )
  assert.equal(
    isDone(({ receive }) => {
      receive(close(1000))
      receive([0x89, 'in another chunk'])
    }),
    false,
  )
})
