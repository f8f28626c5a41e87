import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertAccepted } from '../../src/upgrade/accepted.ts'

const check = (answer: unknown) => assertAccepted<{ data?: unknown }>(answer, ['data'])

test('an object with a known name passes, one without any, and one that inherits it', () => {
  for (const answer of [{}, { data: undefined }, { data: 1, more: 2 }, Object.create({ data: 1 }), []]) {
    check(answer)
  }
})

test('anything else is misuse, and says what it is', () => {
  for (const [answer, message] of [
    [{ user: 1, id: 2 }, /an object with `user`: what the connection carries goes into `data`/],
    [
      new (class User {
        readonly name = 'ada'
      })(),
      /an object with `name`/,
    ],
    [['ada'], /an object with `0`/],
    ['', /answered "", which is neither/],
    [() => {}, /answered a function, which is neither/],
    [null, /answered null/],
  ] as const) {
    assert.throws(() => check(answer), { code: 'ERR_INVALID_ARGUMENT', message })
  }
})
