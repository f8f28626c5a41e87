// Knows a link between two transports that can be made worse: slow, cut into other chunks, stalled, broken.
import { Buffer } from 'node:buffer'
import type { Clock } from '../base/clock.ts'
import { MisuseError, shown } from '../base/errors.ts'
import { Queue } from '../base/queue.ts'
import type { Transport } from '../transport/transport.ts'

/** One way through the link; sides are told from it: `toServer`, `toClient`. */
export type Way = 'toServer' | 'toClient'

export interface LinkOptions {
  /** What delays are measured by. */
  readonly clock: Clock
}

/**
 * Faults of a connection in memory. They hold from now on, for what has not passed yet too. A way that is none and an
 * amount that is none are a MisuseError.
 */
export interface Link {
  /**
   * Cuts what passes into chunks of these sizes, over and over: `[1]` for byte at a time, `[2, 3]`, the borders
   * that a packet capture showed. An empty list lets chunks pass as they were written.
   */
  split(chunkBytes: readonly number[], way?: Way): void
  /** Lets everything arrive so many milliseconds late; what was sent before still arrives before. */
  delay(ms: number, way?: Way): void
  /**
   * Lets nothing pass until `flow`, and the end neither: a cable that was pulled. After 64 KiB the sender has to
   * wait, as if the buffers of the network were full.
   */
  stall(way?: Way): void
  /** Ends a stall: what was held back arrives first. */
  flow(way?: Way): void
  /** Breaks the connection on both sides at once, as a reset does. What is on the way is lost. */
  cut(error?: Error): void
  /**
   * Breaks it as soon as so many bytes more have passed that way. Whoever was to get them still does, and the reset
   * behind them.
   */
  cutAfter(bytes: number, way: Way, error?: Error): void
  /** How many bytes have passed. */
  passed(way: Way): number
}

/** A pipe's two ends: what one side of the connection holds, and the end that the link has of it. */
export type Pipe = readonly [near: Transport, far: Transport]

/** Joins the far ends of two pipes: what comes out of one goes into the other, through faults. */
export function createLink(serverPipe: Pipe, clientPipe: Pipe, options: LinkOptions): Link {
  const [, server] = serverPipe
  const [, client] = clientPipe
  const breakOff = (pipes: readonly Pipe[], error: Error = reset()) => {
    for (const direction of Object.values(ways)) direction.close()
    for (const [near] of pipes) near.destroy(error)
  }
  const ways: Record<Way, Direction> = {
    toServer: new Direction(client, server, options.clock, (error) => breakOff([clientPipe], error)),
    toClient: new Direction(server, client, options.clock, (error) => breakOff([serverPipe], error)),
  }
  const one = (way: Way): Direction => {
    if (Object.hasOwn(ways, way)) return ways[way]
    throw new MisuseError('ERR_INVALID_ARGUMENT', `${shown(way)} is no way: toServer or toClient`)
  }
  const each = (way: Way | undefined, act: (direction: Direction) => void) => {
    for (const direction of way === undefined ? Object.values(ways) : [one(way)]) act(direction)
  }
  client.start(ways.toServer.sink(ways.toClient))
  server.start(ways.toClient.sink(ways.toServer))
  return {
    split: (chunkBytes, way) => each(way, (direction) => direction.split(chunkBytes)),
    delay: (ms, way) => each(way, (direction) => direction.delay(ms)),
    stall: (way) => each(way, (direction) => direction.stall()),
    flow: (way) => each(way, (direction) => direction.flow()),
    cut: (error) => breakOff([serverPipe, clientPipe], error),
    cutAfter: (bytes, way, error) => one(way).cutAfter(bytes, error),
    passed: (way) => one(way).passed,
  }
}

/** What is on its way, or the end behind it. */
type Parcel = { readonly bytes: Buffer } | 'end' | 'close' | 'reset'

/** What the buffers of a network hold; from then on the sender has to wait, as it has with TCP. */
const HELD_HIGH_BYTES = 65_536

class Direction {
  passed = 0
  readonly #from: Transport
  readonly #to: Transport
  readonly #clock: Clock
  /** Ends the side that sends this way. */
  readonly #breakOff: (error?: Error) => void
  /** What a stall holds back. */
  #held: Parcel[] | undefined
  #heldBytes = 0
  #sizes: readonly number[] = []
  #nextSize = 0
  #delayMs = 0
  /** What a delay keeps, in order: nothing overtakes, also where the delay has become shorter. */
  readonly #late = new Queue<Parcel>()
  /** When the last of it arrives. */
  #lastMs = Number.NEGATIVE_INFINITY
  #cutAfter: { bytes: number; readonly error: Error | undefined } | undefined
  #closed = false

