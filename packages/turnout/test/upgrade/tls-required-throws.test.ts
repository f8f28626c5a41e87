// Knows what a request gets when the application's `required` throws.
import assert from 'node:assert/strict'
import { tlsStation } from './tls-wire.ts'
import { get, stationTest, upgradeHead } from './wire.ts'

const broken = new Error('broken')

stationTest(
  '`required` that throws costs its request a 500, not the process its life',
  async (station) => {
    const wire = station.dial()
    for (const request of [get('/'), upgradeHead(), get('/again')]) {
      wire.send(request)
      assert.equal((await wire.response()).status, 500)
    }
    assert.deepEqual(station.errors, [broken, broken, broken])
  },
  {
    ...tlsStation({
      required: () => {
        throw broken
      },
    }),
    expectedErrors: 3,
  },
)
