// Knows the way of every upgrade request through a server: gate, routes, decision, and what is done about it.
import type { Buffer } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import process from 'node:process'
import type { Duplex } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import { MisuseError } from '../base/errors.ts'
import { assertOptions, type OptionNames } from '../base/option-names.ts'
import { type Tally, UNCOUNTED } from '../base/tally.ts'
import { fieldLines, hasField } from '../http/fields.ts'
import { checkCount, checkRequest, wantsUpgrade } from '../http/gate.ts'
import type { Answer, Protocol } from '../http/message.ts'
import type { UpgradeList } from '../http/upgrade.ts'
import { Admission, type AdmissionOptions } from './admission.ts'
import { Arrival } from './arrival.ts'
import { Attachment } from './attachment.ts'
import { candidatesOf } from './candidates.ts'
import { decline } from './decline.ts'
import type { Candidate, Verdict } from './deliberation.ts'
import { Deliberations } from './deliberations.ts'
import { ExtendedConnect, offerExtendedConnect } from './extended-connect.ts'
import { assertForeign, type Foreign, IN_FOREIGN, passToOthers } from './foreign.ts'
import { type AttachableServer, assertAttachable } from './http-server.ts'
import { InApp } from './in-app.ts'
import { KeepAlive } from './keep-alive.ts'
import { type CloseCounts, Occupants } from './occupants.ts'
import { afterPending } from './pending.ts'
import type { Occupant, UpgradeProtocol } from './protocol.ts'
import { followClosing } from './server-close.ts'
import { tellHandshake } from './sight.ts'
import { answer, CLOSING, Verdicts } from './verdicts.ts'
import { isStreamTaken, isTaken, type Post, type ServerWatch, type StreamEvent } from './watch.ts'

export interface DispatcherOptions extends AdmissionOptions {
  readonly decisionTimeoutMs: number
  /** Counts what no route was asked about. */
  readonly others?: Tally
  readonly prefer: 'client' | 'server'
  readonly clock: Clock
  /** `place`: where it was thrown, as far as that is known: `in the handshake of websocket /chat`. */
  onError(error: unknown, request: IncomingMessage | undefined, place?: string): void
}

export interface AttachOptions {
  /**
   * What becomes of upgrades that no route of turnout takes while others listen for `upgrade` on the server.
   * Default `pass`: the others get them.
   */
  readonly foreign?: Foreign | undefined
}

const ATTACH_OPTIONS: OptionNames<AttachOptions> = { foreign: true }

/** A server, as long as its upgrades come here. */
interface Attached {
  readonly attachment: Attachment
  unfollow(): void
}

export interface CloseOptions {
  readonly code: number
  readonly reason: string
  readonly graceMs: number
}

