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

test('close codes that only peers have used are counted together once there are 64, whatever comes later', () => {
  const tally = new Tally('/chat', 'websocket')
  for (let code = 3000; code <= 4999; code++) tally.closeCode(code)
  assert.equal(tally.closeCodes.size, 65)
  assert.deepEqual([tally.closeCodes.get(3063), tally.closeCodes.get(3064)], [1, undefined])
  assert.equal(tally.closeCodes.get('other'), 2_000 - 64)
  for (const code of [1006, 3000, 4999]) tally.closeCode(code)
  assert.deepEqual([tally.closeCodes.get(1006), tally.closeCodes.get(3000)], [1, 2])
  assert.equal(tally.closeCodes.get('other'), 2_000 - 63)
  // an answer of ours that the peer has echoed
  tally.closing(4401)
  tally.closeCode(4401)
  assert.equal(tally.closeCodes.get(4401), 1)
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
