// Knows what each verdict does to the connection: a 101, an ordinary response, a drop. Never comes to one.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { MisuseError, PeerError } from '../base/errors.ts'
import type { Answer } from '../http/message.ts'
import { sendAnswer, sendResponse } from './answer.ts'
import type { Arrival } from './arrival.ts'
import type { BodyEnd } from './body-feed.ts'
import { discard, type Verdict } from './deliberation.ts'
import type { Occupants } from './occupants.ts'
import { openResponse } from './ordinary.ts'
import type { Occupant } from './protocol.ts'
import { type Ending, placeInHandshake, tellHandshake } from './sight.ts'
import { type Switch, switchDirectly, switchThroughResponse } from './switch.ts'

export interface VerdictsSetup {
  readonly occupants: Occupants
  isClosing(): boolean
  onError(error: unknown, request: IncomingMessage, place?: string): void
}

/** How much of a body may stand unread in the request when the connection changes protocol, in bytes. */
const MAX_KEPT_BODY_BYTES = 1_048_576

export class Verdicts {
  readonly #setup: VerdictsSetup

  constructor(setup: VerdictsSetup) {
    this.#setup = setup
  }

  /** On a request that the application has not seen; `leave` gives it to others, or to the application. */
  act(arrival: Arrival, verdict: Verdict, leave: () => void): void {
    if (verdict.kind === 'pass') {
      tellHandshake(arrival, { outcome: 'pass' })
      return leave()
    }
    if (this.#dropped(arrival, verdict)) return
    if (verdict.kind !== 'switch') return this.#respond(arrival, verdict)
    this.#whenBodyIsIn(arrival, verdict, (go) => {
      if (go) this.#enter(arrival, verdict, () => switchDirectly(arrival, verdict))
    })
  }

  /** On a request that the application handed over. Undefined: no switch; all but a `pass` is answered. */
  actInApp(
    arrival: Arrival,
    response: ServerResponse,
    verdict: Verdict,
  ): Occupant | undefined | Promise<Occupant | undefined> {
    if (verdict.kind === 'pass') return void tellHandshake(arrival, { outcome: 'pass' })
    if (this.#isLate(arrival, response, verdict)) return undefined
    if (verdict.kind !== 'switch') return void this.#respond(arrival, verdict)
    const enter = () => {
      if (this.#isLate(arrival, response, verdict)) return undefined
      return this.#enter(arrival, verdict, () => switchThroughResponse(arrival, response, verdict))
    }
    if (arrival.body === undefined || arrival.body.over) return enter()
    return new Promise((resolve) => {
      this.#whenBodyIsIn(arrival, verdict, (go) => resolve(go ? enter() : undefined))
    })
  }

  /** The client is gone, or the application has answered while it waited for its own `accept`. */
  #isLate(arrival: Arrival, response: ServerResponse, verdict: Verdict): boolean {
    if (this.#dropped(arrival, verdict)) return true
    if (!response.headersSent && !response.writableEnded) return false
    const error = new MisuseError('ERR_ALREADY_ANSWERED', 'the response was sent before accept had decided')
    discard(verdict, error)
    const failure = verdict.kind === 'failed' ? verdict.error : error
    tellHandshake(arrival, { outcome: 'failed', status: response.statusCode, error: failure })
    this.#setup.onError(failure, arrival.request, placeInHandshake(arrival))
    return true
  }

  /** Nobody is there to be answered any more. */
  #dropped(arrival: Arrival, verdict: Verdict): boolean {
    if (verdict.kind !== 'gone' && !arrival.gone) return false
    tellHandshake(arrival, { outcome: 'gone' })
    if (verdict.kind === 'failed')
      this.#setup.onError(verdict.error, arrival.request, placeInHandshake(arrival))
    if (verdict.kind === 'switch' || verdict.kind === 'respond') discard(verdict, peerGone())
    arrival.stream.end()
    return true
  }

  #enter(arrival: Arrival, decision: Switch, writeSwitch: () => void): Occupant | undefined {
    if (this.#dropped(arrival, decision)) return undefined
    try {
      writeSwitch()
    } catch (error) {
      decision.abandon?.(error as Error)
      this.#respond(arrival, { kind: 'failed', error })
      return undefined
    }
    tellHandshake(arrival, { outcome: 'switched', status: 101 })
    try {
      const { occupants } = this.#setup
      const { stream } = arrival
      let vacated = false
      const occupant = decision.attach(stream, () => {
        vacated = true
        occupants.remove(stream)
      })
      if (!vacated) occupants.add(stream, occupant)
      return occupant
    } catch (error) {
      arrival.stream.destroy()
      this.#setup.onError(error, arrival.request, placeInHandshake(arrival))
      return undefined
    }
  }

  /** The client finishes its request before it speaks the new protocol (RFC 9110 section 7.8). */
  #whenBodyIsIn(arrival: Arrival, decision: Switch, then: (go: boolean) => void): void {
    const { body, keepAlive } = arrival
    if (body === undefined || body.over) return then(true)
    const { occupants } = this.#setup
    // A server that closes waits for the body, too, but not for ever.
    occupants.add(arrival.stream, BODY_AWAITED)
    // An open response, within the app, is held there already, and on.
    const isHeld = arrival.response !== undefined
    if (!isHeld) keepAlive.answering(arrival)
    const goOn = (end: BodyEnd) => {
      const go = end === 'complete' && !this.#setup.isClosing()
      if (!go) {
        discard(decision, peerGone())
        tellHandshake(arrival, BODY_ENDINGS[end]!)
        if (end === 'too big') answer(arrival, BODY_TOO_BIG)
        if (end === 'complete') answer(arrival, CLOSING)
      }
      then(go)
    }
    body.keep(MAX_KEPT_BODY_BYTES, (end) => {
      occupants.remove(arrival.stream)
      if (isHeld) goOn(end)
      else keepAlive.answered(arrival, () => goOn(end))
    })
  }

  #respond(arrival: Arrival, verdict: Exclude<Verdict, Switch>): void {
    const protocol = arrival.asked?.protocol
    tellHandshake(arrival, endingOf(verdict))
    if (verdict.kind === 'limited') return answer(arrival, verdict.answer)
    if (verdict.kind === 'late') return answer(arrival, LATE)
    if (verdict.kind === 'closing') return answer(arrival, CLOSING)
    if (verdict.kind === 'failed') return this.#fail(arrival, verdict.error)
    if (verdict.kind !== 'respond') return
    const given = verdict.response
    try {
      if (!('headers' in given)) return answer(arrival, given)
    } catch (error) {
      return this.#fail(arrival, error)
    }
    const response = arrival.response ?? openResponse(arrival)
    sendResponse(response, given, protocol).catch((error: unknown) => this.#fail(arrival, error))
  }

  #fail(arrival: Arrival, error: unknown): void {
    this.#setup.onError(error, arrival.request, placeInHandshake(arrival))
    const { response } = arrival
    if (response?.headersSent === true) return void arrival.stream.destroy()
    // Half of another answer may be set already.
    for (const name of response?.getHeaderNames() ?? []) response?.removeHeader(name)
    answer(arrival, FAILED)
  }
}

