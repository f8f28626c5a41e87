import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createVirtualClock } from '../../src/base/clock.ts'
import { MisuseError, type PeerError, type TurnoutError } from '../../src/base/errors.ts'
import { memoryTransportPair } from '../../src/transport/memory.ts'
import type { AnyConnection } from '../../src/websocket/connection.ts'
import {
  abandonConnection,
  createConnection,
  failHandler,
  openConnection,
} from '../../src/websocket/inside.ts'
import type { Message, Sendable } from '../../src/websocket/options.ts'
import type { MessageTransform } from '../../src/websocket/transform.ts'
import { turn } from '../base/turns.ts'
import { warningsOf } from '../base/warnings.ts'
import { transportByHand } from '../transport/by-hand.ts'
import { closeBody, frame, parseFrames } from './frames.ts'
import { createRig, describe } from './rig.ts'

const TEXT = 0x81
const BINARY = 0x82
const CLOSE = 0x88
const PING = 0x89
const PONG = 0x8a

const roles = ['server', 'client'] as const

// --- opening

test('open is told first, and no message that came before it is lost', async () => {
  const { log, peer, open, socket } = createRig({ closed: true })
  await peer.send([TEXT, 'early'], [TEXT, 'bird'])
  assert.equal(socket.readyState, 'opening')
  open()
  assert.equal(socket.readyState, 'open')
  assert.deepEqual(log, ['open'])
  await turn()
  assert.deepEqual(log, ['open', 'message early', 'message bird'])
})

test('what is sent before and while it opens leaves in one write, in order', async () => {
  const { peer, open, socket } = createRig({
    closed: true,
    events: { open: (socket) => void socket.send('two') },
  })
  assert.equal(socket.send('one'), true)
  assert.ok(socket.bufferedBytes > 0)
  await turn()
  assert.equal(peer.chunks.length, 0)
  open()
  await turn()
  assert.deepEqual(peer.frames, ['81 "one"', '81 "two"'])
  assert.equal(peer.chunks.length, 1)
  assert.equal(socket.bufferedBytes, 0)
})

test('a send beyond the high-water mark before opening resolves once all has left, even at once', async () => {
  const { open, socket, log } = createRig({ closed: true, options: { highWaterMarkBytes: 1000 } })
  const sent = socket.send('x'.repeat(2000))
  assert.ok(sent instanceof Promise)
  open()
  assert.equal(await Promise.race([sent, turn()]), true)
  assert.ok(log.includes('drain'))
})

test('a pause before opening holds the first message back', async () => {
  const { open, peer, socket, log } = createRig({ closed: true })
  socket.pause()
  open()
  await peer.send([TEXT, 'one'])
  assert.deepEqual(log, ['open'])
  assert.ok(peer.transport.bufferedBytes > 0)
  socket.resume()
  await turn()
  assert.deepEqual(log, ['open', 'message one'])
})

test('closing before opening performs the handshake once it opens', async () => {
  const { open, peer, socket, clock, info } = createRig({ closed: true })
  void socket.close(1000, 'never mind')
  assert.equal(socket.readyState, 'closing')
  open()
  await turn()
  assert.equal(peer.frames.length, 1)
  await peer.send([CLOSE, closeBody(1000)])
  peer.transport.end()
  assert.deepEqual(await info(), { code: 1000, reason: '', clean: true, cause: undefined })
  assert.equal(clock.waiting, 0)
})

test('a connection that is closed before it opens has a deadline all the same, and what opens late is destroyed', async () => {
  const { open, peer, socket, clock, info } = createRig({ closed: true })
  void socket.close()
  clock.advance(10_000)
  assert.equal((await info())?.code, 1006)
  open()
  await turn()
  assert.ok(peer.closed)
  assert.equal(clock.waiting, 0)
})

test('a connection that is terminated before it opens destroys what it is given', async () => {
  const { open, peer, socket, info } = createRig({ closed: true })
  socket.terminate()
  assert.deepEqual(await info(), { code: 1006, reason: '', clean: false, cause: undefined })
  open()
  await turn()
  assert.ok(peer.closed)
})

test('an abandoned connection ends with the reason, and tells no close to those who heard no open', async () => {
  const { socket, log, info, clock } = createRig({ closed: true })
  const gone = new Error('the peer has gone')
  abandonConnection(socket, gone)
  assert.deepEqual(await info(), { code: 1006, reason: '', clean: false, cause: gone })
  assert.equal(socket.readyState, 'closed')
  assert.equal(socket.send('late'), false)
  assert.deepEqual(log, [])
  assert.equal(clock.waiting, 0)
})

test('abandoning what has opened or closed changes nothing', async () => {
  const { socket, info } = createRig()
  abandonConnection(socket, new Error('too late'))
  assert.equal(socket.readyState, 'open')
  socket.terminate()
  await turn()
  abandonConnection(socket, new Error('too late'))
  assert.equal((await info())?.cause, undefined)
})

// --- sending

test('everything that can be sent is sent as what it is', async () => {
  const { socket, peer } = createRig()
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
  const shared = new SharedArrayBuffer(2)
  new Uint8Array(shared).set([9, 9])
  const messages: Sendable[] = [
    'text',
    '',
    Buffer.from([1, 2]),
    bytes.subarray(2, 4),
    new Uint16Array(bytes.buffer, 2, 2),
    new DataView(bytes.buffer, 6),
    bytes.buffer,
    shared,
    new Uint8Array(0),
  ]
  for (const message of messages) assert.equal(socket.send(message), true)
  assert.equal(await socket.send(new Blob(['b', 'lob'])), true)
  await turn()
  assert.deepEqual(peer.frames, [
    '81 "text"',
    '81 ""',
    '82 0102',
    '82 0304',
    '82 03040506',
    '82 0708',
    '82 0102030405060708',
    '82 0909',
    '82',
    '82 626c6f62',
  ])
})

