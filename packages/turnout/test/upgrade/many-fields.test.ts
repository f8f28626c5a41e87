// Knows what an upgrade request gets whose head has more fields than Node hands over: Node 20 drops the rest without
// a word, and with them, perhaps, what frames the body.
import assert from 'node:assert/strict'
import { get, stationTest, upgradeHead } from './wire.ts'

const hidden = get('/smuggled')

for (const [what, rest] of [
  ['a length', `Content-Length: ${hidden.length}\r\n\r\n${hidden}`],
  ['chunks', `Transfer-Encoding: chunked\r\n\r\n${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`],
] as const) {
  for (const upgrade of ['nobody', 'foo']) {
    stationTest(
      `a body framed by ${what} behind 1,100 fields is never read as the next request (Upgrade: ${upgrade})`,
      async (station) => {
        const wire = station.dial()
        const head = upgradeHead({ method: 'POST', upgrade }).slice(0, -2)
        wire.send(head + 'a:\r\n'.repeat(1_100) + rest)
        assert.equal((await wire.response()).status, 431)
        await wire.ended()
        assert.deepEqual(station.log, [])
      },
      {
        setUp: (turnout, _server, log) =>
          void turnout.protocol('foo', {
            handler: (stream) => void stream.on('data', (bytes) => log.push(String(bytes))),
          }),
      },
    )
  }
}

stationTest('a bound of the server’s own is looked at, too', async (station) => {
  station.server.maxHeadersCount = 40
  const wire = station.dial()
  wire.send(
    upgradeHead({ method: 'POST' }).slice(0, -2) +
      'a:\r\n'.repeat(70) +
      `Content-Length: ${hidden.length}\r\n\r\n${hidden}`,
  )
  assert.equal((await wire.response()).status, 431)
  await wire.ended()
  assert.deepEqual(station.log, [])
})

stationTest('as many fields as Node hands over are no reason to refuse', async (station) => {
  const wire = station.dial()
  wire.send(`${upgradeHead().slice(0, -2)}${'a:\r\n'.repeat(900)}\r\n`)
  assert.equal((await wire.response()).status, 200)
})
