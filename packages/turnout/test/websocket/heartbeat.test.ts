import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createVirtualClock } from '../../src/base/clock.ts'
import type { PeerError } from '../../src/base/errors.ts'
import { sweepFor } from '../../src/base/sweep.ts'
import { Heartbeat, type HeartbeatOptions } from '../../src/websocket/heartbeat.ts'
import { turn } from '../base/turns.ts'
import { frame } from './frames.ts'
import { createRig, type Rig } from './rig.ts'

/** Lets time pass second by second, with everything that happens in between. */
async function pass(rig: Rig, seconds: number, answer = false): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    const before = rig.peer.chunks.length
    rig.clock.advance(1_000)
    await turn()
    for (const frame of rig.peer.chunks.slice(before)) {
      if (answer && frame[0] === 0x89) await rig.peer.send([0x8a, frame.subarray(2)])
    }
  }
}

const pings = (rig: Rig): number => rig.peer.chunks.filter((chunk) => chunk[0] === 0x89).length

test('RFC 6455 section 5.5.2: a silent peer is pinged after 30 s, and given up 10 s later', async () => {
  const rig = createRig()
  await pass(rig, 29)
  assert.equal(pings(rig), 0)
  await pass(rig, 2)
  assert.equal(pings(rig), 1)
  await pass(rig, 8)
  assert.equal(await rig.info(), undefined)
  await pass(rig, 3)
  const info = await rig.info()
  assert.equal(info?.code, 1006)
  assert.equal(info.clean, false)
  assert.equal((info.cause as PeerError).code, 'ERR_HEARTBEAT_TIMEOUT')
  assert.equal(rig.peer.closed, true)
})

test('a peer that answers lives on, and its latency is known', async () => {
  const rig = createRig()
  assert.equal(rig.socket.latencyMs, undefined)
  await pass(rig, 200, true)
  assert.equal(rig.socket.readyState, 'open')
  assert.ok(pings(rig) >= 5)
  assert.equal(rig.socket.latencyMs, 0)
  const before = pings(rig)
  while (pings(rig) === before) await pass(rig, 1)
  const ping = rig.peer.chunks.findLast((chunk) => chunk[0] === 0x89)!
  rig.clock.advance(250)
  await rig.peer.send([0x8a, ping.subarray(2)])
  assert.equal(rig.socket.latencyMs, 250)
})

test('a pong of another payload changes no latency', async () => {
  const rig = createRig()
  await pass(rig, 32)
  for (const payload of ['', 'hello', Buffer.alloc(12)]) await rig.peer.send([0x8a, payload])
  assert.equal(rig.socket.latencyMs, undefined)
})

test('whatever a peer sends shows that it lives: nobody who talks is pinged', async () => {
  const rig = createRig()
  for (let round = 0; round < 10; round++) {
    await pass(rig, 20)
    await rig.peer.send([0x81, 'still here'])
  }
  assert.equal(pings(rig), 0)
  await pass(rig, 35)
  // an answer need not be a Pong
  await rig.peer.send([0x81, 'busy'])
  await pass(rig, 20)
  assert.equal(rig.socket.readyState, 'open')
})

test('a peer that we do not read ourselves is heard all the same, and lives on', async () => {
  const rig = createRig()
  rig.socket.pause()
  await pass(rig, 600, true)
  assert.equal(rig.socket.readyState, 'open')
  assert.ok(pings(rig) >= 10)
  assert.equal(rig.socket.latencyMs, 0)
})

test('a Pong that waited for us to read tells no latency', async () => {
  const rig = createRig()
  rig.socket.pause()
  await pass(rig, 32)
  const ping = rig.peer.chunks.findLast((chunk) => chunk[0] === 0x89)!
  await rig.peer.send([0x81, 'first'])
  await rig.peer.send([0x8a, ping.subarray(2)])
  await pass(rig, 32)
  assert.equal(rig.log.filter((line) => line.startsWith('pong')).length, 1)
  assert.equal(rig.socket.latencyMs, undefined)
  rig.socket.terminate()
})

test('one that stays silent is gone after another interval, within which it would have pinged itself', async () => {
  const rig = createRig()
  rig.socket.pause()
  await pass(rig, 69)
  assert.equal(rig.socket.readyState, 'open')
  await pass(rig, 5)
  assert.equal(((await rig.info())?.cause as PeerError | undefined)?.code, 'ERR_HEARTBEAT_TIMEOUT')
})

test('so is one whose messages nobody reads', async () => {
  const rig = createRig({ iterated: true })
  await rig.peer.send(...Array.from({ length: 1_100 }, () => [0x81, 'x'] as const))
  await pass(rig, 75)
  assert.equal(((await rig.info())?.cause as PeerError | undefined)?.code, 'ERR_HEARTBEAT_TIMEOUT')
})

