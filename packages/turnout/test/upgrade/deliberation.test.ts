import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { createTurnout } from '../../src/turnout.ts'
import type { ProtocolContext, ProtocolResult } from '../../src/upgrade/generic.ts'
import { turn, until } from '../base/turns.ts'
import { certificate, privateKey } from './certificate.ts'
import {
  dial,
  get,
  listen,
  type Station,
  type StationOptions,
  stationTest,
  upgradeHead,
  type Wire,
  watchProcess,
  webSocketHead,
  within,
} from './wire.ts'

type Context = ProtocolContext & { readonly signal: AbortSignal }

/** A protocol `foo` whose decision the test takes. */
class Judge {
  readonly clock = createVirtualClock()
  readonly heard: string[] = []
  context: Context | undefined
  request: IncomingMessage | undefined
  #asked = () => {}
  #settle: ((result: Promise<ProtocolResult<undefined>>) => void) | undefined

  readonly options: StationOptions = {
    clock: this.clock,
    setUp: (turnout) => {
      turnout.protocol('foo', {
        accept: (request, context) => {
          this.request = request
          this.context = context
          context.signal.addEventListener('abort', () => this.heard.push(context.signal.reason.code))
          this.#asked()
          return new Promise<ProtocolResult<undefined>>((resolve) => {
            this.#settle = resolve
          })
        },
        handler: (stream) => {
          this.heard.push('handler')
          stream.pipe(stream)
        },
      })
    },
  }

