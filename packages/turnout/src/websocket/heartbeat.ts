// Knows whether the peer still lives: a Ping when nothing was heard for a while, and an end when no answer comes.
import { Buffer } from 'node:buffer'
import type { Clock } from '../base/clock.ts'
import type { OptionNames } from '../base/option-names.ts'
import { type Sweep, type Swept, sweepFor } from '../base/sweep.ts'

export interface HeartbeatOptions {
  /** Send a Ping when nothing was heard for so many milliseconds, above 0. Default 30,000. */
  readonly intervalMs?: number | undefined
  /**
   * The peer is gone when a Ping brings nothing to hear within so many milliseconds; `intervalMs` later where we do
   * not read ourselves, and hear a little. Above 0; Infinity: pings alone. Default 10,000.
   */
  readonly timeoutMs?: number | undefined
}

export const HEARTBEAT_OPTIONS: OptionNames<HeartbeatOptions> = { intervalMs: true, timeoutMs: true }

const DEFAULT_INTERVAL_MS = 30_000
const DEFAULT_TIMEOUT_MS = 10_000

/** The connection whose heart it is. */
export interface HeartbeatHost {
  /** Whether we read at all now, or wait for a drain: a peer cannot be heard by someone who does not listen. */
  readonly listening: boolean
  /** Reads a little where reading is held back. False: too much was read already, and nothing can be heard. */
  readOne(): boolean
  sendHeartbeat(payload: Buffer): void
  onSilence(silentMs: number): void
  onIdle(idleMs: number): void
}

/** One connection's. Looked at in the common sweep; what happens in between only leaves a time behind. */
export class Heartbeat implements Swept {
  readonly #host: HeartbeatHost
  readonly #clock: Clock
  readonly #sweep: Sweep
  /** Both infinite when the heart is off and only idleness counts. */
  readonly #intervalMs: number
  readonly #timeoutMs: number
  readonly #idleTimeoutMs: number
  #heardMs: number
  /** By the time of the sweep that does not run while the event loop is held up. */
  #messageAwakeMs: number
  /** When the Ping that nobody has answered was sent; undefined: none is out. */
  #pingedMs: number | undefined
  /** How long it may take. */
  #patienceMs = 0
  /** Reading was held back, and a chunk was asked for at the last look. */
  #asked = false
  #count = 0
  #latencyMs: number | undefined

  /** @param idleTimeoutMs no message in either direction for so long is told to the host; 0: never. */
  constructor(host: HeartbeatHost, clock: Clock, options: HeartbeatOptions | false, idleTimeoutMs: number) {
    this.#host = host
    this.#clock = clock
    this.#intervalMs = options === false ? Infinity : (options.intervalMs ?? DEFAULT_INTERVAL_MS)
    this.#timeoutMs = options === false ? Infinity : (options.timeoutMs ?? DEFAULT_TIMEOUT_MS)
    this.#idleTimeoutMs = idleTimeoutMs === 0 ? Infinity : idleTimeoutMs
    this.#sweep = sweepFor(clock, Math.min(this.#intervalMs, this.#timeoutMs, this.#idleTimeoutMs))
    this.#sweep.add(this)
    this.#heardMs = this.#sweep.nowMs
    this.#messageAwakeMs = this.#sweep.awakeMs
  }

  /** How long the last Ping took to come back, in milliseconds. */
  get latencyMs(): number | undefined {
    return this.#latencyMs
  }

  /** Anything came from the peer. */
  heard(): void {
    this.#heardMs = this.#sweep.nowMs
    this.#pingedMs = undefined
  }

  /** A message went or came. */
  messaged(): void {
    this.#messageAwakeMs = this.#sweep.awakeMs
  }

  /** A Pong came; ours tells the latency. */
  pong(payload: Buffer): number | undefined {
    if (payload.length !== PAYLOAD_BYTES || payload.readUInt32BE(0) !== this.#count) return undefined
    this.#latencyMs = this.#clock.now() - payload.readDoubleBE(4)
    return this.#latencyMs
  }

  stop(): void {
    this.#sweep.remove(this)
  }

  onSweep(nowMs: number): void {
    const idleMs = this.#sweep.awakeMs - this.#messageAwakeMs
    if (idleMs >= this.#idleTimeoutMs) return this.#host.onIdle(idleMs)
    const asked = this.#asked
    this.#asked = false
    if (nowMs - this.#heardMs < this.#intervalMs) return
    if (!this.#host.listening) {
      if (!this.#host.readOne()) return this.#expectNothing(nowMs)
      this.#asked = true
      // a Ping to a peer that has closed is answered by a reset, which takes along what was not read: nothing may be
      if (!asked) return this.#disown()
    }
    if (this.#pingedMs === undefined) this.#ping(nowMs)
    else if (nowMs - this.#pingedMs >= this.#patienceMs) this.#host.onSilence(nowMs - this.#heardMs)
  }

  /** What is not read is in the way of whatever could be heard. */
  #expectNothing(nowMs: number): void {
    this.#heardMs = nowMs
    this.#pingedMs = undefined
    this.#disown()
  }

  /** No Pong to what was sent so far tells a latency: it may have waited to be read. */
  #disown(): void {
    this.#count = (this.#count + 1) >>> 0
  }

  #ping(nowMs: number): void {
    this.#pingedMs = nowMs
    // a peer that reads as little as we do hears no Ping, but sends its own within its interval
    this.#patienceMs = this.#timeoutMs + (this.#host.listening ? 0 : this.#intervalMs)
    this.#disown()
    const payload = Buffer.allocUnsafe(PAYLOAD_BYTES)
    payload.writeUInt32BE(this.#count, 0)
    payload.writeDoubleBE(this.#clock.now(), 4)
    this.#host.sendHeartbeat(payload)
  }
}

/** A count and a time: enough to know our own Pong, and when its Ping left. */
const PAYLOAD_BYTES = 12
