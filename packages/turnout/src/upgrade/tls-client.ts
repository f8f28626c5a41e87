// Knows how a client secures its connection in place, and when it must not send its request (RFC 2817).
import { Agent, type IncomingMessage } from 'node:http'
import { connect, isIP, type TcpNetConnectOpts } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { type Clock, systemClock } from '../base/clock.ts'
import { MisuseError, PeerError, toError } from '../base/errors.ts'
import { assertOptions, type OptionNames } from '../base/option-names.ts'
import { assertOneOf, assertSignal, given } from '../base/option-value.ts'
import { fieldLines, fieldsOf } from '../http/fields.ts'
import type { Fields, Protocol } from '../http/message.ts'
import { assertToken, sameName } from '../http/token.ts'
import { formatProtocol, parseUpgrade } from '../http/upgrade.ts'
import { AnsweredError, readAnswer } from './answered.ts'
import {
  chosenProxy,
  REQUEST_CHOICES,
  type RequestChoices,
  readSocketPath,
  readTimeout,
  withCredentials,
  withUpgrade,
} from './client.ts'
import { connectOverTls, reasonOf } from './connecting.ts'
import { endWith, type Outcome, perform } from './exchange.ts'
import type { TunnelProxy } from './proxy.ts'
import { framingOf, lettingGo, type RequestBody } from './request-body.ts'
import { swallowHead } from './swallow-head.ts'
import { chosenProtocol } from './switch-check.ts'
import { parseUrl, readTarget, type Target, where } from './target.ts'
import { LineAgent } from './tls-line.ts'
import { MendedConnection } from './tls-mend.ts'
import { openTunnel } from './tunnel.ts'

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
  const attempt = new Attempt({
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
  if (mode === 'mandatory') return attempt.mandatory(OFFER)
  const result = mode === 'optional' ? await attempt.optional() : await attempt.plain()
  if (result.secure || result.response.statusCode !== 426) return result
  return attempt.followInvitation(result)
}

interface Setup {
  readonly target: Target
  readonly method: string
  readonly fields: Fields
  readonly body: RequestBody | undefined
  readonly signal: AbortSignal | undefined
  readonly tls: ConnectionOptions | undefined
  readonly proxy: TunnelProxy | undefined
  readonly clock: Clock
  readonly timeoutMs: number
}

/** Requests that are made of one, within one deadline. */
class Attempt {
  readonly #setup: Setup
  readonly #startMs: number

  constructor(setup: Setup) {
    this.#setup = setup
    this.#startMs = setup.clock.now()
  }

  /** TLS first, then the request. */
  async mandatory(offered: readonly Protocol[]): Promise<TlsSecured> {
    const { target, clock, method, fields, body, signal } = this.#setup
    // Nothing of the application goes with it, not even its credentials.
    const asked = { target: { ...target, path: '*' }, method: 'OPTIONS', fields: [], body: undefined }
    const { outcome, connection } = await this.#ask(asked, offered)
    if (outcome.kind === 'answered') {
      const answer = await readAnswer(outcome.response, clock, signal)
      const seen = `a ${answer.response.statusCode} where only TLS would do; the request was not sent`
      throw new AnsweredError('ERR_UPGRADE_DECLINED', seen, answer, { section: 'RFC 2817 section 3.2' })
    }
    const socket = await this.#secure(connection())
    const agent = new LineAgent(socket)
    try {
      const first = await this.#answerTo(socket, agent, asked.target, 'OPTIONS')
      await readAnswer(first, clock, signal)
      // The agent gets its connection back behind the end of the response.
      await new Promise((resolve) => setImmediate(resolve))
      if (!socket.writable) throw closedAfter(first, target)
      const { response } = await this.#perform({ target, method, fields, body }, agent)
      return { secure: true, response, socket, agent }
    } catch (error) {
      socket.destroy()
      throw error
    }
  }

  /** The request asks for TLS itself. */
  async optional(): Promise<TlsUpgradeResult> {
    const { target, method, fields, body } = this.#setup
    const { outcome, connection } = await this.#ask({ target, method, fields, body }, OFFER)
    if (outcome.kind === 'answered') return plain(outcome.response)
    const socket = await this.#secure(connection())
    const agent = new LineAgent(socket)
    try {
      const response = await this.#answerTo(socket, agent, target, method)
      return { secure: true, response, socket, agent }
    } catch (error) {
      socket.destroy()
      throw error
    }
  }

  async plain(): Promise<TlsDeclined> {
    const { target, method, fields, body } = this.#setup
    const { proxy } = this.#setup
    const { response } = await this.#perform({ target, method, fields, body, proxy }, false)
    return plain(response)
  }

  /** The server wants TLS: once, and if it then still does not get it, that is an error. */
  async followInvitation(declined: TlsDeclined): Promise<TlsUpgradeResult> {
    const { response } = declined
    const { clock, body, signal } = this.#setup
    const { protocols } = parseUpgrade(fieldLines(response.rawHeaders, 'upgrade'))
    if (protocols.length === 0) {
      const answer = await readAnswer(response, clock, signal)
      throw new AnsweredError(
        'ERR_UPGRADE_REQUIRED_WITHOUT_UPGRADE',
        'a 426 that names no protocol',
        answer,
        {
          section: 'RFC 9110 section 15.5.22',
        },
      )
    }
    const offered = protocols.filter(({ name }) => sameName(name, 'TLS'))
    const repeatable = body === undefined || typeof body === 'string' || body instanceof Uint8Array
    if (offered.length === 0 || !repeatable) return declined
    await readAnswer(response, clock, signal)
    return this.mandatory(offered)
  }

  async #ask(
    request: Asked,
    offered: readonly Protocol[],
  ): Promise<{ readonly outcome: Outcome; connection(): Duplex }> {
    const { proxy, target, signal, clock } = this.#setup
    const tunnel = proxy && (await openTunnel({ proxy, target, signal, clock, timeoutMs: this.#leftMs() }))
    const agent = new MendingAgent(tunnel)
    const names = offered.map(formatProtocol).join(', ')
    const outcome = await this.#perform(
      { ...request, fields: withUpgrade(request.fields, names) },
      agent,
      (response) => void chosenProtocol(response.rawHeaders, offered),
    ).catch((error: unknown) => {
      tunnel?.destroy()
      throw error
    })
    return { outcome, connection: () => agent.connection!.release() }
  }

  /** The response to a request that the server has got before TLS began. */
  async #answerTo(socket: TLSSocket, agent: Agent, target: Target, method: string): Promise<IncomingMessage> {
    const atStake = awaitsTrust(socket)
    swallowHead(socket)
    try {
      const { response } = await this.#perform({ target, method, fields: [], body: undefined }, agent)
      return response
    } catch (error) {
      if (!(error instanceof PeerError) || error.code !== 'ERR_CONNECT') throw error
      const { cause } = error
      if (!(atStake || isAlert(cause))) throw error
      throw this.#brokenHandshake(cause === undefined ? CLOSED : reasonOf(toError(cause)), cause)
    }
  }

  #perform(
    request: Asked,
    agent: Agent | false,
    judge: (response: IncomingMessage) => void = unsolicited,
  ): Promise<Outcome> {
    const { signal, clock } = this.#setup
    return perform({ ...request, signal, timeoutMs: this.#leftMs(), clock, agent, judge })
  }

  #secure(connection: Duplex): Promise<TLSSocket> {
    const { target, tls, signal, clock, timeoutMs } = this.#setup
    return new Promise((resolve, reject) => {
      let socket: TLSSocket
      try {
        socket = connectOverTls({
          ...(isIP(target.host) === 0 && { servername: target.host }),
          ...tls,
          host: target.host,
          socket: connection,
          ALPNProtocols: ['http/1.1'],
        })
      } catch (error) {
        connection.destroy()
        return reject(error)
      }
      // Its listener stays: a reset must not end the process.
      const fail = (error: unknown) => {
        stop()
        socket.destroy()
        connection.destroy()
        reject(error)
      }
      const broken = (seen: string, cause?: Error) => fail(this.#brokenHandshake(seen, cause))
      const onClose = () => broken(CLOSED)
      const onAbort = () => fail(signal?.reason)
      const stop = () => {
        alarm.cancel()
        socket.off('close', onClose)
        signal?.removeEventListener('abort', onAbort)
      }
      const alarm = clock.after(this.#leftMs(), () => {
        fail(new PeerError('ERR_HANDSHAKE_TIMEOUT', `${this.#handshake()}: not done in ${timeoutMs} ms`))
      })
      socket.on('error', (cause: Error) => broken(reasonOf(cause), cause))
      socket.on('close', onClose)
      if (signal?.aborted) return onAbort()
      signal?.addEventListener('abort', onAbort)
      socket.once('secureConnect', () => {
        stop()
        if (signal !== undefined) endWith(signal, socket)
        resolve(socket)
      })
    })
  }

  #brokenHandshake(seen: string, cause: unknown): PeerError {
    const detail = { section: 'RFC 2817 section 3.1', cause }
    return new PeerError('ERR_TLS_HANDSHAKE', `${this.#handshake()}: ${seen}`, detail)
  }

  #handshake(): string {
    return `TLS handshake with ${where(this.#setup.target)}`
  }

  #leftMs(): number {
    const { clock, timeoutMs } = this.#setup
    return Math.max(1, timeoutMs - (clock.now() - this.#startMs))
  }
}