export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #protocols: UpgradeProtocol[] = []
  readonly #watches: ServerWatch[] = []
  readonly #attachments = new Map<AttachableServer, Attached>()
  readonly #deliberations: Deliberations
  readonly #occupants = new Occupants()
  readonly #keepAlive: KeepAlive
  readonly #verdicts: Verdicts
  readonly #others: Tally
  readonly #extended: ExtendedConnect
  readonly #inApp: InApp
  #closing: Promise<CloseCounts> | undefined

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#keepAlive = new KeepAlive(options.clock)
    this.#others = options.others ?? UNCOUNTED
    this.#deliberations = new Deliberations({
      admission: new Admission(options),
      clock: options.clock,
      timeoutMs: options.decisionTimeoutMs,
      others: this.#others,
    })
    this.#verdicts = new Verdicts({
      occupants: this.#occupants,
      isClosing: () => this.#closing !== undefined,
      onError: options.onError,
    })
    this.#extended = new ExtendedConnect({
      protocols: this.#protocols,
      occupants: this.#occupants,
      others: this.#others,
      clock: options.clock,
      isClosing: () => this.#closing !== undefined,
      deliberations: this.#deliberations,
      onError: options.onError,
    })
    this.#inApp = new InApp({
      extended: this.#extended,
      deliberations: this.#deliberations,
      verdicts: this.#verdicts,
      clock: options.clock,
      decisionTimeoutMs: options.decisionTimeoutMs,
      isClosing: () => this.#closing !== undefined,
      onError: options.onError,
    })
  }

  add(protocol: UpgradeProtocol): void {
    this.#protocols.push(protocol)
    if (protocol.watch !== undefined) this.#watches.push(protocol.watch)
  }

  /** @throws MisuseError for what is no server, and ERR_CLOSED */
  attach(server: AttachableServer, options: AttachOptions = {}): void {
    if (this.#closing !== undefined) {
      throw new MisuseError('ERR_CLOSED', 'this turnout was closed: make another for another server')
    }
    const checked = assertAttachable(server)
    assertOptions('attach', options, ATTACH_OPTIONS)
    assertForeign(options.foreign)
    if (this.#attachments.has(server)) return
    const post: Post = {
      server: checked,
      clock: this.#options.clock,
      occupy: (stream, occupant) => this.#occupants.add(stream, occupant),
      vacate: (stream) => this.#occupants.remove(stream),
    }
    const attachment: Attachment = new Attachment(
      checked,
      options.foreign ?? 'pass',
      (request, stream, head) => {
        const { clock } = this.#options
        const keepAlive = this.#keepAlive
        const arrival = new Arrival({ request, stream, head, server: checked, clock, keepAlive })
        afterPending(arrival, () => this.#consider(arrival, attachment))
      },
      (event, args) =>
        (event === 'stream' && this.#extended.receive(args as never, attachment)) ||
        isTaken(this.#watches, post, event, args),
    )
    this.#attachments.set(server, { attachment, unfollow: followClosing(checked, this.#keepAlive) })
    offerExtendedConnect(server)
  }

  /** Whether it has taken a stream of a server of the app's own, attached or not. */
  takesStream(event: StreamEvent): boolean {
    return isStreamTaken(this.#watches, event)
  }

  detach(server: AttachableServer): void {
    const attached = this.#attachments.get(server)
    this.#attachments.delete(server)
    if (attached === undefined) return
    attached.attachment.detach()
    // What is still being answered then can be ended by its server alone.
    this.#keepAlive.whenLeft(attached.attachment.server, attached.unfollow)
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
    return this.#inApp.takeOver(request, response, protocol, invitation)
  }

  /** Handshakes whose decision is awaited. */
  get handshakes(): number {
    return this.#deliberations.size
  }

  /** Who lives on the connections. */
  get occupants(): Iterable<Occupant> {
    return this.#occupants.all()
  }

  /** Takes no more, asks everybody to leave, destroys who does not in time. */
  close(options: CloseOptions): Promise<CloseCounts> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  async #close(options: CloseOptions): Promise<CloseCounts> {
    this.#deliberations.close()
    this.#keepAlive.endAll()
    const counts = await this.#occupants.dismiss({
      ...options,
      clock: this.#options.clock,
      onError: (error) => this.#options.onError(error, undefined),
    })
    for (const server of [...this.#attachments.keys()]) this.detach(server)
    this.#keepAlive.endForGood()
    return counts
  }

  #consider(arrival: Arrival, attachment: Attachment): void {
    const { request } = arrival
    const refusal =
      checkCount(request, attachment.server.maxHeadersCount) ?? checkRequest(request) ?? arrival.badFraming
    if (refusal !== undefined) return this.#refuse(arrival, refusal)
    const offered = wantsUpgrade(request)
    if (offered === undefined) return decline(arrival)
    const leave = () => this.#leave(arrival, attachment)
    let candidates: readonly Candidate[] | Answer
    try {
      candidates = this.#find(request, offered)
    } catch (error) {
      return this.#verdicts.act(arrival, this.#unmatched(arrival, error), leave)
    }
    if ('status' in candidates) return this.#refuse(arrival, candidates)
    if (candidates.length === 0) return leave()
    if (this.#closing !== undefined) return this.#refuse(arrival, CLOSING)
    const verdict = this.#deliberations.begin(arrival, offered.protocols, candidates)
    if (!(verdict instanceof Promise)) return this.#verdicts.act(arrival, verdict, leave)
    const keepAlive = this.#keepAlive
    keepAlive.answering(arrival)
    const act = (settled: Verdict) =>
      keepAlive.answered(arrival, () => this.#verdicts.act(arrival, settled, leave))
    // Out of the promise: what the app throws then is its own uncaught exception, as in every request.
    verdict.then((settled) => process.nextTick(act, settled))
  }

  /**
   * Who is asked about it, nobody if the list is empty; or the answer that it gets at once.
   * @throws what a route's own matcher throws
   */
  #find(request: IncomingMessage, offered: UpgradeList): readonly Candidate[] | Answer {
    const protocols = offered.malformed ? [] : offered.protocols
    let candidates = candidatesOf(protocols, this.#protocols, request, this.#options.prefer)
    for (const protocol of this.#protocols) {
      const insisted = protocol.insists?.(request)
      if (insisted === undefined) continue
      candidates = candidates.filter(({ by }) => by === protocol)
      if (candidates.length === 0) return insisted
    }
    // RFC 9110 section 7.8 lets the field be ignored; a WebSocket client would wait in vain for a 101.
    if (offered.malformed) return this.#meansWebSocket(request) ? MALFORMED_UPGRADE : []
    return candidates
  }

  /** What is done where the application's code threw before there was anybody to ask. */
  #unmatched(arrival: Arrival, error: unknown): Verdict {
    arrival.asked = { protocol: '', tally: this.#others }
    return { kind: 'failed', error }
  }

  /** Answers what no route is asked about. */
  #refuse(arrival: Arrival, given: Answer): void {
    arrival.asked = { protocol: '', tally: this.#others }
    tellHandshake(arrival, { outcome: given === CLOSING ? 'closing' : 'answered', status: given.status })
    answer(arrival, given)
  }

  /** Nobody of ours wants it: the others on the server, or the application. */
  #leave(arrival: Arrival, attachment: Attachment): void {
    if (arrival.gone) return void arrival.stream.end()
    // Whoever read from the body did so as part of the app.
    if (arrival.body?.untouched === false) return decline(arrival)
    const pass = (request: IncomingMessage, stream: Duplex, head: Buffer) =>
      attachment.emitBelow('upgrade', request, stream, head)
    if (attachment.turnoutBelow) {
      const head = arrival.takeHead()
      return void pass(arrival.original, arrival.stream, head)
    }
    if (!attachment.hasOthers || !this.#isTheirs(attachment.foreign, arrival.original))
      return decline(arrival)
    passToOthers(arrival, pass, this.#options.decisionTimeoutMs, () => decline(arrival))
  }

  #isTheirs(foreign: Foreign, request: IncomingMessage): boolean {
    if (typeof foreign !== 'function') return foreign === 'pass'
    try {
      return foreign(request)
    } catch (error) {
      this.#options.onError(error, request, IN_FOREIGN)
      return false
    }
  }

  #meansWebSocket(request: IncomingMessage): boolean {
    const { rawHeaders } = request
    const meant =
      hasField(rawHeaders, 'sec-websocket-key') ||
      fieldLines(rawHeaders, 'upgrade').some((line) => /websocket/i.test(line))
    return meant && candidatesOf([WEBSOCKET], this.#protocols, request, 'client').length > 0
  }
}

const WEBSOCKET: Protocol = { name: 'websocket', version: undefined }

const MALFORMED_UPGRADE: Answer = {
  status: 400,
  fields: [],
  body: 'Upgrade names websocket but is malformed (RFC 9110 section 7.8).\n',
}
