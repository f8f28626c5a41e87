// Knows the way of every extended CONNECT through a server (RFC 8441): routes, decision, the 200 or another answer.
// Never knows HTTP/1.1.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, type Http2Server, Http2ServerResponse } from 'node:http2'
import process from 'node:process'
import type { Clock } from '../base/clock.ts'
import { PeerError } from '../base/errors.ts'
import type { Tally } from '../base/tally.ts'
import { assertFields } from '../http/fields.ts'
import { assertHttp2Fields, http2Headers } from '../http/http2-fields.ts'
import type { Answer, Protocol } from '../http/message.ts'
import { formatProtocol } from '../http/upgrade.ts'
import type { Attachment } from './attachment.ts'
import { candidatesOf } from './candidates.ts'
import { answerStream, respondStream, statusOf } from './connect-answer.ts'
import { ConnectArrival, isExtendedConnect, speaksHttp2 } from './connect-arrival.ts'
import { type Candidate, discard, type Verdict } from './deliberation.ts'
import type { Deliberations } from './deliberations.ts'
import { type Foreign, IN_FOREIGN } from './foreign.ts'
import type { Occupants } from './occupants.ts'
import type { Occupant, UpgradeProtocol } from './protocol.ts'
import { type Ending, placeInHandshake, tellHandshake } from './sight.ts'
import { type Switch, survivesSwitch } from './switch.ts'
import { endingOf } from './verdicts.ts'
import type { StreamEvent } from './watch.ts'

export interface ExtendedConnectSetup {
  readonly protocols: readonly UpgradeProtocol[]
  readonly occupants: Occupants
  /** Counts what no route was asked about. */
  readonly others: Tally
  readonly clock: Clock
  /** One for all versions of HTTP: the limits hold for all together. */
  readonly deliberations: Deliberations
  isClosing(): boolean
  onError(error: unknown, request: IncomingMessage | undefined, place?: string): void
}

/**
 * Tells every client that comes from now on that extended CONNECT works here (SETTINGS_ENABLE_CONNECT_PROTOCOL,
 * RFC 8441 section 3), whatever settings the server was made with. A setting once sent is never taken back.
 */
export function offerExtendedConnect(server: object): void {
  if (speaksHttp2(server)) (server as Http2Server).updateSettings({ enableConnectProtocol: true })
}

export class ExtendedConnect {
  readonly #setup: ExtendedConnectSetup

  constructor(setup: ExtendedConnectSetup) {
    this.#setup = setup
  }