interface Asked {
  readonly target: Target
  readonly method: string
  readonly fields: Fields
  readonly body: RequestBody | undefined
  readonly proxy?: TunnelProxy | undefined
}

/** One connection of its own for each request, whose 101 is mended. */
class MendingAgent extends Agent {
  connection: MendedConnection | undefined
  readonly #tunnel: Duplex | undefined

  constructor(tunnel: Duplex | undefined) {
    super()
    this.#tunnel = tunnel
  }

  override createConnection(options: object): MendedConnection {
    this.connection = new MendedConnection(this.#tunnel ?? connect(options as TcpNetConnectOpts))
    return this.connection
  }
}

/**
 * The server looks at a client's certificate when the client is done already: in TLS 1.3, and in Node always, which
 * then closes without an alert.
 */
function awaitsTrust(socket: TLSSocket): boolean {
  return Object.keys(socket.getCertificate() ?? {}).length > 0
}

function isAlert(cause: unknown): boolean {
  const { code } = (cause ?? {}) as NodeJS.ErrnoException
  return code !== undefined && /^ERR_SSL_.*_ALERT_/.test(code)
}

function closedAfter({ statusCode }: IncomingMessage, target: Target): PeerError {
  const seen = `${where(target)} closed the secured connection with its ${statusCode} to OPTIONS *`
  return new PeerError('ERR_CONNECT', `${seen}; the request was not sent`, {
    section: 'RFC 2817 section 3.2',
  })
}

function plain(response: IncomingMessage): TlsDeclined {
  return { secure: false, response, socket: undefined, agent: undefined }
}

function unsolicited(): never {
  throw new PeerError('ERR_UPGRADE_UNSOLICITED', 'a 101 that nobody asked for', {
    section: 'RFC 9110 section 7.8',
  })
}

/**
 * Names of the mechanism, not of a version: the handshake finds that out. The newer is what CUPS and turnout call
 * it, the older what RFC 2817 itself and servers that take it by the letter do.
 */
const OFFER: readonly Protocol[] = [
  { name: 'TLS', version: '1.2' },
  { name: 'TLS', version: '1.0' },
]

const CLOSED = 'the connection was closed'
