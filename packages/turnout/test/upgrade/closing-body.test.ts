// Knows what becomes of a switch that waits for the rest of its request, when the server closes.
import assert from 'node:assert/strict'
import { type StationOptions, stationTest, upgradeHead, within } from './wire.ts'

const options: StationOptions = {
  setUp: (turnout, _server, log) => void turnout.protocol('foo', { handler: () => void log.push('handler') }),
}
const head = upgradeHead({ method: 'POST', fields: ['Content-Length: 10'] })

stationTest(
  'a body that never comes does not hold up the closing beyond the grace period',
  async ({ server, turnout, dial, log }) => {
    const wire = dial()
    wire.send(`${head}abc`)
    await new Promise((resolve) => server.once('connection', resolve))
    await new Promise((resolve) => setTimeout(resolve, 50))
    const closed = new Promise((resolve) => server.close(resolve))
    assert.deepEqual(await turnout.close({ grace: 20 }), { left: 0, destroyed: 1 })
    await within('server.close() completes', closed)
    assert.deepEqual(log, [])
  },
  options,
)

stationTest(
  'a body that comes within it gets its 503',
  async ({ server, turnout, dial, log }) => {
    const wire = dial()
    wire.send(`${head}abc`)
    await new Promise((resolve) => server.once('connection', resolve))
    await new Promise((resolve) => setTimeout(resolve, 50))
    const closed = turnout.close({ grace: 2_000 })
    wire.send('defghij')
    assert.equal((await wire.response()).status, 503)
    assert.deepEqual(await within('the closing', closed), { left: 1, destroyed: 0 })
    assert.deepEqual(log, [])
  },
  options,
)

stationTest(
  'while nobody closes, the switch comes with the end of the body',
  async ({ dial, turnout, log }) => {
    const wire = dial()
    wire.send(`${head}abc`, 'defghij')
    assert.equal((await wire.response()).status, 101)
    assert.deepEqual(log, ['handler'])
    assert.deepEqual(await turnout.close({ grace: 0 }), { left: 0, destroyed: 1 })
  },
  options,
)