test('what cannot be sent is refused, told as misuse, and leaves no byte', async () => {
  const { socket, peer } = createRig()
  for (const bad of [1, null, undefined, {}, true, Symbol('s'), () => {}]) {
    assert.throws(() => socket.send(bad as unknown as string), { code: 'ERR_INVALID_ARGUMENT' })
  }
  await assert.rejects(async () => socket.send([1] as unknown as string[]), { code: 'ERR_INVALID_ARGUMENT' })
  for (const bad of [1, null, {}, [1], new Blob([])]) {
    assert.throws(() => socket.ping(bad as unknown as string), MisuseError)
    assert.throws(() => socket.pong(bad as unknown as string), MisuseError)
  }
  assert.equal(socket.bufferedBytes, 0)
  assert.equal(socket.send('still alive'), true)
  await turn()
  assert.deepEqual(peer.frames, ['81 "still alive"'])
})

test('RFC 6455 section 5.5: a ping or pong of more than 125 bytes is refused before a byte is written', async () => {
  const { socket, peer } = createRig()
  for (const payload of ['x'.repeat(126), 'é'.repeat(63), Buffer.alloc(130)]) {
    assert.throws(() => socket.ping(payload), {
      code: 'ERR_CONTROL_TOO_LONG',
      section: 'RFC 6455 section 5.5',
    })
    assert.throws(() => socket.pong(payload), { code: 'ERR_CONTROL_TOO_LONG' })
  }
  assert.equal(socket.ping('x'.repeat(125)), true)
  assert.equal(socket.pong(), true)
  await turn()
  assert.deepEqual(peer.frames, [`89 ${'78'.repeat(125)}`, '8a'])
})

test('RFC 6455 section 5.3: a client masks every frame with a key of its own, a server none', async () => {
  for (const role of roles) {
    const { socket, peer } = createRig({ role })
    for (let count = 0; count < 20; count++) socket.send('same')
    socket.send(Buffer.alloc(20_000))
    socket.ping('same')
    void socket.close(1000)
    await turn()
    const frames = parseFrames(peer.bytes)
    assert.equal(frames.length, 23)
    const keys = new Set(frames.map(({ key }) => key?.toString('hex')))
    assert.equal(keys.size, role === 'client' ? 23 : 1)
    assert.equal(keys.has(undefined), role === 'server')
  }
})

test('whatever the processing of one chunk sends leaves in one write', async () => {
  for (const role of roles) {
    const { peer } = createRig({
      role,
      events: {
        message: (socket, message) => void socket.send(message),
        ping: (socket) => void socket.pong('mine'),
      },
    })
    await peer.send([TEXT, 'one'], [PING, 'p'], [BINARY, Buffer.from([1])], [TEXT, 'two'])
    assert.deepEqual(peer.frames, ['81 "one"', '8a 70', '8a 6d696e65', '82 01', '81 "two"'])
    assert.equal(peer.chunks.length, 1)
  }
})

test('what is sent in one turn leaves in one write, without waiting for another turn', async () => {
  const { socket, peer } = createRig()
  for (let count = 0; count < 100; count++) socket.send('message')
  await turn()
  assert.equal(peer.chunks.length, 1)
  assert.equal(peer.frames.length, 100)
})

test('a message callback may return what send returned', async () => {
  const { peer, socket, errors } = createRig({
    events: {
      message: ((socket: AnyConnection, message: Message) => socket.send(message)) as unknown as () => void,
    },
  })
  await peer.send([TEXT, 'one'], [TEXT, 'two'])
  assert.deepEqual(errors, [])
  assert.equal(socket.readyState, 'open')
  assert.deepEqual(peer.frames, ['81 "one"', '81 "two"'])
})

// --- backpressure

const narrow = { highWaterMarkBytes: 1000 }

test('send asks to wait above the high-water mark, and goes on when all has left', async () => {
  const { socket, peer, log } = createRig({ options: narrow, pipe: narrow })
  peer.transport.pause()
  assert.equal(socket.send('x'.repeat(500)), true)
  const first = socket.send('x'.repeat(600))
  const second = socket.send('y')
  assert.ok(first instanceof Promise && second instanceof Promise)
  assert.ok(socket.bufferedBytes > 1100)
  assert.equal(await Promise.race([first, turn()]), undefined)
  peer.transport.resume()
  assert.equal(await first, true)
  assert.equal(await second, true)
  assert.deepEqual(log, ['open', 'drain'])
  assert.equal(peer.frames.length, 3)
  assert.equal(socket.send('z'), true)
  await turn()
  assert.deepEqual(log, ['open', 'drain'])
})

test('while the transport asks to wait nothing is written, and then everything in one write', async () => {
  const { socket, peer } = createRig({ pipe: narrow })
  peer.transport.pause()
  socket.send('x'.repeat(2000))
  await turn()
  for (let count = 0; count < 50; count++) {
    socket.send('later')
    await turn()
  }
  assert.equal(socket.bufferedBytes, 2004 + 50 * 7)
  assert.equal(peer.transport.bufferedBytes, 0)
  peer.transport.resume()
  await turn()
  assert.equal(peer.chunks.length, 2)
  assert.equal(peer.frames.length, 51)
})

test('a send that waits resolves with false when the connection ends first', async () => {
  for (const end of ['terminate', 'destroy', 'close'] as const) {
    const { socket, transport, peer, clock } = createRig({ options: narrow, pipe: narrow })
    peer.transport.pause()
    const sent = socket.send('x'.repeat(3000))
    if (end === 'terminate') socket.terminate()
    else if (end === 'destroy') transport.destroy(new Error('reset'))
    else {
      void socket.close()
      clock.advance(10_000)
    }
    assert.equal(await Promise.race([sent, turn()]), false, end)
    assert.equal(clock.waiting, 0)
  }
})

test('messages sent from drain and from an awaiting loop all leave, in order', async () => {
  const { socket, peer } = createRig({ options: narrow, pipe: narrow })
  for (let count = 0; count < 200; count++) assert.equal(await socket.send(`${count}`.padEnd(300)), true)
  await turn()
  assert.deepEqual(
    parseFrames(peer.bytes).map(({ payload }) => Number(payload.toString())),
    Array.from({ length: 200 }, (_, count) => count),
  )
})

