import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { MisuseError } from '../../src/base/errors.ts'
import type { CloseInfo } from '../../src/websocket/connection.ts'
import { HandshakeError } from '../../src/websocket/handshake-error.ts'
import type { Message } from '../../src/websocket/options.ts'
import { reconnecting } from '../../src/websocket/reconnecting.ts'
import type { ReconnectingOptions } from '../../src/websocket/reconnecting-options.ts'
import { turn, until } from '../base/turns.ts'
import { warningsOf } from '../base/warnings.ts'
import { fieldOf, head, type RawRequest } from '../upgrade/raw-server.ts'
import { framesOf, hex, readFrames, switchFor, webSocketServer } from './raw-websocket.ts'

const bounded = { timeout: 10_000 }

function goOn(turns: number = 5): Promise<void> {
  return turns === 0 ? Promise.resolve() : new Promise(setImmediate).then(() => goOn(turns - 1))
}

/** A peer of a server, waits as long as they may be, and a log of what happened. */
async function rig<Data = undefined>(
  t: TestContext,
  options: ReconnectingOptions<Data> = {},
  answer: (request: RawRequest) => void = (request) => request.socket.write(switchFor(request)),
) {
  const raw = await webSocketServer(t, answer)
  const clock = createVirtualClock()
  const log: string[] = []
  const peer = reconnecting<Data>(raw.wsUrl, {
    clock,
    random: () => 1,
    heartbeat: false,
    open: (_, { attempt, lastClose }) => void log.push(`open ${attempt} after ${lastClose?.code}`),
    waiting: (_, end, delayMs) => {
      log.push(`waiting ${delayMs} after ${end instanceof Error ? end.name : end.code}`)
    },
    close: (_, { code, clean }) => void log.push(`close ${code} ${clean}`),
    ...options,
  })
  t.after(() => peer.close())
  const state = (wanted: string) => until(() => peer.state === wanted)
  const request = async (at: number): Promise<RawRequest> => {
    await until(() => raw.requests.length > at)
    return raw.requests[at]!
  }
  const texts = (at: number) => readFrames(raw.requests[at]!.rest()).map(({ payload }) => payload.toString())
  return { raw, clock, log, peer, state, request, texts }
}

test('it connects, and connects again when the connection is lost, each time later', bounded, async (t) => {
  const { clock, log, peer, state, request } = await rig(t)
  assert.equal(peer.state, 'connecting')
  assert.deepEqual(
    [peer.socket, peer.attempt, peer.lastClose, peer.retryInMs],
    [undefined, 1, undefined, undefined],
  )
  await state('open')
  assert.equal(peer.socket?.readyState, 'open')
  for (const [at, ms] of [1_000, 2_000, 4_000].entries()) {
    ;(await request(at)).socket.destroy()
    await state('waiting')
    assert.deepEqual([peer.attempt, peer.retryInMs, peer.lastClose?.code], [at + 2, ms, 1006])
    clock.advance(ms - 1)
    assert.deepEqual([peer.state, peer.retryInMs], ['waiting', 1])
    clock.advance(1)
    assert.equal(peer.state, 'connecting')
    await state('open')
  }
  assert.deepEqual(log, [
    'open 1 after undefined',
    'waiting 1000 after 1006',
    'open 2 after 1006',
    'waiting 2000 after 1006',
    'open 3 after 1006',
    'waiting 4000 after 1006',
    'open 4 after 1006',
  ])
})

test('a connection that held makes the waits short again', bounded, async (t) => {
  const { clock, log, peer, state, request } = await rig(t, { stableAfterMs: 5_000 })
  for (const [at, heldMs] of [4_999, 4_999, 5_000].entries()) {
    await state('open')
    clock.advance(heldMs)
    ;(await request(at)).socket.end(hex('88 02 03 e9'))
    await state('waiting')
    clock.advance(peer.retryInMs!)
  }
  await state('open')
  assert.deepEqual(
    log.filter((line) => line.startsWith('waiting')),
    ['waiting 1000 after 1001', 'waiting 2000 after 1001', 'waiting 1000 after 1001'],
  )
  assert.equal(peer.attempt, 2)
})

test('full jitter: the wait is any part of what it may be', bounded, async (t) => {
  const parts = [0.5, 0.125]
  const { clock, log, peer, state } = await rig(
    t,
    { minDelayMs: 800, random: () => parts.shift()! },
    ({ socket }) => {
      socket.destroy()
    },
  )
  await state('waiting')
  assert.equal(peer.lastError?.name, 'PeerError')
  clock.advance(400)
  await state('waiting')
  assert.deepEqual(log, ['waiting 400 after PeerError', 'waiting 200 after PeerError'])
})

