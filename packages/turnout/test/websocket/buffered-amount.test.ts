import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BufferedAmount } from '../../src/websocket/buffered-amount.ts'

const turn = () => new Promise(setImmediate)

test('bytes count until they have left, and nothing leaves while a script runs', async () => {
  const connection = { bufferedBytes: 0 }
  const amount = new BufferedAmount()
  amount.follow(connection)
  amount.count(5, true)
  amount.count(6, true)
  assert.equal(amount.bytes, 11)
  connection.bufferedBytes = 8
  await turn()
  assert.equal(amount.bytes, 8)
  // frames are a little longer than what is in them
  connection.bufferedBytes = 9
  assert.equal(amount.bytes, 8)
  connection.bufferedBytes = 0
  assert.equal(amount.bytes, 0)
})

test('bytes that wait count until they were taken, and for ever when they were not', async () => {
  const amount = new BufferedAmount()
  amount.follow({ bufferedBytes: 0 })
  amount.count(1, Promise.resolve(true))
  amount.count(2, Promise.resolve(false))
  amount.count(4, Promise.reject(new Error('a Blob that cannot be read')))
  amount.count(8, false)
  assert.equal(amount.bytes, 15)
  await turn()
  assert.equal(amount.bytes, 14)
})

test('what had not left when the connection ended stays', async () => {
  const connection = { bufferedBytes: 3 }
  const amount = new BufferedAmount()
  amount.follow(connection)
  amount.count(5, true)
  await turn()
  amount.follow(undefined)
  connection.bufferedBytes = 0
  assert.equal(amount.bytes, 3)
})
