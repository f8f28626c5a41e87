// Knows how many connections and decisions a server bears, in all and for one address, and who is one too many.
import type { IncomingMessage } from 'node:http'
import { TurnoutError } from '../base/errors.ts'
import type { OptionNames } from '../base/option-names.ts'
import { assertFunction, oddOption } from '../base/option-value.ts'
import type { Answer } from '../http/message.ts'
import type { Arriving } from './deliberation.ts'

export interface AdmissionOptions {
  /**
   * Upgraded connections at a time, those whose handshake is under way included. One more gets a 503 with
   * Retry-After. Default: no limit; a connection costs under 10 KB of memory, and a file descriptor.
   */
  readonly maxConnections?: number | undefined
  /**
   * The same for one address. One more gets a 429 with Retry-After. Default: no limit, since behind a proxy all
   * clients have the proxy's address unless `clientAddress` tells them apart.
   */
  readonly maxConnectionsPerAddress?: number | undefined
  /**
   * Handshakes whose `accept` has not decided yet, until their deadline also those whose client has left. One more
   * gets a 503 with Retry-After. Default 4,096.
   */
  readonly maxHandshakes?: number | undefined
  /**
   * Whose address counts for `maxConnectionsPerAddress`. Default: the connection's own; of IPv6 the first 64
   * bits, as one customer has that many. Read a field such as X-Forwarded-For only where a proxy of yours sets it.
   */
  readonly clientAddress?: ((request: IncomingMessage) => string) | undefined
}

export const ADMISSION_OPTIONS: OptionNames<AdmissionOptions> = {
  maxConnections: true,
  maxConnectionsPerAddress: true,
  maxHandshakes: true,
  clientAddress: true,
}

export interface Refused {
  readonly kind: 'limited'
  readonly answer: Answer
  readonly error: TurnoutError
}

const DEFAULT_MAX_HANDSHAKES = 4_096

export class Admission {
  readonly #maxConnections: number
  readonly #maxPerAddress: number
  readonly #maxHandshakes: number
  readonly #addressOf: (request: IncomingMessage) => string
  #connections = 0
  /** Only where there is a limit for one. */
  readonly #byAddress = new Map<string, number>()

  constructor(options: AdmissionOptions) {
    assertFunction('clientAddress', options.clientAddress)
    this.#maxConnections = options.maxConnections ?? Number.POSITIVE_INFINITY
    this.#maxPerAddress = options.maxConnectionsPerAddress ?? Number.POSITIVE_INFINITY
    this.#maxHandshakes = options.maxHandshakes ?? DEFAULT_MAX_HANDSHAKES
    this.#addressOf = options.clientAddress ?? addressOf
    assertLimit('maxConnections', this.#maxConnections)
    assertLimit('maxConnectionsPerAddress', this.#maxPerAddress)
    assertLimit('maxHandshakes', this.#maxHandshakes)
  }

  /** Lets one in, and returns how to let it go again; undefined: nobody counts. */
  enter(arrival: Pick<Arriving, 'request'>, handshakes: number): Refused | (() => void) | undefined {
    if (handshakes >= this.#maxHandshakes) {
      return refused(503, 1, `more than ${this.#maxHandshakes} handshakes at a time`)
    }
    if (
      this.#maxConnections === Number.POSITIVE_INFINITY &&
      this.#maxPerAddress === Number.POSITIVE_INFINITY
    ) {
      return undefined
    }
    if (this.#connections >= this.#maxConnections) {
      return refused(503, 10, `more than ${this.#maxConnections} connections`)
    }
    const limited = this.#maxPerAddress !== Number.POSITIVE_INFINITY
    const address = limited ? this.#addressOf(arrival.request) : ''
    const mine = this.#byAddress.get(address) ?? 0
    if (mine >= this.#maxPerAddress) {
      return refused(429, 10, `more than ${this.#maxPerAddress} connections from one address`)
    }
    this.#connections++
    if (limited) this.#byAddress.set(address, mine + 1)
    let here = true
    return () => {
      if (!here) return
      here = false
      this.#connections--
      if (!limited) return
      const left = this.#byAddress.get(address)! - 1
      if (left === 0) this.#byAddress.delete(address)
      else this.#byAddress.set(address, left)
    }
  }
}

function assertLimit(name: string, limit: number): void {
  if (typeof limit === 'number' && limit >= 1) return
  throw oddOption(name, limit, '1 or more')
}

function refused(status: number, retryAfterSeconds: number, seen: string): Refused {
  return {
    kind: 'limited',
    answer: {
      status,
      fields: [['Retry-After', String(retryAfterSeconds)]],
      body: 'Too many connections. Come back later.\n',
      // whoever is refused must not stay on the connection instead
      close: true,
    },
    error: new TurnoutError('ERR_LIMIT', seen),
  }
}

function addressOf(request: IncomingMessage): string {
  const address = request.socket.remoteAddress ?? ''
  return address.includes(':') ? networkOf(address) : address
}

/** The first 64 bits of an IPv6 address; an IPv4 address that is written as one stays whole. */
export function networkOf(address: string): string {
  if (address.includes('.')) return address.slice(address.lastIndexOf(':') + 1)
  const [head = '', tail] = address.split('%', 1)[0]!.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [
    ...front,
    ...new Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0'),
    ...back,
  ]
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
