import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { Tally } from '../../src/base/tally.ts'
import { Admission, type AdmissionOptions } from '../../src/upgrade/admission.ts'
import type { Arriving, Candidate } from '../../src/upgrade/deliberation.ts'
import { Deliberations } from '../../src/upgrade/deliberations.ts'
import type { Decision } from '../../src/upgrade/protocol.ts'
import { turn } from '../base/turns.ts'

const FOO = { name: 'foo', version: undefined }
const PASS: Decision = { kind: 'pass' }

/** A server, and clients that come to it in memory. */
function server(options: AdmissionOptions) {
  const clock = createVirtualClock()
  const others = new Tally('', '')
  const deliberations = new Deliberations({
    admission: new Admission(options),
    clock,
    timeoutMs: 100,
    others,
  })
  const begin = (decide: () => Decision | Promise<Decision>) => {
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
    const request = { url: '/', rawHeaders: [], socket: stream } as unknown as IncomingMessage
    const arrival: Arriving = {
      via: 'upgrade',
      server: {} as never,
      request,
      stream,
      gone: false,
      returnHead() {},
    }
    const by = { match: () => ({}), decide }
    const candidates: Candidate[] = [{ protocol: FOO, params: {}, by }]
    return { arrival, stream, verdict: deliberations.begin(arrival, [FOO], candidates) }
  }
  return { clock, deliberations, begin }
}

const switching = (onAttach: (vacate: (() => void) | undefined) => void = () => {}): Decision => ({
  kind: 'switch',
  upgrade: 'foo',
  fields: [],
  attach(_stream, vacate) {
    onAttach(vacate)
    return { leave() {} }
  },
})

/** What kind of verdict the next client gets, at once. */
const next = ({ begin }: ReturnType<typeof server>) => (begin(() => PASS).verdict as { kind: string }).kind

test('a connection that switches keeps its place until it ends', async () => {
  const one = server({ maxConnections: 1 })
  const { stream, verdict } = one.begin(() => switching())
  assert.ok(!(verdict instanceof Promise) && verdict.kind === 'switch')
  verdict.attach(stream)
  assert.equal(next(one), 'limited')
  stream.destroy()
  await turn()
  assert.equal(next(one), 'pass')
})

test('or until it is HTTP’s again, once, which whoever attached it hears too', async () => {
  const one = server({ maxConnections: 1 })
  let leave = () => {}
  const { stream, verdict } = one.begin(() => switching((vacate) => (leave = vacate!)))
  assert.ok(!(verdict instanceof Promise) && verdict.kind === 'switch')
  let vacated = 0
  verdict.attach(stream, () => void vacated++)
  assert.equal(next(one), 'limited')
  leave()
  assert.equal(vacated, 1)
  const another = one.begin(() => switching())
  assert.equal((another.verdict as { kind: string }).kind, 'switch')
  // its end is no second leave
  stream.destroy()
  await turn()
  assert.equal(next(one), 'limited')
})

test('a switch that is abandoned, and any other verdict, gives its place back at once', () => {
  const one = server({ maxConnections: 1 })
  for (const decide of [() => PASS, () => ({ kind: 'respond', response: new Response() }) as const]) {
    one.begin(decide)
    assert.equal(next(one), 'pass')
  }
  const heard: Error[] = []
  const { verdict } = one.begin(() => ({ ...switching(), abandon: (error: Error) => void heard.push(error) }))
  assert.ok(!(verdict instanceof Promise) && verdict.kind === 'switch')
  assert.equal(next(one), 'limited')
  const reason = new Error('no')
  verdict.abandon!(reason)
  assert.deepEqual(heard, [reason])
  assert.equal(next(one), 'pass')
})

test('whoever is one too many is answered without being asked about, and noted', () => {
  const { begin } = server({ maxConnections: 1 })
  begin(() => switching())
  const { arrival, verdict } = begin(() => assert.fail('asked'))
  assert.equal((verdict as { kind: string }).kind, 'limited')
  assert.equal(arrival.asked?.protocol, 'foo')
})

test('what clientAddress throws is a verdict', () => {
  const error = new Error('no')
  const { begin } = server({
    maxConnectionsPerAddress: 1,
    clientAddress() {
      throw error
    },
  })
  assert.deepEqual(begin(() => PASS).verdict, { kind: 'failed', error })
})

for (const limits of [{ maxHandshakes: 1 }, { maxConnections: 1 }]) {
  test(`a promise counts until it has settled, also when its client has left: ${Object.keys(limits)}`, async () => {
    const one = server(limits)
    let settle = (_: Decision) => {}
    const promised = new Promise<Decision>((resolve) => (settle = resolve))
    const { stream, verdict } = one.begin(() => promised)
    assert.equal(one.deliberations.size, 1)
    assert.equal(next(one), 'limited')
    stream.destroy()
    assert.deepEqual(await verdict, { kind: 'gone' })
    assert.equal(one.deliberations.size, 1)
    assert.equal(next(one), 'limited')
    settle(PASS)
    await turn()
    assert.equal(one.deliberations.size, 0)
    assert.equal(next(one), 'pass')
  })
}

test('the deadline ends it for good', async () => {
  const one = server({ maxHandshakes: 1, maxConnections: 1 })
  const { verdict } = one.begin(() => new Promise<Decision>(() => {}))
  one.clock.advance(100)
  assert.deepEqual(await verdict, { kind: 'late' })
  assert.equal(one.deliberations.size, 0)
  assert.equal(next(one), 'pass')
})

test('closing ends all that are awaited', async () => {
  const one = server({})
  const pending = () => new Promise<Decision>(() => {})
  const verdicts = [one.begin(pending).verdict, one.begin(pending).verdict]
  one.deliberations.close()
  assert.deepEqual(await Promise.all(verdicts), [{ kind: 'closing' }, { kind: 'closing' }])
})
