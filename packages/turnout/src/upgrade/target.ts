// Knows what a URL says about where a request goes, and who asks.
import { Buffer } from 'node:buffer'
import { MisuseError } from '../base/errors.ts'
import type { Fields } from '../http/message.ts'

/** Where a request goes. */
export interface Target {
  readonly secure: boolean
  /** As the URL writes it; an IPv6 address without its brackets. */
  readonly host: string
  readonly port: number
  /** A Unix socket to connect to; host and port still name the server. */
  readonly socketPath?: string | undefined
  /** Path and query: the request target. */
  readonly path: string
  /** `Authorization: Basic …` when the URL has userinfo (RFC 7617 section 2); else empty. */
  readonly credentials: Fields
}

/** Schemes that mean HTTP/1.1, with or without TLS. */
const SECURE: Readonly<Record<string, boolean>> = {
  'http:': false,
  'https:': true,
  'ws:': false,
  'wss:': true,
}

/** @throws MisuseError for something that is no absolute URL. */
export function parseUrl(url: string | URL): URL {
  try {
    return new URL(url)
  } catch {
    // not the cause, which quotes it all
    throw new MisuseError('ERR_INVALID_ARGUMENT', `'${shownUrl(url)}' is no absolute URL`)
  }
}

/** A URL, or what was meant as one, as it may stand in a message: whatever may be a password is left out. */
export function shownUrl(url: string | URL): string {
  const text = String(url)
  const start = text.indexOf('//') + 2
  const at = text.lastIndexOf('@')
  return at < start ? text : `${start === 1 ? '' : text.slice(0, start)}…${text.slice(at)}`
}

/** @throws MisuseError for a scheme that is not one of `schemes`, such as `http:`. */
export function readTarget(url: URL, schemes: readonly string[], socketPath?: string): Target {
  const secure = SECURE[url.protocol]
  if (secure === undefined || !schemes.includes(url.protocol)) {
    throw new MisuseError(
      'ERR_INVALID_ARGUMENT',
      `a URL of scheme ${url.protocol} where ${schemes.join(' ')} can go${hintOf(url)}`,
    )
  }
  return {
    secure,
    host: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    ...(socketPath !== undefined && { socketPath }),
    path: url.pathname + url.search,
    credentials: basicCredentials(url),
  }
}

/** The place, as it may stand in a message. */
export function where({ host, port, socketPath }: Pick<Target, 'host' | 'port' | 'socketPath'>): string {
  return socketPath ?? `${host}:${port}`
}

function basicCredentials(url: URL): Fields {
  if (url.username === '' && url.password === '') return []
  const pair = `${percentDecode(url.username)}:${percentDecode(url.password)}`
  return [['Authorization', `Basic ${Buffer.from(pair).toString('base64')}`]]
}

/** `localhost:8080` is a URL with a scheme of its own. */
function hintOf({ protocol, pathname }: URL): string {
  const host = protocol.slice(0, -1)
  if (protocol === 'unix:' || protocol.endsWith('+unix:')) return '; a Unix socket goes into `socketPath`'
  return /^\d+(?:$|\/)/.test(pathname) ? `; is '${host}' the host, and its scheme missing?` : ''
}

/** A stray percent sign is kept as it is: the URL standard lets it stand in userinfo. */
function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
