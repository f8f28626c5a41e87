import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { createVirtualClock, settle, systemClock } from '../../src/base/clock.ts'
import { listen } from '../upgrade/wire.ts'
import { holdUp } from './hold-up.ts'
import { turn } from './turns.ts'

test('a virtual clock stands still until it is told to go on', () => {
  const clock = createVirtualClock(100)
  assert.equal(clock.now(), 100)
  clock.advance(25)
  assert.equal(clock.now(), 125)
  assert.equal(createVirtualClock().now(), 0)
})

test('alarms ring in the order of their time, equal ones in the order in which they were asked for', () => {
  const clock = createVirtualClock()
  const rung: string[] = []
  for (const [name, delayMs] of [
    ['late', 30],
    ['early', 10],
    ['early too', 10],
    ['never', 31],
    ['now', 0],
  ] as const) {
    clock.after(delayMs, () => rung.push(`${name} at ${clock.now()}`))
  }
  assert.equal(clock.waiting, 5)
  clock.advance(30)
  assert.deepEqual(rung, ['now at 0', 'early at 10', 'early too at 10', 'late at 30'])
  assert.equal(clock.waiting, 1)
})

test('an alarm rings once, and cancelling it is safe before, after and twice', () => {
  const clock = createVirtualClock()
  let rung = 0
  const alarm = clock.after(5, () => rung++)
  const cancelled = clock.after(5, () => assert.fail('it was cancelled'))
  cancelled.cancel()
  cancelled.cancel()
  clock.advance(5)
  clock.advance(50)
  alarm.cancel()
  assert.equal(rung, 1)
  assert.equal(clock.waiting, 0)
})

test('an alarm set or cancelled while another rings counts from then', () => {
  const clock = createVirtualClock()
  const rung: number[] = []
  const doomed = clock.after(20, () => assert.fail('it was cancelled at 10'))
  clock.after(10, () => {
    doomed.cancel()
    clock.after(5, () => rung.push(clock.now()))
    clock.after(500, () => rung.push(clock.now()))
  })
  clock.advance(100)
  assert.deepEqual(rung, [15])
})

test('run: what follows from an alarm happens before the next one rings, and what was under way before the first', async () => {
  const clock = createVirtualClock()
  const seen: string[] = []
  const note = (what: string) => seen.push(`${what} at ${clock.now()}`)
  clock.after(10, async () => {
    note('ring')
    await turn()
    await turn()
    note('what follows')
    clock.after(5, () => note('and its alarm'))
  })
  clock.after(10, () => note('another'))
  clock.after(31, () => assert.fail('it is not time'))
  void turn().then(() => clock.after(1, () => note('under way')))
  await clock.run(30)
  assert.deepEqual(seen, [
    'under way at 1',
    'ring at 10',
    'what follows at 10',
    'another at 10',
    'and its alarm at 15',
  ])
  assert.equal(clock.now(), 30)
})

test('run: with no alarm time passes all the same, and what the last one set off has happened', async () => {
  const clock = createVirtualClock()
  await clock.run(1_000)
  assert.equal(clock.now(), 1_000)
  let happened = false
  clock.after(0, () => setImmediate(() => (happened = true)))
  await clock.run(0)
  assert.equal(happened, true)
})

test('a virtual clock never goes back, whoever turns it', () => {
  const clock = createVirtualClock()
  clock.after(10, () => clock.advance(100))
  clock.after(-50, () => assert.equal(clock.now(), 0))
  clock.advance(20)
  assert.equal(clock.now(), 110)
})

test('what is no span of time does not pass', async () => {
  const clock = createVirtualClock()
  for (const ms of [Number.NaN, undefined, '10', -1, Number.POSITIVE_INFINITY] as number[]) {
    assert.throws(() => clock.advance(ms), { code: 'ERR_INVALID_ARGUMENT' })
    await assert.rejects(clock.run(ms), { code: 'ERR_INVALID_ARGUMENT' })
  }
  assert.equal(clock.now(), 0)
})

test('the clock of the machine only grows', () => {
  const before = systemClock.now()
  assert.ok(systemClock.now() >= before)
})

test('an alarm of the machine rings, a cancelled one does not, and neither keeps the process alive', () => {
  const timers = takeTimers((set) => {
    let rung = 0
    const alarm = systemClock.after(250, () => rung++)
    systemClock.after(250, () => assert.fail('it was cancelled')).cancel()
    assert.deepEqual(
      set.map(({ delayMs, unref, cleared }) => ({ delayMs, unref, cleared })),
      [
        { delayMs: 250, unref: true, cleared: false },
        { delayMs: 250, unref: true, cleared: true },
      ],
    )
    set[0]!.ring()
    alarm.cancel()
    assert.equal(rung, 1)
  })
  assert.equal(timers, 2)
})