  constructor(from: Transport, to: Transport, clock: Clock, breakOff: (error?: Error) => void) {
    this.#from = from
    this.#to = to
    this.#clock = clock
    this.#breakOff = breakOff
  }

  /** Hears the near end; `back` is the other way, which waits when its target is full. */
  sink(back: Direction): Parameters<Transport['start']>[0] {
    return {
      onData: (chunk) => this.#send({ bytes: Buffer.from(chunk) }),
      onEnd: () => this.#send('end'),
      onDrain: () => back.#from.resume(),
      onClose: (error) => this.#send(error === undefined ? 'close' : 'reset'),
    }
  }

  close(): void {
    this.#closed = true
    this.#held = undefined
  }

  split(chunkBytes: readonly number[]): void {
    if (!chunkBytes.every((size) => Number.isInteger(size) && size > 0)) {
      throw new RangeError('chunks are of one byte or more')
    }
    this.#sizes = chunkBytes
    this.#nextSize = 0
  }

  delay(ms: number): void {
    assertAmount('delay', ms)
    this.#delayMs = ms
  }

  stall(): void {
    this.#held ??= []
  }

  flow(): void {
    const held = this.#held ?? []
    this.#held = undefined
    if (this.#heldBytes >= HELD_HIGH_BYTES) this.#from.resume()
    this.#heldBytes = 0
    for (const parcel of held) this.#arrive(parcel)
  }

  cutAfter(bytes: number, error: Error | undefined): void {
    assertAmount('cutAfter', bytes)
    this.#cutAfter = { bytes, error }
  }

  #send(parcel: Parcel): void {
    const nowMs = this.#clock.now()
    const arrivalMs = Math.max(nowMs + this.#delayMs, this.#lastMs)
    if (arrivalMs === nowMs && this.#late.size === 0) return this.#arrive(parcel)
    this.#lastMs = arrivalMs
    this.#late.push(parcel)
    this.#clock.after(arrivalMs - nowMs, () => this.#arrive(this.#late.take()!))
  }

  #arrive(parcel: Parcel): void {
    if (this.#closed) return
    if (this.#held !== undefined) return this.#hold(parcel, this.#held)
    if (parcel === 'end') return this.#to.end()
    if (parcel === 'close') return this.#to.destroy()
    if (parcel === 'reset') return this.#to.destroy(reset())
    for (const chunk of this.#cutUp(parcel.bytes)) {
      if (!this.#closed) this.#pass(chunk)
    }
  }

  #hold(parcel: Parcel, held: Parcel[]): void {
    held.push(parcel)
    if (typeof parcel === 'string') return
    this.#heldBytes += parcel.bytes.length
    if (this.#heldBytes >= HELD_HIGH_BYTES) this.#from.pause()
  }

  #pass(chunk: Buffer): void {
    const limit = this.#cutAfter
    if (limit !== undefined && chunk.length >= limit.bytes) {
      this.#to.write([chunk.subarray(0, limit.bytes)])
      this.passed += limit.bytes
      // what has passed is read before the reset is seen
      this.#to.destroy(limit.error ?? reset())
      return this.#breakOff(limit.error)
    }
    if (limit !== undefined) limit.bytes -= chunk.length
    this.passed += chunk.length
    if (!this.#to.write([chunk])) this.#from.pause()
  }

  *#cutUp(bytes: Buffer): Generator<Buffer> {
    if (this.#sizes.length === 0) return yield bytes
    let at = 0
    while (at < bytes.length) {
      const size = this.#sizes[this.#nextSize++ % this.#sizes.length]!
      yield bytes.subarray(at, at + size)
      at += size
    }
  }
}

/** @throws MisuseError ERR_INVALID_ARGUMENT */
function assertAmount(fault: string, amount: unknown): void {
  if (typeof amount === 'number' && amount >= 0) return
  throw new MisuseError('ERR_INVALID_ARGUMENT', `${fault} wants a number from 0 up; this is ${shown(amount)}`)
}

function reset(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
}
