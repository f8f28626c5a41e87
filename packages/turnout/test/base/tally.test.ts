import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PeerError } from '../../src/base/errors.ts'
import { Tally } from '../../src/base/tally.ts'

test('handshakes, close codes and errors are counted by name', () => {
  const tally = new Tally('/chat', 'websocket')
  tally.handshake('101', 3)
  tally.handshake('101', 4)
  tally.handshake('late', 5_000)
  tally.closeCode(1000)
  tally.close(12)
  assert.deepEqual(
    [...tally.handshakes],
    [
      ['101', 2],
      ['late', 1],
    ],
  )
  assert.deepEqual([...tally.closeCodes], [[1000, 1]])
  assert.equal(tally.handshakeMs.read().sum, 5_007)
  assert.equal(tally.connectionMs.read().count, 1)
  assert.equal(tally.closed, 1)
})

for (const [what, error, code] of [
  ['one of turnout by its code', new PeerError('ERR_FRAME', 'x'), 'ERR_FRAME'],
  ['one of the system by its code', Object.assign(new Error('x'), { code: 'ECONNRESET' }), 'ECONNRESET'],
  ['one with a number for a code by its name', Object.assign(new Error('x'), { code: 7 }), 'Error'],
  ['any other by its name', new RangeError('secret 4711'), 'RangeError'],
  ['a thrown text by its type, as a text may say anything', 'secret 4711', 'string'],
  ['a thrown nothing', undefined, 'undefined'],
  ['a thrown null', null, 'object'],
  ['a thrown object', {}, 'object'],
] as const) {
  test(`an error is counted: ${what}`, () => {
    const tally = new Tally('/chat', 'websocket')
    tally.error(error)
    assert.deepEqual([...tally.errors], [[code, 1]])
  })
}

test('a tally says where on its route something was', () => {
  for (const [route, protocol, place] of [
    ['/chat/:room', 'websocket', 'in the handler of websocket /chat/:room'],
    ['*', 'example/1', 'in the handler of example/1'],
    ['app', 'websocket', 'in the handler of websocket inside the app'],
    ['', '', 'in the handler of an upgrade'],
  ] as const) {
    assert.equal(new Tally(route, protocol).placeOf('the handler'), place)
  }
})