test('RFC 6455 section 5.5.3: while the peer takes nothing only its latest ping is kept to be answered', async () => {
  const { socket, peer } = createRig({ pipe: narrow })
  peer.transport.pause()
  socket.send('x'.repeat(2000))
  await turn()
  const before = socket.bufferedBytes
  for (let count = 0; count < 100; count++) await peer.send([PING, `ping ${count}`])
  assert.equal(socket.bufferedBytes, before)
  peer.transport.resume()
  await turn()
  assert.deepEqual(peer.frames.slice(1), [`8a ${Buffer.from('ping 99').toString('hex')}`])
})

// --- Blobs

test('a Blob keeps its place between the messages around it', async () => {
  const { socket, peer } = createRig()
  const slow = new Blob(['slow'])
  const sent = [socket.send('1'), socket.send(slow), socket.send('2'), socket.send(slow), socket.send('3')]
  const closed = socket.close(1000, 'bye')
  assert.equal(socket.readyState, 'closing')
  assert.equal(await socket.send('after'), false)
  assert.deepEqual(await Promise.all(sent), [true, true, true, true, true])
  await turn()
  assert.deepEqual(peer.frames, [
    '81 "1"',
    '82 736c6f77',
    '81 "2"',
    '82 736c6f77',
    '81 "3"',
    `88 ${closeBody(1000, 'bye').toString('hex')}`,
  ])
  await peer.send([CLOSE])
  peer.transport.end()
  assert.equal((await closed).clean, true)
})

test('a Blob that cannot be read rejects its own send and nothing else', async () => {
  const { socket, peer } = createRig()
  const broken = new Blob(['x'])
  broken.arrayBuffer = () => Promise.reject(new Error('unreadable'))
  const sent = socket.send(broken)
  const next = socket.send('next')
  await assert.rejects(async () => sent, /unreadable/)
  assert.equal(await next, true)
  await turn()
  assert.deepEqual(peer.frames, ['81 "next"'])
  assert.equal(socket.send('direct'), true)
})

test('misuse is told at once, also while a Blob is being read', async () => {
  const { socket } = createRig()
  const sent = socket.send(new Blob(['x']))
  assert.throws(() => socket.send(5 as unknown as string), { code: 'ERR_INVALID_ARGUMENT' })
  assert.throws(() => socket.close(1005), { code: 'ERR_INVALID_CLOSE_CODE' })
  assert.equal(await sent, true)
})

test('a peer that reads nothing does not hold up a close behind a large Blob', async () => {
  const { socket, peer, clock, info } = createRig({ options: narrow, pipe: narrow })
  peer.transport.pause()
  const sent = socket.send(new Blob(['x'.repeat(5000)]))
  const after = socket.send('after')
  void socket.close(1000)
  for (let count = 0; count < 5; count++) await turn()
  assert.equal(socket.readyState, 'closing')
  clock.advance(10_000)
  assert.equal((await info())?.code, 1006)
  assert.deepEqual(await Promise.all([sent, after]), [false, false])
})

test('a Blob that is still being read when the connection ends is not sent', async () => {
  const { socket, peer } = createRig()
  const sent = socket.send(new Blob(['late']))
  socket.terminate()
  assert.equal(await sent, false)
  await turn()
  assert.equal(peer.bytes.length, 0)
})

// --- receiving with a callback

test('binary arrives as a Buffer, or as an ArrayBuffer of its own where that is chosen', async () => {
  for (const binary of ['buffer', 'arraybuffer'] as const) {
    const seen: Message[] = []
    const { peer } = createRig({
      options: { binary },
      events: { message: (_, message) => void seen.push(message) },
    })
    await peer.send([BINARY, Buffer.from([1, 2, 3])], [TEXT, 'text'], [BINARY])
    assert.equal(Buffer.isBuffer(seen[0]), binary === 'buffer')
    assert.equal(seen[0] instanceof ArrayBuffer, binary === 'arraybuffer')
    assert.deepEqual(seen.map(describe), ['<010203>', 'text', '<>'])
    if (binary === 'arraybuffer') assert.equal((seen[0] as ArrayBuffer).byteLength, 3)
  }
})

test('a paused socket keeps what has arrived, reads no more, and delivers in order on resume', async () => {
  const { socket, peer, log } = createRig({
    events: {
      message: (socket, message) => {
        if (message === 'two') socket.pause()
      },
    },
  })
  await peer.send([TEXT, 'one'], [TEXT, 'two'], [TEXT, 'three'], [PING, 'p'])
  await peer.send([TEXT, 'four'])
  assert.deepEqual(log, ['open', 'message one', 'message two', 'ping p'])
  assert.ok(peer.transport.bufferedBytes > 0)
  socket.resume()
  assert.deepEqual(log.slice(4), ['message three'])
  await turn()
  assert.deepEqual(log.slice(4), ['message three', 'message four'])
})

test('pause and resume inside the callback deliver one message after another, however many wait', async () => {
  let depth = 0
  let deepest = 0
  const seen: Message[] = []
  const { socket, peer, errors } = createRig({
    events: {
      message: (socket, message) => {
        deepest = Math.max(deepest, ++depth)
        socket.pause()
        if (seen.push(message) > 1) socket.resume()
        depth--
      },
    },
  })
  peer.write(Buffer.concat(Array.from({ length: 20_000 }, (_, count) => frame(TEXT, `${count}`, '01020304'))))
  await turn()
  assert.deepEqual(seen, ['0'])
  socket.resume()
  assert.deepEqual(errors, [])
  assert.equal(deepest, 1)
  assert.deepEqual(
    seen,
    Array.from({ length: 20_000 }, (_, count) => `${count}`),
  )
})

test('a socket that pauses for each message and resumes later gets them one by one', async () => {
  const seen: string[] = []
  const { peer } = createRig({
    events: {
      message: async (socket, message) => {
        socket.pause()
        seen.push(`begin ${message}`)
        await turn()
        seen.push(`end ${message}`)
        socket.resume()
      },
    },
  })
  await peer.send([TEXT, '1'], [TEXT, '2'], [TEXT, '3'])
  for (let count = 0; count < 5; count++) await turn()
  assert.deepEqual(seen, ['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3'])
})

