import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deferred } from '../../src/base/promise.ts'
import { BufferedAmount } from '../../src/websocket/buffered-amount.ts'
import { turn } from '../base/turns.ts'

test('bytes count until they have left, and nothing leaves while a script runs', async () => {
  const connection = { readyState: 'open', bufferedBytes: 0 }
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

test('bytes whose send is promised fall as they leave, not all at the end', async () => {
  const connection = { readyState: 'open', bufferedBytes: 0 }
  const amount = new BufferedAmount()
  amount.follow(connection)
  const sent = new Promise<boolean>(() => {})
  for (let count = 0; count < 40; count++) {
    connection.bufferedBytes += 100
    amount.count(100, sent)
  }
  await turn()
  assert.equal(amount.bytes, 4_000)
  connection.bufferedBytes = 2_500
  assert.equal(amount.bytes, 2_500)
})

test('bytes that could not be sent count for ever', async () => {
  const connection = { readyState: 'open', bufferedBytes: 7 }
  const amount = new BufferedAmount()
  amount.follow(connection)
  amount.count(1, Promise.resolve(true))
  amount.count(2, Promise.resolve(false))
  amount.count(4, Promise.reject(new Error('a Blob that cannot be read')))
  amount.count(8, false)
  assert.equal(amount.bytes, 15)
  await turn()
  connection.bufferedBytes = 0
  assert.equal(amount.bytes, 14)
})

test('what had not left when the connection ended stays, and does not grow', async () => {
  const connection = { readyState: 'open', bufferedBytes: 3 }
  const amount = new BufferedAmount()
  amount.follow(connection)
  amount.count(5, true)
  const { promise, resolve } = deferred<boolean>()
  amount.count(10, promise)
  await turn()
  connection.bufferedBytes = 9
  assert.equal(amount.bytes, 9)
  connection.readyState = 'closed'
  connection.bufferedBytes = 0
  resolve(false)
  await turn()
  assert.equal(amount.bytes, 9)
})
