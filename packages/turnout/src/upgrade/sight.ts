// Knows what an upgrade tells those who watch: the channels of handshakes, and of protocols other than WebSocket.
import { channel } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Tally, UNCOUNTED } from '../base/tally.ts'
import { sameName } from '../http/token.ts'
import type { Arrival } from './arrival.ts'
import type { Traffic } from './protocol.ts'

/**
 * How a handshake ended: `switched`: with a 101. `answered`: with an ordinary response. `pass`: no route took
 * it, the application answers. `late`: the decision took too long. `failed`: the application's code threw, or, on
 * a client, there was no answer that could be followed. `limited`: too many already. `closing`: the server
 * closes. `gone`: the peer left first.
 */
export type HandshakeOutcome =
  | 'switched'
  | 'answered'
  | 'pass'
  | 'late'
  | 'failed'
  | 'limited'
  | 'closing'
  | 'gone'

/** On `turnout:websocket:handshake` and `turnout:protocol:handshake`, once a handshake has ended. */
export interface HandshakeMessage {
  readonly side: 'server' | 'client'
  /** As the client wrote it: `websocket`, `example/1`; on a client all that was offered. */
  readonly protocol: string
  /** The route's path on a server: `/chat/:room`, `*`, `app`; empty when none was asked. */
  readonly route: string | undefined
  readonly outcome: HandshakeOutcome
  /** Of the response, where there is one. */
  readonly status: number | undefined
  /** From the request's arrival, or on a client from its being asked for. */
  readonly durationMs: number
  /** On a server. */
  readonly request: IncomingMessage | undefined
  /** On a client: host, port and path. */
  readonly url: string | undefined
  readonly error: unknown
}

/** The stream of a protocol other than WebSocket. */
interface ProtocolMessage {
  readonly side: 'server' | 'client'
  readonly protocol: string
  readonly route: string | undefined
  readonly stream: Duplex
}

/** On `turnout:protocol:open`. */
export interface ProtocolOpenMessage extends ProtocolMessage {
  /** On a server. */
  readonly request: IncomingMessage | undefined
}

/** On `turnout:protocol:close`. */
export interface ProtocolCloseMessage extends ProtocolMessage {
  /** How long the stream was open, in milliseconds. */
  readonly durationMs: number
}

/** On `turnout:protocol:error`, before `close`: the stream broke, or its handler threw. */
export interface ProtocolErrorMessage extends ProtocolMessage {
  readonly error: unknown
}

/** A channel, and what is told on it. */
export interface Told<Message> {
  readonly hasSubscribers: boolean
  publish(message: Message): void
}

const webSocketHandshake: Told<HandshakeMessage> = channel('turnout:websocket:handshake')
const protocolHandshake: Told<HandshakeMessage> = channel('turnout:protocol:handshake')
const opened: Told<ProtocolOpenMessage> = channel('turnout:protocol:open')
const closed: Told<ProtocolCloseMessage> = channel('turnout:protocol:close')
const failed: Told<ProtocolErrorMessage> = channel('turnout:protocol:error')

/** What is told of a server's handshake besides what its request says. */
export interface Ending {
  readonly outcome: HandshakeOutcome
  readonly status?: number
  readonly error?: unknown
}

/** What of a request, whichever way it came, those who watch may see. */
export type Seen = Pick<Arrival, 'asked' | 'askedBefore' | 'clock' | 'cameMs' | 'request'>

/** Counts the handshake and tells of it, once for each time that somebody was asked. */
export function tellHandshake(arrival: Seen, ending: Ending): void {
  const { asked, clock, cameMs, request } = arrival
  if (asked === undefined) return
  arrival.asked = undefined
  arrival.askedBefore = asked
  const { tally, protocol } = asked
  const { outcome, status, error } = ending
  const durationMs = clock.now() - cameMs
  tally.handshake(outcome === 'switched' || outcome === 'answered' ? String(status) : outcome, durationMs)
  if (error !== undefined) tally.error(error)
  const told = handshakeChannel(protocol)
  if (!told.hasSubscribers) return
  const { route } = tally
  told.publish({
    side: 'server',
    protocol,
    route,
    outcome,
    status,
    durationMs,
    request,
    url: undefined,
    error,
  })
}

