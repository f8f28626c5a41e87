// Knows how a ready answer, turnout's own or a fetch Response, is written as an ordinary HTTP response.
import type { ServerResponse } from 'node:http'
import { MisuseError } from '../base/errors.ts'
import { hasConnectionOption } from '../http/connection.ts'
import { assertFields } from '../http/fields.ts'
import { formatList } from '../http/list.ts'
import type { Answer, Fields } from '../http/message.ts'
import { responseFields } from './response-fields.ts'

/** Writes the answer and ends the response. Fields that are set already stay, unless the answer has them too. */
export function sendAnswer(response: ServerResponse, answer: Answer): void {
  assertFields(answer.fields)
  forgetFraming(response)
  response.statusCode = answer.status
  if (answer.body !== '') response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  setFields(response, answer.fields)
  if (answer.close === true) response.shouldKeepAlive = false
  closeAloud(response)
  response.end(answer.body)
}

/**
 * Writes a fetch Response as it comes in, framed anew, no faster than the client takes it. Resolves when it is out
 * or the client is gone. Rejects with what the body's source or a field broke on; `response.headersSent` then tells
 * whether something else can still be said.
 * @param protocol what a 426 asks for that does not say it itself
 */
export async function sendResponse(
  response: ServerResponse,
  given: Response,
  protocol?: string,
): Promise<void> {
  if (given.status < 200 || given.bodyUsed) {
    const what = given.bodyUsed ? 'whose body was read already' : `with status ${given.status}`
    throw new MisuseError('ERR_INVALID_ARGUMENT', `a Response ${what} cannot be sent`)
  }
  const { fields, close } = responseFields(given, response.req.method, protocol)
  forgetFraming(response)
  response.statusCode = given.status
  if (given.statusText !== '') response.statusMessage = given.statusText
  setFields(response, fields)
  if (close) response.shouldKeepAlive = false
  closeAloud(response)
  const reader = given.body?.getReader()
  if (reader === undefined) return void response.end()
  if (response.req.method === 'HEAD') {
    response.end()
    return reader.cancel()
  }
  // With the client the wish for more goes too.
  const onClose = () => void reader.cancel().catch(() => {})
  response.once('close', onClose)
  try {
    await pump(response, reader)
  } catch (error) {
    reader.cancel(error).catch(() => {})
    throw error
  } finally {
    response.off('close', onClose)
  }
}

/** Sets every field; one that comes several times becomes several lines. */
export function setFields(response: ServerResponse, fields: Fields): void {
  const seen = new Set<string>()
  for (const [name, value] of fields) {
    const key = name.toLowerCase()
    // Cookies of the app's middleware stay beside ours.
    if (seen.has(key) || key === 'set-cookie') response.appendHeader(name, value)
    else response.setHeader(name, value)
    seen.add(key)
  }
}

async function pump(
  response: ServerResponse,
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<void> {
  let next = reader.read()
  for (let pieces = 1; ; pieces++) {
    const { done, value } = await next
    if (response.destroyed) return
    if (done) return void response.end()
    next = reader.read()
    // A failure is met when its turn comes.
    next.catch(() => {})
    // One piece that is all there is leaves with a Content-Length, in one write.
    if (!response.headersSent && (await isLast(next))) return void response.end(value)
    if (!response.write(value)) await drained(response)
    // A source that never has to wait must not keep everybody else waiting.
    else if (pieces % 16 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      response.off('drain', settle)
      response.off('close', settle)
      resolve()
    }
    response.once('drain', settle)
    response.once('close', settle)
  })
}

function isLast(next: Promise<{ readonly done: boolean }>): Promise<boolean> {
  const soon = new Promise<boolean>((resolve) => setImmediate(resolve, false))
  return Promise.race([next.then(({ done }) => done), soon]).catch(() => false)
}

/** What middleware said about another body. Asked first: to remove what is not set tells Node to do without. */
function forgetFraming(response: ServerResponse): void {
  for (const name of FRAMING) if (response.hasHeader(name)) response.removeHeader(name)
}

/** Whoever sets Connection by hand must say `close` by hand. */
function closeAloud(response: ServerResponse): void {
  const set = response.getHeader('connection')
  if (set === undefined || response.shouldKeepAlive) return
  const lines = [set].flat().map(String)
  if (!hasConnectionOption(lines, 'close')) response.setHeader('Connection', formatList([...lines, 'close']))
}

const FRAMING = ['Content-Length', 'Transfer-Encoding', 'Content-Encoding', 'Trailer'] as const
