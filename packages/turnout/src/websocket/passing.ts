// Knows which ends of a connection, and which failures to make one, are worth another attempt, and how soon.
import { MisuseError, PeerError } from '../base/errors.ts'
import { fieldLines } from '../http/fields.ts'
import { AnsweredError } from '../upgrade/answered.ts'
import type { CloseInfo } from './connection.ts'

/**
 * Codes that say nothing against coming back: the server goes away or restarts, is overloaded, had an error, or
 * nobody knows. All others are an answer: done (1000), a mistake that would be repeated (1002 to 1010), or the
 * application's own word (3000 to 4999).
 */
const PASSING_CODES: ReadonlySet<number> = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014])

/** Timeout, too early, too many requests: the refusals of a moment. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 425, 429])

/** Not implemented, version not supported: 5xx that stay. */
const LASTING_STATUSES: ReadonlySet<number> = new Set([501, 505])

/** Failures of ours to reach the server; whatever else a PeerError says, it says about the server itself. */
const PASSING_ERRORS: ReadonlySet<string> = new Set(['ERR_CONNECT', 'ERR_HANDSHAKE_TIMEOUT'])

/** Whether to try again, where the application does not say. */
export function isPassing(end: CloseInfo | Error): boolean {
  if (!(end instanceof Error)) return PASSING_CODES.has(end.code)
  if (end instanceof MisuseError) return false
  if (end instanceof AnsweredError) {
    return PASSING_STATUSES.has(end.status) || (end.status >= 500 && !LASTING_STATUSES.has(end.status))
  }
  return !(end instanceof PeerError) || PASSING_ERRORS.has(end.code)
}

/**
 * What Retry-After asks for, in milliseconds (RFC 9110 section 10.2.3); 0 when nothing does. A date counts from
 * the answer's own Date, so that no two clocks are compared.
 */
export function retryAfterMs(end: CloseInfo | Error): number {
  if (!(end instanceof AnsweredError)) return 0
  const { rawHeaders } = end.response
  const [asked, ...more] = fieldLines(rawHeaders, 'retry-after')
  if (asked === undefined || more.length > 0) return 0
  if (/^\d+$/.test(asked)) return Number(asked) * 1_000
  // Date.parse takes much for a date; an HTTP date begins with its weekday
  if (!/^[A-Z][a-z]{2,8},? /.test(asked)) return 0
  const [date] = fieldLines(rawHeaders, 'date')
  const spanMs = Date.parse(asked) - (date === undefined ? Date.now() : Date.parse(date))
  return spanMs > 0 ? spanMs : 0
}
