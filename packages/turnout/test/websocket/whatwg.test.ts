import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import { MisuseError, PeerError } from '../../src/base/errors.ts'
import { CloseEvent, type FailureEvent } from '../../src/websocket/events.ts'
import { HandshakeError } from '../../src/websocket/handshake-error.ts'
import { WebSocketStream } from '../../src/websocket/websocket-stream.ts'
import { WebSocket } from '../../src/websocket/whatwg.ts'
import { turn, until } from '../base/turns.ts'
import { unknownOptions } from '../base/warnings.ts'
import { fieldOf, head, rawServer } from '../upgrade/raw-server.ts'
import { framesOf, hex, readFrames, switchFor, webSocketServer } from './raw-websocket.ts'

const bounded = { timeout: 10_000 }

type Kind = 'open' | 'message' | 'error' | 'close'

/** The next event of that kind. */
function next<Result extends Event = Event>(socket: WebSocket, kind: Kind): Promise<Result> {
  return new Promise((resolve) => {
    socket.addEventListener(kind, (event) => resolve(event as Event as Result), { once: true })
  })
}

/** Every event, in order, with the readyState at that moment. */
function record(socket: WebSocket): [string, number][] {
  const seen: [string, number][] = []
  for (const kind of ['open', 'message', 'error', 'close'] as const) {
    socket.addEventListener(kind, () => seen.push([kind, socket.readyState]))
  }
  return seen
}

async function opened(t: TestContext, ...first: Buffer[]) {
  const raw = await webSocketServer(t, (request) => {
    request.socket.write(Buffer.concat([Buffer.from(switchFor(request)), ...first]))
  })
  const socket = new WebSocket(raw.wsUrl)
  await next(socket, 'open')
  return { raw, socket, request: raw.requests[0]! }
}

const syntaxError = { name: 'SyntaxError', constructor: DOMException }

test('R20: WHATWG constructor steps 1 to 5: the URL record', bounded, async () => {
  for (const url of [
    '',
    '/relative',
    'host',
    'ws://',
    'ftp://a/',
    'mailto:a@b',
    'about:blank',
    'ws://a:99999',
  ]) {
    assert.throws(() => new WebSocket(url), syntaxError, url)
  }
  // a fragment that is empty is a fragment
  for (const url of ['ws://a/#', 'ws://a/#b', 'https://a/?b#c'])
    assert.throws(() => new WebSocket(url), syntaxError)
  const raw = await rawServer(() => {})
  await raw.close()
  for (const [given, kept] of [
    [`http://127.0.0.1:${raw.port}/a b`, `ws://127.0.0.1:${raw.port}/a%20b`],
    [`https://127.0.0.1:${raw.port}`, `wss://127.0.0.1:${raw.port}/`],
    [`WS://127.0.0.1:${raw.port}?q`, `ws://127.0.0.1:${raw.port}/?q`],
    [`ws://u:p@127.0.0.1:${raw.port}/`, `ws://u:p@127.0.0.1:${raw.port}/`],
  ] as const) {
    const socket = new WebSocket(new URL(given))
    assert.equal(socket.url, kept)
    await next(socket, 'close')
  }
})

test('R20: WHATWG constructor step 8: subprotocols that come twice or are no token', () => {
  for (const protocols of [['a', 'a'], '', [''], 'a b', ['a', 'b,c'], 'a\r\n', ['\u00e4']]) {
    assert.throws(() => new WebSocket('ws://127.0.0.1:1', protocols), syntaxError, JSON.stringify(protocols))
    assert.throws(() => new WebSocket('ws://127.0.0.1:1', { protocols }), syntaxError)
  }
})

