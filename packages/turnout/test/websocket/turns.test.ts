import assert from 'node:assert/strict'
import { test } from 'node:test'
import { takeTurn, turnsWaiting } from '../../src/websocket/turns.ts'
import { turn } from '../base/turns.ts'

const settled = async (promise: Promise<unknown>) => {
  let state = 'waiting'
  promise.then(
    () => (state = 'done'),
    () => (state = 'failed'),
  )
  await turn()
  return state
}

test('RFC 6455 section 4.1: a second connection to a place waits until the first has ended its turn', async () => {
  const endFirst = await takeTurn('a:80', undefined)
  const second = takeTurn('a:80', undefined)
  const third = takeTurn('a:80', undefined)
  assert.equal(await settled(second), 'waiting')
  assert.equal(turnsWaiting('a:80'), 2)
  endFirst()
  const endSecond = await second
  assert.equal(await settled(third), 'waiting')
  endFirst()
  assert.equal(await settled(third), 'waiting')
  endSecond()
  ;(await third)()
  assert.equal(turnsWaiting('a:80'), undefined)
})

test('other hosts and other ports do not wait', async () => {
  const ends = await Promise.all(['a:80', 'a:81', 'b:80'].map((place) => takeTurn(place, undefined)))
  for (const end of ends) end()
  assert.equal(turnsWaiting('a:80'), undefined)
})

test('who waits can be called off, and holds nobody up', async () => {
  const endFirst = await takeTurn('a:80', undefined)
  const controller = new AbortController()
  const second = takeTurn('a:80', controller.signal)
  const third = takeTurn('a:80', undefined)
  const reason = new Error('no longer wanted')
  controller.abort(reason)
  await assert.rejects(second, reason)
  endFirst()
  ;(await third)()
  await assert.rejects(takeTurn('a:80', controller.signal), reason)
  assert.equal(turnsWaiting('a:80'), undefined)
})
