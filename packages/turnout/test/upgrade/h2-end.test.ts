import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { closeSession, destroySession, expectClose, type OwnSession } from '../../src/upgrade/h2-end.ts'
import { turn } from '../base/turns.ts'

/** A session that only writes down what it is told, on a connection in memory. */
function own(): { one: OwnSession; connection: Duplex; told: string[] } {
  const told: string[] = []
  const connection = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  const session = { close: () => void told.push('close'), destroy: () => void told.push('destroy') }
  return { one: { session: session as never, connection }, connection, told }
}

test('in order: the session closes, and the server may take ten seconds to close the connection', () => {
  const clock = createVirtualClock()
  const { one, connection, told } = own()
  closeSession(one, clock)
  assert.deepEqual([told, connection.destroyed], [['close'], false])
  clock.advance(9_999)
  assert.equal(connection.destroyed, false)
  clock.advance(1)
  assert.equal(connection.destroyed, true)
})

test('a connection that is closed in time leaves no alarm, and one that is closed already gets none', async () => {
  const clock = createVirtualClock()
  const { connection } = own()
  expectClose(connection, clock)
  assert.equal(clock.waiting, 1)
  connection.destroy()
  await turn()
  assert.equal(clock.waiting, 0)
  expectClose(connection, clock)
  assert.equal(clock.waiting, 0)
})

test('at once: both are gone, and nothing is waited for', () => {
  const { one, connection, told } = own()
  destroySession(one)
  assert.deepEqual([told, connection.destroyed], [['destroy'], true])
})
