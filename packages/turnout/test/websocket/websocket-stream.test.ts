import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import { MisuseError, type PeerError } from '../../src/base/errors.ts'
import { HandshakeError } from '../../src/websocket/handshake-error.ts'
import { WebSocketError } from '../../src/websocket/websocket-error.ts'
import { WebSocketStream, type WebSocketStreamOptions } from '../../src/websocket/websocket-stream.ts'
import { turn, until } from '../base/turns.ts'
import { fieldOf, head } from '../upgrade/raw-server.ts'
import { framesOf, hex, readFrames, switchFor, webSocketServer } from './raw-websocket.ts'

const bounded = { timeout: 10_000 }
const syntaxError = { name: 'SyntaxError', constructor: DOMException }

async function opened(t: TestContext, options: WebSocketStreamOptions = {}, ...first: Buffer[]) {
  const raw = await webSocketServer(t, (request) => {
    const protocol = fieldOf(request.head, 'Sec-WebSocket-Protocol')
    const lines = protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol.split(', ')[0]}`]
    request.socket.write(Buffer.concat([Buffer.from(switchFor(request, ...lines)), ...first]))
  })
  const stream = new WebSocketStream(raw.wsUrl, options)
  const info = await stream.opened
  return { raw, stream, ...info, request: raw.requests[0]! }
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  return assert.fail('resolved')
}

function assertEnd(
  error: unknown,
  closeCode: number | null,
  reason: string = '',
): asserts error is WebSocketError {
  assert.ok(error instanceof WebSocketError, String(error))
  assert.deepEqual([error.closeCode, error.reason], [closeCode, reason])
}

test('WHATWG WebSocketStream constructor: URL, subprotocols and options that throw', () => {
  const Constructor = WebSocketStream as unknown as new (...args: unknown[]) => WebSocketStream
  assert.throws(() => new Constructor(), TypeError)
  for (const url of ['', '/relative', 'ftp://a/', 'ws://a/#', undefined]) {
    assert.throws(() => new Constructor(url), syntaxError, String(url))
  }
  for (const protocols of [['a', 'a'], [''], ['a b'], ['a', 'a\r\n'], new Set(['\u00e4'])]) {
    assert.throws(() => new WebSocketStream('ws://a', { protocols }), syntaxError)
  }
  for (const options of ['a', 1, { protocols: 'a' }, { protocols: 1 }, { protocols: null }]) {
    assert.throws(() => new Constructor('ws://a', options), TypeError)
  }
  const thrown = new Error('the URL comes first')
  const odd = {
    toString() {
      throw thrown
    },
  }
  assert.throws(() => new Constructor(odd, 1), thrown)
  for (const options of [{ protocols: 1 }, { signal: 1 }, { signal: null }]) {
    assert.throws(() => new Constructor('no URL', options), TypeError)
  }
  assert.throws(() => new WebSocketStream('ws://a', { headers: { Upgrade: 'h2c' } }), MisuseError)
})

test(
  'the URL is kept with the scheme that it means; null and a function are options, too',
  bounded,
  async (t) => {
    const { stream, raw } = await opened(t, null as unknown as WebSocketStreamOptions)
    await new WebSocketStream(raw.wsUrl, (() => {}) as WebSocketStreamOptions).opened
    assert.equal(stream.url, raw.wsUrl)
    const other = new WebSocketStream(new URL(raw.url))
    assert.equal(other.url, raw.wsUrl)
    await other.opened
    assert.equal(Object.prototype.toString.call(stream), '[object WebSocketStream]')
  },
)

test(
  'WHATWG, establish a connection: a server that chooses none of the subprotocols fails it',
  bounded,
  async (t) => {
    const raw = await webSocketServer(t)
    const stream = new WebSocketStream(raw.wsUrl, { protocols: ['a', 'b'] })
    const error = await rejection(stream.opened)
    assertEnd(error, 1006)
    assert.equal((error.cause as PeerError).code, 'ERR_SUBPROTOCOL_MISSING')
    assert.equal(await rejection(stream.closed), error)
  },
)

test('opened: two streams, the subprotocol and the extensions', bounded, async (t) => {
  const options = { protocols: new Set(['b', 'a']), headers: { 'X-Mine': 'e' }, origin: 'https://o.example' }
  const { readable, writable, protocol, extensions, request, stream } = await opened(t, options)
  assert.ok(readable instanceof ReadableStream && writable instanceof WritableStream)
  assert.deepEqual([protocol, extensions], ['b', ''])
  assert.equal(fieldOf(request.head, 'Sec-WebSocket-Protocol'), 'b, a')
  assert.equal(fieldOf(request.head, 'X-Mine'), 'e')
  assert.equal(fieldOf(request.head, 'Origin'), 'https://o.example')
  assert.equal(stream.opened, stream.opened)
  assert.equal(stream.closed, stream.closed)
})

test('reading: text is a string, binary a Uint8Array of its own, in order', bounded, async (t) => {
  const { readable } = await opened(t, {}, hex('81 02 68 69 82 03 01 02 ff 81 00'))
  const reader = readable.getReader()
  assert.deepEqual(await reader.read(), { value: 'hi', done: false })
  const { value } = await reader.read()
  assert.ok(value instanceof Uint8Array && !Buffer.isBuffer(value))
  assert.deepEqual([value.byteLength, value.buffer.byteLength, ...value], [3, 3, 1, 2, 255])
  assert.deepEqual(await reader.read(), { value: '', done: false })
})

test('writing: strings are text, bytes binary, anything else a string', bounded, async (t) => {
  const { writable, request } = await opened(t)
  const writer = writable.getWriter()
  const bytes = Uint8Array.of(1, 2, 3, 4)
  for (const chunk of [
    'h\u00e4',
    bytes.buffer,
    bytes.subarray(1, 3),
    new DataView(bytes.buffer, 3),
    5,
    null,
    new Blob(['x']),
  ]) {
    await writer.write(chunk as string)
  }
  const frames = await framesOf(request, 7)
  assert.deepEqual(
    frames.map(({ first, payload }) => [first, payload.toString('latin1')]),
    [
      [0x81, 'h\u00c3\u00a4'],
      [0x82, '\x01\x02\x03\x04'],
      [0x82, '\x02\x03'],
      [0x82, '\x04'],
      [0x81, '5'],
      [0x81, 'null'],
      [0x81, '[object Blob]'],
    ],
  )
})

test(
  'writing what no string can be made of errors the writable, and the connection is closed',
  bounded,
  async (t) => {
    const { writable } = await opened(t)
    const writer = writable.getWriter()
    writer.closed.catch(() => {})
    assert.ok((await rejection(writer.write(Symbol('s') as unknown as string))) instanceof TypeError)
  },
)

test('backpressure: what nobody reads stays in the network', bounded, async (t) => {
  const { readable, request } = await opened(t)
  const frame = Buffer.concat([hex('82 7f 00 00 00 00 00 01 00 00'), Buffer.alloc(65_536)])
  const reader = readable.getReader()
  request.socket.write(hex('81 01 61'))
  assert.equal((await reader.read()).value, 'a')
  const count = 512
  for (let i = 0; i < count; i++) request.socket.write(frame)
  // half of 32 MiB is more than all buffers on the way hold
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.ok(request.socket.writableLength > (count / 2) * 65_536, `${request.socket.writableLength}`)
  for (let i = 0; i < count; i++) assert.equal((await reader.read()).value?.length, 65_536)
  assert.equal(request.socket.writableLength, 0)
})

test('backpressure: a peer that does not read holds the writes back', bounded, async (t) => {
  const { writable, request } = await opened(t)
  request.socket.pause()
  const writer = writable.getWriter()
  assert.equal(writer.desiredSize, 1)
  const megabyte = new Uint8Array(2 ** 20)
  let written = 0
  let stuck = false
  while (!stuck && written < 64) {
    const write = writer.write(megabyte)
    assert.equal(writer.desiredSize, 0)
    const later = new Promise((resolve) => setTimeout(resolve, 100, 'stuck'))
    stuck = (await Promise.race([write, later])) === 'stuck'
    if (!stuck) written++
  }
  assert.ok(stuck, 'the writes went on')
  assert.equal(writer.desiredSize, 0)
  request.socket.resume()
  await writer.ready
  assert.equal(writer.desiredSize, 1)
})

for (const [name, info, payload] of [
  ['nothing', undefined, ''],
  ['an empty object', {}, ''],
  ['null', null, ''],
  ['an empty reason', { reason: '' }, ''],
  ['a reason alone, which gets 1000', { reason: 'b' }, '03e862'],
  ['a code and a reason', { closeCode: 3456, reason: 'pizza' }, '0d8070697a7a61'],
] as const) {
  test(`close: ${name} in the Close frame, and closed tells the peer’s`, bounded, async (t) => {
    const { stream, request, readable, writable } = await opened(t)
    const reader = readable.getReader()
    const writer = writable.getWriter()
    stream.close(info as undefined)
    stream.close({ closeCode: 4000, reason: 'again does nothing' })
    const [close, ...more] = await framesOf(request, 1)
    assert.deepEqual([close!.first, close!.payload.toString('hex'), more], [0x88, payload, []])
    // what arrives while closing is not delivered
    request.socket.end(hex('81 02 68 69 88 04 0b b8 6f 6b'))
    assert.deepEqual(await stream.closed, { closeCode: 3000, reason: 'ok' })
    assert.deepEqual(await reader.read(), { value: undefined, done: true })
    const error = await rejection(writer.closed)
    assert.ok(error instanceof DOMException && !(error instanceof WebSocketError))
    assert.equal(error.name, 'InvalidStateError')
    stream.close()
  })
}

test('close: what is refused throws, and the connection stays open', bounded, async (t) => {
  const { stream, request } = await opened(t)
  assert.throws(() => stream.close(true as unknown as undefined), TypeError)
  assert.throws(() => stream.close({ closeCode: 65_536 }), TypeError)
  for (const closeCode of [999, 1001, 2999, 5000]) {
    assert.throws(() => stream.close({ closeCode }), { name: 'InvalidAccessError' })
  }
  assert.throws(() => stream.close({ reason: '.'.repeat(124) }), syntaxError)
  assert.deepEqual(readFrames(request.rest()), [])
})

test('close: no code from the peer is 1005', bounded, async (t) => {
  const { stream, request } = await opened(t)
  request.socket.end(hex('88 00'))
  assert.deepEqual(await stream.closed, { closeCode: 1005, reason: '' })
})

test('close with messages that nobody reads does not wait for a reader', bounded, async (t) => {
  const { stream, request, readable } = await opened(t, {}, hex('81 01 61 81 01 62'))
  stream.close()
  await framesOf(request, 1)
  request.socket.end(hex('88 00'))
  await stream.closed
  assert.deepEqual(await readable.getReader().read(), { value: undefined, done: true })
})

for (const when of ['at once', 'while the server thinks']) {
  test(`close during the handshake, ${when}: both promises reject`, bounded, async (t) => {
    const raw = await webSocketServer(t, () => {})
    const stream = new WebSocketStream(raw.wsUrl)
    if (when !== 'at once') await until(() => raw.requests.length > 0)
    stream.close({ closeCode: 3000 })
    assertEnd(await rejection(stream.opened), 1006)
    assertEnd(await rejection(stream.closed), 1006)
    await raw.idle()
  })
}

test('a handshake that fails rejects both, and the cause says why', bounded, async (t) => {
  const raw = await webSocketServer(t, ({ socket }) => {
    socket.write(head('HTTP/1.1 403 No', 'Content-Length: 0'))
  })
  const stream = new WebSocketStream(raw.wsUrl)
  const error = await rejection(stream.opened)
  assertEnd(error, 1006)
  assert.ok(error.cause instanceof HandshakeError)
  assert.equal(await rejection(stream.closed), error)
})

test('a handshake that fails and that nobody awaits is no unhandled rejection', bounded, async (t) => {
  const unhandled: unknown[] = []
  const note = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', note)
  t.after(() => process.off('unhandledRejection', note))
  const raw = await webSocketServer(t, ({ socket }) => void socket.destroy())
  new WebSocketStream(raw.wsUrl)
  await until(() => raw.requests.length > 0)
  await raw.idle()
  for (let i = 0; i < 5; i++) await turn()
  assert.deepEqual(unhandled, [])
})

test('signal: aborted before, no connection is made', bounded, async (t) => {
  const raw = await webSocketServer(t)
  const stream = new WebSocketStream(raw.wsUrl, { signal: AbortSignal.abort() })
  const error = await rejection(stream.opened)
  assert.equal((error as Error).name, 'AbortError')
  assert.equal(await rejection(stream.closed), error)
  assert.equal(raw.connections(), 0)
})

test('signal: aborted during the handshake, both reject with its reason', bounded, async (t) => {
  const raw = await webSocketServer(t, () => {})
  const controller = new AbortController()
  const stream = new WebSocketStream(raw.wsUrl, { signal: controller.signal })
  await until(() => raw.requests.length > 0)
  const reason = { any: 'value' }
  controller.abort(reason)
  assert.equal(await rejection(stream.opened), reason)
  assert.equal(await rejection(stream.closed), reason)
  await raw.idle()
})

for (const how of ['close', 'signal'] as const) {
  test(`${how} behind the 101: both reject as before it, and the connection is gone`, bounded, async (t) => {
    const raw = await webSocketServer(t, (request) => {
      request.socket.write(Buffer.concat([Buffer.from(switchFor(request)), hex('81 02 68 69 88 02 03 e8')]))
    })
    const reason = { any: 'value' }
    const controller = new AbortController()
    const stream = new WebSocketStream(raw.wsUrl, { signal: controller.signal })
    const act = () => (how === 'close' ? stream.close() : controller.abort(reason))
    subscribe('turnout:websocket:handshake', act)
    t.after(() => unsubscribe('turnout:websocket:handshake', act))
    const error = await rejection(stream.opened)
    assert.equal(await rejection(stream.closed), error)
    if (how === 'signal') assert.equal(error, reason)
    else {
      assertEnd(error, 1006)
      assert.equal((error.cause as Error).name, 'AbortError')
    }
    stream.close()
    await raw.idle()
  })
}

test('signal: once open, it means nothing', bounded, async (t) => {
  const controller = new AbortController()
  const { writable, request } = await opened(t, { signal: controller.signal })
  controller.abort()
  await writable.getWriter().write('still here')
  assert.equal((await framesOf(request, 1))[0]!.payload.toString(), 'still here')
})

test('the peer closes: what it sent before is read first, and writing is over', bounded, async (t) => {
  const { stream, readable, writable, request } = await opened(t)
  request.socket.end(hex('81 01 61 81 01 62 88 07 0f a0 72 6f 62 6f 74'))
  assert.deepEqual(await stream.closed, { closeCode: 4000, reason: 'robot' })
  const messages: unknown[] = []
  for await (const message of readable) messages.push(message)
  assert.deepEqual(messages, ['a', 'b'])
  const writer = writable.getWriter()
  assert.equal(((await rejection(writer.closed)) as Error).name, 'InvalidStateError')
  assert.equal(((await rejection(writer.write('x'))) as Error).name, 'InvalidStateError')
})

for (const [name, act, code] of [
  ['lost', (socket: { resetAndDestroy(): unknown }) => socket.resetAndDestroy(), 1006],
  ['failed by us', (socket: { write(bytes: Buffer): unknown }) => socket.write(hex('c1 00')), 1006],
] as const) {
  test(`a connection that is ${name} rejects closed and errors both streams`, bounded, async (t) => {
    const { stream, readable, writable, request } = await opened(t)
    const reader = readable.getReader()
    const writer = writable.getWriter()
    const read = rejection(reader.read())
    act(request.socket as never)
    const error = await rejection(stream.closed)
    assertEnd(error, code)
    assert.ok(error.cause instanceof Error)
    assertEnd(await read, code)
    assertEnd(await rejection(writer.closed), code)
    assertEnd(await rejection(reader.closed), code)
  })
}

test('a write that is held back fails with the connection', bounded, async (t) => {
  const { stream, writable, request } = await opened(t)
  request.socket.pause()
  const writer = writable.getWriter()
  const written = rejection(writer.write(new Uint8Array(2 ** 25)))
  await turn()
  request.socket.resetAndDestroy()
  assertEnd(await written, 1006)
  assertEnd(await rejection(stream.closed), 1006)
})

test(
  'closing the writable sends what was written, then an empty Close, and waits for the answer',
  bounded,
  async (t) => {
    const { stream, writable, request } = await opened(t)
    const writer = writable.getWriter()
    void writer.write('last words')
    let done = false
    const closed = writer.close().then(() => {
      done = true
    })
    const [text, close] = await framesOf(request, 2)
    assert.deepEqual([text!.first, close!.first, close!.payload.length], [0x81, 0x88, 0])
    await turn()
    assert.equal(done, false)
    request.socket.end(hex('88 00'))
    await closed
    assert.deepEqual(await stream.closed, { closeCode: 1005, reason: '' })
  },
)

test('closing the writable rejects when the connection is lost instead', bounded, async (t) => {
  const { writable, request } = await opened(t)
  const closed = rejection(writable.close())
  await framesOf(request, 1)
  request.socket.resetAndDestroy()
  assertEnd(await closed, 1006)
})

for (const [way, side] of [
  ['abort', 'writable'],
  ['cancel', 'readable'],
] as const) {
  for (const [name, reason, payload] of [
    ['nothing', undefined, ''],
    ['a WebSocketError', new WebSocketError('m', { closeCode: 3333, reason: 'xyz' }), '0d0578797a'],
    ['a WebSocketError with a reason alone', new WebSocketError('m', { reason: 'r' }), '03e872'],
    ['a WebSocketError with neither', new WebSocketError('m'), ''],
    ['another error', new Error('m'), ''],
    ['an object that looks like one', { closeCode: 3456, reason: 'set' }, ''],
  ] as const) {
    test(`${way} of the ${side} with ${name} closes so`, bounded, async (t) => {
      const { stream, request, ...streams } = await opened(t)
      const ended = way === 'abort' ? streams.writable.abort(reason) : streams.readable.cancel(reason)
      const [close] = await framesOf(request, 1)
      assert.deepEqual([close!.first, close!.payload.toString('hex')], [0x88, payload])
      request.socket.end(Buffer.concat([Buffer.from([0x88, close!.payload.length]), close!.payload]))
      await ended
      const { closeCode } = await stream.closed
      assert.equal(closeCode, payload === '' ? 1005 : close!.payload.readUInt16BE(0))
    })
  }
}

test('the streams pipe: an echo of ten thousand messages', bounded, async (t) => {
  const { stream, readable, writable, request } = await opened(t)
  const count = 10_000
  const echoed = readable.pipeTo(writable).catch(() => {})
  for (let i = 0; i < count; i++)
    request.socket.write(Buffer.concat([hex('81 05'), Buffer.from(String(10_000 + i))]))
  let length = 0
  while (length < count * 11) length = (await request.received(count * 11)).length
  const frames = readFrames(request.rest())
  assert.deepEqual(
    frames.map(({ payload }) => Number(payload.toString())),
    Array.from({ length: count }, (_, at) => 10_000 + at),
  )
  request.socket.end(hex('88 00'))
  await echoed
  await stream.closed
})
