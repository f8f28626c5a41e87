// Knows how a ready answer, turnout's own or a fetch Response, goes out on a stream of HTTP/2, to clients that take it.
import { Buffer } from 'node:buffer'
import { constants, type ServerHttp2Stream } from 'node:http2'
import { type Clock, systemClock } from '../base/clock.ts'
import { MisuseError, shown } from '../base/errors.ts'
import { assertFields } from '../http/fields.ts'
import { assertHttp2Fields, http2Headers, withoutConnectionSpecific } from '../http/http2-fields.ts'
import type { Answer, Fields } from '../http/message.ts'
import { cancel } from './h2-reset.ts'
import { isFetched, responseFields } from './response-fields.ts'

/** How long a client may take for one piece of an answer, in milliseconds: its window may stay shut for ever. */
const TAKE_TIMEOUT_MS = 10_000
const PIECE_BYTES = 16_384

/** Fields that belong to HTTP/1.1 alone are left out: the answers are the same ones for both versions. */
export function answerStream(stream: ServerHttp2Stream, answer: Answer, clock: Clock = systemClock): void {
  if (stream.headersSent || isGone(stream)) return
  const type: Fields = answer.body === '' ? [] : [['Content-Type', 'text/plain; charset=utf-8']]
  const fields = [...type, ...withoutConnectionSpecific(answer.fields)]
  assertFields(fields)
  stream.respond({ ':status': statusOf(answer), ...http2Headers(fields) })
  finish(stream, answer.body, clock)
}

/** What is sent: RFC 9110 section 15.5.22 wants an Upgrade in every 426, which HTTP/2 cannot carry. */
export function statusOf({ status }: Answer): number {
  return status === 426 ? 400 : status
}

/**
 * Writes a fetch Response as it comes in, no faster than the client takes it; one that takes nothing is given up.
 * Resolves when it is out or the client is gone; rejects with what the body's source or a field broke on.
 * @param onMisuse told of a field that HTTP/2 forbids and that was left out
 */
export async function respondStream(
  stream: ServerHttp2Stream,
  given: Response,
  clock: Clock,
  onMisuse: (error: unknown) => void,
): Promise<void> {
  if (given.bodyUsed || given.status < 200) {
    const what = given.bodyUsed ? 'whose body was read already' : `with status ${given.status}`
    throw new MisuseError('ERR_INVALID_ARGUMENT', `a Response ${what} cannot be sent`)
  }
  if (isGone(stream)) return void given.body?.cancel().catch(() => {})
  try {
    // What came with a fetch is not the application's choice.
    if (!isFetched(given)) assertHttp2Fields([...given.headers])
  } catch (error) {
    onMisuse(error)
  }
  const fields = withoutConnectionSpecific(responseFields(given, 'CONNECT').fields)
  stream.respond({ ':status': given.status, ...http2Headers(fields) })
  if (given.body === null) return finish(stream, '', clock)
  const reader = given.body.getReader()
  const onClose = () => void reader.cancel().catch(() => {})
  stream.once('close', onClose)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (stream.destroyed) return
      if (done) return finish(stream, '', clock)
      const bytes = bytesOf(value)
      for (let at = 0; at < bytes.length && !stream.destroyed; at += PIECE_BYTES) {
        await write(stream, bytes.subarray(at, at + PIECE_BYTES), clock)
      }
    }
  } catch (error) {
    reader.cancel(error).catch(() => {})
    throw error
  } finally {
    stream.off('close', onClose)
  }
}

/** Reset by the client, or lost with its session: `respond` would throw. It is closed first and destroyed later. */
export function isGone(stream: ServerHttp2Stream): boolean {
  return stream.closed || stream.destroyed
}

/** Ends our side, then the whole stream: a client that was refused has nothing more to send. */
function finish(stream: ServerHttp2Stream, body: string, clock: Clock): void {
  stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR))
  stream.end(body)
  const alarm = clock.after(TAKE_TIMEOUT_MS, () => giveUp(stream))
  stream.once('close', () => alarm.cancel())
}

/** A source of the application's may give text as well, which a fetch Response itself does not check. */
function bytesOf(part: unknown): Uint8Array {
  if (part instanceof Uint8Array) return part
  if (typeof part === 'string') return Buffer.from(part)
  const seen = `a Response whose body brings ${shown(part)}; what is sent is a Uint8Array or a string`
  throw new MisuseError('ERR_INVALID_ARGUMENT', seen)
}

/** Resolves when the client has taken it, or is gone. */
function write(stream: ServerHttp2Stream, piece: Uint8Array, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const alarm = clock.after(TAKE_TIMEOUT_MS, () => giveUp(stream))
    const settle = () => {
      alarm.cancel()
      stream.off('close', settle)
      resolve()
    }
    stream.once('close', settle)
    stream.write(piece, settle)
  })
}

function giveUp(stream: ServerHttp2Stream): void {
  if (!stream.closed) cancel(stream)
  stream.destroy()
}
