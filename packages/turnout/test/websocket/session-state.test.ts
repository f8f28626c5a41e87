import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextState, type SessionEvent, type SessionState } from '../../src/websocket/session-state.ts'

const EVENTS = ['sendClose', 'receiveClose', 'fail', 'transportEnd'] as const

/** The states of a life, from its first. */
function live(...events: SessionEvent[]): SessionState[] {
  let state: SessionState = 'open'
  return events.map((event) => (state = nextState(state, event)))
}

test('a Close each way is a closing handshake, whichever comes first (RFC 6455 section 7.1.2)', () => {
  assert.deepEqual(live('sendClose', 'receiveClose', 'transportEnd'), ['closeSent', 'closeDone', 'ended'])
  assert.deepEqual(live('receiveClose', 'sendClose', 'transportEnd'), ['closeReceived', 'closeDone', 'ended'])
})

test('no second Close leaves, or is taken', () => {
  for (const [first, second] of [
    ['sendClose', 'receiveClose'],
    ['receiveClose', 'sendClose'],
  ] as const) {
    assert.throws(() => live(first, first), /no step/)
    assert.throws(() => live(first, second, first), /no step/)
    assert.throws(() => live(first, second, second), /no step/)
  }
})

test('a connection fails until both have said Close, and says nothing from then on (section 7.1.7)', () => {
  for (const before of [[], ['sendClose'], ['receiveClose']] as const) {
    assert.equal(live(...before, 'fail').at(-1), 'failed')
    for (const event of ['sendClose', 'receiveClose', 'fail'] as const) {
      assert.throws(() => live(...before, 'fail', event), new RegExp(`no step '${event}' in state 'failed'`))
    }
  }
  assert.throws(() => live('sendClose', 'receiveClose', 'fail'), /no step 'fail' in state 'closeDone'/)
})

test('TCP may end at any time, once, and nothing comes after it', () => {
  for (const before of [
    [],
    ['sendClose'],
    ['receiveClose'],
    ['sendClose', 'receiveClose'],
    ['fail'],
  ] as const) {
    assert.equal(live(...before, 'transportEnd').at(-1), 'ended')
    for (const event of EVENTS)
      assert.throws(() => live(...before, 'transportEnd', event), /in state 'ended'/)
  }
})