  /** Looks at what the server is about to emit as `stream`; true: nobody else is to hear of it. */
  receive(event: StreamEvent, attachment: Attachment): boolean {
    const [stream, headers, , rawHeaders] = event
    if (!isExtendedConnect(headers)) return false
    const arrival = new ConnectArrival(
      { server: attachment.server, clock: this.#setup.clock },
      stream,
      headers,
      rawHeaders,
    )
    const refusal = arrival.check()
    if (refusal !== undefined) this.#refuse(arrival, refusal)
    else this.#consider(arrival, (known) => this.#leave(arrival, known, event, attachment))
    return true
  }

  /** The same for a request that has reached the application. Undefined: no switch; all but a pass is answered. */
  takeOver(
    arrival: ConnectArrival,
    response: ServerResponse,
    protocol: UpgradeProtocol,
    invitation: Answer,
  ): Occupant | undefined | Promise<Occupant | undefined> {
    const candidates = candidatesOf(protocolsOf(arrival), [protocol], arrival.request, 'client')
    if (candidates.length === 0) return void this.#answer(arrival, invitation)
    const insisted = this.#insisted(arrival)
    if (insisted !== undefined) return void this.#sendBack(arrival, insisted)
    if (this.#setup.isClosing()) return void this.#refuse(arrival, CLOSING)
    const set = Object.entries(response.getHeaders()).filter(([name]) => survivesSwitch(name))
    const given = Object.fromEntries(set) as Record<string, string | string[]>
    const act = (verdict: Verdict) => this.#act(arrival, verdict, () => {}, given)
    const verdict = this.#deliberate(arrival, candidates)
    return verdict instanceof Promise ? verdict.then(act) : act(verdict)
  }

  #consider(arrival: ConnectArrival, leaveTo: (known: boolean) => void): void {
    const { protocol, request } = arrival
    let routes: readonly UpgradeProtocol[] = []
    let candidates: readonly Candidate[] = []
    let insisted: Answer | undefined
    const leave = () => leaveTo(routes.length > 0)
    try {
      insisted = this.#insisted(arrival)
      routes = this.#setup.protocols.filter((route) => protocol && route.connects?.(protocol))
      candidates = candidatesOf(protocolsOf(arrival), routes, request, 'client')
    } catch (error) {
      arrival.asked = { protocol: '', tally: this.#setup.others }
      return void this.#act(arrival, { kind: 'failed', error }, leave)
    }
    if (insisted !== undefined) return this.#sendBack(arrival, insisted)
    if (candidates.length === 0) return leave()
    if (this.#setup.isClosing()) return this.#refuse(arrival, CLOSING)
    const verdict = this.#deliberate(arrival, candidates)
    if (!(verdict instanceof Promise)) return void this.#act(arrival, verdict, leave)
    // Out of the promise: what the app throws then is its own uncaught exception, as in every request.
    verdict.then((settled) => process.nextTick(() => this.#act(arrival, settled, leave)))
  }

  /** What a protocol that begins in HTTP/1.1 alone demands of this request: no stream can become that. */
  #insisted({ request }: ConnectArrival): Answer | undefined {
    for (const protocol of this.#setup.protocols) {
      const insisted = protocol.insists?.(request)
      if (insisted !== undefined) return insisted
    }
    return undefined
  }

  #deliberate(arrival: ConnectArrival, candidates: readonly Candidate[]): Verdict | Promise<Verdict> {
    return this.#setup.deliberations.begin(arrival, protocolsOf(arrival), candidates)
  }

  #act(
    arrival: ConnectArrival,
    verdict: Verdict,
    leave: () => void,
    given: Record<string, string | string[]> = {},
  ): Occupant | undefined {
    const { stream, request } = arrival
    if (verdict.kind === 'gone' || arrival.gone) {
      if (verdict.kind === 'failed') this.#setup.onError(verdict.error, request, placeInHandshake(arrival))
      if (verdict.kind === 'switch' || verdict.kind === 'respond') discard(verdict, peerGone())
      tellHandshake(arrival, { outcome: 'gone' })
      return void stream.destroy()
    }
    if (verdict.kind === 'switch') return this.#enter(arrival, verdict, given)
    tellHandshake(arrival, sentEnding(verdict))
    if (verdict.kind === 'pass') return void leave()
    if (verdict.kind === 'late') return void this.#answer(arrival, LATE)
    if (verdict.kind === 'closing') return void this.#answer(arrival, CLOSING)
    if (verdict.kind === 'failed') return void this.#fail(arrival, verdict.error)
    if (verdict.kind === 'limited') return void this.#answer(arrival, verdict.answer)
    this.#respond(arrival, verdict.response)
    return undefined
  }

  #enter(
    arrival: ConnectArrival,
    decision: Switch,
    given: Record<string, string | string[]>,
  ): Occupant | undefined {
    const { stream, request } = arrival
    try {
      assertHttp2Fields(decision.fields)
      assertFields(decision.fields)
      stream.respond({ ...given, ':status': 200, ...http2Headers(decision.fields) })
    } catch (error) {
      decision.abandon?.(error as Error)
      tellHandshake(arrival, { outcome: 'failed', status: FAILED.status, error })
      return void this.#fail(arrival, error)
    }
    tellHandshake(arrival, { outcome: 'switched', status: 200 })
    try {
      const occupant = decision.attach(stream)
      this.#setup.occupants.add(stream, occupant)
      return occupant
    } catch (error) {
      stream.destroy()
      this.#setup.onError(error, request, placeInHandshake(arrival))
      return undefined
    }
  }

  #respond(arrival: ConnectArrival, given: Answer | Response): void {
    const { stream, request } = arrival
    try {
      if (!('headers' in given)) return this.#answer(arrival, given)
    } catch (error) {
      return this.#fail(arrival, error)
    }
    respondStream(stream, given, this.#setup.clock, (error) =>
      this.#setup.onError(error, request, placeInHandshake(arrival)),
    ).catch((error: unknown) => this.#fail(arrival, error))
  }

  /** Answers what no route is asked about. */
  #refuse(arrival: ConnectArrival, given: Answer): void {
    this.#tellRefusal(arrival, given, statusOf(given))
    this.#answer(arrival, given)
  }

