import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MisuseError } from '../../src/base/errors.ts'
import { assertConnectionOptions } from '../../src/websocket/option-check.ts'
import type { ConnectionOptions } from '../../src/websocket/options.ts'

const refused = (options: object, text: RegExp) =>
  assert.throws(
    () => assertConnectionOptions(options as ConnectionOptions),
    (error) =>
      error instanceof MisuseError && error.code === 'ERR_INVALID_ARGUMENT' && text.test(error.message),
  )

test('options that work are left alone, infinite limits and absent callbacks among them', () => {
  assertConnectionOptions({})
  assertConnectionOptions({
    maxMessageBytes: Number.POSITIVE_INFINITY,
    closeTimeoutMs: 0,
    highWaterMarkBytes: 1,
    maxBufferedBytes: 1.5,
    idleTimeoutMs: 0,
    binary: 'arraybuffer',
    slowConsumer: 'drop',
    heartbeat: { intervalMs: 5 },
    message() {},
  })
  assertConnectionOptions({ heartbeat: false })
  assertConnectionOptions({ message: undefined } as object)
})

test('a limit that is no limit is told: NaN, a text, null, below zero', () => {
  for (const name of [
    'maxMessageBytes',
    'closeTimeoutMs',
    'highWaterMarkBytes',
    'maxBufferedBytes',
    'idleTimeoutMs',
  ]) {
    for (const value of [Number.NaN, '1mb', '1000', null, -1, {}]) {
      refused({ [name]: value }, new RegExp(`option ${name} is .*, not a number from 0 up`))
    }
  }
  refused({ heartbeat: { intervalMs: Number.NaN } }, /heartbeat\.intervalMs is NaN/)
  refused({ heartbeat: { timeoutMs: '5s' } }, /heartbeat\.timeoutMs is "5s"/)
  for (const heartbeat of [null, 5, true]) refused({ heartbeat }, /heartbeat is .*, not false or an object/)
})

test('a callback that cannot be called, and a choice that there is not, are told', () => {
  for (const name of ['open', 'message', 'drain', 'close', 'ping', 'pong']) {
    for (const value of [null, {}, 'echo', 5]) refused({ [name]: value }, new RegExp(`option ${name} is`))
  }
  refused({ binary: 'blob' }, /option binary is "blob", not buffer or arraybuffer/)
  refused({ slowConsumer: 'ignore' }, /not wait or drop or close/)
})
