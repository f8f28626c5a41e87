import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { createVirtualClock } from '../src/base/clock.ts'
import { readCloseOptions, readTurnoutOptions, withDefaults } from '../src/turnout-options.ts'

const misuse = { name: 'MisuseError', code: 'ERR_INVALID_ARGUMENT' }

test('what is not said is 5 seconds for a decision, the order of the client, and going away within 10 seconds', () => {
  const { decisionTimeoutMs, prefer, defaults } = readTurnoutOptions({})
  assert.deepEqual([decisionTimeoutMs, prefer, defaults], [5_000, 'client', {}])
  assert.deepEqual(readCloseOptions({}), { code: 1001, reason: '', graceMs: 10_000 })
})

test('each option reaches whom it is for, and only that', () => {
  const clock = createVirtualClock()
  const clientAddress = () => ''
  assert.deepEqual(
    readTurnoutOptions({
      decisionTimeout: 1,
      prefer: 'server',
      onError() {},
      clock,
      maxConnections: 2,
      maxConnectionsPerAddress: 3,
      maxHandshakes: 4,
      clientAddress,
      maxMessageBytes: 5,
    }),
    {
      decisionTimeoutMs: 1,
      prefer: 'server',
      admission: { maxConnections: 2, maxConnectionsPerAddress: 3, maxHandshakes: 4, clientAddress },
      defaults: { clock, maxMessageBytes: 5 },
    },
  )
})

for (const [options, message] of [
  [{ decisionTimeout: 0 }, /option decisionTimeout is 0, not a number above 0/],
  [{ decisionTimeout: Number.NaN }, /option decisionTimeout is NaN/],
  [{ decisionTimeout: '5000' }, /option decisionTimeout is "5000", not a number above 0/],
  [{ prefer: 'nobody' }, /option prefer is "nobody"/],
  [{ onError: 'log' }, /option onError is "log", not a function/],
  [{ rate: 20 }, /option rate is 20, not an object/],
  [{ compression: 'yes' }, /compression is "yes"/],
  [createServer(), /a server is given to createTurnout\(\)\.attach\(server\)$/],
  [null, /^createTurnout wants an object of options/],
] as const) {
  test(`a turnout made with ${String(message)} is misuse`, () => {
    assert.throws(() => readTurnoutOptions(options as never), { ...misuse, message })
  })
}

for (const [options, code] of [
  [{ code: 1006 }, 'ERR_INVALID_CLOSE_CODE'],
  [{ reason: 'x'.repeat(124) }, 'ERR_INVALID_CLOSE_REASON'],
  [{ grace: -1 }, 'ERR_INVALID_ARGUMENT'],
  [null, 'ERR_INVALID_ARGUMENT'],
] as const) {
  test(`a close with ${JSON.stringify(options)?.slice(0, 20)} is misuse`, () => {
    assert.throws(() => readCloseOptions(options as never), { name: 'MisuseError', code })
  })
}

test('a route may choose otherwise, and what it leaves undefined is as if it were not there', () => {
  const defaults = { maxMessageBytes: 1, compression: true } as const
  assert.deepEqual(withDefaults(defaults, {}), defaults)
  assert.deepEqual(withDefaults(defaults, { maxMessageBytes: undefined, heartbeat: false }), {
    ...defaults,
    heartbeat: false,
  })
  assert.deepEqual(withDefaults(defaults, { maxMessageBytes: 2, compression: false }), {
    maxMessageBytes: 2,
    compression: false,
  })
})
