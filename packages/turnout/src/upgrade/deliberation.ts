// Knows how the protocols that match an offer are asked, one after another, and what ends the waiting.

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Alarm, Clock } from '../base/clock.ts'
import { PeerError, TurnoutError } from '../base/errors.ts'
import { isPromise } from '../base/promise.ts'
import { type Tally, UNCOUNTED } from '../base/tally.ts'
import { fieldLines } from '../http/fields.ts'
import type { Answer, Protocol } from '../http/message.ts'
import { formatProtocol } from '../http/upgrade.ts'
import { isResponse } from './accepted.ts'
import type { Asked } from './arrival.ts'
import type { HttpServer } from './http-server.ts'
import type { Decision, Offer, Params, UpgradeProtocol } from './protocol.ts'

export interface Candidate {
  readonly protocol: Protocol
  readonly params: Params
  readonly by: UpgradeProtocol
}

/** What came of it: a decision, or why there is none. */
export type Verdict =
  | Decision
  /** The application's code threw or rejected. */
  | { readonly kind: 'failed'; readonly error: unknown }
  /** The deadline passed. */
  | { readonly kind: 'late' }
  /** The server closes. */
  | { readonly kind: 'closing' }
  /** The client went away. */
  | { readonly kind: 'gone' }
  /** Too many are here already: nobody was asked. */
  | { readonly kind: 'limited'; readonly answer: Answer; readonly error: TurnoutError }

/** A request that waits for its decision, whichever way it came. */
export interface Arriving {
  readonly via: Offer['via']
  readonly server: HttpServer
  readonly request: IncomingMessage
  readonly stream: Duplex
  readonly gone: boolean
  /** Who was asked last, for those who watch. */
  asked?: Asked | undefined
  returnHead(): void
}

export interface DeliberationSetup {
  readonly arrival: Arriving
  readonly protocols: readonly Protocol[]
  readonly candidates: readonly Candidate[]
  readonly clock: Clock
  /** How long a promised decision is waited for, in milliseconds; Infinity: for ever. */
  readonly timeoutMs: number
  /** Where a route without a tally is counted. */
  readonly others?: Tally
}

export class Deliberation {
  readonly #setup: DeliberationSetup
  #controller: AbortController | undefined
  /** Why the signal has fired, or would have. */
  #ended: Error | undefined
  #alarm: Alarm | undefined
  /** Ends the waiting; undefined: nobody waits. */
  #settle: ((verdict: Verdict) => void) | undefined
  /** The candidate whose promise is waited for. */
  #asked = 0
  /** Who wants to know that it is over; undefined: it is, or nobody promised anything. */
  #onOver: (() => void)[] | undefined

  constructor(setup: DeliberationSetup) {
    this.#setup = setup
  }

  /** Asks until somebody does not pass. A promise only where somebody promised; it never rejects. */
  decide(): Verdict | Promise<Verdict> {
    const first = this.#ask(0)
    return isPromise(first) ? this.#wait(first) : first
  }

  /**
   * Calls when nobody of the application's is at work on it any more: its promise has settled, even where the client
   * left long ago, or the deadline has passed. At once where that is so.
   */
  whenOver(call: () => void): void {
    if (this.#onOver === undefined) call()
    else this.#onOver.push(call)
  }

  /** The server closes: the waiting ends. */
  close(): void {
    this.#interrupt({ kind: 'closing' }, new TurnoutError('ERR_CLOSED', 'server closes'))
  }

  get arrival(): Arriving {
    return this.#setup.arrival
  }

  get protocols(): readonly Protocol[] {
    return this.#setup.protocols
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#ended !== undefined) this.#controller.abort(this.#ended)
    }
    return this.#controller.signal
  }