test('a peer that has sent more than is read ahead is not pinged and not given up: no Pong could be heard', async () => {
  const rig = createRig()
  rig.socket.pause()
  const chunks = Array.from({ length: 8 }, () => frame(0x82, Buffer.alloc(30_000), '37fa213d'))
  for (const chunk of chunks) rig.peer.write(chunk)
  await pass(rig, 600)
  assert.equal(rig.socket.readyState, 'open')
  assert.equal(rig.transport.bufferedBytes, 0)
  assert.equal(rig.peer.transport.bufferedBytes, 5 * chunks[0]!.length)
  assert.equal(pings(rig), 0)
  rig.socket.resume()
  await turn()
  assert.equal(rig.log.filter((line) => line.startsWith('message')).length, chunks.length)
  await pass(rig, 45)
  assert.equal(rig.socket.readyState, 'closed')
})

test('what a peer sent before it was gone is not lost to a Ping that its system answers by a reset', async () => {
  const rig = createRig()
  rig.socket.pause()
  rig.peer.write(frame(0x82, Buffer.alloc(30_000), '37fa213d'))
  await rig.peer.send([0x81, 'last'], [0x88, Buffer.from([3, 232])])
  rig.peer.transport.end()
  await pass(rig, 100)
  assert.equal(pings(rig), 0)
  rig.socket.resume()
  await turn()
  assert.deepEqual(rig.log, ['open', 'message binary of 30000', 'message last', 'close 1000'])
})

test('both times are options, and false turns the heart off', async () => {
  const quick = createRig({ options: { heartbeat: { intervalMs: 2_000, timeoutMs: 1_000 } } })
  await pass(quick, 4)
  assert.equal(quick.socket.readyState, 'closed')
  const off = createRig({ options: { heartbeat: false } })
  await pass(off, 300)
  assert.equal(pings(off), 0)
  assert.equal(off.socket.readyState, 'open')
  assert.equal(off.clock.waiting, 0)
})

test('a message that is sent in parts keeps a connection from being idle', async () => {
  const rig = createRig({ options: { idleTimeoutMs: 5_000, heartbeat: false } })
  const parts = new ReadableStream<Buffer>({
    async start(source) {
      for (let second = 0; second < 30; second++) {
        source.enqueue(Buffer.from('x'))
        await turn()
        rig.clock.advance(1_000)
        assert.equal(rig.socket.readyState, 'open', `after ${second + 1} s`)
      }
      source.close()
    },
  })
  await rig.socket.send(parts)
  rig.clock.advance(6_000)
  assert.equal(rig.socket.readyState, 'closing')
})

test('a connection without messages for idleTimeoutMs is closed with 1001, pings notwithstanding', async () => {
  const rig = createRig({ options: { idleTimeoutMs: 60_000 } })
  await pass(rig, 40, true)
  await rig.peer.send([0x81, 'one'])
  await pass(rig, 50, true)
  rig.socket.send('another')
  await pass(rig, 50, true)
  assert.equal(rig.socket.readyState, 'open')
  await pass(rig, 65, true)
  assert.notEqual(rig.socket.readyState, 'open')
  const close = rig.peer.frames.find((frame) => frame.startsWith('88'))
  assert.ok(close?.startsWith('88 03e9'), close)
})

test('no alarm outlives its connections', async () => {
  const rig = createRig()
  assert.equal(rig.clock.waiting, 1)
  rig.socket.terminate()
  await turn()
  assert.equal(rig.clock.waiting, 0)
})

/** Something that happens to one connection, so many milliseconds after the last thing. */
interface Happening {
  readonly afterMs: number
  /** `held`: reading is held back, but for a chunk now and then; `deaf`: altogether. */
  readonly what: 'heard' | 'answered' | 'messaged' | 'held' | 'deaf' | 'listening' | 'nothing'
}

interface Life {
  readonly options: HeartbeatOptions | false
  readonly idleTimeoutMs: number
  readonly happenings: readonly Happening[]
}

const life: fc.Arbitrary<Life> = fc.record({
  options: fc.oneof(
    { weight: 1, arbitrary: fc.constant(false as const) },
    {
      weight: 6,
      arbitrary: fc.record({
        intervalMs: fc.constantFrom(50, 300, 2_000),
        timeoutMs: fc.constantFrom(40, 300, 1_000),
      }),
    },
  ),
  idleTimeoutMs: fc.constantFrom(0, 0, 700, 4_000),
  happenings: fc.array(
    fc.record({
      afterMs: fc.oneof(fc.nat(60), fc.nat(400), fc.nat(3_000)),
      what: fc.constantFrom(
        'heard',
        'answered',
        'answered',
        'messaged',
        'held',
        'deaf',
        'listening',
        'nothing',
      ),
    }),
    { maxLength: 25 },
  ),
})

const WHOLE_MS = 40_000