for (const retries of [0, 2]) {
  test(
    `with ${retries} retries it gives up after ${retries + 1} attempts, with the last failure as the cause`,
    bounded,
    async (t) => {
      const { raw, clock, log, peer, state } = await rig(t, { retries }, ({ socket }) => socket.destroy())
      for (let i = 0; i < retries; i++) {
        await state('waiting')
        clock.advance(peer.retryInMs!)
      }
      const info = await peer.closed
      assert.deepEqual([info.code, info.clean, info.cause], [1006, false, peer.lastError])
      assert.equal((info.cause as { code?: string }).code, 'ERR_CONNECT')
      assert.equal(raw.requests.length, retries + 1)
      assert.equal(peer.state, 'closed')
      assert.equal(log.at(-1), 'close 1006 false')
      assert.equal(clock.waiting, 0)
    },
  )
}

for (const [code, final] of [
  [1000, true],
  [1008, true],
  [3000, true],
  [4999, true],
  [1001, false],
  [1011, false],
  [1012, false],
  [1013, false],
] as const) {
  test(`a close with ${code} is ${final ? 'the end' : 'not the end'}`, bounded, async (t) => {
    const { log, peer, state, request } = await rig(t)
    await state('open')
    const bytes = Buffer.from([0x88, 2, code >> 8, code & 0xff])
    ;(await request(0)).socket.end(bytes)
    if (!final) return state('waiting')
    const { clean, code: seen } = await peer.closed
    assert.deepEqual([seen, clean], [code, true])
    assert.deepEqual(log.slice(1), [`close ${code} true`])
    assert.equal(peer.send('too late'), false)
  })
}

test('R37: a refusal for good is the end, with its status and body', bounded, async (t) => {
  const { raw, peer } = await rig(t, {}, ({ socket }) => {
    socket.write(`${head('HTTP/1.1 401 No', 'Content-Length: 4')}who?`)
  })
  const { cause } = await peer.closed
  assert.ok(cause instanceof HandshakeError)
  assert.deepEqual([cause.status, cause.body.toString()], [401, 'who?'])
  assert.equal(raw.requests.length, 1)
})

test(
  'RFC 9110 section 10.2.3: Retry-After is obeyed, within bounds, and jitter comes on top',
  bounded,
  async (t) => {
    const asked = ['7', '9999999', '0']
    const { clock, log, peer, state } = await rig(t, { maxRetryAfterMs: 60_000 }, ({ socket }) => {
      socket.write(head('HTTP/1.1 503 Later', `Retry-After: ${asked.shift()}`, 'Content-Length: 0'))
    })
    for (let i = 0; i < 3; i++) {
      await state('waiting')
      clock.advance(peer.retryInMs!)
    }
    assert.deepEqual(log, [
      'waiting 8000 after HandshakeError',
      'waiting 62000 after HandshakeError',
      'waiting 4000 after HandshakeError',
    ])
  },
)

test('shouldReconnect decides, knowing what would be done without it', bounded, async (t) => {
  const asked: [number | string, boolean][] = []
  const { clock, peer, state, request } = await rig(t, {
    shouldReconnect: (end, passing) => {
      asked.push([end instanceof Error ? end.name : end.code, passing])
      return asked.length === 1
    },
  })
  await state('open')
  ;(await request(0)).socket.end(hex('88 02 0f a0'))
  await state('waiting')
  clock.advance(1_000)
  await state('open')
  ;(await request(1)).socket.destroy()
  assert.equal((await peer.closed).code, 1006)
  assert.deepEqual(asked, [
    [4000, false],
    [1006, true],
  ])
})

test(
  'messages sent before and between connections are held, and sent first and in order',
  bounded,
  async (t) => {
    const { clock, peer, state, request, texts } = await rig(t)
    const first = [peer.send('1'), peer.send('2')]
    assert.equal(peer.heldMessages, 2)
    await state('open')
    assert.equal(peer.heldMessages, 0)
    assert.equal(peer.send('3'), true)
    assert.deepEqual(await Promise.all(first), [true, true])
    await framesOf(await request(0), 3)
    assert.deepEqual(texts(0), ['1', '2', '3'])
    ;(await request(0)).socket.destroy()
    await state('waiting')
    const held = peer.send('4')
    clock.advance(1_000)
    assert.equal(await held, true)
    await framesOf(await request(1), 1)
    assert.deepEqual(texts(1), ['4'])
  },
)