test('messages that a pause holds back are delivered before close is told', async () => {
  const { socket, peer, log } = createRig({ events: { message: (socket) => socket.pause() } })
  await peer.send([TEXT, 'one'], [TEXT, 'two'], [TEXT, 'three'], [CLOSE, closeBody(1000)])
  peer.transport.end()
  assert.equal((await socket.closed).clean, true)
  assert.deepEqual(log, ['open', 'message one'])
  socket.resume()
  assert.deepEqual(log, ['open', 'message one', 'message two'])
  socket.resume()
  assert.deepEqual(log, ['open', 'message one', 'message two', 'message three', 'close 1000'])
})

test('a terminated socket hears no further message', async () => {
  for (const act of ['terminate', 'throw'] as const) {
    const { peer, log } = createRig({
      events: {
        message: (socket) => {
          if (act === 'throw') throw new Error('mine')
          socket.terminate()
        },
      },
    })
    await peer.send([TEXT, 'one'], [TEXT, 'two'], [PING, 'p'])
    peer.transport.end()
    await turn()
    assert.deepEqual(log, ['open', 'message one', 'close 1006 unclean'])
  }
})

// --- receiving with an iterator

test('the iterator gives what came before anyone asked, then waits, then ends', async () => {
  const { socket, peer } = createRig({ iterated: true })
  await peer.send([TEXT, 'one'], [BINARY, Buffer.from([2])])
  const seen: string[] = []
  const reading = (async () => {
    for await (const message of socket) seen.push(describe(message))
    seen.push('end')
  })()
  await turn()
  assert.deepEqual(seen, ['one', '<02>'])
  await peer.send([TEXT, 'three'], [TEXT, ''])
  assert.deepEqual(seen, ['one', '<02>', 'three', ''])
  await peer.send([CLOSE])
  peer.transport.end()
  await reading
  assert.equal(seen.at(-1), 'end')
})

test('what nobody has read can be read after the connection has closed', async () => {
  const { socket, peer } = createRig({ iterated: true })
  await peer.send([TEXT, 'one'], [TEXT, 'two'], [CLOSE, closeBody(1000)])
  peer.transport.end()
  assert.equal((await socket.closed).code, 1000)
  const seen: Message[] = []
  for await (const message of socket) seen.push(message)
  for await (const message of socket) seen.push(message)
  assert.deepEqual(seen, ['one', 'two'])
})

test('an iterator on a connection that closed with nothing to read ends at once', async () => {
  const { socket } = createRig({ iterated: true })
  socket.terminate()
  await socket.closed
  assert.deepEqual(await socket[Symbol.asyncIterator]().next(), { value: undefined, done: true })
})

test('a loop that is left can be entered again, and misses nothing', async () => {
  const { socket, peer } = createRig({ iterated: true })
  await peer.send([TEXT, 'one'], [TEXT, 'two'])
  for await (const message of socket) {
    assert.equal(message, 'one')
    break
  }
  for await (const message of socket) {
    assert.equal(message, 'two')
    break
  }
})

test('a socket with a message callback cannot be iterated as well', () => {
  const { socket } = createRig()
  assert.throws(() => socket[Symbol.asyncIterator](), { code: 'ERR_INVALID_ARGUMENT' })
})

test('a reader who keeps up is never slowed down, however much it reads', async () => {
  const { socket, peer } = createRig({ iterated: true })
  let bytes = 0
  void (async () => {
    for await (const message of socket) bytes += (message as string).length
  })()
  for (let count = 0; count < 40; count++) await peer.send([TEXT, 'x'.repeat(100_000)])
  assert.equal(bytes, 4_000_000)
})

test('a reader who does not keep up slows the peer down, and loses nothing', async () => {
  for (const [count, size] of [
    [3000, 10],
    [60, 60_000],
  ] as const) {
    const { socket, peer } = createRig({ iterated: true })
    for (let sent = 0; sent < count; sent++) peer.write(frame(BINARY, Buffer.alloc(size, sent), '01020304'))
    await turn()
    assert.ok(peer.transport.bufferedBytes > 0, 'the rest stays with the transport')
    let read = 0
    for await (const message of socket) {
      assert.equal((message as Buffer)[0], read & 0xff)
      if (++read === count) break
    }
    assert.equal(peer.transport.bufferedBytes, 0)
  }
})

test('whoever closes and reads no more still sees the answer behind what is unread', async () => {
  const { socket, peer, clock } = createRig({ iterated: true })
  for (let sent = 0; sent < 3000; sent++) peer.write(frame(TEXT, 'unread', '01020304'))
  await turn()
  void socket.close(1000)
  await peer.send([CLOSE, closeBody(1000)])
  peer.transport.end()
  assert.equal((await socket.closed).clean, true)
  assert.equal(clock.waiting, 0)
})

test('whoever closes while paused still sees the answer', async () => {
  for (const iterated of [false, true]) {
    const { socket, peer, info } = createRig({ iterated })
    socket.pause()
    void socket.close(1000)
    await peer.send([TEXT, 'late'], [CLOSE, closeBody(1000)])
    peer.transport.end()
    assert.equal((await info())?.clean, true)
  }
})

test('a paused iterator gets what has arrived and no more until it is resumed', async () => {
  const { socket, peer } = createRig({ iterated: true })
  await peer.send([TEXT, 'one'])
  socket.pause()
  await peer.send([TEXT, 'two'])
  const iterator = socket[Symbol.asyncIterator]()
  assert.equal((await iterator.next()).value, 'one')
  const next = iterator.next()
  assert.equal(await Promise.race([next, turn()]), undefined)
  socket.resume()
  assert.equal((await next).value, 'two')
})

// --- pings

test('RFC 6455 section 5.5.2: a ping is answered with its payload before the callback hears of it', async () => {
  const { peer, log } = createRig({ events: { ping: (socket) => void socket.send('heard') } })
  await peer.send([PING, 'why'], [PONG, 'unasked'])
  assert.deepEqual(peer.frames, ['8a 776879', '81 "heard"'])
  assert.deepEqual(log, ['open', 'ping why', 'pong unasked'])
})

// --- closing

