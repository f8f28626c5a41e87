// Knows which fields end at this hop and which an intermediary carries on (RFC 9110 section 7.6.1).
import { connectionOptions } from './connection.ts'
import { fieldLines, hasField } from './fields.ts'

/**
 * The field lines that may be forwarded, in order, as they were written. Gone are Connection, whatever it
 * names, and the fields that concern one hop even when unnamed. Write your own Connection and Upgrade after.
 *
 * One deviation, on purpose: some fields stay although Connection names them. No sender may name a field
 * that is meant for every recipient; who does so (`Connection: host`, `Connection: cookie`) wants the next
 * server to read another message than this one did.
 */
export function endToEndFields(rawHeaders: readonly string[]): [name: string, value: string][] {
  const named = connectionOptions(fieldLines(rawHeaders, 'connection'))
  // The body was unchunked or will be framed anew: a length that came beside the coding is a lie.
  const recoded = hasField(rawHeaders, 'transfer-encoding')
  const fields: [string, string][] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase()
    if (ONE_HOP.has(name)) continue
    if (recoded && name === 'content-length') continue
    if (named.has(name) && !isEndToEnd(name)) continue
    fields.push([rawHeaders[at]!, rawHeaders[at + 1]!])
  }
  return fields
}

/** Whether the field means something to every recipient, so that no Connection may name it. */
export function isEndToEnd(name: string): boolean {
  return END_TO_END.has(name.toLowerCase())
}

const ONE_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/** What routes, frames, authorizes or describes the message: it means another thing without them. */
const END_TO_END: ReadonlySet<string> = new Set([
  // routing, and who asked
  'host',
  'via',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-real-ip',
  'origin',
  // authority
  'authorization',
  'cookie',
  'set-cookie',
  'www-authenticate',
  // the content and how to read it
  'content-length',
  'content-type',
  'content-encoding',
  'content-range',
  'range',
  'expect',
  'location',
  'cache-control',
  'vary',
])