test('what is held has bounds, and beyond them is refused', bounded, async (t) => {
  const { peer } = await rig(t, { maxHeldMessages: 2, maxHeldBytes: 10 }, () => {})
  const held = [peer.send('12345'), peer.send('1234')]
  assert.equal(peer.send(''), false)
  void peer.close()
  assert.deepEqual(await Promise.all(held), [false, false])
  assert.throws(() => reconnecting('ws://127.0.0.1:1', { retries: -1 }), MisuseError)
})

test('whileDown: refuse sends only where there is a connection', bounded, async (t) => {
  const { clock, peer, state, request } = await rig(t, { whileDown: 'refuse' })
  assert.equal(peer.send('too early'), false)
  await state('open')
  assert.equal(peer.send('now'), true)
  ;(await request(0)).socket.destroy()
  await state('waiting')
  assert.equal(peer.send('too late'), false)
  clock.advance(1_000)
  await state('open')
  assert.equal(peer.send('again'), true)
})

test('a message that a connection on its way down will not take is held for the next', bounded, async (t) => {
  const { clock, peer, state, request, texts } = await rig(t)
  await state('open')
  void peer.socket!.close(1001)
  assert.equal(peer.state, 'open')
  const held = peer.send('for the next')
  assert.ok(held instanceof Promise)
  await framesOf(await request(0), 1)
  ;(await request(0)).socket.end(hex('88 02 03 e9'))
  await state('waiting')
  clock.advance(1_000)
  assert.equal(await held, true)
  await framesOf(await request(1), 1)
  assert.deepEqual(texts(1), ['for the next'])
})

test(
  'resume reads its answers itself, though a loop over the peer waits for messages',
  bounded,
  async (t) => {
    const answers: unknown[] = []
    const { clock, peer, state, request, texts } = await rig(t, {
      async resume(socket) {
        await socket.send('login')
        answers.push((await socket[Symbol.asyncIterator]().next()).value)
      },
    })
    const seen: Message[] = []
    const reading = (async () => {
      for await (const message of peer) seen.push(message)
    })()
    for (const at of [0, 1]) {
      const { socket } = await request(at)
      await framesOf(await request(at), 1)
      assert.deepEqual(texts(at), ['login'])
      // the answer, and what comes right behind it
      socket.write(hex('81 02 6f 6b 81 01 61'))
      await state('open')
      socket.end(hex(at === 0 ? '81 01 62 88 02 03 e9' : '81 01 62 88 02 03 e8'))
      if (at === 1) break
      await state('waiting')
      clock.advance(1_000)
    }
    await reading
    assert.deepEqual(answers, ['ok', 'ok'])
    assert.deepEqual(seen, ['a', 'b', 'a', 'b'])
  },
)

test('a message that slowConsumer drops is not held: the connection goes on', bounded, async (t) => {
  const many = Buffer.alloc(16_777_216)
  const { peer, state } = await rig(
    t,
    {
      slowConsumer: 'drop',
      maxBufferedBytes: 0,
      resume: (socket) => void socket.send(many),
    },
    (request) => {
      request.socket.write(switchFor(request))
      request.socket.pause()
    },
  )
  const held = peer.send('while it resumes')
  await state('open')
  assert.equal(await held, false)
  assert.equal(peer.send('a newer one'), false)
  assert.deepEqual([peer.heldMessages, peer.socket?.readyState], [0, 'open'])
  peer.socket?.terminate()
})

test(
  'resume speaks first, may wait for an answer, and is told how the last one ended',
  bounded,
  async (t) => {
    const told: [number, number | undefined][] = []
    const { clock, peer, state, request, texts } = await rig(t, {
      async resume(socket, { attempt, lastClose }) {
        told.push([attempt, lastClose?.code])
        await socket.send(`token ${told.length}`)
        const { value } = await socket[Symbol.asyncIterator]().next()
        assert.equal(value, 'ok')
      },
    })
    const held = peer.send('held')
    for (const at of [0, 1]) {
      const { socket } = await request(at)
      await framesOf(await request(at), 1)
      await goOn()
      assert.deepEqual(texts(at), [`token ${at + 1}`])
      assert.deepEqual([peer.state, peer.socket], ['connecting', undefined])
      const during = peer.send(`during ${at}`)
      socket.write(hex('81 02 6f 6b 81 01 6d'))
      await state('open')
      await during
      await framesOf(await request(at), at === 0 ? 3 : 2)
      assert.deepEqual(texts(at).slice(1), at === 0 ? ['held', 'during 0'] : ['during 1'])
      if (at === 1) break
      socket.destroy()
      await state('waiting')
      clock.advance(1_000)
    }
    assert.equal(await held, true)
    assert.deepEqual(told, [
      [1, undefined],
      [2, 1006],
    ])
    const messages = peer[Symbol.asyncIterator]()
    assert.equal((await messages.next()).value, 'm')
    assert.equal((await messages.next()).value, 'm')
  },
)

