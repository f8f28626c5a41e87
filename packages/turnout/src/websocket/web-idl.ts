// Knows how the browser's WebSocket converts what it is given, as Web IDL says.
import { Blob } from 'node:buffer'
import { MisuseError } from '../base/errors.ts'
import type { OptionNames } from '../base/option-names.ts'
import { given } from '../base/option-value.ts'
import { CONNECT_OPTIONS, type ConnectOptions } from './client.ts'
import type { ConnectionEvents } from './options.ts'

/**
 * What a browser would have from its page; here it is said. What `connect` takes, but without its callbacks;
 * `slowConsumer` is `wait` by default, for the standard has `bufferedAmount` and sends without a bound.
 */
export type WebSocketInit = Omit<
  ConnectOptions,
  keyof ConnectionEvents<unknown> | 'binary' | 'data' | 'onResponse' | 'onError'
>

const {
  open: _open,
  message: _message,
  drain: _drain,
  close: _close,
  ping: _ping,
  pong: _pong,
  binary: _binary,
  data: _data,
  onResponse: _onResponse,
  onError: _onError,
  ...CHOICES
} = CONNECT_OPTIONS

export const WEBSOCKET_INIT: OptionNames<WebSocketInit> = CHOICES

/** The same with its subprotocols as a list. */
export interface ReadInit extends Omit<WebSocketInit, 'protocols'> {
  readonly protocols?: readonly string[] | undefined
}

/** A string, a sequence of strings, or, beyond the standard, the options. */
export function toInit(protocols: unknown): ReadInit {
  if (typeof protocols !== 'object' || protocols === null) return { protocols: [`${protocols}`] }
  if (Symbol.iterator in protocols) return { protocols: toStrings(protocols as Iterable<unknown>) }
  const init = protocols as WebSocketInit
  if (init.protocols === undefined) return init as ReadInit
  return { ...init, protocols: typeof init.protocols === 'string' ? [init.protocols] : [...init.protocols] }
}

/**
 * What the second and the third argument say together; a second without subprotocols says nothing of them.
 * @throws MisuseError ERR_INVALID_ARGUMENT for what both say: one would be lost
 */
export function bothInits(second: ReadInit, third: ReadInit): ReadInit {
  const { protocols, ...others } = second
  const init: ReadInit = given(protocols?.length === 0 ? others : second)
  const more = given(third)
  for (const name of Object.keys(more)) {
    if (!Object.hasOwn(init, name)) continue
    const seen = `a WebSocket was given ${name} both in the second argument and in the third`
    throw new MisuseError('ERR_INVALID_ARGUMENT', seen)
  }
  return { ...init, ...more }
}

/** Bytes as they are; everything else as the string that Web IDL makes of it. @throws TypeError as `toChunk` */
export function toSendable(data: unknown): string | ArrayBuffer | ArrayBufferView | Blob {
  return data instanceof Blob ? data : toChunk(data)
}

/** Web IDL's [Clamp] unsigned short: the nearest, the even one of two. @throws TypeError for a BigInt or a symbol */
export function clampToUnsignedShort(value: unknown): number {
  const number = toNumber(value)
  if (!(number > 0)) return 0
  if (number >= 65_535) return 65_535
  const floor = Math.floor(number)
  const over = number - floor
  return over > 0.5 || (over === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

/** Web IDL's [EnforceRange] unsigned short: towards zero. @throws TypeError for what is out of range */
export function toUnsignedShort(value: unknown): number {
  const number = Math.trunc(toNumber(value))
  if (number >= 0 && number <= 65_535) return number + 0
  throw new TypeError(`${String(value)} is no number from 0 to 65535`)
}

/** A sequence of strings; a string is none. @throws TypeError */
export function toProtocols(protocols: unknown): string[] {
  if (protocols === undefined) return []
  if (typeof protocols === 'object' && protocols !== null && Symbol.iterator in protocols) {
    return toStrings(protocols as Iterable<unknown>)
  }
  throw new TypeError('protocols that are no sequence')
}

/**
 * Bytes as they are; everything else, Blobs too, as the string that Web IDL makes of it.
 * @throws TypeError for a view on shared memory, which may change as it is read, and for a symbol
 */
export function toChunk(chunk: unknown): string | ArrayBuffer | ArrayBufferView {
  if (typeof chunk === 'string' || chunk instanceof ArrayBuffer) return chunk
  // not String(): a symbol is a TypeError
  if (!ArrayBuffer.isView(chunk)) return `${chunk}`
  if (chunk.buffer instanceof SharedArrayBuffer) throw new TypeError('bytes on a SharedArrayBuffer')
  return chunk
}

/** What a dictionary is made of: an object, a function too; undefined and null are an empty one. @throws TypeError */
export function assertDictionary(value: unknown): void {
  if (value === undefined || typeof value === 'object' || typeof value === 'function') return
  throw new TypeError(`a ${typeof value} in the place of options`)
}

/** @throws TypeError for a BigInt and a symbol; Number() would take the first */
function toNumber(value: unknown): number {
  return +(value as number)
}

/** @throws TypeError for a symbol, of which String() would make something */
function toStrings(values: Iterable<unknown>): string[] {
  return Array.from(values, (value) => `${value}`)
}