function shortestMsOf({ options, idleTimeoutMs }: Life): number {
  const { intervalMs = 0, timeoutMs = 0 } = options || { intervalMs: Infinity, timeoutMs: Infinity }
  return Math.min(intervalMs, timeoutMs, idleTimeoutMs || Infinity)
}

/** Nothing happens at the very moment of a look. */
function historyOf({ happenings }: Life): { readonly atMs: number; readonly what: Happening['what'] }[] {
  let nowMs = 0.5
  return happenings.map(({ afterMs, what }) => {
    nowMs += afterMs
    return { atMs: nowMs, what }
  })
}

/**
 * What has to happen to one connection, read from its whole history at each look: nothing is kept in between, and
 * of the others nothing is known. A thing counts from the last look before it.
 */
function expectedOf(life: Life): string[] {
  const { options, idleTimeoutMs } = life
  const { intervalMs = 0, timeoutMs = 0 } = options || { intervalMs: Infinity, timeoutMs: Infinity }
  const periodMs = Math.min(Math.max(Math.ceil(shortestMsOf(life) / 10), 20), 1_000)
  const history = historyOf(life)
  const told: string[] = []
  const deafLooks: number[] = []
  const askedLooks: number[] = []
  let pingedMs = Number.NEGATIVE_INFINITY
  let patienceMs = 0
  for (let lookMs = periodMs; lookMs <= WHOLE_MS; lookMs += periodMs) {
    const before = history.filter(({ atMs }) => atMs < lookMs)
    const latest = (...kinds: string[]) => {
      const atMs = before.findLast(({ what }) => kinds.includes(what))?.atMs ?? 0
      return Math.floor(atMs / periodMs) * periodMs
    }
    const silentMs = lookMs - Math.max(latest('heard', 'answered'), deafLooks.at(-1) ?? 0)
    const unanswered =
      pingedMs > (deafLooks.at(-1) ?? Number.NEGATIVE_INFINITY) &&
      !before.some(({ atMs, what }) => (what === 'heard' || what === 'answered') && atMs >= pingedMs)
    if (idleTimeoutMs > 0 && lookMs - latest('messaged') >= idleTimeoutMs) return [...told, `${lookMs} idle`]
    if (silentMs < intervalMs) continue
    const reading = before.findLast(({ what }) => what === 'held' || what === 'deaf' || what === 'listening')
    if (reading?.what === 'deaf') deafLooks.push(lookMs)
    else if (reading?.what === 'held' && askedLooks.at(-1) !== lookMs - periodMs) askedLooks.push(lookMs)
    else {
      if (reading?.what === 'held') askedLooks.push(lookMs)
      if (!unanswered) {
        pingedMs = lookMs
        patienceMs = timeoutMs + (reading?.what === 'held' ? intervalMs : 0)
        told.push(`${lookMs} ping`)
      } else if (lookMs - pingedMs >= patienceMs) return [...told, `${lookMs} silent for ${silentMs}`]
    }
  }
  return told
}

test('any number of them in common sweeps do what each would do alone', () => {
  const property = fc.property(fc.array(life, { minLength: 1, maxLength: 6 }), (lives) => {
    const clock = createVirtualClock()
    // the looks are the same whoever comes and goes
    for (const one of lives) sweepFor(clock, shortestMsOf(one)).add({ onSweep: () => {} })
    const told = lives.map((one) => {
      const log: string[] = []
      let reading: Happening['what'] = 'listening'
      let alwaysRead = true
      let ping: { readonly payload: Buffer; readonly atMs: number } | undefined
      const say = (what: string) => log.push(`${clock.now()} ${what}`)
      const heart: Heartbeat = new Heartbeat(
        {
          get listening() {
            return reading === 'listening'
          },
          readOne: () => reading !== 'deaf',
          sendHeartbeat: (payload) => {
            ping = { payload, atMs: clock.now() }
            say('ping')
          },
          onSilence: (silentMs) => {
            heart.stop()
            say(`silent for ${silentMs}`)
          },
          onIdle: () => {
            heart.stop()
            say('idle')
          },
        },
        clock,
        one.options,
        one.idleTimeoutMs,
      )
      for (const { atMs, what } of historyOf(one)) {
        clock.after(atMs, () => {
          if (what === 'heard' || what === 'answered') heart.heard()
          if (what === 'answered' && ping !== undefined) {
            const latencyMs = heart.pong(ping.payload)
            if (alwaysRead || latencyMs !== undefined) assert.equal(latencyMs, clock.now() - ping.atMs)
          }
          if (what === 'messaged') heart.messaged()
          if (what === 'held' || what === 'deaf' || what === 'listening') reading = what
          alwaysRead &&= reading === 'listening'
        })
      }
      return log
    })
    clock.advance(WHOLE_MS)
    assert.deepEqual(told, lives.map(expectedOf))
  })
  fc.assert(property, { numRuns: 200 })
})
