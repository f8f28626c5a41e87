import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertReconnectingOptions } from '../../src/websocket/reconnecting-options.ts'
import { unknownOptions } from '../base/warnings.ts'

for (const [options, message] of [
  [{ whileDown: 'hold' }, /option whileDown is "hold", not buffer or refuse/],
  [{ open: 'x' }, /option open is "x", not a function/],
  [{ message: {} }, /option message is an object, not a function/],
  [{ waiting: 1 }, /option waiting is 1, not a function/],
  [{ close: null }, /option close is null, not a function/],
  [{ shouldReconnect: true }, /option shouldReconnect is true, not a function/],
  [{ renew: {} }, /option renew is an object, not a function/],
  [{ resume: 'auto' }, /option resume is "auto", not a function/],
  [{ random: 0.5 }, /option random is 0\.5, not a function/],
  [{ retries: '3' }, /option retries is "3", not a number from 0 up/],
  [{ stableAfterMs: Number.NaN }, /option stableAfterMs is NaN/],
  [{ maxRetryAfterMs: -1 }, /option maxRetryAfterMs is -1/],
  [{ maxHeldMessages: '1k' }, /option maxHeldMessages is "1k"/],
  [{ maxHeldBytes: null }, /option maxHeldBytes is null/],
] as const) {
  test(`${JSON.stringify(options)} is misuse`, () => {
    assert.throws(() => assertReconnectingOptions(options as never), {
      name: 'MisuseError',
      code: 'ERR_INVALID_ARGUMENT',
      message,
    })
  })
}

test('what connect takes is known, but for what only one connection has; nothing is called', async () => {
  const fail = () => assert.fail('called')
  assertReconnectingOptions({})
  assert.deepEqual(
    await unknownOptions(() =>
      assertReconnectingOptions({
        ...{ timeoutMs: 1, headers: {}, retries: 0, stableAfterMs: 0, whileDown: 'refuse' },
        ...{ shouldReconnect: fail, renew: fail, resume: fail, waiting: fail, random: fail },
      } as never),
    ),
    [],
  )
  for (const name of ['ping', 'pong']) {
    const [told] = await unknownOptions(() => assertReconnectingOptions({ [name]: fail } as never))
    assert.match(told!, new RegExp(`^reconnecting has no option ${name}`))
  }
})
