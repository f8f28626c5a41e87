// Knows what an application may ask of TLS in place, and how much it then insists (RFC 2817).
import type { Agent, IncomingMessage } from 'node:http'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { systemClock } from '../base/clock.ts'
import { MisuseError } from '../base/errors.ts'
import { assertOptions, type OptionNames } from '../base/option-names.ts'
import { assertOneOf, assertSignal, given } from '../base/option-value.ts'
import { fieldsOf } from '../http/fields.ts'
import { assertToken, sameName } from '../http/token.ts'
import {
  chosenProxy,
  REQUEST_CHOICES,
  type RequestChoices,
  readSocketPath,
  readTimeout,
  withCredentials,
} from './client.ts'
import { framingOf, lettingGo, type RequestBody } from './request-body.ts'
import { parseUrl, readTarget } from './target.ts'
import { TlsAttempt } from './tls-attempt.ts'

/**
 * How much the client insists. `mandatory`: `OPTIONS *` asks first, and without a 101 nothing else is sent
 * (RFC 2817 section 3.2). `optional`: the request itself asks, in the clear, and a server that declines answers it
 * in the clear (section 3.1): whoever listens has read it. `invited`: the request goes in the clear and asks for
 * nothing. In both of the latter a 426 that names TLS is followed once, the mandatory way (section 4.2).
 */
export type TlsMode = 'mandatory' | 'optional' | 'invited'

export interface TlsUpgradeOptions extends Omit<RequestChoices, 'agent'> {
  /** Default `mandatory`. */
  readonly mode?: TlsMode | undefined
  /** Default GET. */
  readonly method?: string | undefined
  /** As in `upgrade`; a stream is sent once, so that a 426 is not followed. Default: none. */
  readonly body?: RequestBody | undefined
  /** Ends whatever is going on, and the connection after it. */
  readonly signal?: AbortSignal | undefined
  /** For `tls.connect`: `ca`, `cert`, `servername`, … `rejectUnauthorized: false` believes every server. */
  readonly tls?: ConnectionOptions | undefined
}

const { agent: _agent, ...CHOICES } = REQUEST_CHOICES

const TLS_UPGRADE_OPTIONS: OptionNames<TlsUpgradeOptions> = {
  ...CHOICES,
  mode: true,
  method: true,
  body: true,
  signal: true,
}

export type TlsUpgradeResult = TlsSecured | TlsDeclined

/** TLS stands. */
export interface TlsSecured {
  readonly secure: true
  /** The answer to the request, come over TLS. Read its body, or `resume()` it. */
  readonly response: IncomingMessage
  /** For its certificate and the like; requests go through `agent`. */
  readonly socket: TLSSocket
  /**
   * For more requests on this connection: `http.get(url, { agent })`, `connect('ws://…', { agent })`. It makes no
   * other connection. When done: `agent.destroy()`.
   */
  readonly agent: Agent
}

/** Only where TLS is not mandatory. */
export interface TlsDeclined {
  readonly secure: false
  /** The answer to the request, come in the clear. Read its body, or `resume()` it. */
  readonly response: IncomingMessage
  readonly socket: undefined
  readonly agent: undefined
}

/**
 * Sends a request to an http: server over a connection that TLS secures in place. It concerns the next hop alone
 * (RFC 2817 section 5): with `proxy`, that is the server at the other end of a tunnel.
 * Rejects as `upgrade` does; with an AnsweredError ERR_UPGRADE_DECLINED where TLS is mandatory and the server
 * answers in the clear; with ERR_TLS_HANDSHAKE when the handshake fails.
 */
export function upgradeTls(
  url: string | URL,
  options?: TlsUpgradeOptions & { readonly mode?: 'mandatory' | undefined },
): Promise<TlsSecured>
/** The same where the mode may be another: `secure` tells whether it came to TLS. */
export function upgradeTls(url: string | URL, options: TlsUpgradeOptions): Promise<TlsUpgradeResult>
export async function upgradeTls(
  url: string | URL,
  options: TlsUpgradeOptions = {},
): Promise<TlsUpgradeResult> {
  assertOptions('upgradeTls', options, TLS_UPGRADE_OPTIONS)
  return lettingGo(options.body, () => performTlsUpgrade(url, options))
}

async function performTlsUpgrade(url: string | URL, options: TlsUpgradeOptions): Promise<TlsUpgradeResult> {
  const { mode = 'mandatory', body, signal } = options
  assertOneOf('mode', mode, ['mandatory', 'optional', 'invited'])
  assertSignal(signal)
  const target = readTarget(parseUrl(url), ['http:'], readSocketPath(options))
  const method = options.method ?? 'GET'
  assertToken('method', method)
  const own = fieldsOf(options.headers ?? {})
  if (own.some(([name]) => sameName(name, 'upgrade'))) {
    throw new MisuseError('ERR_INVALID_ARGUMENT', 'the field Upgrade is not the application’s to set here')
  }
  framingOf(body, own)
  const attempt = new TlsAttempt({
    target,
    method,
    fields: withCredentials(own, target.credentials),
    body,
    signal,
    tls: given(options.tls),
    proxy: chosenProxy(options, target),
    clock: options.clock ?? systemClock,
    timeoutMs: readTimeout(options.timeoutMs),
  })
  if (mode === 'mandatory') return attempt.mandatory()
  const result = mode === 'optional' ? await attempt.optional() : await attempt.plain()
  if (result.secure || result.response.statusCode !== 426) return result
  return attempt.followInvitation(result)
}