test('R20: subprotocols are a string, a sequence, or an option', bounded, async (t) => {
  const raw = await webSocketServer(t, (request) => {
    const [first] = (fieldOf(request.head, 'Sec-WebSocket-Protocol') ?? '').split(', ')
    request.socket.write(switchFor(request, `Sec-WebSocket-Protocol: ${first}`))
  })
  for (const [protocols, sent] of [
    ['a', 'a'],
    [['a', 'B'], 'a, B'],
    [new Set(['b', 'a']), 'b, a'],
    [{ protocols: 'c' }, 'c'],
    [{ protocols: ['c', 'd'], headers: { 'X-Mine': 'e' }, origin: 'https://o.example' }, 'c, d'],
  ] as const) {
    const socket = new WebSocket(raw.wsUrl, protocols)
    assert.deepEqual([socket.readyState, socket.protocol, socket.extensions], [0, '', ''])
    await next(socket, 'open')
    assert.equal(fieldOf(raw.requests.at(-1)!.head, 'Sec-WebSocket-Protocol'), sent)
    assert.deepEqual([socket.readyState, socket.protocol, socket.extensions], [1, sent.split(', ')[0], ''])
  }
  assert.equal(fieldOf(raw.requests.at(-1)!.head, 'X-Mine'), 'e')
  assert.equal(fieldOf(raw.requests.at(-1)!.head, 'Origin'), 'https://o.example')
})

test(
  'WHATWG, establish a connection: a server that chooses none of the subprotocols fails it',
  bounded,
  async (t) => {
    const raw = await webSocketServer(t)
    for (const protocols of ['a', ['a', 'b'], { protocols: ['a'] }]) {
      const socket = new WebSocket(raw.wsUrl, protocols)
      const seen = record(socket)
      const failed = next<FailureEvent>(socket, 'error')
      const close = await next<CloseEvent>(socket, 'close')
      assert.equal(((await failed).error as PeerError).code, 'ERR_SUBPROTOCOL_MISSING')
      assert.deepEqual([close.code, close.wasClean], [1006, false])
      assert.deepEqual(seen, [
        ['error', 3],
        ['close', 3],
      ])
    }
  },
)

test('options stand in the third place, too, behind the subprotocols', bounded, async (t) => {
  const raw = await webSocketServer(t, (request) => {
    const offered = fieldOf(request.head, 'Sec-WebSocket-Protocol')
    const lines = offered === undefined ? [] : [`Sec-WebSocket-Protocol: ${offered}`]
    request.socket.write(switchFor(request, ...lines))
  })
  const headers = { Authorization: 'Bearer x' }
  for (const [protocols, options, sent] of [
    [[], { headers }, undefined],
    [undefined, { headers }, undefined],
    ['a', { headers }, 'a'],
    [['a'], { headers, protocols: undefined }, 'a'],
    [[], { headers, protocols: 'b' }, 'b'],
    [{ protocols: ['c'] }, { headers }, 'c'],
    [{ headers }, { protocols: ['d'] }, 'd'],
    [{ headers, protocols: 'e' }, undefined, 'e'],
    [{ headers, protocols: 'f' }, null as never, 'f'],
  ] as const) {
    const socket = new WebSocket(raw.wsUrl, protocols, options)
    await next(socket, 'open')
    const { head } = raw.requests.at(-1)!
    assert.equal(fieldOf(head, 'Authorization'), 'Bearer x')
    assert.equal(fieldOf(head, 'Sec-WebSocket-Protocol'), sent)
  }
  // Web IDL: how many arguments are required
  assert.equal(WebSocket.length, 1)
})

test('the callbacks of connect are no options of it', async () => {
  const closed: Promise<unknown>[] = []
  const heard = await unknownOptions(() => {
    const own = { message: () => assert.fail('called'), binary: 'chunks', onError() {} }
    const socket = new WebSocket('ws://127.0.0.1:1', own as never)
    closed.push(next(socket, 'close'))
    socket.close()
    const stream = new WebSocketStream('ws://127.0.0.1:1', { slowConsumer: 'drop', data: 1 } as never)
    stream.opened.catch(() => {})
    closed.push(stream.closed.catch(() => {}))
  })
  await Promise.all(closed)
  assert.deepEqual(
    heard.map((text) => text.split(';')[0]),
    [
      'WebSocket has no option message',
      'WebSocket has no option binary',
      'WebSocket has no option onError',
      'WebSocketStream has no option slowConsumer',
      'WebSocketStream has no option data',
    ],
  )
})

