// Knows where a redirected handshake goes next, and what it must not take along (RFC 9110 section 15.4).
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { fieldLines } from '../http/fields.ts'
import type { Fields } from '../http/message.ts'
import type { RequestChoices } from '../upgrade/client.ts'

/** One place to ask, and what it is told. */
export interface Hop {
  /** Of scheme ws: or wss:, without userinfo and fragment. */
  readonly url: URL
  /** The application's fields. */
  readonly fields: Fields
  readonly tls: TlsOptions | undefined
  /** The Unix socket behind which this server is. */
  readonly socketPath?: string | undefined
}

export type Redirect =
  /** No redirect at all. */
  | { readonly kind: 'none' }
  | { readonly kind: 'follow'; readonly hop: Hop }
  /** A redirect that may not be followed, and why. */
  | { readonly kind: 'refused'; readonly why: string }

/** The redirects of a GET; 300, 304 and 305 want no new request of the same kind. */
const STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** Fields that say who asks, or that were meant for the first host alone. */
const FIRST_HOST_ONLY: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'proxy-authorization',
  'host',
])

export function readRedirect(
  response: { readonly statusCode?: number | undefined; readonly rawHeaders: readonly string[] },
  from: Hop,
  agent?: RequestChoices['agent'],
): Redirect {
  if (!STATUSES.has(response.statusCode ?? 0)) return { kind: 'none' }
  const locations = fieldLines(response.rawHeaders, 'location')
  if (locations.length !== 1) return { kind: 'refused', why: `a redirect with ${locations.length} Locations` }
  const location = locations[0]!
  const url = resolve(location, from.url)
  if (url === undefined)
    return { kind: 'refused', why: `a redirect to '${location}', which is no place to connect to` }
  if (from.url.protocol === 'wss:' && url.protocol === 'ws:') {
    return { kind: 'refused', why: `a redirect from wss: to ${url.href}, which has no TLS` }
  }
  if (url.origin === from.url.origin) return { kind: 'follow', hop: { ...from, url } }
  if (hasIdentity(agent)) {
    const why = `a redirect to ${url.origin}, to which the agent would show the client certificate of the first`
    return { kind: 'refused', why }
  }
  return {
    kind: 'follow',
    hop: {
      url,
      fields: from.fields.filter(([name]) => !FIRST_HOST_ONLY.has(name.toLowerCase())),
      tls: from.tls === undefined ? undefined : withoutIdentity(from.tls),
    },
  }
}

/** http: and https: as the WebSocket schemes that they become. */
export function toWebSocketScheme(url: URL): URL {
  const mapped = new URL(url)
  if (mapped.protocol === 'http:') mapped.protocol = 'ws:'
  else if (mapped.protocol === 'https:') mapped.protocol = 'wss:'
  return mapped
}

function resolve(location: string, base: URL): URL | undefined {
  if (!URL.canParse(location, base.href)) return undefined
  const url = toWebSocketScheme(new URL(location, base))
  // a server does not choose the credentials that go to another
  url.username = ''
  url.password = ''
  url.hash = ''
  return url.protocol === 'ws:' || url.protocol === 'wss:' ? url : undefined
}

/**
 * Neither the client's certificate, its shared secret or session, nor the first server's name means anything to
 * another. A ready context may hold a certificate, which nobody can take out: it goes as a whole.
 */
function withoutIdentity(tls: TlsOptions): TlsOptions {
  const others: Record<string, unknown> = { ...tls }
  for (const name of IDENTITY) delete others[name]
  return others
}

/** What an agent has of it, it puts into every connection, whatever the request says. */
function hasIdentity(agent: RequestChoices['agent']): boolean {
  const { options } = (agent || {}) as { readonly options?: Readonly<Record<string, unknown>> }
  return IDENTITY.some((name) => name !== 'servername' && options?.[name] !== undefined)
}

const IDENTITY = [
  'key',
  'cert',
  'pfx',
  'passphrase',
  'secureContext',
  'clientCertEngine',
  'privateKeyEngine',
  'privateKeyIdentifier',
  'pskCallback',
  'session',
  'servername',
] as const