test('RFC 6455 section 7.1.1: a server that closes ends TCP as soon as the answer is there', async () => {
  const { socket, peer, clock, log } = createRig()
  const closed = socket.close(4001, 'enough')
  assert.equal(socket.readyState, 'closing')
  assert.equal(socket.send('late'), false)
  assert.equal(socket.ping(), false)
  assert.equal(socket.pong(), false)
  await turn()
  assert.deepEqual(peer.frames, [`88 ${closeBody(4001, 'enough').toString('hex')}`])
  assert.equal(peer.ended, false)
  await peer.send([TEXT, 'still'], [CLOSE, closeBody(4001)])
  assert.equal(peer.ended, true)
  peer.transport.end()
  assert.deepEqual(await closed, { code: 4001, reason: '', clean: true, cause: undefined })
  assert.deepEqual(log, ['open', 'message still', 'close 4001'])
  assert.equal(socket.readyState, 'closed')
  assert.equal(clock.waiting, 0)
})

test('RFC 6455 section 7.1.1: a client leaves TCP to the server, within a deadline', async () => {
  const { socket, peer, clock } = createRig({ role: 'client' })
  const closed = socket.close(1000)
  await peer.send([CLOSE, closeBody(1000)])
  assert.equal(peer.ended, false)
  assert.equal(clock.waiting, 1)
  clock.advance(9_999)
  await turn()
  assert.equal(peer.closed, false)
  clock.advance(1)
  assert.equal((await closed).clean, true)
  await turn()
  assert.ok(peer.closed)
  assert.equal(clock.waiting, 0)
})

test('RFC 6455 section 5.5.1: a close from the peer is answered once, with its code and reason, in both roles', async () => {
  for (const role of roles) {
    for (const code of [1000, 1001, 3000, 4999, undefined]) {
      const { socket, peer, clock } = createRig({ role })
      const body = code === undefined ? Buffer.alloc(0) : closeBody(code, 'because')
      await peer.send([CLOSE, body], [TEXT, 'ignored'], [CLOSE, body])
      assert.deepEqual(peer.frames, [`88 ${body.toString('hex')}`.trim()])
      assert.equal(peer.ended, role === 'server')
      peer.transport.end()
      assert.deepEqual(await socket.closed, {
        code: code ?? 1005,
        reason: code === undefined ? '' : 'because',
        clean: true,
        cause: undefined,
      })
      assert.equal(clock.waiting, 0)
    }
  }
})

test('what was sent before the close leaves before it, also against backpressure', async () => {
  const { socket, peer } = createRig({ pipe: narrow })
  peer.transport.pause()
  socket.send('x'.repeat(2000))
  await turn()
  socket.send('waiting')
  await peer.send([CLOSE, closeBody(1000)])
  peer.transport.resume()
  await turn()
  assert.deepEqual(peer.frames.slice(1), ['81 "waiting"', '88 03e8'])
  assert.ok(peer.ended)
})

test('RFC 6455 section 7.1.1: without an answer to our close the connection is dropped at the deadline', async () => {
  for (const role of roles) {
    const { socket, peer, clock, log } = createRig({ role, options: { closeTimeoutMs: 3000 } })
    const closed = socket.close(1000)
    await turn()
    clock.advance(2999)
    await turn()
    assert.equal(socket.readyState, 'closing')
    clock.advance(1)
    const info = await closed
    assert.equal(info.code, 1006)
    assert.equal(info.clean, false)
    assert.equal((info.cause as TurnoutError).code, 'ERR_CLOSE_TIMEOUT')
    await turn()
    assert.ok(peer.closed)
    assert.deepEqual(log, ['open', 'close 1006 unclean'])
    assert.equal(clock.waiting, 0)
  }
})

test('both sides closing at once is clean on both', async () => {
  const [left, right] = memoryTransportPair()
  const [server, client] = (['server', 'client'] as const).map((role) => create(role)) as [
    AnyConnection,
    AnyConnection,
  ]
  openConnection(server, left)
  openConnection(client, right)
  const infos = await Promise.all([server.close(4000), client.close(4001)])
  assert.deepEqual(
    infos.map(({ code, clean }) => [code, clean]),
    [
      [4001, true],
      [4000, true],
    ],
  )
})

test('closing again changes nothing, and misuse is told in every state', async () => {
  const { socket, peer } = createRig()
  void socket.close(1000)
  void socket.close(4000, 'again')
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5, Number.NaN]) {
    assert.throws(() => socket.close(code), { code: 'ERR_INVALID_CLOSE_CODE' })
  }
  assert.throws(() => socket.close(1000, 'x'.repeat(124)), { code: 'ERR_INVALID_CLOSE_REASON' })
  assert.throws(() => socket.close(undefined, 'why'), { code: 'ERR_INVALID_CLOSE_REASON' })
  await peer.send([CLOSE])
  assert.deepEqual(peer.frames, ['88 03e8'])
  peer.transport.end()
  await socket.closed
  assert.throws(() => socket.close(1005), { code: 'ERR_INVALID_CLOSE_CODE' })
  assert.equal((await socket.close(4000)).code, 1005)
})

test('closed can be asked for before, during and after, and is always the same', async () => {
  const { socket } = createRig()
  const before = socket.closed
  socket.terminate()
  const during = socket.closed
  assert.equal(await before, await during)
  assert.equal(await socket.closed, await before)
})

test('terminate drops the connection without a handshake, in every state, and twice', async () => {
  for (const role of roles) {
    for (const state of ['open', 'closeSent', 'closeDone', 'failed'] as const) {
      const { socket, peer, clock, log } = createRig({ role })
      if (state === 'closeSent') void socket.close(1000)
      if (state === 'closeDone') await peer.send([CLOSE, closeBody(1001)])
      if (state === 'failed') await peer.send([0xf1])
      socket.terminate()
      socket.terminate()
      assert.equal(socket.readyState, 'closing')
      const info = await socket.closed
      assert.equal(info.code, state === 'closeDone' ? 1001 : 1006)
      assert.equal(info.clean, state === 'closeDone')
      await turn()
      assert.ok(peer.closed)
      assert.equal(log.filter((entry) => entry.startsWith('close')).length, 1)
      assert.equal(clock.waiting, 0)
    }
  }
})

// --- the peer goes away

