import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createVirtualClock, type VirtualClock } from '../../src/base/clock.ts'
import type { PeerError } from '../../src/base/errors.ts'
import { Outbox } from '../../src/base/outbox.ts'
import { Ending } from '../../src/websocket/ending.ts'
import { Session } from '../../src/websocket/session.ts'

const nothing = (): void => {}

function session(): Session {
  const events = {
    onMessage: nothing,
    onStream: nothing,
    onPart: nothing,
    onStreamEnd: nothing,
    onPing: nothing,
    onPong: nothing,
    onState: nothing,
    onWait: nothing,
  }
  return new Session({ role: 'client', maxMessageBytes: 1_024, outbox: new Outbox(), events })
}

function trial(): { clock: VirtualClock; ending: Ending; overdue: PeerError[] } {
  const clock = createVirtualClock()
  const overdue: PeerError[] = []
  const ending = new Ending({ clock, onOverdue: (error) => overdue.push(error) })
  return { clock, ending, overdue }
}

test('RFC 6455 section 7.1.5: an end without a Close frame is 1006, and a loss', () => {
  const { code, reason, clean, cause } = trial().ending.conclude(session(), undefined)
  assert.deepEqual([code, reason, clean], [1006, '', false])
  assert.equal((cause as PeerError).code, 'ERR_CONNECTION_LOST')
})

test('an end behind both Close frames has the code of the peer, and no cause, whatever TCP said', () => {
  const both = session()
  both.sendClose(1000, 'bye')
  both.receive(Buffer.from('88050fa06f6b21', 'hex'))
  assert.deepEqual(trial().ending.conclude(both, new Error('ECONNRESET')), {
    code: 4000,
    reason: 'ok!',
    clean: true,
    cause: undefined,
  })
})

test('what went wrong on our own side comes before what the session saw, and that before the error of TCP', () => {
  const [own, later, reset] = [new Error('own'), new Error('later'), new Error('ECONNRESET')]
  const failed = session()
  failed.receive(Buffer.from('8300', 'hex'))

  const blamed = trial().ending
  blamed.blame(own)
  blamed.blame(later)
  assert.equal(blamed.conclude(failed, reset).cause, own)
  assert.equal(trial().ending.conclude(failed, reset).cause, failed.failure)
  assert.equal(trial().ending.conclude(session(), reset).cause, reset)
})

test('an end that the user wanted has no cause', () => {
  const { ending } = trial()
  ending.excuse()
  assert.equal(ending.conclude(session(), new Error('ECONNRESET')).cause, undefined)
})

test('one thing is awaited at a time, and what did not come is told once', () => {
  const { clock, ending, overdue } = trial()
  ending.expect(1_000, 'the first')
  clock.advance(999)
  ending.expect(500, 'the second')
  clock.advance(499)
  assert.deepEqual(overdue, [])
  clock.advance(10_000)
  assert.deepEqual(
    overdue.map(({ code, message }) => [code, /the second did not come within 500 ms/.test(message)]),
    [['ERR_CLOSE_TIMEOUT', true]],
  )
})

test('nothing is awaited once it is over', () => {
  const { clock, ending, overdue } = trial()
  ending.expect(1_000, 'the end')
  ending.conclude(session(), undefined)
  ending.expect(1_000, 'the end')
  clock.advance(10_000)
  assert.deepEqual(overdue, [])
})

test('who asks before, and who asks afterwards, is told the same', async () => {
  const { ending } = trial()
  const before = ending.closed
  const info = ending.conclude(session(), undefined)
  ending.tell(info)
  assert.equal(await before, info)
  assert.equal(await ending.closed, info)
  assert.equal(ending.info, info)
})