/** What a verdict that is no switch means to those who watch. */
export function endingOf(verdict: Exclude<Verdict, Switch>): Ending {
  switch (verdict.kind) {
    case 'respond':
      return { outcome: 'answered', status: verdict.response.status }
    case 'limited':
      return { outcome: 'limited', status: verdict.answer.status, error: verdict.error }
    case 'late':
      return { outcome: 'late', status: LATE.status }
    case 'failed':
      return { outcome: 'failed', status: FAILED.status, error: verdict.error }
    case 'closing':
      return { outcome: 'closing', status: CLOSING.status }
    default:
      return { outcome: verdict.kind }
  }
}

/** Answers with the response that is open, or with a new one. */
export function answer(arrival: Arrival, given: Answer): void {
  const response = arrival.response ?? openResponse(arrival)
  if (!response.headersSent) sendAnswer(response, given)
}

export const CLOSING: Answer = {
  status: 503,
  fields: [],
  body: 'This server is closing.\n',
  close: true,
}

const LATE: Answer = { status: 503, fields: [], body: 'The decision about this upgrade took too long.\n' }

const FAILED: Answer = { status: 500, fields: [], body: 'The decision about this upgrade failed.\n' }

const BODY_TOO_BIG: Answer = {
  status: 413,
  fields: [],
  body: `More than ${MAX_KEPT_BODY_BYTES} bytes of body before an upgrade.\n`,
  close: true,
}

/** How a handshake ends whose body does not let it become a switch. */
const BODY_ENDINGS: Readonly<Record<string, Ending>> = {
  complete: { outcome: 'closing', status: CLOSING.status },
  'too big': { outcome: 'answered', status: BODY_TOO_BIG.status },
  gone: { outcome: 'gone' },
}

/** It is told when its body has come. */
const BODY_AWAITED: Occupant = { leave() {} }

function peerGone(): PeerError {
  return new PeerError('ERR_PEER_GONE', 'client went away before the 101')
}