test('RFC 6455 section 7.1.5: a FIN without a Close frame is 1006, in every state', async () => {
  for (const role of roles) {
    for (const state of ['open', 'closeSent', 'closeDone', 'failed'] as const) {
      const { socket, peer, clock } = createRig({ role })
      if (state === 'closeSent') void socket.close(1000)
      if (state === 'closeDone') await peer.send([CLOSE, closeBody(1001)])
      if (state === 'failed') await peer.send([0xf1])
      peer.transport.end()
      const info = await socket.closed
      assert.equal(info.clean, state === 'closeDone')
      assert.equal(info.code, state === 'closeDone' ? 1001 : 1006)
      const code = (info.cause as TurnoutError | undefined)?.code
      assert.equal(
        code,
        {
          open: 'ERR_CONNECTION_LOST',
          closeSent: 'ERR_CONNECTION_LOST',
          closeDone: undefined,
          failed: 'ERR_FRAME',
        }[state],
      )
      assert.equal(clock.waiting, 0)
    }
  }
})

test('after a FIN what waits still leaves, and the connection ends though the peer reads nothing', async () => {
  const { socket, peer, clock, info } = createRig({ pipe: narrow })
  peer.transport.pause()
  socket.send('x'.repeat(2000))
  await turn()
  socket.send('last words')
  peer.transport.end()
  await turn()
  assert.equal(socket.send('too late'), false)
  assert.equal(await info(), undefined)
  clock.advance(2000)
  assert.equal((await info())?.code, 1006)
  assert.equal(clock.waiting, 0)

  const patient = createRig({ pipe: narrow })
  patient.peer.transport.pause()
  patient.socket.send('x'.repeat(2000))
  await turn()
  patient.socket.send('last words')
  patient.peer.transport.end()
  await turn()
  patient.peer.transport.resume()
  assert.equal((await patient.socket.closed).code, 1006)
  assert.deepEqual(patient.peer.frames.slice(1), ['81 "last words"'])
})

test('a reset ends the connection with the error as its cause, unless the handshake was done', async () => {
  for (const state of ['open', 'closeSent', 'closeDone', 'failed'] as const) {
    const { socket, transport, peer, clock } = createRig()
    if (state === 'closeSent') void socket.close(1000)
    if (state === 'closeDone') await peer.send([CLOSE, closeBody(1001)])
    if (state === 'failed') await peer.send([0xf1])
    const reset = new Error('ECONNRESET')
    transport.destroy(reset)
    const info = await socket.closed
    assert.equal(info.clean, state === 'closeDone')
    if (state === 'open' || state === 'closeSent') assert.equal(info.cause, reset)
    if (state === 'closeDone') assert.equal(info.cause, undefined)
    if (state === 'failed') assert.equal((info.cause as PeerError).code, 'ERR_FRAME')
    assert.equal(clock.waiting, 0)
  }
})

// --- the peer breaks a rule

test('RFC 6455 section 7.1.7: a broken rule is answered with its code, and the connection ends within two seconds', async () => {
  const broken: [string, number, Buffer][] = [
    ['ERR_FRAME', 1002, frame(0xf1, 'rsv', '01020304')],
    ['ERR_FRAME', 1002, frame(TEXT, 'unmasked')],
    ['ERR_UTF8', 1007, frame(TEXT, Buffer.from([0xff]), '01020304')],
    ['ERR_MESSAGE_TOO_BIG', 1009, frame(TEXT, 'x'.repeat(101), '01020304')],
  ]
  for (const [code, closeCode, bytes] of broken) {
    const { socket, peer, clock, log } = createRig({ options: { maxMessageBytes: 100 } })
    peer.write(Buffer.concat([frame(TEXT, 'fine', '01020304'), bytes, frame(TEXT, 'ignored', '01020304')]))
    await turn()
    const [close] = parseFrames(peer.bytes)
    assert.equal(close!.payload.readUInt16BE(0), closeCode)
    assert.ok(peer.ended)
    await peer.send([TEXT, 'ignored'], [CLOSE, closeBody(1000)])
    clock.advance(2000)
    const info = await socket.closed
    assert.deepEqual([info.code, info.clean, (info.cause as PeerError).code], [1006, false, code])
    assert.deepEqual(log, ['open', 'message fine', 'close 1006 unclean'])
    assert.equal(clock.waiting, 0)
  }
})

test('a client that failed ends TCP itself', async () => {
  const { peer, socket } = createRig({ role: 'client' })
  peer.write(frame(TEXT, 'masked', '01020304'))
  await turn()
  assert.ok(peer.ended)
  peer.transport.end()
  assert.equal((await socket.closed).code, 1006)
})

// --- the user's code fails

test('a callback that throws closes with 1011 and is told to onError, once', async () => {
  for (const name of ['open', 'message', 'ping', 'pong'] as const) {
    const thrown = new Error(`from ${name}`)
    const { peer, socket, errors, clock } = createRig({
      events: {
        [name]() {
          throw thrown
        },
      },
    })
    await peer.send([TEXT, 'a'], [PING], [PONG], [TEXT, 'b'])
    const close = parseFrames(peer.bytes).at(-1)!
    assert.equal(close.payload.readUInt16BE(0), 1011, name)
    assert.deepEqual(errors, [thrown])
    peer.transport.end()
    const info = await socket.closed
    assert.equal(info.cause, thrown)
    assert.equal(clock.waiting, 0)
  }
})

test('a callback whose promise rejects closes with 1011 and is told to onError, once', async () => {
  for (const name of ['open', 'message', 'ping', 'pong', 'drain', 'close'] as const) {
    const thrown = new Error(`from ${name}`)
    const { peer, socket, errors } = createRig({
      options: narrow,
      pipe: narrow,
      events: { [name]: () => Promise.reject(thrown) },
    })
    if (name === 'drain') socket.send('x'.repeat(2000))
    if (name === 'close') socket.terminate()
    else await peer.send([TEXT, 'a'], [PING], [PONG])
    await turn()
    assert.deepEqual(errors, [thrown], name)
    if (name === 'close') continue
    assert.equal(parseFrames(peer.bytes).at(-1)!.payload.readUInt16BE(0), 1011)
  }
})

