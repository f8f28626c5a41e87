// Knows what can be sent as one message: its bytes, how many they are, and a copy that is nobody else's.
import { Blob, Buffer } from 'node:buffer'
import { MisuseError, shown } from '../base/errors.ts'
import { isPlain } from '../base/option-names.ts'
import type { MessageParts, Sendable } from './options.ts'

/** The bytes of a view or a buffer, not copied; undefined: it is neither. */
export function viewOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return value instanceof ArrayBuffer || isShared(value) ? new Uint8Array(value) : undefined
}

/** The same. @throws MisuseError when there are none. */
export function bytesOf(value: unknown): Uint8Array {
  const bytes = viewOf(value)
  if (bytes === undefined) throw unsendable(value)
  return bytes
}

/** Whether it goes part by part; an array of bytes does not. */
export function isParts(message: unknown): message is MessageParts {
  if (typeof message !== 'object' || message === null || ArrayBuffer.isView(message)) return false
  return Symbol.asyncIterator in message || Symbol.iterator in message
}

/** How many bytes it is. Parts that are still to come are not counted. @throws MisuseError for what cannot be sent */
export function sizeOf(message: Sendable): number {
  if (typeof message === 'string') return Buffer.byteLength(message)
  if (message instanceof Blob) return message.size
  if (Array.isArray(message)) return message.reduce<number>((sum, part) => sum + sizeOfPart(part), 0)
  return isParts(message) ? 0 : bytesOf(message).length
}

/** The message as it is now, for later: its memory may be used for something else. @throws MisuseError as `sizeOf` */
export function ownCopy(message: Sendable): Sendable {
  if (Array.isArray(message)) return message.map(ownPart)
  const lasting = typeof message === 'string' || message instanceof Blob || isParts(message)
  return lasting ? message : Buffer.from(bytesOf(message))
}

function sizeOfPart(part: unknown): number {
  return typeof part === 'string' ? Buffer.byteLength(part) : partOf(part).length
}

function ownPart(part: unknown): string | Buffer {
  return typeof part === 'string' ? part : Buffer.from(partOf(part))
}

function isShared(value: unknown): value is SharedArrayBuffer {
  return typeof SharedArrayBuffer !== 'undefined' && value instanceof SharedArrayBuffer
}

function unsendable(value: unknown): MisuseError {
  const hint = isPlain(value) ? '; JSON.stringify makes it a string' : ''
  const wanted = `a string, bytes or a Blob can${hint}`
  return new MisuseError('ERR_INVALID_ARGUMENT', `${shown(value)} cannot be sent: ${wanted}`)
}

/** @throws MisuseError for what is neither, as a part of a list that goes as one message */
export function partOf(part: unknown): Uint8Array {
  const bytes = viewOf(part)
  if (bytes !== undefined) return bytes
  const wanted = 'its parts are strings or bytes; JSON.stringify makes it a string'
  throw new MisuseError('ERR_INVALID_ARGUMENT', `a list with ${shown(part)} in it cannot be sent: ${wanted}`)
}
