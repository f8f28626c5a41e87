// Knows what happened on one route, in plain numbers that cost an addition each.
import { Histogram } from './histogram.ts'

/** Of what takes milliseconds to seconds: handshakes, heartbeats. */
const SHORT_MS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000] as const

/** Of what takes seconds to days: connections. */
const LONG_MS = [100, 1_000, 10_000, 60_000, 300_000, 1_800_000, 3_600_000, 21_600_000, 86_400_000] as const

export class Tally {
  /** The route's path; `*` every path, `app` an upgrade inside the app, empty: none was asked, or nobody counts. */
  readonly route: string
  /** `websocket`, `example/1`, `h2c`; empty: none was asked. */
  readonly protocol: string
  opened: number = 0
  closed: number = 0
  messagesIn: number = 0
  messagesOut: number = 0
  bytesIn: number = 0
  bytesOut: number = 0
  /** By how they ended. */
  readonly handshakes: Map<string, number> = new Map()
  readonly closeCodes: Map<number | 'other', number> = new Map()
  readonly errors: Map<string, number> = new Map()
  readonly handshakeMs: Histogram = new Histogram(SHORT_MS)
  readonly connectionMs: Histogram = new Histogram(LONG_MS)
  readonly latencyMs: Histogram = new Histogram(SHORT_MS)
  /** Close codes that this side began a closing handshake with. */
  readonly #ownCodes = new Set<number>()

  constructor(route: string, protocol: string) {
    this.route = route
    this.protocol = protocol
  }

  /** For a message about an error: `in the handler of websocket /chat/:room`. */
  placeOf(part: string): string {
    const { protocol, route } = this
    if (protocol === '') return `in ${part} of an upgrade`
    if (route === '*') return `in ${part} of ${protocol}`
    return `in ${part} of ${protocol} ${route === 'app' ? 'inside the app' : route}`
  }

  handshake(outcome: string, durationMs: number): void {
    count(this.handshakes, outcome)
    this.handshakeMs.add(durationMs)
  }

  /** A connection that was opened is gone. */
  close(durationMs: number): void {
    this.closed++
    this.connectionMs.add(durationMs)
  }

  /** This side closes with that code, which is counted by itself from now on, however many there are. */
  closing(code: number): void {
    if (code >= FIRST_FREE_CODE) this.#ownCodes.add(code)
  }

  /** A peer may choose among 2,000 codes: what it makes up must not become as many time series somewhere. */
  closeCode(code: number): void {
    const isNew = code >= FIRST_FREE_CODE && !this.#ownCodes.has(code) && !this.closeCodes.has(code)
    count(this.closeCodes, isNew && this.closeCodes.size >= MAX_CLOSE_CODES ? 'other' : code)
  }

  error(error: unknown): void {
    count(this.errors, codeOf(error))
  }
}

/** For connections that nobody counts: everything goes in, nothing is ever read. */
export const UNCOUNTED: Tally = new Tally('', '')

/** From here on up anybody may choose close codes (RFC 6455 section 7.4.2). */
const FIRST_FREE_CODE = 3000

/** Counted by themselves, before those that only peers use are counted together. */
const MAX_CLOSE_CODES = 64

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

/** A code, of turnout or of the system, or the error's name: never its text, which may say anything. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return typeof error
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown }
  if (typeof code === 'string') return code
  return typeof name === 'string' ? name : 'object'
}
