import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpenPings } from '../../src/websocket/open-pings.ts'

for (const [what, pings, pongs, open] of [
  ['nothing was asked', [], [], false],
  ['nothing came yet', ['a'], [], true],
  ['it came', ['a'], ['a'], false],
  ['it came twice', ['a'], ['a', 'a'], false],
  ['another came', ['a'], ['b'], true],
  ['the earlier came', ['a', 'b'], ['a'], true],
  ['both came', ['a', 'b'], ['a', 'b'], false],
  ['who is behind answers the latest alone', ['a', 'b'], ['b'], false],
  ['one of two alike came', ['a', 'a'], ['a'], true],
  ['two alike came', ['a', 'a'], ['a', 'a'], false],
  ['two alike came, of which the first was given up', ['a', 'b', 'a'], ['a'], false],
  ['one came that nobody asked for', [], ['a'], false],
  ['an empty one may be one that nobody asked for', [''], [''], true],
] as const) {
  test(`RFC 6455 section 5.5.3: ${what}: a Pong is ${open ? 'still' : 'no longer'} due`, () => {
    const waiting = new OpenPings()
    for (const payload of pings) waiting.sent(Buffer.from(payload))
    for (const payload of pongs) waiting.answered(Buffer.from(payload))
    assert.equal(waiting.any, open)
  })
}

test('a payload is kept as it was when it was sent', () => {
  const waiting = new OpenPings()
  const payload = Buffer.from('a')
  waiting.sent(payload)
  payload.write('b')
  waiting.answered(payload)
  assert.equal(waiting.any, true)
  waiting.answered(Buffer.from('a'))
  assert.equal(waiting.any, false)
})
