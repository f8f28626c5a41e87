// Knows where a request's body begins and ends (RFC 9112 sections 6 and 7). Never guesses: two readings of one
// message are request smuggling, so whatever is not exactly by the rules is refused.
import type { Buffer } from 'node:buffer'
import { PeerError } from '../base/errors.ts'
import { fieldLines, isFieldValue } from './fields.ts'
import { splitList, trimSpace } from './list.ts'
import type { Answer } from './message.ts'
import { parseParameters } from './parameters.ts'
import { isToken, sameName } from './token.ts'

export type BodyFraming =
  /** No body: neither field, or a Content-Length of 0. */
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  /** Nobody can tell where it ends: send this answer, which closes. */
  | { readonly kind: 'bad'; readonly answer: Answer }

/** How the request says that its body is delimited. Repeated and contradicting fields are refused, even if equal. */
export function bodyFraming(rawHeaders: readonly string[]): BodyFraming {
  const lengths = fieldLines(rawHeaders, 'content-length')
  const codings = fieldLines(rawHeaders, 'transfer-encoding')
  if (codings.length > 0) {
    if (lengths.length > 0) return bad(400, 'Transfer-Encoding and Content-Length came together', '6.3')
    return transferFraming(splitList(codings))
  }
  if (lengths.length === 0) return { kind: 'none' }
  if (lengths.length > 1) return bad(400, 'Content-Length came more than once', '6.3')
  // 15 digits are below 2^53; no body is larger.
  if (!/^\d{1,15}$/.test(lengths[0]!)) return bad(400, 'Content-Length is not a number of bytes', '6.3')
  const bytes = Number(lengths[0])
  return bytes === 0 ? { kind: 'none' } : { kind: 'length', bytes }
}

/** What one read of the connection gave. */
export interface BodyProgress {
  /** Views on the body's bytes within the chunk, in order, none empty. */
  readonly parts: Buffer[]
  /** The body is complete. */
  readonly done: boolean
  /** What follows the body in this chunk; empty while it goes on. */
  readonly rest: Buffer
}

/**
 * Takes the bytes after a request's head, cut anywhere, and divides them into body and what follows.
 * Chunk extensions are checked and dropped, trailer fields are checked and kept.
 */
export class BodyReader {
  readonly #chunked: boolean
  #stage: 'size' | 'data' | 'data-end' | 'trailer' | 'done'
  /** Bytes of data that are still to come, of the body or of this chunk. */
  #left = 0
  #line = ''
  #sawCr = false
  /** What extensions and trailers together may still spend. */
  #sparePool = MAX_SPARE_BYTES
  #failure: PeerError | undefined
  readonly #rawTrailers: string[] = []

  constructor(framing: Exclude<BodyFraming, { readonly kind: 'bad' }>) {
    this.#chunked = framing.kind === 'chunked'
    this.#stage = framing.kind === 'chunked' ? 'size' : framing.kind === 'length' ? 'data' : 'done'
    if (framing.kind === 'length') this.#left = framing.bytes
    if (framing.kind === 'length' && framing.bytes === 0) this.#stage = 'done'
  }

  get done(): boolean {
    return this.#stage === 'done'
  }

  /** Name and value of each trailer field so far in turn, as they were written. */
  get rawTrailers(): readonly string[] {
    return this.#rawTrailers
  }

  /**
   * Reads on. Once done, everything is rest.
   * @throws PeerError ERR_BODY when the framing is broken, and again on every later call
   */
  read(chunk: Buffer): BodyProgress {
    if (this.#failure !== undefined) throw this.#failure
    const parts: Buffer[] = []
    let at = 0
    while (at < chunk.length && this.#stage !== 'done') {
      if (this.#stage === 'data') {
        const end = Math.min(chunk.length, at + this.#left)
        parts.push(chunk.subarray(at, end))
        this.#left -= end - at
        at = end
        if (this.#left === 0) this.#stage = this.#chunked ? 'data-end' : 'done'
      } else {
        this.#takeLineByte(chunk[at]!)
        at++
      }
    }
    return { parts, done: this.#stage === 'done', rest: chunk.subarray(at) }
  }

  #takeLineByte(byte: number): void {
    if (this.#sawCr) {
      if (byte !== LF) this.#fail('CR without LF in the framing of a chunked body')
      const line = this.#line
      this.#line = ''
      this.#sawCr = false
      this.#takeLine(line)
      return
    }
    if (byte === CR) {
      this.#sawCr = true
      return
    }
    if (byte === LF) this.#fail('LF without CR in the framing of a chunked body')
    if (this.#stage === 'data-end') this.#fail('chunk with more data than its size says')
    if (this.#stage === 'trailer' || this.#line.length >= MAX_SIZE_DIGITS) this.#sparePool--
    if (this.#sparePool < 0) this.#fail(`chunk extensions and trailers of over ${MAX_SPARE_BYTES} bytes`)
    this.#line += String.fromCharCode(byte)
  }

  #takeLine(line: string): void {
    if (this.#stage === 'data-end') {
      this.#stage = 'size'
    } else if (this.#stage === 'size') {
      this.#left = this.#readSize(line)
      this.#stage = this.#left === 0 ? 'trailer' : 'data'
    } else if (line === '') {
      this.#stage = 'done'
    } else {
      const colon = line.indexOf(':')
      const [name, value] = [line.slice(0, Math.max(0, colon)), line.slice(colon + 1)]
      if (!isToken(name) || !isFieldValue(value)) this.#fail('malformed trailer field')
      this.#rawTrailers.push(name, trimSpace(value))
    }
  }

  #readSize(line: string): number {
    // The size is itself a token, and its extensions are parameters.
    const size = parseParameters(line)?.name
    if (size === undefined || !/^[0-9a-f]{1,8}$/i.test(size)) {
      this.#fail('malformed chunk size or chunk extension')
    }
    return Number.parseInt(size, 16)
  }

  #fail(seen: string): never {
    this.#failure = new PeerError('ERR_BODY', seen, { section: 'RFC 9112 section 7.1' })
    throw this.#failure
  }
}

const CR = 0x0d
const LF = 0x0a
const MAX_SIZE_DIGITS = 8
const MAX_SPARE_BYTES = 16_384

function transferFraming(codings: readonly string[]): BodyFraming {
  if (!codings.every(isToken)) return bad(400, 'Transfer-Encoding is malformed', '6.1')
  const chunked = codings.filter((coding) => sameName(coding, 'chunked')).length
  if (chunked !== 1 || !sameName(codings.at(-1)!, 'chunked')) {
    return bad(400, 'Transfer-Encoding does not end in one chunked', '6.3')
  }
  if (codings.length > 1) return bad(501, 'Transfer-Encoding has a coding besides chunked', '6.1')
  return { kind: 'chunked' }
}

function bad(status: number, seen: string, section: string): BodyFraming {
  const body = `${seen} (RFC 9112 section ${section}).\n`
  return { kind: 'bad', answer: { status, fields: [], body, close: true } }
}
