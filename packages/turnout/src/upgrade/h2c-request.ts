// Knows how a request of HTTP/1.1 reads in HTTP/2 (RFC 7540 section 8.1.2). Never knows a socket.
import { fieldLines } from '../http/fields.ts'
import { endToEndFields } from '../http/hop.ts'
import type { Fields } from '../http/message.ts'
import { sameName } from '../http/token.ts'

export interface Http1Request {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly rawHeaders: readonly string[]
}

/**
 * The fields of the same request on stream 1: Host becomes `:authority`, names become small, and what concerned
 * the HTTP/1.1 connection goes. Undefined for a request that has more fields than a server of node:http2 takes.
 */
export function http2Request(request: Http1Request): Fields | undefined {
  const { authority, path } = targetOf(request)
  const fields = endToEndFields(request.rawHeaders).filter(([name]) => !sameName(name, 'host'))
  if (fields.length > MAX_FIELDS) return undefined
  return [
    [':method', request.method ?? 'GET'],
    [':scheme', 'http'],
    [':authority', authority],
    [':path', path],
    ...fields.map(([name, value]): [string, string] => [name.toLowerCase(), value]),
  ]
}

/** A target in absolute form overrules Host (RFC 9112 section 3.2.2), and is taken apart. */
function targetOf(request: Http1Request): { readonly authority: string; readonly path: string } {
  const target = request.url ?? '/'
  const host = fieldLines(request.rawHeaders, 'host')[0] ?? ''
  if (target.startsWith('/') || target === '*' || !URL.canParse(target)) {
    return { authority: host, path: target }
  }
  const url = new URL(target)
  return { authority: url.host, path: `${url.pathname}${url.search}` }
}

/** Node's default `maxHeaderListPairs` is 128, pseudo-fields included. */
const MAX_FIELDS = 124