/** Where in a handshake something was thrown, for a message about it. */
export function placeInHandshake({ asked, askedBefore }: Pick<Seen, 'asked' | 'askedBefore'>): string {
  return ((asked ?? askedBefore)?.tally ?? UNCOUNTED).placeOf('the handshake')
}

/** A client's handshake. */
export interface ClientHandshake {
  /** Everything that it offers. */
  readonly protocol: string
  readonly url: string
  readonly clock: { now(): number }
}

/** Tells of a client's handshake once `perform` has settled, and settles like it. */
export async function tellClientHandshake<
  Outcome extends { readonly kind: HandshakeOutcome; readonly response: IncomingMessage },
>({ protocol, url, clock }: ClientHandshake, perform: () => Promise<Outcome>): Promise<Outcome> {
  const beganMs = clock.now()
  const tell = (outcome: HandshakeOutcome, status: number | undefined, error: unknown) => {
    const told = handshakeChannel(protocol)
    if (!told.hasSubscribers) return
    const shared = { side: 'client', protocol, url, route: undefined, request: undefined } as const
    told.publish({ ...shared, outcome, status, durationMs: clock.now() - beganMs, error })
  }
  try {
    const outcome = await perform()
    tell(outcome.kind, outcome.response.statusCode, undefined)
    return outcome
  } catch (error) {
    tell('failed', undefined, error)
    throw error
  }
}

/** Tells of a client's stream, if anybody listens by now. */
export function tellClientStream(protocol: string, stream: Duplex, clock: { now(): number }): void {
  if (!opened.hasSubscribers && !closed.hasSubscribers && !failed.hasSubscribers) return
  new Stay({ side: 'client', protocol, route: undefined, stream, request: undefined }, UNCOUNTED, clock)
}

/** Where the handshake for such a protocol is told. */
function handshakeChannel(protocol: string): Told<HandshakeMessage> {
  return sameName(protocol, 'websocket') ? webSocketHandshake : protocolHandshake
}

/** A stream with its new protocol: counts it, and tells of its life. Keeps nothing of the request. */
export class Stay {
  readonly tally: Tally
  readonly #message: ProtocolMessage
  readonly #atFirst: Traffic
  #errorTold = false

  constructor(message: ProtocolOpenMessage, tally: Tally, clock: { now(): number }) {
    const { side, protocol, route, stream } = message
    this.tally = tally
    this.#message = { side, protocol, route, stream }
    this.#atFirst = passed(stream)
    const sinceMs = clock.now()
    tally.opened++
    stream.on('error', (error) => this.failed(error))
    stream.once('close', () => {
      const durationMs = clock.now() - sinceMs
      const { bytesIn, bytesOut } = this.traffic
      tally.bytesIn += bytesIn
      tally.bytesOut += bytesOut
      tally.close(durationMs)
      if (closed.hasSubscribers) closed.publish({ ...this.#message, durationMs })
    })
    if (opened.hasSubscribers) opened.publish(message)
  }

  /** Bytes since the protocol began, where the stream is a socket that counts them. */
  get traffic(): Traffic {
    const { bytesIn, bytesOut } = passed(this.#message.stream)
    return { bytesIn: bytesIn - this.#atFirst.bytesIn, bytesOut: bytesOut - this.#atFirst.bytesOut }
  }

  /** Only the first: what follows from it is no news. */
  failed(error: unknown): void {
    if (this.#errorTold) return
    this.#errorTold = true
    this.tally.error(error)
    if (failed.hasSubscribers) failed.publish({ ...this.#message, error })
  }
}

function passed(stream: Duplex): Traffic {
  const { bytesRead = 0, bytesWritten = 0 } = stream as {
    readonly bytesRead?: number
    readonly bytesWritten?: number
  }
  return { bytesIn: bytesRead, bytesOut: bytesWritten }
}