test('a resume that throws ends that connection and is a failure', bounded, async (t) => {
  const failure = new Error('token refused')
  let resumes = 0
  const { clock, log, peer, state, request } = await rig(t, {
    resume: () => {
      if (++resumes === 1) throw failure
    },
  })
  const [close] = await framesOf(await request(0), 1)
  assert.equal(close!.payload.readUInt16BE(0), 1000)
  ;(await request(0)).socket.end(hex('88 02 03 e8'))
  await state('waiting')
  assert.equal(peer.lastError, failure)
  clock.advance(1_000)
  await state('open')
  assert.deepEqual(log, ['waiting 1000 after Error', 'open 2 after 1000'])
  assert.equal(peer.lastError, undefined)
})

test('callbacks that throw or reject are warnings, and it goes on', bounded, async (t) => {
  const warnings: string[] = []
  const note = (warning: Error) => void warnings.push(warning.message)
  process.on('warning', note)
  t.after(() => process.off('warning', note))
  const { clock, peer, state, request } = await rig(t, {
    open: () => Promise.reject(new Error('odd')) as never,
    waiting: () => {
      throw new Error('odder')
    },
  })
  await state('open')
  ;(await request(0)).socket.destroy()
  await state('waiting')
  clock.advance(1_000)
  await state('open')
  assert.equal(peer.attempt, 2)
  await goOn()
  assert.deepEqual(
    new Set(warnings),
    new Set(['odd, in open of reconnecting', 'odder, in waiting of reconnecting']),
  )
})

test('a connection that is lost while it resumes does not wait for resume', bounded, async (t) => {
  const { peer, state, request } = await rig(t, { resume: () => new Promise(() => {}) })
  const held = peer.send('held')
  ;(await request(0)).socket.destroy()
  await state('waiting')
  assert.equal(peer.heldMessages, 1)
  void peer.close()
  assert.equal(await held, false)
})

test('renew is asked before each attempt, and what it throws fails it', bounded, async (t) => {
  let asked = 0
  const other = await webSocketServer(t)
  const { clock, log, state } = await rig(t, {
    headers: { 'X-Kept': 'no' },
    renew: async ({ attempt }) => {
      asked++
      if (asked === 2) throw new Error('no token today')
      return { url: `${other.wsUrl}${attempt}`, headers: { Authorization: `Bearer ${asked}` } }
    },
  })
  await state('open')
  other.requests[0]!.socket.destroy()
  await state('waiting')
  clock.advance(1_000)
  await state('waiting')
  clock.advance(2_000)
  await state('open')
  assert.deepEqual(log.slice(1), ['waiting 1000 after 1006', 'waiting 2000 after Error', 'open 3 after 1006'])
  const [first, second] = other.requests
  assert.match(first!.head, /^GET \/1 /)
  assert.match(second!.head, /^GET \/3 /)
  assert.deepEqual(
    [first, second].map((one) => fieldOf(one!.head, 'Authorization')),
    ['Bearer 1', 'Bearer 3'],
  )
  assert.equal(fieldOf(first!.head, 'X-Kept'), undefined)
})

test(
  'for await goes on over connections, loses nothing that arrived, and ends with the last',
  bounded,
  async (t) => {
    const { clock, peer, state, request } = await rig(t)
    const seen: Message[] = []
    const reading = (async () => {
      for await (const message of peer) seen.push(message)
    })()
    await state('open')
    ;(await request(0)).socket.end(hex('81 01 61 81 01 62 88 02 03 e9'))
    await state('waiting')
    clock.advance(1_000)
    await state('open')
    ;(await request(1)).socket.end(hex('81 01 63 88 02 03 e8'))
    await reading
    assert.deepEqual(seen, ['a', 'b', 'c'])
    assert.equal((await peer.closed).code, 1000)
    assert.deepEqual(await peer[Symbol.asyncIterator]().next(), { value: undefined, done: true })
  },
)

