// Knows which web pages may open a WebSocket here (RFC 6455 section 10.2). Browsers send cookies along with
// any page's handshake and no CORS asks first, so the server has to look.
import { MisuseError, shown } from '../base/errors.ts'
import { fieldLines } from '../http/fields.ts'
import { isHost } from '../http/gate.ts'
import type { Answer } from '../http/message.ts'

export interface OwnOrigin {
  /** What this server itself saw: `https` when the connection is TLS, `http` else. */
  readonly scheme: 'http' | 'https'
  /** The value of Host. */
  readonly host: string
}

/**
 * A 403 for a page of another site; undefined: go on. Without Origin it is no browser, and passes.
 *
 * The server's own origin is the one whose host and port are those of Host; the port that the origin's scheme
 * implies may be written or left out. Over TLS the scheme has to be https. Over plain TCP both schemes pass,
 * because a proxy in front may have taken the TLS off, and the page is https then.
 *
 * `origins` lists others: compared by scheme, host and port, or letter by letter where they are none
 * (`null`, `chrome-extension://…`). `'*'` lets everything pass.
 */
export function checkOrigin(
  rawHeaders: readonly string[],
  own: OwnOrigin,
  origins: readonly string[] | '*' | undefined,
): Answer | undefined {
  const lines = fieldLines(rawHeaders, 'origin')
  if (lines.length === 0 || origins === '*') return undefined
  if (lines.length > 1) return refusal(`Origin came ${lines.length} times`)
  const origin = lines[0]!
  if (origins?.includes(origin)) return undefined
  const page = parseOrigin(origin)
  if (page !== undefined && (isOwn(page, own) || isListed(page, origins))) return undefined
  return refusal(
    `Origin ${JSON.stringify(origin.slice(0, 200))} is neither this server's own nor listed in \`origins\``,
  )
}

/**
 * Lets a list of origins pass that can match something.
 * @throws MisuseError ERR_INVALID_ARGUMENT for an entry such as `app.example` or `https://app.example/`
 */
export function assertOrigins(origins: readonly string[] | '*' | undefined): void {
  if (origins === undefined || origins === '*') return
  if (!Array.isArray(origins)) {
    const wanted = "origins wants a list, such as ['https://app.example'], or '*'"
    throw new MisuseError('ERR_INVALID_ARGUMENT', `${wanted}; this is ${shown(origins)}`)
  }
  for (const origin of origins) {
    const isText = typeof origin === 'string'
    if (isText && origin.includes('*')) {
      const advice = "take origins: '*', and look at the Origin field in accept"
      throw new MisuseError(
        'ERR_INVALID_ARGUMENT',
        `origin ${shown(origin)} has a wildcard, and there are none: ${advice}`,
      )
    }
    if (isText && (origin === 'null' || parseOrigin(origin) || FOREIGN_SCHEME.test(origin))) continue
    throw new MisuseError(
      'ERR_INVALID_ARGUMENT',
      `origin ${shown(origin)} is not scheme://host or scheme://host:port`,
      { section: 'RFC 6454 section 6.2' },
    )
  }
}

interface PageOrigin {
  readonly scheme: string
  readonly host: string
  readonly port: number
}

const ORIGIN = /^(https?):\/\/(.+)$/i
const FOREIGN_SCHEME = /^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/i

function parseOrigin(text: string): PageOrigin | undefined {
  const match = ORIGIN.exec(text)
  if (match === null || !isHost(match[2]!)) return undefined
  const scheme = match[1]!.toLowerCase()
  return { scheme, ...splitHost(match[2]!, scheme) }
}

function isOwn(page: PageOrigin, own: OwnOrigin): boolean {
  if (own.scheme === 'https' && page.scheme !== 'https') return false
  const { host, port } = splitHost(own.host, page.scheme)
  return page.host === host && page.port === port
}

function isListed(page: PageOrigin, origins: readonly string[] | undefined): boolean {
  if (origins === undefined) return false
  return origins.some((entry) => {
    const listed = parseOrigin(entry)
    return listed?.scheme === page.scheme && listed.host === page.host && listed.port === page.port
  })
}

function splitHost(text: string, scheme: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':')
  // The last colon inside brackets belongs to an IPv6 address.
  const hasPort = colon > text.lastIndexOf(']')
  const digits = hasPort ? text.slice(colon + 1) : ''
  const port = digits === '' ? (scheme === 'https' ? 443 : 80) : Number(digits)
  return { host: (hasPort ? text.slice(0, colon) : text).toLowerCase(), port }
}

function refusal(seen: string): Answer {
  return { status: 403, fields: [], body: `${seen} (RFC 6455 section 10.2).\n` }
}
