// Knows a pair of transports in memory: what one writes, the other reads, in a later microtask, at borders of your choice.
import { Buffer } from 'node:buffer'
import { lent } from '../base/lent.ts'
import { LENT_BYTES } from '../base/linear.ts'
import { spoilLoans } from '../base/loan.ts'
import { Queue } from '../base/queue.ts'
import type { Transport, TransportSink } from './transport.ts'

/** As it is when this is loaded: fake timers of a test may take its place afterwards, and hold what they are given. */
const { queueMicrotask, setImmediate } = globalThis

export interface MemoryPairOptions {
  /** Cuts every write into chunks of at most this many bytes. Default: as written. */
  readonly chunkBytes?: number
  /** From how many unread bytes on `write` asks to wait. Default 65,536. */
  readonly highWaterMarkBytes?: number
}

/** Two ends of one pipe. */
export function memoryTransportPair(options: MemoryPairOptions = {}): [Transport, Transport] {
  spoilLoans()
  const left = new MemoryTransport(options)
  const right = new MemoryTransport(options)
  left.join(right)
  right.join(left)
  return [left, right]
}

class MemoryTransport implements Transport {
  readonly #options: MemoryPairOptions
  #peer: MemoryTransport | undefined
  #sink: TransportSink | undefined
  /** What the peer wrote and we have not delivered. */
  readonly #inbox = new Queue<Buffer>()
  #inboxBytes = 0
  #paused = false
  #scheduled = false
  /** Our sink wants onDrain once the peer has read. */
  #wantsDrain = false
  #peerEnded = false
  #endDelivered = false
  #ended = false
  #closed = false
  /** What the peer broke the pipe with, to be told behind what it wrote. */
  #reset: Error | undefined
  #failure: Error | undefined

  constructor(options: MemoryPairOptions) {
    this.#options = options
  }

  join(peer: MemoryTransport): void {
    this.#peer = peer
  }

  start(sink: TransportSink): void {
    this.#sink = sink
    this.#schedule()
  }

  write(pieces: readonly Uint8Array[]): boolean {
    const peer = this.#peer!
    if (this.#ended || this.#closed || peer.#closed) return false
    for (const piece of pieces) peer.#accept(piece)
    peer.#schedule()
    const full = peer.#inboxBytes >= (this.#options.highWaterMarkBytes ?? 65_536)
    if (full) this.#wantsDrain = true
    return !full
  }

  get bufferedBytes(): number {
    return this.#peer!.#inboxBytes
  }

  /** What is written is copied. */
  get settled(): boolean {
    return true
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#schedule()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#peer!.#peerEnded = true
    this.#peer!.#schedule()
    this.#schedule()
  }

  destroy(error?: Error): void {
    if (this.#closed) return
    this.#ended = true
    this.#close(error)
    this.#peer!.#lose(error)
  }

  #accept(piece: Uint8Array): void {
    const size = this.#options.chunkBytes ?? piece.length
    for (let at = 0; at < piece.length; at += size) {
      const chunk = Buffer.from(piece.subarray(at, at + size))
      this.#inbox.push(chunk)
      this.#inboxBytes += chunk.length
    }
  }

  /** The other end was destroyed: what is on the way still arrives, then the pipe is gone, with an error by a reset. */
  #lose(error: Error | undefined): void {
    this.#reset = error
    this.#peerEnded = true
    this.#ended = true
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled || this.#sink === undefined) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#deliver()
    })
  }

  #deliver(): void {
    const sink = this.#sink!
    while (!this.#paused && !this.#closed) {
      const chunk = this.#inbox.take()
      if (chunk === undefined) break
      this.#inboxBytes -= chunk.length
      lend(chunk, (bytes) => sink.onData(bytes))
    }
    this.#peer!.#drained()
    if (this.#closed || this.#inbox.size > 0 || !this.#peerEnded) return
    // in a turn of its own, as the system tells it: whoever awaits what came before has it by then
    if (this.#reset !== undefined) return void setImmediate(() => this.#close(this.#reset))
    if (!this.#endDelivered) {
      this.#endDelivered = true
      sink.onEnd()
    }
    if (this.#ended && this.#peer!.#inboxBytes === 0) this.#close(undefined)
  }

  /** The peer has read all that we wrote. */
  #drained(): void {
    if (this.#closed || this.#peer!.#inboxBytes > 0) return
    // both directions were ended, and only now has the last byte left
    if (this.#ended && this.#peerEnded) this.#schedule()
    if (!this.#wantsDrain || this.#ended) return
    this.#wantsDrain = false
    this.#sink?.onDrain()
  }

  #close(error: Error | undefined): void {
    if (this.#closed) return
    this.#closed = true
    this.#failure = error
    this.#inbox.takeAll()
    this.#inboxBytes = 0
    queueMicrotask(() => this.#sink?.onClose(this.#failure))
  }
}

/** As a TCP socket does it: what lies there is gone afterwards, so that whoever should have kept it is found out. */
export function lend(chunk: Buffer, take: (bytes: Buffer) => void, at: number = 0): void {
  if (at + chunk.length > LENT_BYTES) return take(chunk)
  const bytes = lent.subarray(at, at + chunk.length)
  bytes.set(chunk)
  try {
    take(bytes)
  } finally {
    bytes.fill(0xdd)
  }
}
