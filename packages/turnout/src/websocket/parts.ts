// Knows how a message that comes in parts is read, whatever gives them, and how its text becomes bytes.
import { Buffer } from 'node:buffer'
import { MisuseError } from '../base/errors.ts'
import type { MessageParts } from './options.ts'
import { isParts } from './sendable.ts'

export type Part = string | ArrayBufferView | ArrayBuffer

/** Where the parts of one message come from. */
export interface Source {
  next(): Promise<IteratorResult<Part>>
  /** No more are wanted. */
  end(): unknown
}

export function sourceOf(parts: MessageParts): Source {
  if (parts instanceof ReadableStream) {
    const reader: ReadableStreamDefaultReader<Part> = parts.getReader()
    return { next: () => reader.read() as Promise<IteratorResult<Part>>, end: () => reader.cancel() }
  }
  if (Symbol.asyncIterator in parts) {
    const iterator = parts[Symbol.asyncIterator]()
    // an iterator that waits for its next item hears of nothing else; a stream can be destroyed
    const { destroy } = parts as { destroy?: () => unknown }
    const end = () => (typeof destroy === 'function' ? destroy.call(parts) : iterator.return?.())
    return { next: async () => iterator.next(), end }
  }
  const iterator = parts[Symbol.iterator]()
  const next = async (): Promise<IteratorResult<Part>> => {
    const { done, value } = iterator.next()
    return { done: done === true, value: await value }
  }
  return { next, end: () => iterator.return?.() }
}

/** What it says to that is nobody's business any more, and may never come. */
export function letGo(source: Source): void {
  new Promise((resolve) => resolve(source.end())).catch(() => {})
}

/** A message that will never be read: where it is a stream or a generator, that is let go. */
export function dropParts(message: unknown): void {
  if (!isParts(message) || Array.isArray(message)) return
  try {
    letGo(sourceOf(message))
  } catch {
    // somebody else reads it
  }
}

export function mixedParts(): MisuseError {
  return new MisuseError('ERR_INVALID_ARGUMENT', 'the parts of one message are all strings or all bytes')
}

/** Strings to UTF-8, one after the other: a surrogate pair may be cut between two of them. */
export class TextEncoding {
  #high = ''

  encode(part: string): Uint8Array {
    const text = this.#high + part
    const last = text.charCodeAt(text.length - 1)
    const cut = last >= 0xd800 && last <= 0xdbff
    this.#high = cut ? text.slice(-1) : ''
    return Buffer.from(cut ? text.slice(0, -1) : text)
  }

  end(): Uint8Array {
    return Buffer.from(this.#high)
  }
}