test('what nobody has read yet is read first, from one connection after the other', bounded, async (t) => {
  const { clock, peer, state, request } = await rig(t)
  for (let at = 0; at < 20; at++) {
    await state('open')
    const { socket } = await request(at)
    socket.end(
      Buffer.concat([
        hex('81 02'),
        Buffer.from(String(at + 10)),
        hex(at < 19 ? '88 02 03 e9' : '88 02 03 e8'),
      ]),
    )
    if (at === 19) break
    await state('waiting')
    clock.advance(peer.retryInMs!)
  }
  await peer.closed
  const seen: Message[] = []
  for await (const message of peer) seen.push(message)
  // of twenty connections the first four are forgotten
  assert.deepEqual(
    seen,
    Array.from({ length: 16 }, (_, at) => String(at + 14)),
  )
})

test('the message callback takes them instead, over all connections', bounded, async (t) => {
  const seen: Message[] = []
  const { clock, peer, state, request } = await rig(t, { message: (_, message) => void seen.push(message) })
  assert.throws(() => peer[Symbol.asyncIterator](), MisuseError)
  await state('open')
  ;(await request(0)).socket.end(hex('81 01 61 88 02 03 e9'))
  await state('waiting')
  clock.advance(1_000)
  await state('open')
  ;(await request(1)).socket.write(hex('82 01 62'))
  await until(() => seen.length === 2)
  assert.deepEqual(seen.map(String), ['a', 'b'])
})

test(
  'close while it waits, while it connects, and while renew is asked, ends at once and leaves nothing',
  bounded,
  async (t) => {
    let renewed = (_?: undefined): void => {}
    const waits = await rig(t, {}, ({ socket }) => socket.destroy())
    await waits.state('waiting')
    const connects = await rig(t, {}, () => {})
    await connects.request(0)
    const asks = await rig(t, { renew: () => new Promise<undefined>((resolve) => (renewed = resolve)) })
    for (const { raw, clock, log, peer } of [waits, connects, asks]) {
      const before = raw.requests.length
      assert.throws(() => peer.close(1006), MisuseError)
      const info = await peer.close(1000, 'enough')
      assert.deepEqual(info, { code: 1006, reason: '', clean: false, cause: undefined } satisfies CloseInfo)
      assert.equal(peer.state, 'closed')
      assert.equal(await peer.close(), info)
      assert.equal(log.filter((line) => line.startsWith('close')).length, 1)
      if (peer === asks.peer) renewed()
      await goOn()
      await raw.idle()
      assert.equal(clock.waiting, 0)
      clock.advance(1e9)
      await goOn()
      assert.equal(raw.requests.length, before)
    }
  },
)

test('close while it is open is the closing handshake, and no return', bounded, async (t) => {
  const { clock, log, peer, state, request } = await rig(t)
  await state('open')
  const closed = peer.close(4001, 'bye')
  assert.equal(peer.state, 'closing')
  assert.equal(peer.send('too late'), false)
  const [frame] = await framesOf(await request(0), 1)
  assert.equal(frame!.payload.toString('hex'), '0fa1627965')
  ;(await request(0)).socket.end(hex('88 05 0f a1 62 79 65'))
  const { code, reason, clean } = await closed
  assert.deepEqual([code, reason, clean], [4001, 'bye', true])
  assert.deepEqual(log, ['open 1 after undefined', 'close 4001 true'])
  assert.equal(clock.waiting, 0)
})

test('close while it resumes closes that connection and drops what is held', bounded, async (t) => {
  const { peer, request } = await rig(t, { resume: () => new Promise(() => {}) })
  const held = peer.send('held')
  const { socket } = await request(0)
  await goOn(20)
  const closed = peer.close(1000)
  assert.equal(await held, false)
  const [frame] = await framesOf(await request(0), 1)
  assert.equal(frame!.first, 0x88)
  socket.end(hex('88 02 03 e8'))
  assert.equal((await closed).code, 1000)
})

test('the signal ends it at any moment', bounded, async (t) => {
  const reason = new Error('no longer wanted')
  const before = await rig(t, { signal: AbortSignal.abort(reason) })
  assert.equal((await before.peer.closed).cause, reason)
  assert.equal(before.raw.requests.length, 0)
  const controller = new AbortController()
  const waits = await rig(t, { signal: controller.signal }, ({ socket }) => socket.destroy())
  await waits.state('waiting')
  const open = await rig(t, { signal: controller.signal })
  await open.state('open')
  controller.abort(reason)
  assert.equal((await waits.peer.closed).cause, reason)
  assert.equal(waits.clock.waiting, 0)
  const [frame] = await framesOf(await open.request(0), 1)
  assert.equal(frame!.payload.readUInt16BE(0), 1000)
  ;(await open.request(0)).socket.end(hex('88 02 03 e8'))
  assert.equal((await open.peer.closed).code, 1000)
})