  async asked(): Promise<void> {
    while (this.context === undefined) {
      await within('accept', new Promise<void>((resolve) => void (this.#asked = resolve)))
    }
  }

  decide(result: ProtocolResult<undefined> | Promise<ProtocolResult<undefined>>): void {
    this.#settle?.(Promise.resolve(result))
  }
}

function judged(
  title: string,
  script: (wire: Wire, judge: Judge, station: Station) => Promise<void>,
  expectedErrors = 0,
): void {
  const judge = new Judge()
  stationTest(title, (station) => script(station.dial(), judge, station), {
    ...judge.options,
    expectedErrors,
  })
}

judged('an awaited decision switches, and early bytes are kept meanwhile', async (wire, judge) => {
  wire.send(`${upgradeHead()}early`)
  await judge.asked()
  wire.send(' later')
  await new Promise((resolve) => setTimeout(resolve, 10))
  assert.equal(wire.rest, '')
  judge.decide(true)
  assert.equal((await wire.response()).status, 101)
  assert.equal(await wire.take(11), 'early later')
  assert.deepEqual(judge.heard, ['handler'])
  assert.equal(judge.clock.waiting, 0)
})

judged('an awaited pass leaves it to the app, and nothing behind it is lost', async (wire, judge) => {
  wire.send(upgradeHead() + get('/2'))
  await judge.asked()
  wire.send(get('/3'))
  judge.decide(undefined)
  for (const path of ['/up', '/2', '/3']) assert.equal((await wire.response()).body, `${path}:`)
})

judged('a reset during the decision fires the signal, and a late yes is ignored', async (wire, judge) => {
  wire.send(upgradeHead())
  await judge.asked()
  const aborted = new Promise((resolve) => judge.context?.signal.addEventListener('abort', resolve))
  wire.socket.resetAndDestroy()
  await within('abort', aborted)
  judge.decide(true)
  await turn()
  assert.deepEqual(judge.heard, ['ERR_PEER_GONE'])
  assert.equal(judge.clock.waiting, 0)
})

judged(
  'the end of the client’s side during the decision fires the signal and closes',
  async (wire, judge) => {
    wire.send(upgradeHead())
    await judge.asked()
    wire.socket.end()
    await wire.ended()
    assert.deepEqual(judge.heard, ['ERR_PEER_GONE'])
    judge.decide(Promise.reject(new Error('late')))
    await turn()
  },
)

judged('the end of the client’s side behind early bytes is no reason to give up', async (wire, judge) => {
  wire.socket.end(`${upgradeHead()}early`)
  await judge.asked()
  await new Promise((resolve) => setTimeout(resolve, 10))
  judge.decide(true)
  assert.equal((await wire.response()).status, 101)
  assert.equal(await wire.ended(), 'early')
})

judged('httpAllowHalfOpen: the end of the client’s side says nothing', async (wire, judge, { server }) => {
  Object.assign(server, { httpAllowHalfOpen: true })
  wire.send(upgradeHead())
  await judge.asked()
  wire.socket.end()
  await new Promise((resolve) => setTimeout(resolve, 10))
  judge.decide(true)
  assert.equal((await wire.response()).status, 101)
  assert.equal(await wire.ended(), '')
})

judged('after 5 s without a decision: 503, the signal fires, keep-alive goes on', async (wire, judge) => {
  wire.send(upgradeHead())
  await judge.asked()
  judge.clock.advance(4_999)
  await turn()
  assert.equal(wire.rest, '')
  judge.clock.advance(1)
  assert.equal((await wire.response()).status, 503)
  assert.deepEqual(judge.heard, ['ERR_DECISION_TIMEOUT'])
  judge.decide(true)
  wire.send(get('/2'))
  assert.equal((await wire.response()).body, '/2:')
  assert.deepEqual(judge.heard, ['ERR_DECISION_TIMEOUT'])
})

for (const [how, give] of [
  ['brings', (response: Response) => response],
  ['that is thrown brings', (response: Response) => Promise.reject(response)],
] as const) {
  judged(`a body that a late Response ${how} is let go`, async (wire, judge) => {
    wire.send(upgradeHead())
    await judge.asked()
    judge.clock.advance(5_000)
    assert.equal((await wire.response()).status, 503)
    const cancelled = new Promise((resolve) => {
      const body = new ReadableStream({ cancel: resolve })
      judge.decide(give(new Response(body)))
    })
    await within('cancel', cancelled)
  })
}

const thrown = (text: string) => () => {
  throw new Response(text, { status: 401 })
}

stationTest(
  'a Response that accept throws, at once or later, is sent as if it were returned',
  async ({ dial }) => {
    for (const [head, text] of [
      [upgradeHead(), 'at once'],
      [webSocketHead('/ws'), 'ws'],
      [upgradeHead({ upgrade: 'later' }), 'later'],
      [upgradeHead({ upgrade: 'TLS/1.2' }), 'tls'],
    ] as const) {
      const wire = dial()
      wire.send(head + get('/2'))
      const response = await wire.response()
      assert.deepEqual([response.status, response.body], [401, text])
      assert.equal((await wire.response()).body, '/2:')
    }
  },
  {
    setUp: (turnout) =>
      void turnout
        .protocol('foo', { accept: thrown('at once'), handler: () => {} })
        .protocol('later', { accept: async () => thrown('later')(), handler: () => {} })
        .websocket('/ws', { accept: thrown('ws') })
        .tlsInPlace({ key: privateKey, cert: certificate, accept: thrown('tls') }),
  },
)

judged(
  'a rejection gets 500, reaches onError, and keep-alive goes on',
  async (wire, judge, { errors }) => {
    wire.send(upgradeHead() + get('/2'))
    await judge.asked()
    const error = new Error('no')
    judge.decide(Promise.reject(error))
    assert.equal((await wire.response()).status, 500)
    assert.equal((await wire.response()).body, '/2:')
    assert.deepEqual(errors, [error])
    assert.deepEqual(judge.heard, [])
  },
  1,
)

const chunkedHead = () => upgradeHead({ method: 'POST', fields: ['Transfer-Encoding: chunked'] })

judged('a switch that the client leaves while its body is awaited fires the signal', async (wire, judge) => {
  wire.send(`${chunkedHead()}5\r\nhel`)
  await judge.asked()
  const { signal } = judge.context!
  judge.decide(true)
  await turn()
  assert.equal(signal.aborted, false)
  wire.socket.resetAndDestroy()
  await until(() => signal.aborted)
  assert.equal(signal.reason.code, 'ERR_PEER_GONE')
  assert.deepEqual(judge.heard, ['ERR_PEER_GONE'])
})

judged('so does one whose body is too big', async (wire, judge) => {
  wire.send(`${chunkedHead()}200000\r\n`)
  await judge.asked()
  const { signal } = judge.context!
  judge.decide(true)
  wire.send('x'.repeat(2_097_152))
  assert.equal((await wire.response()).status, 413)
  assert.equal(signal.aborted, true)
})

judged(
  'so does one whose 101 must not be sent',
  async (wire, judge) => {
    wire.send(upgradeHead())
    await judge.asked()
    const { signal } = judge.context!
    judge.decide({ headers: { 'Content-Length': '5' } })
    assert.equal((await wire.response()).status, 500)
    assert.equal(signal.aborted, true)
  },
  1,
)

judged('and one that a closing turnout no longer wants', async (wire, judge, { turnout }) => {
  wire.send(`${chunkedHead()}5\r\nhel`)
  await judge.asked()
  const { signal } = judge.context!
  judge.decide(true)
  await turn()
  void turnout.close({ grace: 1_000 })
  wire.send('lo\r\n0\r\n\r\n')
  assert.equal((await wire.response()).status, 503)
  assert.equal(signal.aborted, true)
})

judged('the signal of a request that was decided stays silent', async (wire, judge) => {
  wire.send(upgradeHead())
  await judge.asked()
  judge.decide(true)
  await wire.response()
  wire.socket.destroy()
  await wire.closed()
  assert.deepEqual(judge.heard, ['handler'])
  assert.equal(judge.context?.signal.aborted, false)
})

judged('accept is told the URL by what the client sent', async (wire, judge) => {
  wire.send(upgradeHead({ path: '//elsewhere/a%20b?c=d' }))
  await judge.asked()
  assert.equal(judge.context?.url.href, 'http://x//elsewhere/a%20b?c=d')
  assert.deepEqual(judge.context?.protocol, { name: 'foo', version: undefined })
  judge.decide(true)
  await wire.response()
})

judged('the body can be read while deciding, after a 100', async (wire, judge) => {
  wire.send(upgradeHead({ method: 'POST', fields: ['Content-Length: 5', 'Expect: 100-continue'] }))
  await judge.asked()
  const body = new Promise((resolve) => judge.request?.setEncoding('latin1').on('data', resolve))
  assert.equal((await wire.response()).status, 100)
  wire.send('HELLOearly')
  assert.equal(await body, 'HELLO')
  judge.decide(true)
  const response = await wire.response()
  assert.equal(response.status, 101)
  assert.equal(await wire.take(5), 'early')
})

judged(
  'a body that was read while deciding is gone for the app, its connection is not',
  async (wire, judge, { server }) => {
    server.removeAllListeners('request')
    server.on('request', (request, response) => response.end(request.url))
    wire.send(`${upgradeHead({ method: 'POST', fields: ['Content-Length: 5'] })}HELLO${get('/2')}`)
    await judge.asked()
    for await (const _chunk of judge.request!) void 0
    judge.decide(undefined)
    assert.equal((await wire.response()).body, '/up')
    assert.equal((await wire.response()).body, '/2')
  },
)

test('over TLS the client’s end is noticed too', async () => {
  const watch = watchProcess()
  const judge = new Judge()
  const server = createServer({ key: privateKey, cert: certificate })
  const turnout = createTurnout({ clock: judge.clock })
  judge.options.setUp?.(turnout, server as never, [])
  turnout.attach(server)
  const port = await listen(server)
  for (const leave of ['end', 'destroy'] as const) {
    const wire = dial(port, { tls: true })
    wire.send(upgradeHead())
    await judge.asked()
    const { signal } = judge.context!
    judge.context = undefined
    wire.socket[leave]()
    if (!signal.aborted)
      await within(leave, new Promise((resolve) => signal.addEventListener('abort', resolve)))
  }
  assert.deepEqual(judge.heard, ['ERR_PEER_GONE', 'ERR_PEER_GONE'])
  const wire = dial(port, { tls: true })
  wire.send(`${upgradeHead()}early`)
  await judge.asked()
  judge.decide(true)
  assert.equal((await wire.response()).status, 101)
  assert.equal(await wire.take(5), 'early')
  wire.socket.destroy()
  await turnout.close()
  await within('server closes', new Promise((resolve) => server.close(resolve)))
  watch.stop()
})
