import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { Occupants } from '../../src/upgrade/occupants.ts'

function stream(): Duplex {
  return new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
}

function order(errors: unknown[] = []) {
  const clock = createVirtualClock()
  const onError = (error: unknown) => void errors.push(error)
  return { code: 1001, reason: 'bye', graceMs: 100, clock, onError }
}

test('nobody there: closed at once', async () => {
  assert.deepEqual(await new Occupants().dismiss(order()), { left: 0, destroyed: 0 })
})

test('who leaves in time has left; nothing waits on', async () => {
  const occupants = new Occupants()
  const asked: unknown[] = []
  for (let index = 0; index < 3; index++) {
    const duplex = stream()
    occupants.add(duplex, {
      leave(code, reason) {
        asked.push([code, reason])
        duplex.destroy()
      },
    })
  }
  assert.equal(occupants.size, 3)
  const given = order()
  assert.deepEqual(await occupants.dismiss(given), { left: 3, destroyed: 0 })
  assert.deepEqual(asked[0], [1001, 'bye'])
  assert.equal(given.clock.waiting, 0)
})

test('who stays, or cannot even be asked, is destroyed after the grace period', async () => {
  const occupants = new Occupants()
  const [staying, failing] = [stream(), stream()]
  const error = new Error('no')
  occupants.add(staying, { leave() {} })
  occupants.add(failing, {
    leave() {
      throw error
    },
  })
  const errors: unknown[] = []
  const given = order(errors)
  const counts = occupants.dismiss(given)
  given.clock.advance(100)
  assert.deepEqual(await counts, { left: 0, destroyed: 2 })
  assert.deepEqual(errors, [error])
  assert.equal(staying.destroyed && failing.destroyed, true)
})

test('who is gone already never moves in; who goes is forgotten', async () => {
  const occupants = new Occupants()
  const gone = stream().destroy()
  occupants.add(gone, { leave() {} })
  assert.equal(occupants.size, 0)
  const going = stream()
  occupants.add(going, { leave() {} })
  await new Promise((resolve) => going.destroy().once('close', resolve))
  assert.equal(occupants.size, 0)
})
