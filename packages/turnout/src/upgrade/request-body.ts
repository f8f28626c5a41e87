// Knows how the content of a client's request is framed and sent.
import { Buffer } from 'node:buffer'
import type { ClientRequest } from 'node:http'
import { pipeline, Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'
import { MisuseError } from '../base/errors.ts'
import type { Fields } from '../http/message.ts'
import { sameName } from '../http/token.ts'

/** Content of a request. A string goes as UTF-8; a stream or an iterable goes chunked unless Content-Length is given. */
export type RequestBody = string | Uint8Array | Readable | AsyncIterable<string | Uint8Array>

/** How a request goes out. */
export interface Framing {
  /** Those that frame the body, to be added to the application's own. */
  readonly fields: Fields
  /** The application asks for a 100 before the body is sent. */
  readonly waitsForContinue: boolean
}

/** @throws MisuseError for a body and fields that no request can have together */
export function framingOf(body: RequestBody | undefined, own: Fields): Framing {
  return { fields: framingFields(body, own), waitsForContinue: expectsContinue(body, own) }
}

function framingFields(body: RequestBody | undefined, own: Fields): Fields {
  if (own.some(([name]) => sameName(name, 'transfer-encoding'))) {
    throw misuse('Transfer-Encoding is set by the framing, not by the application', 'RFC 9112 section 6.1')
  }
  const given = contentLengths(own)
  if (given.length > 1 || given.some((value) => !/^\d{1,15}$/.test(value))) {
    throw misuse(`Content-Length: ${given.join(', ')}`, 'RFC 9110 section 8.6')
  }
  if (body !== undefined && !isWhole(body)) {
    if (!(Symbol.asyncIterator in Object(body))) throw misuse(`a request body of type ${typeof body}`)
    return given.length === 0 ? [['Transfer-Encoding', 'chunked']] : []
  }
  const bytes = body === undefined ? 0 : Buffer.byteLength(body)
  if (given.some((value) => Number(value) !== bytes)) {
    throw misuse(`Content-Length: ${given[0]} for a body of ${bytes} bytes`, 'RFC 9110 section 8.6')
  }
  return body === undefined || given.length > 0 ? [] : [['Content-Length', String(bytes)]]
}

function expectsContinue(body: RequestBody | undefined, own: Fields): boolean {
  const expects = own.some(([name, value]) => sameName(name, 'expect') && /100-continue/i.test(value))
  if (expects && body === undefined) {
    throw misuse('Expect: 100-continue for a request without content', 'RFC 9110 section 10.1.1')
  }
  return expects
}

/** Sends the body, framed as `own` and its `Framing` say, and ends the request. `onError` hears what its source threw. */
export function sendBody(
  request: ClientRequest,
  body: RequestBody | undefined,
  own: Fields,
  onError: (error: unknown) => void,
): void {
  if (body === undefined) request.end()
  else if (isWhole(body)) request.end(body)
  else {
    // the server may have an answer before the first chunk comes
    request.flushHeaders()
    // how it went, the request's own events and `onError` say
    pipeline(checkedChunks(readable(body), own, onError), request, () => {})
  }
}

/** The body will not be sent, or not to its end: a stream is let go, so that a file is closed. */
export function dropBody(body: RequestBody | undefined): void {
  if (body instanceof Readable) body.destroy()
  else if (body instanceof ReadableStream) {
    const reading = readables.get(body)
    if (reading !== undefined) reading.destroy()
    else if (!body.locked) body.cancel().catch(ignore)
  }
}

/** What reads a ReadableStream: a loop over it could not be ended while it waits for a chunk. */
const readables = new WeakMap<ReadableStream, Readable>()

function readable(body: Exclude<RequestBody, string | Uint8Array>): AsyncIterable<string | Uint8Array> {
  if (!(body instanceof ReadableStream)) return body
  const reading = Readable.fromWeb(body, { objectMode: true })
  reading.on('error', ignore)
  readables.set(body, reading)
  return reading
}

/** What `act` resolves with. Where it rejects, or never came to send the body, that is let go. */
export async function lettingGo<Result>(
  body: RequestBody | undefined,
  act: () => Promise<Result>,
): Promise<Result> {
  try {
    return await act()
  } catch (error) {
    dropBody(body)
    throw error
  }
}

function isWhole(body: RequestBody): body is string | Uint8Array {
  return typeof body === 'string' || body instanceof Uint8Array
}

/**
 * What is no chunk of bytes fails the body here; inside the request it would throw out of a stream callback.
 * So does a body that is not as long as its Content-Length: it would run into the next request.
 */
async function* checkedChunks(
  body: AsyncIterable<string | Uint8Array>,
  own: Fields,
  onError: (error: unknown) => void,
): AsyncGenerator<string | Uint8Array, void, undefined> {
  const [length] = contentLengths(own)
  let bytes = 0
  try {
    for await (const chunk of body) {
      if (!isWhole(chunk)) throw misuse(`a chunk of type ${typeof chunk} in a request body`)
      bytes += Buffer.byteLength(chunk)
      if (length !== undefined && bytes > Number(length)) break
      yield chunk
    }
    if (length !== undefined && bytes !== Number(length)) {
      throw misuse(`a body that is not of the ${length} bytes in its Content-Length`, 'RFC 9110 section 8.6')
    }
  } catch (error) {
    // told from here, before the request that it destroys tells of a lost connection
    onError(error)
    throw error
  }
}

function contentLengths(own: Fields): string[] {
  return own.filter(([name]) => sameName(name, 'content-length')).map(([, value]) => value)
}

function misuse(seen: string, section?: string): MisuseError {
  return new MisuseError('ERR_INVALID_ARGUMENT', seen, section === undefined ? {} : { section })
}

function ignore(): void {}
