// Knows what it means for a client that its handshake was answered in HTTP.
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../base/clock.ts'
import type { ErrorCode } from '../base/errors.ts'
import { AnsweredError, type ReadAnswer, readAnswer } from '../upgrade/answered.ts'
import { type Target, where } from '../upgrade/target.ts'
import { readVersions } from './handshake.ts'

/** The server answered the handshake in HTTP: 401, 404, 426, a redirect that was not followed, … */
export class HandshakeError extends AnsweredError {
  override readonly name: string = 'HandshakeError'
  /** The versions of WebSocket that the server says it speaks (RFC 6455 section 4.4); empty when it says nothing. */
  readonly versions: readonly number[]

  constructor(code: ErrorCode, seen: string, answer: ReadAnswer) {
    const section = isHttp2(answer.response) ? 'RFC 8441 section 5' : 'RFC 6455 section 4.1'
    super(code, seen, answer, { section })
    this.versions = readVersions(answer.response.rawHeaders)
  }
}

interface Refused {
  readonly code: ErrorCode
  readonly why: string | undefined
  readonly response: IncomingMessage
  readonly target: Target
  readonly signal: AbortSignal | undefined
  readonly clock: Clock
}

/** The error of an answer in HTTP. Rejects with the signal's reason where that fires before the answer is read. */
export async function refusal({
  code,
  why,
  response,
  target,
  signal,
  clock,
}: Refused): Promise<HandshakeError> {
  const answer = await readAnswer(response, clock, signal)
  const { statusCode, statusMessage } = response
  const seen = `${statusCode} ${statusMessage} from ${where(target)}`
  const wanted = `instead of a ${isHttp2(response) ? 200 : 101}`
  return new HandshakeError(code, why === undefined ? `${seen} ${wanted}` : `${seen}: ${why}`, answer)
}

/** There a 200 is success. */
function isHttp2({ httpVersion }: IncomingMessage): boolean {
  return httpVersion === '2.0'
}