test('options in the third place are looked at as those in the second', async () => {
  const closed: Promise<unknown>[] = []
  const heard = await unknownOptions(() => {
    const socket = new WebSocket('ws://127.0.0.1:1', [], { perMessageDeflate: true } as never)
    closed.push(next(socket, 'close'))
    socket.close()
  })
  await Promise.all(closed)
  assert.deepEqual(heard, ['WebSocket has no option perMessageDeflate; did you mean compression?'])
  for (const [protocols, options] of [
    [[], { headers: { Upgrade: 'h2c' } }],
    [[], 'https://origin.example'],
    [[], []],
    ['a', { protocols: ['a'] }],
    [{ origin: 'https://a.example' }, { origin: 'https://a.example' }],
  ] as const) {
    assert.throws(() => new WebSocket('ws://127.0.0.1:1', protocols, options as never), MisuseError)
  }
  assert.throws(() => new WebSocket('ws://127.0.0.1:1', { headers: {} }, { headers: {} }), {
    code: 'ERR_INVALID_ARGUMENT',
    message: 'a WebSocket was given headers both in the second argument and in the third',
  })
  assert.throws(() => new WebSocket('ws://127.0.0.1:1', [], { protocols: 'a b' }), syntaxError)
})

test('options that must not be sent throw from the constructor', () => {
  assert.throws(() => new WebSocket('ws://a', { headers: { 'X-A': 'b\nc' } }), MisuseError)
  assert.throws(() => new WebSocket('ws://a', { headers: { Upgrade: 'h2c' } }), MisuseError)
})

test('the constants are on the class and on its objects, and cannot be changed', () => {
  for (const target of [WebSocket, WebSocket.prototype] as object[]) {
    for (const [value, name] of ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'].entries()) {
      const expected = { value, enumerable: true, writable: false, configurable: false }
      assert.deepEqual(Object.getOwnPropertyDescriptor(target, name), expected)
    }
  }
  assert.equal(Object.prototype.toString.call(WebSocket.prototype), '[object WebSocket]')
})

test('events are Events, in order, and the state is right in each of them', bounded, async (t) => {
  const { socket, request } = await opened(t, hex('81 02 68 69'))
  const seen = record(socket)
  const message = await next<MessageEvent>(socket, 'message')
  assert.ok(message instanceof MessageEvent)
  assert.deepEqual(
    [message.data, message.origin, message.lastEventId],
    ['hi', new URL(socket.url).origin, ''],
  )
  assert.equal(message.target, socket)
  const closed = next<CloseEvent>(socket, 'close')
  request.socket.end(hex('88 06 0f a0 64 6f 6e 65'))
  const close = await closed
  assert.ok(close instanceof CloseEvent)
  assert.deepEqual([close.wasClean, close.code, close.reason], [true, 4000, 'done'])
  assert.deepEqual(seen, [
    ['message', 1],
    ['close', 3],
  ])
  assert.equal(socket.readyState, WebSocket.CLOSED)
})

test('binaryType: a Blob by default, an ArrayBuffer on demand, nonsense ignored', bounded, async (t) => {
  const { socket, request } = await opened(t)
  assert.equal(socket.binaryType, 'blob')
  let message = next<MessageEvent>(socket, 'message')
  request.socket.write(hex('82 03 01 02 ff'))
  const { data: blob } = await message
  assert.ok(blob instanceof Blob)
  assert.deepEqual(Buffer.from(await blob.arrayBuffer()), hex('01 02 ff'))
  socket.binaryType = 'arraybuffer'
  socket.binaryType = 'nodebuffer' as 'blob'
  assert.equal(socket.binaryType, 'arraybuffer')
  message = next<MessageEvent>(socket, 'message')
  request.socket.write(hex('82 03 01 02 ff'))
  const { data: buffer } = await message
  assert.ok(buffer instanceof ArrayBuffer)
  assert.deepEqual(Buffer.from(buffer), hex('01 02 ff'))
})

test('send: InvalidStateError before the connection is open', bounded, async (t) => {
  const raw = await webSocketServer(t)
  const socket = new WebSocket(raw.wsUrl)
  assert.throws(() => socket.send('x'), { name: 'InvalidStateError', constructor: DOMException })
  assert.throws(() => (socket.send as () => void)(), TypeError)
  await next(socket, 'open')
})

