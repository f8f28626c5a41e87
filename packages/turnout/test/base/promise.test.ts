import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deferred, isPromise } from '../../src/base/promise.ts'

const THEN = 'then'

test('whatever has a then is a promise, whosever it is', () => {
  for (const promise of [Promise.resolve(1), { [THEN]: () => {} }]) {
    assert.equal(isPromise<unknown>(promise), true)
  }
  for (const other of [undefined, null, 0, '', {}, { [THEN]: 1 }, () => {}]) {
    assert.equal(isPromise<unknown>(other), false)
  }
})

test('a deferred promise is settled from outside, once', async () => {
  const { promise, resolve } = deferred<number>()
  const unsettled = Symbol('unsettled')
  assert.equal(await Promise.race([promise, Promise.resolve(unsettled)]), unsettled)
  resolve(1)
  resolve(2)
  assert.equal(await promise, 1)
})
