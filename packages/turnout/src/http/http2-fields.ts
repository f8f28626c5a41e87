// Knows how field lines of HTTP/1.1 look in HTTP/2, and which of them have no place there (RFC 9113 section 8.2).
import { MisuseError } from '../base/errors.ts'
import { fieldLines, linesByName } from './fields.ts'
import type { Fields } from './message.ts'

/**
 * The first field that concerns an HTTP/1.1 connection and so must not be sent in HTTP/2 (RFC 9113 section
 * 8.2.2), as it was written; undefined: none.
 */
function connectionSpecificField(fields: Fields): string | undefined {
  return fields.find(([name, value]) => isConnectionSpecific(name, value))?.[0]
}

/** @throws MisuseError ERR_HTTP2_FORBIDS_UPGRADE for such a field */
export function assertHttp2Fields(fields: Fields): void {
  const name = connectionSpecificField(fields)
  if (name === undefined) return
  throw new MisuseError(
    'ERR_HTTP2_FORBIDS_UPGRADE',
    `${name} concerns an HTTP/1.1 connection; this is HTTP/2`,
    {
      section: 'RFC 9113 section 8.2.2',
    },
  )
}

/** The fields without those. */
export function withoutConnectionSpecific(fields: Fields): Fields {
  return fields.filter(([name, value]) => !isConnectionSpecific(name, value))
}

/** The shape that node:http2 takes: names in lower case (section 8.2.1), several lines as a list. */
export function http2Headers(fields: Fields): Record<string, string | string[]> {
  return linesByName(fields.map(([name, value]) => [name.toLowerCase(), value]))
}

/** Whether Host, where it was sent at all, names another place than `:authority` (section 8.3.1). */
export function hostContradicts(rawHeaders: readonly string[], authority: string): boolean {
  return fieldLines(rawHeaders, 'host').some((host) => host.toLowerCase() !== authority.toLowerCase())
}

function isConnectionSpecific(name: string, value: string): boolean {
  const key = name.toLowerCase()
  return FORBIDDEN.has(key) || (key === 'te' && value.trim().toLowerCase() !== 'trailers')
}

const FORBIDDEN: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])