test(
  'shouldReconnect may take its time, and what it rejects with is a warning and the end',
  bounded,
  async (t) => {
    const { clock, peer, state, request } = await rig(t, {
      shouldReconnect: async (end) => {
        await turn()
        if ('code' in end && end.code === 4000) return true
        throw new Error('odd')
      },
    })
    await state('open')
    ;(await request(0)).socket.end(hex('88 02 0f a0'))
    await until(() => peer.retryInMs !== undefined)
    clock.advance(1_000)
    await state('open')
    const warnings = await warningsOf(async () => {
      ;(await request(1)).socket.destroy()
      await state('waiting')
      const held = peer.send('meanwhile')
      assert.equal((await peer.closed).code, 1006)
      assert.equal(await held, false)
    })
    assert.deepEqual(
      warnings.map(({ text }) => text),
      ['odd, in shouldReconnect'],
    )
  },
)

test('a random that throws is a warning, and the wait as long as it may be', bounded, async (t) => {
  const warnings = await warningsOf(async () => {
    const { peer, state, request } = await rig(t, {
      random() {
        throw new Error('odd')
      },
    })
    await state('open')
    ;(await request(0)).socket.destroy()
    await until(() => peer.retryInMs !== undefined)
    assert.equal(peer.retryInMs, 1_000)
  })
  assert.deepEqual(
    warnings.map(({ text }) => text),
    ['odd, in random'],
  )
})

test('a signal may give any reason', bounded, async (t) => {
  for (const reason of ['user left', null, Object.create(null), Symbol('odd')]) {
    const controller = new AbortController()
    const { peer, state } = await rig(t, { signal: controller.signal }, ({ socket }) => socket.destroy())
    await state('waiting')
    controller.abort(reason)
    assert.equal((await peer.closed).cause?.cause, reason)
  }
})

test(
  'what a callback throws closes with 1011, and is a warning where there is no onError',
  bounded,
  async (t) => {
    const warnings = await warningsOf(async () => {
      const { peer, state, request } = await rig(t, {
        message() {
          throw new Error('a bug of the application')
        },
      })
      await state('open')
      ;(await request(0)).socket.write(hex('81 02 68 69'))
      const [frame] = await framesOf(await request(0), 1)
      assert.equal(frame!.payload.readUInt16BE(0), 1011)
      ;(await request(0)).socket.end(hex('88 02 03 f3'))
      await state('waiting')
      assert.equal(peer.lastClose?.cause?.message, 'a bug of the application')
    })
    assert.deepEqual(
      warnings.map(({ text, detail }) => [text, detail?.includes('reconnecting.test')]),
      [['a bug of the application, in a callback of connect', true]],
    )
  },
)

test('streams that are held are let go where nobody will take them', bounded, async (t) => {
  const { peer, state } = await rig(t, {}, ({ socket }) => socket.destroy())
  await state('waiting')
  const source = new Readable({ read() {} })
  const held = peer.send(source)
  peer.close()
  assert.equal(await held, false)
  assert.equal(source.destroyed, true)
})

test('what must not be sent is told at once', () => {
  assert.throws(() => reconnecting('nonsense'), MisuseError)
  assert.throws(() => reconnecting('ws://a', { headers: { Upgrade: 'x' } }), MisuseError)
  assert.throws(() => reconnecting('ws://a', { minDelayMs: -1 }), MisuseError)
})

test('a close from within a callback is obeyed', bounded, async (t) => {
  const { clock, peer } = await rig(t, { waiting: (own) => void own.close() }, ({ socket }) =>
    socket.destroy(),
  )
  assert.equal((await peer.closed).code, 1006)
  assert.equal(clock.waiting, 0)
})

for (const [options, message] of [
  [{ maxMessageBytes: '1mb' }, /option maxMessageBytes is "1mb"/],
  [{ heartbeat: true }, /option heartbeat is true/],
  [{ timeoutMs: 0 }, /timeoutMs is 0, not a number above 0/],
] as const) {
  test(`reconnecting with ${JSON.stringify(options)} is misuse at once`, () => {
    assert.throws(() => reconnecting('ws://127.0.0.1:9', options as never), {
      name: 'MisuseError',
      code: 'ERR_INVALID_ARGUMENT',
      message,
    })
  })
}