test('drain and close may throw without harm to anything but their own connection', async () => {
  const thrown = new Error('from drain')
  const { socket, peer, errors } = createRig({
    options: narrow,
    pipe: narrow,
    events: {
      drain() {
        throw thrown
      },
    },
  })
  assert.equal(await socket.send('x'.repeat(2000)), true)
  await turn()
  assert.deepEqual(errors, [thrown])
  assert.equal(parseFrames(peer.bytes).at(-1)!.payload.readUInt16BE(0), 1011)

  const late = createRig({
    events: {
      close() {
        throw thrown
      },
    },
  })
  late.socket.terminate()
  const info = await late.socket.closed
  assert.equal(info.code, 1006)
  assert.deepEqual(late.errors, [thrown])
})

test('what a handler throws later, of whatever kind, is the cause of the end', async () => {
  const { socket, peer, errors } = createRig()
  failHandler(socket, 'just a string')
  failHandler(socket, new Error('again'))
  await turn()
  assert.equal(parseFrames(peer.bytes)[0]!.payload.readUInt16BE(0), 1011)
  assert.equal(parseFrames(peer.bytes).length, 1)
  peer.transport.end()
  const { cause } = await socket.closed
  assert.equal(cause?.message, 'just a string')
  assert.equal(errors.length, 2)
})

test('an onError that terminates keeps the cause', async () => {
  const clock = createVirtualClock()
  const [near, far] = memoryTransportPair()
  const thrown = new Error('mine')
  const socket = createConnection<undefined>({
    role: 'server',
    data: undefined,
    protocol: '',
    extensions: '',
    options: { clock },
    events: {
      open() {
        throw thrown
      },
    },
    onError: (_, socket) => socket.terminate(),
  })
  far.start({ onData() {}, onEnd() {}, onDrain() {}, onClose() {} })
  openConnection(socket, near)
  assert.equal((await socket.closed).cause, thrown)
  assert.equal(clock.waiting, 0)
})

test('an onError that throws does not keep the connection from sending what is due', () => {
  const written: Buffer[] = []
  const transport = transportByHand(
    (pieces) => written.push(...pieces.map((piece) => Buffer.from(piece))) > 0,
  )
  const socket = createConnection<undefined>({
    role: 'server',
    data: undefined,
    protocol: '',
    extensions: '',
    options: { clock: createVirtualClock() },
    events: {
      message(socket) {
        socket.send('before')
        throw new Error('mine')
      },
    },
    onError() {
      throw new Error('from onError')
    },
  })
  openConnection(socket, transport)
  assert.throws(() => transport.sink.onData(frame(TEXT, 'a', '01020304')), /from onError/)
  assert.deepEqual(
    parseFrames(Buffer.concat(written)).map(({ head }) => head),
    [TEXT, CLOSE],
  )
})

// --- callbacks that act on their own socket

test('every callback may send, close, terminate, pause and resume', async () => {
  const acts = {
    send: (socket: AnyConnection) => void socket.send('from within'),
    close: (socket: AnyConnection) => void socket.close(4000),
    terminate: (socket: AnyConnection) => socket.terminate(),
    'pause, resume': (socket: AnyConnection) => {
      socket.pause()
      socket.resume()
    },
    'close, terminate': (socket: AnyConnection) => {
      void socket.close()
      socket.terminate()
    },
  }
  for (const role of roles) {
    for (const name of ['open', 'message', 'ping', 'pong', 'drain', 'close'] as const) {
      for (const [act, perform] of Object.entries(acts)) {
        const { socket, peer, clock, errors, log } = createRig({
          role,
          options: narrow,
          pipe: narrow,
          events: { [name]: perform },
        })
        socket.send('x'.repeat(2000))
        await peer.send([TEXT, 'a'], [PING], [PONG], [TEXT, 'b'])
        await peer.send([CLOSE, closeBody(1000)])
        peer.transport.end()
        await socket.closed
        assert.deepEqual(errors, [], `${act} in ${name}`)
        assert.equal(log.filter((entry) => entry.startsWith('close')).length, 1)
        assert.equal(log.at(-1)!.startsWith('close'), true)
        assert.equal(clock.waiting, 0)
      }
    }
  }
})

// --- messages in parts

test('a reader of streams who is behind slows the peer down, by bytes and by messages', async () => {
  for (const [size, count] of [
    [0, 30_000],
    [1, 30_000],
    [50_000, 40],
  ] as const) {
    const { socket, peer } = createRig({ iterated: true })
    const streams = socket.streams()
    const one = frame(BINARY, Buffer.alloc(size), '01020304')
    const together = Math.ceil(10_000 / (size + 1))
    for (let sent = 0; sent < count; sent += together) {
      peer.write(Buffer.concat(Array.from({ length: Math.min(count - sent, together) }, () => one)))
    }
    await turn()
    assert.ok(peer.transport.bufferedBytes > 0, `messages of ${size} bytes wait in the pipe`)
    let read = 0
    for await (const stream of streams) {
      for await (const part of stream) assert.equal(part.length, size)
      if (++read === count) break
    }
    assert.equal(peer.transport.bufferedBytes, 0)
  }
})

test('whoever closes in the middle of a stream keeps no more of it than fits, and still sees the answer', async () => {
  const { socket, peer, info, clock } = createRig({ iterated: true })
  const streams = socket.streams()
  peer.write(frame(0x02, Buffer.alloc(1000), '01020304'))
  await turn()
  void socket.close(1000)
  for (let count = 0; count < 50; count++) peer.write(frame(0x00, Buffer.alloc(100_000), '01020304'))
  await peer.send([CLOSE, closeBody(1000)])
  peer.transport.end()
  assert.equal((await info())?.clean, true)
  assert.equal(clock.waiting, 0)
  const { value: stream } = await streams.next()
  let bytes = 0
  await assert.rejects(
    async () => {
      for await (const part of stream!) bytes += part.length
    },
    { code: 'ERR_CONNECTION_LOST' },
  )
  assert.ok(bytes >= 1000 && bytes < 500_000, `${bytes} bytes were kept`)
})

// --- a message that is decoded apart

function decoding(decode: (payload: Buffer) => Promise<Buffer>): MessageTransform {
  return { rsv: 0x40, wants: () => false, encode: (payload) => payload, decode, release() {} }
}

