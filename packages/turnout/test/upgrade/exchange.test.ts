import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { type Exchange, perform } from '../../src/upgrade/exchange.ts'
import { until } from '../base/turns.ts'
import { head, type RawRequest, rawServer, textOf } from './raw-server.ts'

const bounded = { timeout: 10_000 }
const SWITCH = head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: foo')
const UPGRADE = [
  ['Connection', 'Upgrade'],
  ['Upgrade', 'foo'],
] as const

/** One server, and exchanges with it on a clock that stands still. */
async function rig(t: TestContext, answer: (request: RawRequest) => void) {
  const raw = await rawServer(answer)
  t.after(() => raw.close())
  const clock = createVirtualClock()
  const target = { secure: false, host: '127.0.0.1', port: raw.port, path: '/a?b', credentials: [] }
  const send = (options: Partial<Exchange> = {}) =>
    perform({ target, method: 'GET', fields: UPGRADE, timeoutMs: 100, clock, judge() {}, ...options })
  return { raw, clock, send }
}

test(
  'a 101 that is judged right is the stream, what came behind it first, and nothing waits on',
  bounded,
  async (t) => {
    const { raw, clock, send } = await rig(t, ({ socket }) => socket.write(`${SWITCH}early`))
    const judged: unknown[] = []
    const outcome = await send({ judge: ({ statusCode }) => void judged.push(statusCode) })
    assert.ok(outcome.kind === 'switched')
    assert.deepEqual([judged, clock.waiting], [[101], 0])
    const [chunk] = await once(outcome.stream, 'data')
    assert.equal(String(chunk), 'early')
    assert.match(raw.requests[0]!.head, /^GET \/a\?b HTTP\/1\.1\r\n/)
    // a reset of the peer must not end the process
    assert.equal(outcome.stream.listenerCount('error') > 0, true)
    outcome.stream.destroy()
  },
)

test('what the judge throws fails it, and the connection is closed', bounded, async (t) => {
  const { raw, clock, send } = await rig(t, ({ socket }) => socket.write(SWITCH))
  const error = new Error('no')
  await assert.rejects(
    send({
      judge() {
        throw error
      },
    }),
    error,
  )
  await raw.idle()
  assert.equal(clock.waiting, 0)
})

for (const [what, answer, code] of [
  ['a 101 of HTTP/1.0', SWITCH.replace('1.1', '1.0'), 'ERR_UPGRADE_UNSOLICITED'],
  ['a 101 without its Connection option', head('HTTP/1.1 101 S', 'Upgrade: foo'), 'ERR_UPGRADE_UNSOLICITED'],
  ['an end without an answer', '', 'ERR_CONNECT'],
  ['what is no HTTP', 'SSH-2.0\r\n\r\n', 'ERR_CONNECT'],
] as const) {
  test(`${what} is ${code}, and the connection is closed`, bounded, async (t) => {
    const { raw, send } = await rig(t, ({ socket }) => socket.end(answer))
    await assert.rejects(send(), { name: 'PeerError', code })
    await raw.idle()
  })
}

test(
  'RFC 9110 section 7.8: a 101 before the body was sent to its end is not followed',
  bounded,
  async (t) => {
    const { raw, send } = await rig(t, ({ socket }) => socket.write(SWITCH))
    const body = new Readable({ read() {} })
    await assert.rejects(send({ method: 'POST', body }), { code: 'ERR_UPGRADE_TOO_EARLY' })
    await raw.idle()
    body.destroy()
  },
)

test('an ordinary response is the answer, whose body ends with the signal', bounded, async (t) => {
  const ok = `${head('HTTP/1.1 200 OK', 'Content-Length: 2')}ok`
  const { send } = await rig(t, ({ socket, head }) =>
    socket.write(head.includes('X-Half') ? ok.slice(0, -1) : ok),
  )
  const whole = await send()
  assert.ok(whole.kind === 'answered')
  assert.equal(await textOf(whole.response), 'ok')
  const controller = new AbortController()
  const half = await send({ fields: [...UPGRADE, ['X-Half', '1']], signal: controller.signal })
  const heard = once(half.response, 'error')
  const reason = new Error('enough')
  controller.abort(reason)
  assert.deepEqual(await heard, [reason])
})

