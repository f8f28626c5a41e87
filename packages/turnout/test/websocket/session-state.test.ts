import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextState, type SessionEvent, type SessionState } from '../../src/websocket/session-state.ts'

test('every step of the table is there, and every other throws', () => {
  const table: { readonly [State in SessionState]: { readonly [Event in SessionEvent]?: SessionState } } = {
    open: { sendClose: 'closeSent', receiveClose: 'closeReceived', fail: 'failed', transportEnd: 'ended' },
    closeSent: { receiveClose: 'closeDone', fail: 'failed', transportEnd: 'ended' },
    closeReceived: { sendClose: 'closeDone', fail: 'failed', transportEnd: 'ended' },
    closeDone: { transportEnd: 'ended' },
    failed: { transportEnd: 'ended' },
    ended: {},
  }
  const events = ['sendClose', 'receiveClose', 'fail', 'transportEnd'] as const
  for (const state of Object.keys(table) as SessionState[]) {
    for (const event of events) {
      const next = table[state][event]
      if (next !== undefined) assert.equal(nextState(state, event), next)
      else assert.throws(() => nextState(state, event), new RegExp(`'${event}' in state '${state}'`))
    }
  }
})
