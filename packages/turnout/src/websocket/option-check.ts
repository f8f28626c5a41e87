// Knows which options of a connection could never work, or would quietly do something else than they say.
import { MisuseError } from '../base/errors.ts'
import type { BinaryForm, ConnectionEvents, ConnectionOptions } from './options.ts'
import { assertExtensions } from './transform.ts'

/** @throws MisuseError ERR_INVALID_ARGUMENT. A limit that is no number, NaN say, would be no limit at all. */
export function assertConnectionOptions<Data>(
  options: ConnectionOptions<BinaryForm> & ConnectionEvents<Data, BinaryForm>,
): void {
  for (const name of NUMBERS) assertFromZero(name, options[name])
  for (const name of CALLBACKS) assertFunction(name, options[name])
  assertOneOf('binary', options.binary, ['buffer', 'arraybuffer', 'chunks'])
  assertOneOf('slowConsumer', options.slowConsumer, ['wait', 'drop', 'close'])
  assertRate(options.rate)
  assertExtensions(options.extensions ?? [])
  const { heartbeat } = options
  if (heartbeat === undefined || heartbeat === false) return
  if (typeof heartbeat !== 'object' || heartbeat === null)
    throw misuse('heartbeat', heartbeat, 'false or an object')
  assertFromZero('heartbeat.intervalMs', heartbeat.intervalMs)
  assertFromZero('heartbeat.timeoutMs', heartbeat.timeoutMs)
}

/** @throws MisuseError ERR_INVALID_ARGUMENT. */
export function assertFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw misuse(name, value, 'a function')
}

function assertRate(rate: ConnectionOptions['rate']): void {
  if (rate === undefined) return
  if (typeof rate !== 'object' || rate === null) throw misuse('rate', rate, 'an object')
  assertFromZero('rate.messagesPerSecond', rate.messagesPerSecond)
  assertFromZero('rate.bytesPerSecond', rate.bytesPerSecond)
  assertFromZero('rate.burstSeconds', rate.burstSeconds)
}

const NUMBERS = [
  'maxMessageBytes',
  'closeTimeoutMs',
  'highWaterMarkBytes',
  'maxBufferedBytes',
  'idleTimeoutMs',
] as const

const CALLBACKS = ['open', 'message', 'drain', 'close', 'ping', 'pong'] as const

/** @throws MisuseError ERR_INVALID_ARGUMENT. */
export function assertFromZero(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'number' && value >= 0)) return
  throw misuse(name, value, 'a number from 0 up')
}

function assertOneOf(name: string, value: unknown, choices: readonly string[]): void {
  if (value === undefined || choices.includes(value as string)) return
  throw misuse(name, value, choices.join(' or '))
}

function misuse(name: string, value: unknown, wanted: string): MisuseError {
  const seen = typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : String(value)
  return new MisuseError('ERR_INVALID_ARGUMENT', `option ${name} is ${seen}, not ${wanted}`)
}
