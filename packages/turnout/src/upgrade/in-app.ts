// Knows the way of an upgrade that the application hands over from inside an ordinary route, after its middleware.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import process from 'node:process'
import type { Clock } from '../base/clock.ts'
import { MisuseError } from '../base/errors.ts'
import { wantsUpgrade } from '../http/gate.ts'
import type { Answer } from '../http/message.ts'
import { sendAnswer } from './answer.ts'
import { candidatesOf } from './candidates.ts'
import { answerStream } from './connect-answer.ts'
import { connectArrivalOf } from './connect-arrival.ts'
import { arrivalOf } from './decline.ts'
import type { Verdict } from './deliberation.ts'
import type { Deliberations } from './deliberations.ts'
import { assertExchange } from './exchange-check.ts'
import type { ExtendedConnect } from './extended-connect.ts'
import type { Occupant, UpgradeProtocol } from './protocol.ts'
import { CLOSING, type Verdicts } from './verdicts.ts'

export interface InAppSetup {
  /** Where a CONNECT of HTTP/2 goes on. */
  readonly extended: ExtendedConnect
  readonly deliberations: Deliberations
  readonly verdicts: Verdicts
  readonly clock: Clock
  readonly decisionTimeoutMs: number
  isClosing(): boolean
  onError(error: unknown, request: IncomingMessage | undefined, place?: string): void
}

export class InApp {
  readonly #setup: InAppSetup
  #toldHttp2 = false
  #toldShared = false

  constructor(setup: InAppSetup) {
    this.#setup = setup
  }

  /**
   * Switches a request that has reached the application. Undefined: it was answered in another way, with
   * `invitation` if it did not ask for this protocol, or its client is gone.
   * @throws MisuseError ERR_ALREADY_ANSWERED, ERR_NOT_ATTACHED
   */
  takeOver(
    request: IncomingMessage,
    response: ServerResponse,
    protocol: UpgradeProtocol,
    invitation: Answer,
  ): Occupant | undefined | Promise<Occupant | undefined> {
    const { extended, deliberations, verdicts, clock, isClosing } = this.#setup
    assertExchange(request, response)
    if (response.headersSent || response.writableEnded) {
      throw new MisuseError('ERR_ALREADY_ANSWERED', 'the response was sent before upgrade() was called')
    }
    if (request.httpVersionMajor >= 2) {
      const connect = connectArrivalOf(request)
      if (connect !== undefined) return extended.takeOver(connect, response, protocol, invitation)
      this.#tellHttp2(request)
      const { stream } = request as unknown as Http2ServerRequest
      return void answerStream(stream, NO_UPGRADE_IN_HTTP2, clock)
    }
    const offered = wantsUpgrade(request)
    const protocols = offered === undefined || offered.malformed ? [] : offered.protocols
    const candidates = candidatesOf(protocols, [protocol], request, 'client')
    if (candidates.length === 0) return void sendAnswer(response, invitation)
    const arrival = arrivalOf(request)
    if (arrival === undefined) {
      throw new MisuseError(
        'ERR_NOT_ATTACHED',
        'upgrade() needs a turnout on the server that the request came through: call attach(server)',
      )
    }
    if (arrival.shared) this.#tellShared(request)
    if (isClosing()) return void sendAnswer(response, CLOSING)
    const verdict = deliberations.begin(arrival, protocols, candidates)
    const act = (verdict: Verdict) => verdicts.actInApp(arrival, response, verdict)
    return verdict instanceof Promise ? verdict.then(act) : act(verdict)
  }

  /** Once: the client chose HTTP/2, but the application can do something about it. */
  #tellHttp2(request: IncomingMessage): void {
    if (this.#toldHttp2) return
    this.#toldHttp2 = true
    const seen = 'upgrade() on an ordinary request of HTTP/2, which was answered with a 400'
    const error = new MisuseError('ERR_HTTP2_FORBIDS_UPGRADE', seen, { section: 'RFC 9113 section 8.6' })
    this.#setup.onError(error, request)
  }

  /** Once: every handshake of that route takes as long. */
  #tellShared({ url = '/' }: IncomingMessage): void {
    if (this.#toldShared) return
    this.#toldShared = true
    const [path] = url.split('?', 1)
    process.emitWarning(
      `upgrade() on ${path} had to wait ${this.#setup.decisionTimeoutMs} ms for the other upgrade listeners of its server; attach(server, { foreign }) says which requests are theirs`,
      { code: 'TURNOUT_FOREIGN_WAIT' },
    )
  }
}

const NO_UPGRADE_IN_HTTP2: Answer = {
  status: 400,
  fields: [],
  body: 'HTTP/2 has no Upgrade (RFC 9113 section 8.6); WebSocket comes by extended CONNECT there (RFC 8441).\n',
}