  #ask(first: number): Verdict | Promise<Decision> {
    const { candidates } = this.#setup
    for (let index = first; index < candidates.length; index++) {
      const candidate = candidates[index]!
      this.note(candidate)
      try {
        const decision = candidate.by.decide(new RouteOffer(this, candidate))
        if (isPromise(decision)) {
          this.#asked = index
          return decision
        }
        if (decision.kind !== 'pass') return this.#revocable(decision)
      } catch (error) {
        return thrown(error)
      }
    }
    return { kind: 'pass' }
  }

  /** Writes down who is asked. */
  note(candidate: Candidate = this.#setup.candidates[0]!): void {
    const { arrival, others } = this.#setup
    const { protocol, by } = candidate
    arrival.asked = { protocol: formatProtocol(protocol), tally: by.tally ?? others ?? UNCOUNTED }
  }

  #wait(decision: Promise<Decision>): Promise<Verdict> {
    const { arrival, clock, timeoutMs } = this.#setup
    // Bytes that came early must be in the stream before its end can come.
    arrival.returnHead()
    const { stream } = arrival
    const onGone = () => {
      const seen = 'client went away before the decision'
      this.#interrupt({ kind: 'gone' }, new PeerError('ERR_PEER_GONE', seen))
    }
    const onEnd = () => {
      // Where half-open clients are served, the end of their side says nothing.
      if (arrival.server.httpAllowHalfOpen !== true) onGone()
    }
    const verdict = new Promise<Verdict>((resolve) => {
      this.#settle = (settled) => {
        this.#settle = undefined
        stream.off('close', onGone)
        stream.off('end', onEnd)
        resolve(settled)
      }
    })
    stream.once('close', onGone)
    stream.once('end', onEnd)
    this.#onOver = []
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      this.#alarm = clock.after(timeoutMs, () => {
        const seen = `no decision after ${timeoutMs} ms`
        this.#interrupt({ kind: 'late' }, new TurnoutError('ERR_DECISION_TIMEOUT', seen))
        this.#finish()
      })
    }
    this.#follow(decision)
    if (arrival.gone) onGone()
    return verdict
  }

  #follow(promised: Promise<Decision>): void {
    promised.then(
      (decision) => {
        if (this.#ended !== undefined || decision.kind !== 'pass') return this.#conclude(decision)
        const next = this.#ask(this.#asked + 1)
        if (isPromise(next)) this.#follow(next)
        else this.#conclude(next)
      },
      (error: unknown) => this.#conclude(thrown(error)),
    )
  }

  #conclude(verdict: Verdict): void {
    if (this.#ended === undefined) this.#settle?.(this.#revocable(verdict))
    else discard(verdict, this.#ended)
    this.#finish()
  }

  #finish(): void {
    this.#alarm?.cancel()
    const calls = this.#onOver ?? []
    this.#onOver = undefined
    for (const call of calls) call()
  }

  /** A switch that comes to nothing in the end fires the signal, where somebody holds it. */
  #revocable<Given extends Verdict>(verdict: Given): Given {
    if (verdict.kind !== 'switch' || this.#controller === undefined) return verdict
    return {
      ...verdict,
      abandon: (error: Error) => {
        verdict.abandon?.(error)
        this.#controller?.abort(error)
      },
    }
  }

  #interrupt(verdict: Verdict, reason: Error): void {
    if (this.#settle === undefined) return
    this.#ended = reason
    this.#settle(verdict)
    this.#controller?.abort(reason)
  }
}

/** A Response that a helper of the application's throws says as much as one that is returned. */
function thrown(error: unknown): Verdict {
  return isResponse(error) ? { kind: 'respond', response: error } : { kind: 'failed', error }
}

/** What came too late, or to nothing, still holds things: they are let go. */
export function discard(verdict: Verdict, reason: Error): void {
  if (verdict.kind === 'switch') verdict.abandon?.(reason)
  if (verdict.kind === 'respond' && 'headers' in verdict.response) {
    verdict.response.body?.cancel(reason).catch(() => {})
  }
}

class RouteOffer implements Offer {
  readonly protocol: Protocol
  readonly params: Params
  readonly #deliberation: Deliberation

  constructor(deliberation: Deliberation, candidate: Candidate) {
    this.protocol = candidate.protocol
    this.params = candidate.params
    this.#deliberation = deliberation
  }

  get via(): Offer['via'] {
    return this.#deliberation.arrival.via
  }

  get protocols(): readonly Protocol[] {
    return this.#deliberation.protocols
  }

  get request(): IncomingMessage {
    return this.#deliberation.arrival.request
  }

  get server(): HttpServer {
    return this.#deliberation.arrival.server
  }

  get url(): URL {
    return urlOf(this.request)
  }

  get signal(): AbortSignal {
    return this.#deliberation.signal
  }
}

function urlOf(request: IncomingMessage): URL {
  const scheme = 'encrypted' in request.socket && request.socket.encrypted === true ? 'https' : 'http'
  const origin = `${scheme}://${fieldLines(request.rawHeaders, 'host')[0] ?? 'localhost'}`
  const target = request.url ?? '/'
  // Joined as text: as a relative reference, `//elsewhere/` would name another host.
  const text = target.startsWith('/') ? origin + target : target === '*' ? origin : target
  return URL.canParse(text) ? new URL(text) : new URL(`${scheme}://localhost/`)
}