test('an alarm of the machine that comes late rings behind what has arrived meanwhile', async (t) => {
  const server = createServer()
  t.after(() => server.close())
  const client = connect(await listen(server), '127.0.0.1')
  t.after(() => client.destroy())
  const [socket] = (await once(server, 'connection')) as [Socket]
  const seen: string[] = []
  socket.on('data', () => seen.push('bytes'))
  await new Promise<void>((resolve) => {
    const ring = () => {
      seen.push('alarm')
      resolve()
    }
    // from a timer on, so that timers come next
    setTimeout(() => {
      systemClock.after(1, ring, true)
      client.write('bytes')
      holdUp(50)
    }, 1)
  })
  assert.deepEqual(seen, ['bytes', 'alarm'])
})

test('an alarm of the machine that comes late is cancelled by what has arrived meanwhile', async () => {
  await new Promise<void>((resolve) => {
    const alarm = systemClock.after(1, () => assert.fail('it was cancelled'), true)
    setTimeout(() => {
      alarm.cancel()
      resolve()
    }, 2)
    holdUp(50)
  })
  await settle()
})

test('an alarm rings once and at once where a test of an application lets mocked time pass', (t) => {
  t.mock.timers.enable()
  let rung = 0
  const ring = () => {
    rung++
    systemClock.after(60_000, ring)
  }
  systemClock.after(1, ring)
  holdUp(20)
  t.mock.timers.tick(1)
  assert.equal(rung, 1)
})

test('settle and run let everything happen where a test of an application has put in timers of its own', {
  timeout: 10_000,
}, async (t) => {
  t.mock.timers.enable()
  const clock = createVirtualClock()
  const seen: string[] = []
  void Promise.resolve().then(() => seen.push('under way'))
  await settle()
  clock.after(10, () => seen.push('alarm'))
  await clock.run(10)
  assert.deepEqual(seen, ['under way', 'alarm'])
})

test('an alarm of the machine that comes late rings, too, where immediates alone are mocked', {
  timeout: 10_000,
}, async (t) => {
  t.mock.timers.enable({ apis: ['setImmediate'] })
  await new Promise<void>((resolve) => {
    systemClock.after(1, resolve, true)
    holdUp(50)
  })
})

test('an alarm beyond the longest timer of the machine waits all the same, instead of ringing at once', () => {
  takeTimers((set) => {
    let rung = 0
    systemClock.after(5_000_000_000, () => rung++)
    assert.ok(set[0]!.delayMs < 2 ** 31)
    set[0]!.ring()
    set[1]!.ring()
    assert.equal(rung, 0)
    assert.equal(set[0]!.delayMs + set[1]!.delayMs + set[2]!.delayMs, 5_000_000_000)
    set[2]!.ring()
    assert.equal(rung, 1)

    const forever = systemClock.after(Number.POSITIVE_INFINITY, () => assert.fail('forever is over'))
    for (let step = 0; step < 10; step++) set.at(-1)!.ring()
    forever.cancel()
    assert.ok(set.at(-1)!.cleared)
    assert.ok(set.every(({ unref }) => unref))
  })
})

test('an alarm that is told to hold the process keeps its timers referenced', () => {
  takeTimers((set) => {
    systemClock.after(10, () => {}, true)
    systemClock.after(10, () => {})
    assert.deepEqual(
      set.map(({ unref }) => unref === true),
      [false, true],
    )
  })
})

interface FakeTimer {
  readonly ring: () => void
  readonly delayMs: number
  unref: boolean
  cleared: boolean
}

/** Runs `body` with the machine's timers replaced by a list of them; tells how many were set. */
function takeTimers(body: (set: FakeTimer[]) => void): number {
  const set: FakeTimer[] = []
  const { setTimeout, clearTimeout } = globalThis
  globalThis.setTimeout = ((ring: () => void, delayMs: number) => {
    const timer: FakeTimer = { ring, delayMs, unref: false, cleared: false }
    set.push(timer)
    return Object.assign(timer, { unref: () => Object.assign(timer, { unref: true }) })
  }) as unknown as typeof setTimeout
  globalThis.clearTimeout = ((timer: FakeTimer) => {
    timer.cleared = true
  }) as unknown as typeof clearTimeout
  try {
    body(set)
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout })
  }
  return set.length
}