test('a connection that ends while a message is decoded apart waits for it, unless it was dropped', async () => {
  for (const act of ['terminate', 'deadline', 'peer'] as const) {
    let settle: (payload: Buffer) => void = () => {}
    const { socket, peer, log, info, clock } = createRig({
      transform: decoding(() => new Promise((resolve) => (settle = resolve))),
    })
    await peer.send([0xc1, 'apart'], [TEXT, 'next'])
    if (act === 'terminate') socket.terminate()
    if (act === 'deadline') {
      void socket.close()
      clock.advance(10_000)
    }
    if (act === 'peer') {
      peer.transport.destroy()
      assert.equal(await info(), undefined)
      settle(Buffer.from('apart'))
    }
    assert.equal((await info())?.code, 1006)
    assert.deepEqual(
      log,
      act === 'peer'
        ? ['open', 'message apart', 'message next', 'close 1006 unclean']
        : ['open', 'close 1006 unclean'],
    )
    assert.equal(clock.waiting, 0)
  }
})

for (const [title, decode] of [
  ['at once', () => undefined],
  ['later', async () => undefined],
  ['bytes that are no Buffer', () => new Uint8Array(3)],
  ['throws', () => assert.fail('odd')],
] as const) {
  test(`an extension that decodes to no bytes (${title}) fails the connection`, async () => {
    const { peer, info } = createRig({ transform: decoding(decode as never) })
    await peer.send([0xc1, 'x'])
    assert.match(peer.frames.join(), /^88 03ea/)
    peer.transport.end()
    assert.equal(((await info())?.cause as PeerError | undefined)?.code, 'ERR_FRAME')
  })
}

for (const [title, encode] of [
  ['throws', () => assert.fail('odd')],
  ['rejects', async () => assert.fail('odd')],
  ['gives no bytes', () => 'text'],
  ['gives no bytes later', async () => undefined],
] as const) {
  test(`an extension whose encode ${title} fails the connection, and nothing of the message leaves`, async () => {
    const { socket, peer, info } = createRig({
      transform: { ...decoding(async (payload) => payload), wants: () => true, encode: encode as never },
    })
    await socket.send('hi')
    await turn()
    assert.match(peer.frames.join(), /^88 03f3/)
    assert.equal(socket.send('more'), false)
    peer.transport.end()
    assert.equal(((await info())?.cause as PeerError | undefined)?.code, 'ERR_HANDLER_FAILED')
  })
}

test('an extension whose release throws is a warning, and the end is told', async () => {
  const warnings = await warningsOf(async () => {
    const { socket, info, log } = createRig({
      transform: {
        ...decoding(async (payload) => payload),
        release() {
          throw new Error('odd')
        },
      },
    })
    socket.terminate()
    assert.equal((await info())?.code, 1006)
    assert.deepEqual(log, ['open', 'close 1006 unclean'])
  })
  assert.deepEqual(
    warnings.map(({ text }) => text),
    ['odd, in release of an extension'],
  )
})

// --- what it is not

test('a handler of the standard’s WebSocket is refused, and told where it goes', () => {
  const { socket } = createRig()
  for (const [name, message] of [
    ['onmessage', /^onmessage is of the standard's WebSocket; here `message` is a callback of the options$/],
    ['onopen', /`open`/],
    ['onclose', /`close`/],
    ['onerror', /`cause` of closed/],
  ] as const) {
    assert.throws(() => Object.assign(socket, { [name]: () => {} }), { name: 'MisuseError', message })
    assert.equal(Reflect.get(socket, name), undefined)
  }
  Object.assign(socket, { isAlive: true })
})

// --- the heartbeat

test('a peer that takes what we send, however slowly, is not given up as silent', async () => {
  const { socket, peer, clock } = createRig({ pipe: { highWaterMarkBytes: 1000 } })
  peer.transport.pause()
  for (let count = 0; count < 40; count++) void socket.send(Buffer.alloc(100_000))
  for (let round = 0; round < 12; round++) {
    clock.advance(9_000)
    await turn()
    assert.equal(socket.readyState, 'open', `after ${(round + 1) * 9} s`)
    peer.transport.resume()
    await Promise.resolve()
    peer.transport.pause()
  }
  clock.advance(50_000)
  await turn()
  assert.equal((await socket.closed).code, 1006)
})

// --- two real ends

test('any messages arrive whole and in order over any chunking, and the close is clean', async () => {
  const message = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.constantFrom('x'.repeat(126), 'é'.repeat(5462), 'y'.repeat(65_536), new Uint8Array(70_000).fill(7)),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { maxLength: 12 }),
      fc.constantFrom(1, 2, 3, 7, 1000, 100_000),
      fc.boolean(),
      async (messages, chunkBytes, await_) => {
        const small = messages.reduce((sum, { length }) => sum + length, 0) < 3000
        const [left, right] = memoryTransportPair({ chunkBytes: small ? chunkBytes : chunkBytes * 50 })
        const echo = create('server', (socket, received) => void socket.send(received))
        const client = create('client')
        openConnection(echo, left)
        openConnection(client, right)
        for (const each of messages) {
          const sent = client.send(each)
          if (await_) await sent
        }
        const back: Message[] = []
        if (messages.length > 0) {
          for await (const received of client) {
            back.push(received)
            if (back.length === messages.length) break
          }
        }
        const plain = (each: Message | Uint8Array) =>
          typeof each === 'string' ? each : Buffer.from(each as Buffer)
        assert.deepEqual(
          back.map(plain),
          messages.map((each) => plain(typeof each === 'string' ? String(Buffer.from(each)) : each)),
        )
        const info = await client.close(1000)
        assert.equal(info.clean, true)
        assert.equal((await echo.closed).clean, true)
      },
    ),
    { numRuns: 40 },
  )
})

function create(
  role: 'server' | 'client',
  message?: (socket: AnyConnection, message: Message) => void,
): AnyConnection {
  return createConnection<unknown>({
    role,
    data: undefined,
    protocol: '',
    extensions: '',
    options: {},
    events: message === undefined ? {} : { message },
  })
}
