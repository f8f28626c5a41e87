// Knows what a request gets when the application's code throws before there is anybody to decide.
import assert from 'node:assert/strict'
import { get, stationTest, upgradeHead } from './wire.ts'

const broken = new Error('broken')
const throwing = (): never => {
  throw broken
}

stationTest(
  'a matcher that throws costs its request a 500, not the process its life',
  async (station) => {
    const wire = station.dial()
    for (const method of ['GET', 'OPTIONS']) {
      wire.send(upgradeHead({ method }))
      assert.equal((await wire.response()).status, 500)
    }
    assert.deepEqual(station.errors, [broken, broken])
    assert.deepEqual(station.turnout.metrics().routes.at(-1)?.handshakes, { failed: 2 })
    wire.send(get('/next'))
    assert.equal((await wire.response()).status, 200)
  },
  { expectedErrors: 2, setUp: (turnout) => void turnout.protocol(throwing, { handler() {} }) },
)

stationTest(
  'clientAddress that throws costs its request a 500, and takes no place',
  async (station) => {
    const wire = station.dial()
    for (let round = 0; round < 3; round++) {
      wire.send(upgradeHead())
      assert.equal((await wire.response()).status, 500)
    }
    assert.deepEqual(station.errors, [broken, broken, broken])
  },
  {
    expectedErrors: 3,
    maxConnectionsPerAddress: 1,
    clientAddress: throwing,
    setUp: (turnout) => void turnout.protocol('foo', { handler() {} }),
  },
)
