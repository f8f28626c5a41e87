// Knows which options of a connection could never work, or would quietly do something else than they say.
import {
  assertAboveZero,
  assertFromZero,
  assertFunction,
  assertOneOf,
  oddOption,
} from '../base/option-value.ts'
import type { BinaryForm, ConnectionEvents, ConnectionOptions } from './options.ts'
import { assertExtensions } from './transform.ts'

/** @throws MisuseError ERR_INVALID_ARGUMENT. A limit that is no number, NaN say, would be no limit at all. */
export function assertConnectionOptions<Data>(
  options: ConnectionOptions<BinaryForm> & ConnectionEvents<Data, BinaryForm>,
): void {
  for (const name of NUMBERS) assertFromZero(name, options[name])
  for (const name of CALLBACKS) assertFunction(name, options[name])
  assertOneOf('binary', options.binary, ['buffer', 'arraybuffer', 'chunks', 'lent'])
  assertOneOf('slowConsumer', options.slowConsumer, ['wait', 'drop', 'close'])
  assertRate(options.rate)
  assertExtensions(options.extensions ?? [])
  assertClock(options.clock)
  const { heartbeat } = options
  if (heartbeat === undefined || heartbeat === false) return
  if (typeof heartbeat !== 'object' || heartbeat === null)
    throw oddOption('heartbeat', heartbeat, 'false or an object')
  assertPace('heartbeat.intervalMs', heartbeat.intervalMs)
  assertPace('heartbeat.timeoutMs', heartbeat.timeoutMs)
}

/** Zero would ping without a pause, or give up a peer before its answer can be here; some mean never by it. */
function assertPace(name: string, value: unknown): void {
  if (value !== 0) return assertAboveZero(name, value)
  throw oddOption(name, value, 'a number above 0; `heartbeat: false` switches it off')
}

function assertRate(rate: ConnectionOptions['rate']): void {
  if (rate === undefined) return
  if (typeof rate !== 'object' || rate === null) throw oddOption('rate', rate, 'an object')
  assertFromZero('rate.messagesPerSecond', rate.messagesPerSecond)
  assertFromZero('rate.bytesPerSecond', rate.bytesPerSecond)
  assertFromZero('rate.burstSeconds', rate.burstSeconds)
}

function assertClock(clock: ConnectionOptions['clock']): void {
  if (clock === undefined) return
  if (typeof clock?.now === 'function' && typeof clock.after === 'function') return
  throw oddOption('clock', clock, 'a clock with now() and after()')
}

const NUMBERS = [
  'maxMessageBytes',
  'closeTimeoutMs',
  'highWaterMarkBytes',
  'maxBufferedBytes',
  'idleTimeoutMs',
] as const

const CALLBACKS = ['open', 'message', 'drain', 'close', 'ping', 'pong'] as const