test('send: strings are text, bytes and Blobs binary, in the order of sending', bounded, async (t) => {
  const { socket, request } = await opened(t)
  const bytes = Uint8Array.of(1, 2, 3, 4)
  socket.send('h\u00e4')
  socket.send(new Blob(['blob']))
  socket.send(bytes.buffer)
  socket.send(bytes.subarray(1, 3))
  socket.send(new DataView(bytes.buffer, 3))
  socket.send('lone \ud800')
  socket.send({ toString: () => 'an object' } as unknown as string)
  socket.send(new Blob([]))
  socket.send(null as unknown as string)
  const frames = await framesOf(request, 9)
  assert.deepEqual(
    frames.map(({ first, payload }) => [first, payload.toString('hex')]),
    [
      [0x81, '68c3a4'],
      [0x82, '626c6f62'],
      [0x82, '01020304'],
      [0x82, '0203'],
      [0x82, '04'],
      [0x81, '6c6f6e6520efbfbd'],
      [0x81, Buffer.from('an object').toString('hex')],
      [0x82, ''],
      [0x81, Buffer.from('null').toString('hex')],
    ],
  )
})

test(
  'bufferedAmount: counts payload until it has left, and holds still within a turn',
  bounded,
  async (t) => {
    const { socket, request } = await opened(t)
    assert.equal(socket.bufferedAmount, 0)
    socket.send('h\u00e4llo')
    assert.equal(socket.bufferedAmount, 6)
    socket.send(new Uint8Array(4))
    assert.equal(socket.bufferedAmount, 10)
    socket.send(new Blob(['blob']))
    socket.send('!')
    assert.equal(socket.bufferedAmount, 15)
    await framesOf(request, 4)
    await turn()
    await turn()
    assert.equal(socket.bufferedAmount, 0)
  },
)

test('bufferedAmount: what a peer does not read stays counted', bounded, async (t) => {
  const { raw } = await opened(t)
  // undefined is as good as nothing: any other choice than `wait` would be the end of this
  const socket = new WebSocket(raw.wsUrl, { slowConsumer: undefined })
  await next(socket, 'open')
  const request = raw.requests[1]!
  request.socket.pause()
  const megabyte = new Uint8Array(2 ** 20)
  for (let i = 0; i < 24; i++) socket.send(megabyte)
  assert.equal(socket.bufferedAmount, 24 * 2 ** 20)
  await turn()
  assert.ok(socket.bufferedAmount > 2 ** 20)
  request.socket.resume()
  await until(() => socket.bufferedAmount === 0)
})

test('bufferedAmount: grows by what is sent after close, and is not reset', bounded, async (t) => {
  const { socket, request } = await opened(t)
  socket.close()
  assert.equal(socket.readyState, WebSocket.CLOSING)
  socket.send('h\u00e4')
  socket.send(new Blob(['four']))
  assert.equal(socket.bufferedAmount, 7)
  const closed = next(socket, 'close')
  const [close, ...more] = await framesOf(request, 1)
  assert.deepEqual([close!.first, close!.payload.length, more], [0x88, 0, []])
  request.socket.end(hex('88 00'))
  await closed
  socket.send(new Uint8Array(3))
  assert.equal(socket.bufferedAmount, 10)
  assert.equal(readFrames(request.rest()).length, 1)
})

test(
  'close: InvalidAccessError for a code, SyntaxError for a reason, as Web IDL converts them',
  bounded,
  async (t) => {
    const { socket, request } = await opened(t)
    const invalidAccess = { name: 'InvalidAccessError', constructor: DOMException }
    for (const code of [
      0,
      999,
      1001,
      1005,
      1006,
      2999,
      5000,
      65_536 + 1000,
      -1,
      2998.5,
      Number.NaN,
      null,
      'a',
    ]) {
      assert.throws(() => socket.close(code as number), invalidAccess, String(code))
    }
    assert.throws(() => socket.close(1000, 'x'.repeat(124)), syntaxError)
    assert.throws(() => socket.close(undefined, '\u00e4'.repeat(62)), syntaxError)
    assert.throws(() => socket.close(999, 'x'.repeat(124)), invalidAccess)
    assert.equal(socket.readyState, WebSocket.OPEN)
    // clamped to the nearest, the even one of two
    socket.close(2999.5, 'x'.repeat(123))
    const [close] = await framesOf(request, 1)
    assert.deepEqual([close!.payload.readUInt16BE(0), close!.payload.length], [3000, 125])
  },
)