  #answer({ stream }: ConnectArrival, given: Answer): void {
    answerStream(stream, given, this.#setup.clock)
  }

  /** Has it asked for in HTTP/1.1, where the Upgrade that is demanded can be (RFC 9113 section 7). */
  #sendBack(arrival: ConnectArrival, demanded: Answer): void {
    this.#tellRefusal(arrival, demanded, demanded.status)
    arrival.stream.close(constants.NGHTTP2_HTTP_1_1_REQUIRED)
  }

  #tellRefusal(arrival: ConnectArrival, given: Answer, status: number): void {
    const { protocol } = arrival
    arrival.asked = {
      protocol: protocol === undefined ? '' : formatProtocol(protocol),
      tally: this.#setup.others,
    }
    tellHandshake(arrival, { outcome: given === CLOSING ? 'closing' : 'answered', status })
  }

  #fail(arrival: ConnectArrival, error: unknown): void {
    this.#setup.onError(error, arrival.request, placeInHandshake(arrival))
    if (arrival.stream.headersSent) arrival.stream.destroy()
    else this.#answer(arrival, FAILED)
  }

  /**
   * Nobody of ours wants it. An app that has never heard of extended CONNECT might answer it with a page and a
   * 200, which a client takes for its tunnel: so it goes only to who plainly knows it. `known`: the protocol is
   * ours, on another path.
   */
  #leave(arrival: ConnectArrival, known: boolean, event: StreamEvent, attachment: Attachment): void {
    const { stream, request, server } = arrival
    const { foreign } = attachment
    if (arrival.gone) return void stream.destroy()
    // a server of node:http has no streams, and its CONNECT is another: it came here by h2c
    const canTell = speaksHttp2(server)
    if (attachment.turnoutBelow || (canTell && this.#isTheirs(foreign, request))) {
      attachment.emitBelow('stream', ...event)
    } else if (canTell && foreign === 'pass' && server.listenerCount('connect') > 0) {
      attachment.emitBelow('connect', request, new Http2ServerResponse(stream))
    } else {
      this.#answer(arrival, known ? NOTHING_HERE : UNKNOWN_PROTOCOL)
    }
  }

  #isTheirs(foreign: Foreign, request: IncomingMessage): boolean {
    if (typeof foreign !== 'function') return false
    try {
      return foreign(request)
    } catch (error) {
      this.#setup.onError(error, request, IN_FOREIGN)
      return false
    }
  }
}

/** With the status that goes out over HTTP/2. */
function sentEnding(verdict: Exclude<Verdict, Switch>): Ending {
  const ending = endingOf(verdict)
  if (verdict.kind !== 'respond' || 'headers' in verdict.response) return ending
  return { ...ending, status: statusOf(verdict.response) }
}

function protocolsOf({ protocol }: ConnectArrival): readonly Protocol[] {
  return protocol === undefined ? [] : [protocol]
}

const NOTHING_HERE: Answer = { status: 404, fields: [], body: 'Nothing answers here.\n' }

const UNKNOWN_PROTOCOL: Answer = {
  status: 501,
  fields: [],
  body: 'The protocol in :protocol is not spoken here (RFC 8441 section 4).\n',
}

const CLOSING: Answer = { status: 503, fields: [], body: 'This server is closing.\n' }

const LATE: Answer = { status: 503, fields: [], body: 'The decision about this CONNECT took too long.\n' }

const FAILED: Answer = { status: 500, fields: [], body: 'The decision about this CONNECT failed.\n' }

function peerGone(): PeerError {
  return new PeerError('ERR_PEER_GONE', 'client went away before the 200')
}
