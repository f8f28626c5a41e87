// Knows what every request must show before an upgrade is thought of: the checks that Node skips on that path.
import { hasConnectionOption } from './connection.ts'
import { fieldLines } from './fields.ts'
import type { Answer } from './message.ts'
import { parseUpgrade, type UpgradeList } from './upgrade.ts'

/** The part of an IncomingMessage that the checks read. */
export interface RequestHead {
  readonly method?: string | undefined
  /** The request target. */
  readonly url?: string | undefined
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
}

/**
 * The answer for a request that is no proper HTTP/1.x at all; undefined: go on. Each such answer closes,
 * since what follows on the connection cannot be trusted either.
 */
export function checkRequest(request: RequestHead): Answer | undefined {
  const { httpVersion, rawHeaders } = request
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    return refusal(505, `The request line says HTTP/${httpVersion}; this connection speaks HTTP/1.1.`)
  }
  if (!isTarget(request)) {
    return refusal(400, `The request target has no form that ${request.method} takes (${HOST_RULE}).`)
  }
  const hosts = fieldLines(rawHeaders, 'host')
  // RFC 9112 section 3.2: 1.1 needs exactly one Host; 1.0 may do without.
  if (hosts.length === 0) {
    return httpVersion === '1.0' ? undefined : refusal(400, `Host is missing (${HOST_RULE}).`)
  }
  if (hosts.length > 1) {
    return refusal(400, `Host came ${hosts.length} times, and must come once (${HOST_RULE}).`)
  }
  if (!isHost(hosts[0]!)) {
    return refusal(400, `Host is no host with an optional port (${HOST_RULE}).`)
  }
  return undefined
}

/**
 * The answer for a head with so many fields that Node may have dropped some, as Node 20 does without a word: what
 * frames the body, or names the host, may be among them. Undefined: go on.
 * @param maxHeadersCount of the server; 0: Node drops none
 */
export function checkCount(
  request: RequestHead,
  maxHeadersCount: number | null | undefined,
): Answer | undefined {
  const most = typeof maxHeadersCount === 'number' ? maxHeadersCount : DEFAULT_MAX_FIELDS
  if (most === 0 || request.rawHeaders.length < 2 * Math.max(most, FIELDS_AT_A_TIME)) return undefined
  return refusal(431, 'The head has more fields than this server reads (RFC 6585 section 5).')
}

/**
 * What the client offers to switch to; undefined: it offers nothing that counts, and this is an ordinary
 * request. HTTP/1.0 cannot upgrade, and without the Connection option `upgrade` the field was meant for
 * another hop (RFC 9110 section 7.8).
 */
export function wantsUpgrade(request: RequestHead): UpgradeList | undefined {
  if (request.httpVersion !== '1.1') return undefined
  const lines = fieldLines(request.rawHeaders, 'upgrade')
  if (lines.length === 0) return undefined
  if (!hasConnectionOption(fieldLines(request.rawHeaders, 'connection'), 'upgrade')) return undefined
  const list = parseUpgrade(lines)
  return list.protocols.length === 0 && !list.malformed ? undefined : list
}

/**
 * Whether the request target is a path, an absolute URI, or for OPTIONS `*` (RFC 9112 section 3.2). Node takes
 * whatever begins with a `*`, of which `*@elsewhere/`, behind an authority, would name another host.
 */
function isTarget({ method, url = '/' }: RequestHead): boolean {
  if (url.startsWith('/')) return true
  return url === '*' ? method === 'OPTIONS' : ABSOLUTE.test(url) && URL.canParse(url)
}

const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\//i

/**
 * Whether this is `uri-host [ ":" port ]` (RFC 9110 section 7.2) with a host that is not empty: an http URI
 * without one is invalid (section 4.2.1). A port is at most 65535.
 */
export function isHost(text: string): boolean {
  if (!HOST.test(text)) return false
  const colon = text.lastIndexOf(':')
  // an address in brackets has colons of its own
  return colon <= text.lastIndexOf(']') || Number(text.slice(colon + 1)) <= 65_535
}

/** Node's own bound where a server sets none. */
const DEFAULT_MAX_FIELDS = 1_000
/** Node counts only when its parser has found so many more. */
const FIELDS_AT_A_TIME = 32

const HOST_RULE = 'RFC 9112 section 3.2'
// An address in brackets, or a registered name (IPv4 looks like one), then perhaps a port.
const HOST = /^(?:\[[0-9a-f:.]+\]|(?:[a-z0-9._~!$&'()*+,;=-]|%[0-9a-f]{2})+)(?::\d{0,5})?$/i

function refusal(status: number, body: string): Answer {
  return { status, fields: [], body: `${body}\n`, close: true }
}