for (const [name, args, payload] of [
  ['nothing', [], ''],
  ['a code', [1000], '03e8'],
  ['a code and a reason', [4999, 'b\u00e4'], '138762c3a4'],
  ['a reason alone, which gets 1000', [undefined, 'b'], '03e862'],
] as const) {
  test(`close: ${name} in the Close frame`, bounded, async (t) => {
    const { socket, request } = await opened(t)
    const seen = record(socket)
    const closed = next<CloseEvent>(socket, 'close')
    socket.close(...(args as unknown as Parameters<WebSocket['close']>))
    assert.equal(socket.readyState, WebSocket.CLOSING)
    socket.close(3000, 'again does nothing')
    const [close, ...more] = await framesOf(request, 1)
    assert.deepEqual([close!.payload.toString('hex'), more], [payload, []])
    // what arrives while closing is not delivered
    request.socket.end(hex('81 02 68 69 88 02 0b b8'))
    const event = await closed
    assert.deepEqual([event.wasClean, event.code, event.reason], [true, 3000, ''])
    assert.deepEqual(seen, [['close', 3]])
    socket.close()
    assert.equal(socket.readyState, WebSocket.CLOSED)
  })
}

test('close behind a Blob waits for it, and the state is CLOSING at once', bounded, async (t) => {
  const { socket, request } = await opened(t)
  socket.send(new Blob(['blob']))
  socket.close(1000)
  assert.equal(socket.readyState, WebSocket.CLOSING)
  const frames = await framesOf(request, 2)
  assert.deepEqual(
    frames.map(({ first }) => first),
    [0x82, 0x88],
  )
  request.socket.end(hex('88 02 03 e8'))
  await next(socket, 'close')
})

test(
  'close before connected: the connection is failed with 1006, and no request is left',
  bounded,
  async (t) => {
    const raw = await webSocketServer(t, () => {})
    for (const stage of ['at once', 'while the server thinks']) {
      const socket = new WebSocket(raw.wsUrl)
      const seen = record(socket)
      if (stage !== 'at once') await until(() => raw.requests.length > 0)
      const closed = next<CloseEvent>(socket, 'close')
      socket.close()
      assert.equal(socket.readyState, WebSocket.CLOSING)
      assert.throws(() => socket.close(1), { name: 'InvalidAccessError' })
      socket.send('silently lost')
      assert.equal(socket.bufferedAmount, 13)
      assert.deepEqual(seen, [])
      const { code, wasClean, reason } = await closed
      assert.deepEqual([code, wasClean, reason], [1006, false, ''])
      assert.deepEqual(seen, [
        ['error', 3],
        ['close', 3],
      ])
      await raw.idle()
    }
  },
)

test(
  'WHATWG: closed or aborted behind the 101, a connection is failed as before it, and there is no open',
  bounded,
  async (t) => {
    const raw = await webSocketServer(t, (request) => {
      request.socket.write(Buffer.concat([Buffer.from(switchFor(request)), hex('81 02 68 69 88 02 03 e8')]))
    })
    const reason = new Error('not now')
    for (const how of ['close', 'signal'] as const) {
      const controller = new AbortController()
      const socket = new WebSocket(raw.wsUrl, { signal: controller.signal })
      const seen = record(socket)
      const act = () => (how === 'close' ? socket.close() : controller.abort(reason))
      subscribe('turnout:websocket:handshake', act)
      t.after(() => unsubscribe('turnout:websocket:handshake', act))
      const failed = next<FailureEvent>(socket, 'error')
      const { code, reason: text, wasClean } = await next<CloseEvent>(socket, 'close')
      unsubscribe('turnout:websocket:handshake', act)
      const { error } = await failed
      if (how === 'close') assert.equal((error as Error).name, 'AbortError')
      else assert.equal(error, reason)
      assert.deepEqual([code, text, wasClean], [1006, '', false])
      await raw.idle()
      await turn()
      assert.deepEqual(seen, [
        ['error', 3],
        ['close', 3],
      ])
    }
  },
)

