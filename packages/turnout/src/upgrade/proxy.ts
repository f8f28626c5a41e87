// Knows which proxy, if any, stands between this client and a target: as the application or the environment says.
// Never knows a socket.
import process from 'node:process'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { MisuseError } from '../base/errors.ts'
import type { OptionNames } from '../base/option-names.ts'
import { given } from '../base/option-value.ts'
import { fieldsOf, type GivenFields } from '../http/fields.ts'
import type { Fields } from '../http/message.ts'
import { sameName } from '../http/token.ts'
import { bypasses } from './no-proxy.ts'
import { readTarget, type Target } from './target.ts'

/** A proxy with more to say about it than its URL. */
export interface ProxyOptions {
  /** `http://host:port` or `https://host:port`; userinfo becomes Proxy-Authorization. */
  readonly url: string | URL
  /** More fields for the proxy alone, such as a Proxy-Authorization of another scheme. */
  readonly headers?: GivenFields | undefined
  /** For the TLS connection to an https: proxy; the option `tls` beside it is for the server behind. */
  readonly tls?: TlsOptions | undefined
}

export const PROXY_OPTIONS: OptionNames<ProxyOptions> = { url: true, headers: true, tls: true }

/**
 * `'env'`: HTTPS_PROXY for wss: and https:, HTTP_PROXY for ws: and http:, unless NO_PROXY names the target; the
 * names in lower case go first. False: none.
 */
export type ProxyChoice = 'env' | string | URL | ProxyOptions | false

/** Where to ask for a tunnel, and with what. */
export interface TunnelProxy {
  readonly secure: boolean
  readonly host: string
  readonly port: number
  /** Fields of the CONNECT besides Host. */
  readonly fields: Fields
  readonly tls: TlsOptions | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The proxy for this target; undefined: go there directly.
 * @throws MisuseError for what is no http: or https: URL, in the option as in the environment
 */
export function proxyFor(
  choice: ProxyChoice | undefined,
  target: Pick<Target, 'secure' | 'host' | 'port'>,
  environment: Environment = process.env,
): TunnelProxy | undefined {
  if (choice === undefined || choice === false) return undefined
  if (choice === 'env') return fromEnvironment(target, environment)
  if (typeof choice === 'string' || choice instanceof URL) return readProxy({ url: choice }, 'proxy')
  if (typeof choice === 'object' && choice !== null) return readProxy(choice, 'proxy')
  throw new MisuseError('ERR_INVALID_ARGUMENT', `a proxy that is a ${typeof choice}`)
}

function fromEnvironment(
  target: Pick<Target, 'secure' | 'host' | 'port'>,
  environment: Environment,
): TunnelProxy | undefined {
  const name = target.secure ? 'https_proxy' : 'http_proxy'
  // to a CGI script HTTP_PROXY is a request's field Proxy: whoever calls could choose the proxy
  const asked = environment.REQUEST_METHOD !== undefined && !target.secure
  const url = environment[name] || (asked ? '' : environment[name.toUpperCase()]) || ''
  if (url.trim() === '') return undefined
  const exceptions = environment.no_proxy || environment.NO_PROXY || ''
  return bypasses(exceptions, target) ? undefined : readProxy({ url: withScheme(url.trim()) }, name)
}

/** Many write `proxy.example:3128`. */
function withScheme(url: string): string {
  return url.includes('://') ? url : `http://${url}`
}

function readProxy(options: ProxyOptions, where: string): TunnelProxy {
  const url = parse(options.url, where)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new MisuseError(
      'ERR_INVALID_ARGUMENT',
      `${where} is of scheme ${url.protocol}, where http: and https: can be asked for a tunnel`,
    )
  }
  const { secure, host, port, credentials } = readTarget(url, ['http:', 'https:'])
  const own = fieldsOf(options.headers ?? {})
  const wrong = own.find(([name]) => PROXY_OWN.has(name.toLowerCase()))
  if (wrong !== undefined) {
    throw new MisuseError('ERR_INVALID_ARGUMENT', `the field ${wrong[0]} belongs to the CONNECT itself`)
  }
  const authorized = own.some(([name]) => sameName(name, 'proxy-authorization'))
  const fields: Fields = authorized
    ? own
    : [...own, ...credentials.map(([, value]) => ['Proxy-Authorization', value] as const)]
  return { secure, host, port, fields, tls: given(options.tls) }
}

/** Never tells the URL: there may be a password in it. */
function parse(url: string | URL, where: string): URL {
  if (URL.canParse(String(url))) return new URL(url)
  throw new MisuseError('ERR_INVALID_ARGUMENT', `${where} is no absolute URL`)
}

const PROXY_OWN: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'host',
  'transfer-encoding',
  'upgrade',
])
