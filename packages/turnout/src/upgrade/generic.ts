// Knows the user's own protocols: a token, who may have it, and what then runs on the stream.

import type { IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../base/clock.ts'
import { MisuseError } from '../base/errors.ts'
import type { OptionNames } from '../base/option-names.ts'
import { assertFunction } from '../base/option-value.ts'
import { isPromise } from '../base/promise.ts'
import { type Tally, UNCOUNTED } from '../base/tally.ts'
import { fieldsOf, type GivenFields } from '../http/fields.ts'
import type { Protocol } from '../http/message.ts'
import { formatProtocol, parseProtocol, sameName } from '../http/upgrade.ts'
import { assertAccepted, isResponse } from './accepted.ts'
import { breakOff, breakOffOnError } from './break-off.ts'
import { endIfRead, keepHalfOpen } from './half-close.ts'
import { compilePath } from './path.ts'
import type { Decision, Occupant, Offer, Params, Traffic, UpgradeProtocol } from './protocol.ts'
import { Stay } from './sight.ts'

/**
 * Which protocols a route takes: `example/1` this version only (compared exactly), `example` or `example/*` any
 * version or none, or a function that is shown each offered protocol. Names are compared without regard to case.
 */
export type ProtocolToken = string | ((protocol: Protocol) => boolean)

export interface ProtocolAccepted<Data = unknown> {
  /** Handed to the handler as `context.data`. */
  readonly data?: Data
  /** More fields for the 101: an object, a Headers, a Map or pairs. */
  readonly headers?: GivenFields | undefined
}

export interface ProtocolContext {
  /** What was chosen, as the client wrote it. */
  readonly protocol: Protocol
  /** The parameters of `path`, percent-decoded. */
  readonly params: Params
  /** Path and query as the client wrote them; scheme and host from the connection and Host: trust those no further. */
  readonly url: URL
}

export interface ProtocolOptions<Data = unknown> {
  /** Only on this path; see `.websocket`. Default: every path. */
  readonly path?: string | undefined
  /**
   * Take it over HTTP/2, too, where a client asks by extended CONNECT (RFC 8441) with the token as `:protocol`.
   * The stream is then one of HTTP/2: its end is END_STREAM, `destroy` resets it. Default false: a protocol that
   * counts on a connection of its own, or on the fields of the upgrade request, would be surprised.
   */
  readonly connect?: boolean | undefined
  /**
   * Decides before the 101; may be async. `true` or an object: take it; a Response: send that instead; nothing:
   * the next protocol, and at last the app, decides. Default: take it. A body of the request can be read from
   * `request` here; the 101 waits until the body is complete. Up to 1 MiB of it may be left unread: beyond that
   * the client gets a 413.
   */
  readonly accept?:
    | ((
        request: IncomingMessage,
        context: ProtocolContext & { readonly signal: AbortSignal },
      ) => ProtocolResult<Data> | Promise<ProtocolResult<Data>>)
    | undefined
  /**
   * Owns the connection from the 101 on. Bytes that came with the request are in the stream already. The client
   * may end its side first; end yours, which the end of an async handler whose loop has read everything does as well,
   * unless something is piped into it. What the handler throws reaches `onError` and breaks the stream off, and so does
   * `destroy` with an error, or a loop that is left early: over TCP by a reset, so that the client does not take what
   * it has got for all there is.
   */
  readonly handler: (
    stream: Duplex,
    request: IncomingMessage,
    context: ProtocolContext & { readonly data: Data },
  ) => void | Promise<void>
}

export const PROTOCOL_OPTIONS: OptionNames<ProtocolOptions> = {
  path: true,
  connect: true,
  accept: true,
  handler: true,
}

/** What `accept` may answer: see there. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing has no other type
export type ProtocolResult<Data> = ProtocolAccepted<Data> | Response | true | false | null | undefined | void

export function genericProtocol<Data>(
  token: ProtocolToken,
  options: ProtocolOptions<Data>,
  onError: (error: unknown, request: IncomingMessage, place: string) => void,
  clock: Clock = systemClock,
): UpgradeProtocol {
  if (typeof options.handler !== 'function') {
    throw new MisuseError('ERR_INVALID_ARGUMENT', `protocol ${String(token)} has no handler`)
  }
  assertFunction('accept', options.accept)
  const isMine = matcherOf(token)
  const matchPath = options.path === undefined ? () => NO_PARAMS : compilePath(options.path)
  const decided = (offer: Offer, result: ProtocolResult<Data>) =>
    decisionOf(offer, result, { options, onError, clock, tally: route.tally ?? UNCOUNTED })
  const route: UpgradeProtocol = {
    match: (protocol, pathname) => (isMine(protocol) ? matchPath(pathname) : undefined),
    connects: (protocol) => options.connect === true && isMine(protocol),
    decide(offer) {
      const { accept } = options
      if (accept === undefined) return decided(offer, true)
      const result = accept.call(options, offer.request, contextOf(offer))
      if (!isPromise(result)) return decided(offer, result)
      return result.then((settled) => decided(offer, settled))
    },
  }
  return route
}

/** One text for all tokens that match the same protocols; undefined for a function. */
export function tokenShape(token: ProtocolToken): string | undefined {
  if (typeof token === 'function') return undefined
  const { name, version } = parseToken(token)
  return `${name.toLowerCase()}/${version ?? '*'}`
}

/** Those with a handshake of their own, which a bare 101 would leave out. */
const ROUTES_OF_THEIR_OWN: Readonly<Record<string, string>> = {
  websocket:
    'turnout.websocket(path, options) speaks it, and a gateway that passes it on names it by a function',
  h2c: 'turnout.h2c(options) speaks it',
}

function matcherOf(token: ProtocolToken): (protocol: Protocol) => boolean {
  if (typeof token === 'function') return token
  const { name, version } = parseToken(token)
  if (version === undefined) return (protocol) => sameName(protocol.name, name)
  return (protocol) => protocol.version === version && sameName(protocol.name, name)
}

function parseToken(token: string): Protocol {
  const protocol = parseProtocol(token)
  if (protocol === undefined) {
    throw new MisuseError(
      'ERR_INVALID_TOKEN',
      `${JSON.stringify(token)} is no protocol name with an optional version`,
      {
        section: 'RFC 9110 section 7.8',
      },
    )
  }
  const isAny = protocol.version === undefined || protocol.version === '*'
  const route = isAny ? ROUTES_OF_THEIR_OWN[protocol.name.toLowerCase()] : undefined
  if (route !== undefined) {
    throw new MisuseError('ERR_INVALID_ARGUMENT', `${token} has a handshake of its own: ${route}`)
  }
  return isAny ? { name: protocol.name, version: undefined } : protocol
}

const ACCEPTED = ['data', 'headers'] as const

/** How many listeners of `close` or `error` may be ours: `pipeline` from and to a stream adds eight of the ten. */
const OWN_LISTENERS = 5

interface Terms<Data> {
  readonly options: ProtocolOptions<Data>
  readonly clock: Clock
  readonly tally: Tally
  onError(error: unknown, request: IncomingMessage, place: string): void
}

function decisionOf<Data>(offer: Offer, result: ProtocolResult<Data>, terms: Terms<Data>): Decision {
  if (result === undefined || result === null || result === false) return { kind: 'pass' }
  if (result !== true && isResponse(result)) return { kind: 'respond', response: result }
  const accepted: ProtocolAccepted<Data> = result === true ? {} : result
  assertAccepted<ProtocolAccepted<Data>>(accepted, ACCEPTED)
  return {
    kind: 'switch',
    upgrade: formatProtocol(offer.protocol),
    fields: accepted.headers === undefined ? [] : fieldsOf(accepted.headers),
    attach(stream) {
      const { protocol, params, request } = offer
      const { options, onError, clock, tally } = terms
      const message = { protocol: formatProtocol(protocol), route: tally.route, stream, request } as const
      const stay = new Stay({ side: 'server', ...message }, tally, clock)
      const fail = (error: unknown) => {
        stay.failed(error)
        breakOff(stream)
        onError(error, request, tally.placeOf('the handler'))
      }
      breakOffOnError(stream)
      keepHalfOpen(stream, offer.via === 'upgrade' ? request.socket : stream)
      // Node's HTTP servers forbid it on a socket of theirs, and do not take that back
      if (Object.hasOwn(stream, 'setEncoding')) stream.setEncoding = Duplex.prototype.setEncoding
      const most = stream.getMaxListeners()
      if (most > 0) stream.setMaxListeners(most + OWN_LISTENERS)
      const context = {
        protocol,
        params,
        get url() {
          return offer.url
        },
        data: accepted.data as Data,
      }
      try {
        const running = options.handler(stream, request, context)
        if (isPromise(running)) running.then(() => endIfRead(stream), fail)
      } catch (error) {
        fail(error)
      }
      return new Guest(stream, stay)
    },
  }
}

/** Keeps nothing alive but the stream. */
class Guest implements Occupant {
  readonly #stream: Duplex
  readonly #stay: Stay

  constructor(stream: Duplex, stay: Stay) {
    this.#stream = stream
    this.#stay = stay
  }

  get tally(): Tally {
    return this.#stay.tally
  }

  get traffic(): Traffic {
    return this.#stay.traffic
  }

  get bufferedBytes(): number {
    return this.#stream.writableLength
  }

  leave(): void {
    this.#stream.end()
  }
}

/** Put together only where `accept` looks: making a signal costs. */
function contextOf(offer: Offer): ProtocolContext & { readonly signal: AbortSignal } {
  const { protocol, params } = offer
  return {
    protocol,
    params,
    get url() {
      return offer.url
    },
    get signal() {
      return offer.signal
    },
  }
}

const NO_PARAMS: Params = Object.freeze({})