test(
  'close in the open event, and the message that came with the 101 is not delivered',
  bounded,
  async (t) => {
    const raw = await webSocketServer(t, (request) => {
      request.socket.write(Buffer.concat([Buffer.from(switchFor(request)), hex('81 02 68 69')]))
    })
    const socket = new WebSocket(raw.wsUrl)
    const seen = record(socket)
    socket.onopen = () => socket.close()
    const closed = next(socket, 'close')
    await next(socket, 'open')
    await framesOf(raw.requests[0]!, 1)
    raw.requests[0]!.socket.end(hex('88 00'))
    await closed
    assert.deepEqual(
      seen.map(([kind]) => kind),
      ['open', 'close'],
    )
  },
)

test('a refused handshake is error and close 1006, and the error says why', bounded, async (t) => {
  const raw = await webSocketServer(t, ({ socket }) => {
    socket.write(head('HTTP/1.1 302 Found', 'Location: /', 'Content-Length: 0'))
  })
  const socket = new WebSocket(raw.wsUrl)
  const failed = next<FailureEvent>(socket, 'error')
  const closed = next<CloseEvent>(socket, 'close')
  const { error } = await failed
  assert.ok(error instanceof HandshakeError)
  assert.equal(error.status, 302)
  assert.deepEqual([(await closed).code, (await closed).wasClean], [1006, false])
  // R37: a browser follows no redirect
  assert.equal(raw.requests.length, 1)
})

test('a peer that breaks a rule is error and close', bounded, async (t) => {
  const { socket, request } = await opened(t)
  const failed = next<FailureEvent>(socket, 'error')
  const closed = next<CloseEvent>(socket, 'close')
  request.socket.write(hex('c1 00'))
  const { error } = await failed
  assert.ok(error instanceof PeerError)
  assert.deepEqual([(await closed).code, (await closed).wasClean], [1006, false])
  const [close] = await framesOf(request, 1)
  assert.equal(close!.payload.readUInt16BE(0), 1002)
})

test('a connection that is lost is error and close 1006', bounded, async (t) => {
  const { socket, request } = await opened(t)
  const seen = record(socket)
  const closed = next<CloseEvent>(socket, 'close')
  request.socket.resetAndDestroy()
  assert.equal((await closed).code, 1006)
  assert.deepEqual(
    seen.map(([kind]) => kind),
    ['error', 'close'],
  )
})

test('a signal in the options fails a connection that is not open yet', bounded, async (t) => {
  const raw = await webSocketServer(t, () => {})
  const controller = new AbortController()
  const socket = new WebSocket(raw.wsUrl, { signal: controller.signal })
  const closed = next<CloseEvent>(socket, 'close')
  controller.abort()
  assert.equal((await closed).code, 1006)
})

test('event handler attributes: one each, in the place of the first, removed by null', bounded, async (t) => {
  const { socket, request } = await opened(t)
  const order: string[] = []
  assert.equal(socket.onmessage, null)
  socket.onmessage = () => void order.push('replaced')
  socket.addEventListener('message', () => void order.push('listener'))
  const handler = function (this: WebSocket, event: MessageEvent) {
    order.push(`handler ${event.data} ${this === socket}`)
  }
  socket.onmessage = handler
  assert.equal(socket.onmessage, handler)
  let message = next(socket, 'message')
  request.socket.write(hex('81 01 61'))
  await message
  assert.deepEqual(order.splice(0), ['handler a true', 'listener'])
  socket.onmessage = 'no function' as unknown as null
  assert.equal(socket.onmessage, null)
  socket.onmessage = null
  message = next(socket, 'message')
  request.socket.write(hex('81 01 62'))
  await message
  assert.deepEqual(order.splice(0), ['listener'])
  socket.onmessage = handler
  message = next(socket, 'message')
  request.socket.write(hex('81 01 63'))
  await message
  assert.deepEqual(order, ['listener', 'handler c true'])
  for (const kind of ['onopen', 'onerror', 'onclose'] as const) {
    assert.equal(socket[kind], null)
    socket[kind] = () => {}
    assert.equal(typeof socket[kind], 'function')
  }
})

