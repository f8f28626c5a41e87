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

test('a heartbeat of 0 ms, which would ping without a pause or end a healthy peer, is told how to switch it off', () => {
  for (const name of ['intervalMs', 'timeoutMs']) {
    const text = new RegExp(
      `heartbeat.${name} is 0, not a number above 0; .heartbeat: false. switches it off`,
    )
    refused({ heartbeat: { [name]: 0 } }, text)
    refused({ heartbeat: { [name]: -1 } }, new RegExp(`heartbeat.${name} is -1, not a number above 0$`))
    assertConnectionOptions({ heartbeat: { [name]: Number.POSITIVE_INFINITY } })
  }
})

test('a callback that cannot be called, and a choice that there is not, are told', () => {
  for (const name of ['open', 'message', 'drain', 'close', 'ping', 'pong']) {
    for (const value of [null, {}, 'echo', 5]) refused({ [name]: value }, new RegExp(`option ${name} is`))
  }
  refused({ binary: 'blob' }, /option binary is "blob", not buffer or arraybuffer/)
  refused({ slowConsumer: 'ignore' }, /not wait or drop or close/)
})
