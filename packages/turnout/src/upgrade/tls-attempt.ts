// Knows the requests that one upgrade to TLS is made of, each within what is left of one deadline (RFC 2817).
import type { Agent, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import { PeerError } from '../base/errors.ts'
import { fieldLines } from '../http/fields.ts'
import type { Fields, Protocol } from '../http/message.ts'
import { sameName } from '../http/token.ts'
import { formatProtocol, parseUpgrade } from '../http/upgrade.ts'
import { AnsweredError, readAnswer } from './answered.ts'
import { withUpgrade } from './client.ts'
import { type Outcome, perform } from './exchange.ts'
import type { TunnelProxy } from './proxy.ts'
import type { RequestBody } from './request-body.ts'
import { swallowHead } from './swallow-head.ts'
import { chosenProtocol } from './switch-check.ts'
import { type Target, where } from './target.ts'
import type { TlsDeclined, TlsSecured, TlsUpgradeResult } from './tls-client.ts'
import { awaitsTrust, brokenHandshake, isAlert, secureConnection } from './tls-client-handshake.ts'
import { LineAgent } from './tls-line.ts'
import { MendingAgent } from './tls-mend.ts'
import { openTunnel } from './tunnel.ts'

export interface TlsAttemptSetup {
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
export class TlsAttempt {
  readonly #setup: TlsAttemptSetup
  readonly #startMs: number

  constructor(setup: TlsAttemptSetup) {
    this.#setup = setup
    this.#startMs = setup.clock.now()
  }

  /** TLS first, then the request. */
  async mandatory(offered: readonly Protocol[] = OFFER): Promise<TlsSecured> {
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
    const { target, method, fields, body, proxy } = this.#setup
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
      throw brokenHandshake(this.#setup.target, cause)
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
    return secureConnection({ ...this.#setup, connection, leftMs: this.#leftMs() })
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