test(
  'RFC 9110 section 10.1.1: a 100 lets the body go, and so does a second without one',
  bounded,
  async (t) => {
    const { raw, clock, send } = await rig(t, () => {})
    const fields = [...UPGRADE, ['Expect', '100-continue']] as const
    const timeoutMs = 10_000
    const [asked, silent] = [
      send({ fields, body: 'one', timeoutMs }),
      send({ fields, body: 'two', timeoutMs }),
    ]
    await until(() => raw.requests.length === 2)
    const [first, second] = raw.requests as [RawRequest, RawRequest]
    assert.deepEqual([first.rest(), second.rest()], ['', ''])
    first.socket.write(head('HTTP/1.1 100 Continue'))
    const body = await first.received(3)
    assert.equal(second.rest(), '')
    clock.advance(1_000)
    assert.deepEqual([body, await second.received(3)].sort(), ['one', 'two'])
    for (const { socket } of raw.requests) socket.write(SWITCH)
    for (const { kind, ...more } of await Promise.all([asked, silent])) {
      assert.equal(kind, 'switched')
      ;(more as { stream: { destroy(): void } }).stream.destroy()
    }
  },
)

test(
  'an answer in the place of a 100: the body is never sent, and the connection ends with it',
  bounded,
  async (t) => {
    const { raw, clock, send } = await rig(t, ({ socket, head: asked }) => {
      if (asked.includes('X-Silent')) return
      socket.write(head('HTTP/1.1 417 No', 'Content-Length: 0'))
    })
    const fields = [...UPGRADE, ['Expect', '100-continue']] as const
    const outcome = await send({ fields, body: 'never' })
    assert.deepEqual([outcome.kind, clock.waiting], ['answered', 0])
    outcome.response.resume()
    await raw.idle()
    const late = send({ fields: [...fields, ['X-Silent', '1']], body: 'never' })
    await until(() => raw.requests.length === 2)
    clock.advance(100)
    await assert.rejects(late, { code: 'ERR_HANDSHAKE_TIMEOUT' })
    assert.equal(clock.waiting, 0)
    await raw.idle()
    for (const request of raw.requests) assert.equal(request.rest(), '')
  },
)

test('the deadline and the signal end it, and the connection with it', bounded, async (t) => {
  const { raw, clock, send } = await rig(t, () => {})
  const controller = new AbortController()
  const reason = new Error('enough')
  const [late, aborted] = [send(), send({ signal: controller.signal, timeoutMs: Number.POSITIVE_INFINITY })]
  await until(() => raw.requests.length === 2)
  clock.advance(100)
  await assert.rejects(late, { code: 'ERR_HANDSHAKE_TIMEOUT', message: /no answer from 127.* in 100 ms/ })
  controller.abort(reason)
  await assert.rejects(aborted, reason)
  await assert.rejects(send({ signal: controller.signal }), reason)
  await raw.idle()
  assert.deepEqual([raw.connections(), clock.waiting], [2, 0])
})

test('a connection that was given is used, and destroyed where it comes to nothing', bounded, async (t) => {
  const { raw, send } = await rig(t, ({ socket, index }) => socket.write(index === 0 ? SWITCH : ''))
  const used = connect(raw.port, '127.0.0.1')
  await once(used, 'connect')
  const outcome = await send({ connection: used })
  assert.ok(outcome.kind === 'switched')
  assert.equal(outcome.stream, used)
  used.destroy()
  const unused = connect(raw.port, '127.0.0.1')
  await once(unused, 'connect')
  await assert.rejects(send({ connection: unused, body: 5 as never }), { name: 'MisuseError' })
  assert.equal(unused.destroyed, true)
})

test('a request that cannot be sent is misuse, and nobody is connected to', bounded, async (t) => {
  const { raw, send } = await rig(t, () => {})
  for (const options of [
    { body: 5 as never },
    { method: 'NO METHOD' },
    { fields: [['X', '1\r\n2']] },
  ] as const) {
    await assert.rejects(send(options), { name: 'MisuseError', code: 'ERR_INVALID_ARGUMENT' })
  }
  assert.equal(raw.connections(), 0)
})