test(
  'WHATWG: each event is a task of its own: what a listener resolved is acted upon before the next',
  bounded,
  async (t) => {
    const { socket, request } = await opened(t)
    const messages: unknown[] = []
    const read = async (): Promise<MessageEvent> => next<MessageEvent>(socket, 'message')
    const reading = (async () => {
      // with one listener at a time none of them may be missed, though they come in one packet
      for (let i = 0; i < 50; i++) messages.push([(await read()).data, socket.readyState])
      return next<CloseEvent>(socket, 'close')
    })()
    const frames = Array.from({ length: 50 }, (_, at) =>
      Buffer.concat([hex('81 02'), Buffer.from(String(at + 10))]),
    )
    request.socket.end(Buffer.concat([...frames, hex('88 02 03 e8')]))
    assert.equal((await reading).code, 1000)
    assert.deepEqual(
      messages,
      Array.from({ length: 50 }, (_, at) => [String(at + 10), WebSocket.OPEN]),
    )
    assert.equal(socket.readyState, WebSocket.CLOSED)
  },
)

test('WHATWG: what was received before close() and not heard yet is not delivered', bounded, async (t) => {
  const { socket, request } = await opened(t)
  const seen: unknown[] = []
  socket.onmessage = ({ data }) => {
    seen.push(data)
    if (seen.length === 2) socket.close()
  }
  request.socket.write(hex('81 01 61 81 01 62 81 01 63 81 01 64'))
  await framesOf(request, 1)
  request.socket.end(hex('88 00'))
  await next(socket, 'close')
  assert.deepEqual(seen, ['a', 'b'])
})

test(
  'Web IDL: arguments are wanted, symbols are no strings, and members can be enumerated',
  bounded,
  async (t) => {
    const Constructor = WebSocket as unknown as new (...args: unknown[]) => WebSocket
    assert.throws(() => new Constructor(), TypeError)
    assert.throws(() => new Constructor(undefined), syntaxError)
    assert.throws(() => new Constructor(Symbol('s')), TypeError)
    assert.throws(() => new Constructor('ws://a', Symbol('s')), TypeError)
    assert.throws(() => new Constructor('ws://a', [Symbol('s')]), TypeError)
    assert.throws(() => (WebSocket as unknown as () => void)(), TypeError)
    const thrown = new Error('the URL comes first')
    const odd = {
      toString() {
        throw thrown
      },
    }
    assert.throws(() => new Constructor(odd, [Symbol('s')]), thrown)
    const { socket } = await opened(t)
    assert.throws(() => socket.close(1000, Symbol('s') as unknown as string), TypeError)
    assert.throws(() => socket.close(1000n as unknown as number), TypeError)
    assert.throws(() => socket.send(new Uint8Array(new SharedArrayBuffer(1))), TypeError)
    assert.throws(() => socket.send(Symbol('s') as unknown as string), TypeError)
    assert.deepEqual([WebSocket.length, socket.send.length, socket.close.length], [1, 1, 0])
    const members: string[] = []
    for (const name in socket) members.push(name)
    for (const name of [
      'url',
      'readyState',
      'send',
      'close',
      'onmessage',
      'binaryType',
      'bufferedAmount',
      'OPEN',
      'addEventListener',
      'removeEventListener',
    ]) {
      assert.ok(members.includes(name), name)
    }
    assert.ok(!Object.hasOwn(WebSocket.prototype, 'addEventListener'))
  },
)

test('answers to messages that came in one packet leave in two writes at most', bounded, async (t) => {
  const { socket, request } = await opened(t)
  socket.onmessage = ({ data }) => socket.send(data)
  let reads = 0
  request.socket.on('data', () => reads++)
  const frames = Array.from({ length: 50 }, (_, at) =>
    Buffer.concat([hex('81 02'), Buffer.from(String(at + 10))]),
  )
  request.socket.write(Buffer.concat(frames))
  const answers = await framesOf(request, 50)
  assert.deepEqual(
    answers.map(({ payload }) => Number(payload.toString())),
    Array.from({ length: 50 }, (_, at) => at + 10),
  )
  assert.ok(reads <= 2, `${reads} reads`)
})
