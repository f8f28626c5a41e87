// Knows how messages leave one connection: encoded at once, written together, slowed when the peer is slow.
import { Blob, Buffer } from 'node:buffer'
import { PeerError } from '../base/errors.ts'
import { lasting } from '../base/loan.ts'
import type { Outbox } from '../base/outbox.ts'
import { type Deferred, deferred } from '../base/promise.ts'
import type { Tally } from '../base/tally.ts'
import type { Transport } from '../transport/transport.ts'
import { type Flushable, flushSoon } from './flush.ts'
import { OPCODE } from './frame.ts'
import type { MessageParts, Sendable } from './options.ts'
import { dropParts, letGo, mixedParts, type Part, type Source, sourceOf, TextEncoding } from './parts.ts'
import { bytesOf, isParts, ownCopy, partOf, sizeOf } from './sendable.ts'
import type { Session } from './session.ts'

/** What to do about a message for a peer that has not taken `maxBufferedBytes` yet. */
export type SlowConsumer = 'wait' | 'drop' | 'close'

export interface SenderOptions {
  readonly session: Session
  readonly outbox: Outbox
  readonly highWaterMarkBytes: number
  readonly maxBufferedBytes: number
  readonly slowConsumer: SlowConsumer
  /** Counts what leaves. */
  readonly tally: Tally
}

/** Less than TCP sends before it waits for a word from the peer, ten segments (RFC 6928), and the 101 beside it. */
const FIRST_FLIGHT_BYTES = 8_192

/** No more than this goes to the transport at a time: what waits here is shared, what waits there is copied. */
const WRITE_BYTES = 262_144

export class Sender implements Flushable {
  readonly #session: Session
  readonly #outbox: Outbox
  readonly #highWaterMarkBytes: number
  readonly #maxBufferedBytes: number
  readonly #slowConsumer: SlowConsumer
  readonly #tally: Tally
  /** Grows with every message that is taken, and every part of one. */
  sends = 0
  #transport: Transport | undefined
  /** A chunk is being processed: what is sent now leaves when that is done. */
  #inChunk = false
  #flushQueued = false
  /** The transport asked to wait. */
  #blocked = false
  /** Nothing leaves any more. */
  #ended = false
  /** Set while a Blob is being read or a message encoded apart: what is sent now waits for its turn. */
  #turn: Promise<void> | undefined
  /** Bytes of the messages that wait for it. */
  #waitingBytes = 0
  /** Ends the waiting for the next part of a message, which may never come. */
  #giveUp: (() => void) | undefined
  /** One promise for all who wait until everything has left. */
  #drained: Deferred<boolean> | undefined

  constructor(options: SenderOptions) {
    this.#session = options.session
    this.#outbox = options.outbox
    this.#maxBufferedBytes = options.maxBufferedBytes
    this.#slowConsumer = options.slowConsumer
    // whoever waits when asked to is never refused
    const bound = options.slowConsumer === 'wait' ? Number.POSITIVE_INFINITY : options.maxBufferedBytes
    this.#highWaterMarkBytes = Math.min(options.highWaterMarkBytes, bound)
    this.#tally = options.tally
  }

  get bufferedBytes(): number {
    return this.#outbox.bytes + this.#waitingBytes + (this.#transport?.bufferedBytes ?? 0)
  }

  /** The peer has yet to take what was written. */
  get blocked(): boolean {
    return this.#blocked
  }

  /** All that was written in all is so little that it went out at once: nothing of it waits for the peer to read. */
  get isBrief(): boolean {
    return this.#outbox.takenBytes + this.#outbox.bytes <= FIRST_FLIGHT_BYTES
  }

  /** From now on bytes can leave; what was sent before goes first. */
  open(transport: Transport): void {
    this.#transport = transport
  }

  send(message: Sendable): boolean | Promise<boolean> {
    if (this.#session.state !== 'open' || this.#refuses()) return false
    this.sends++
    this.#tally.messagesOut++
    if (this.#turn !== undefined) {
      const kept = ownCopy(message)
      return this.#inTurn(sizeOf(kept), () => this.#lay(kept))
    }
    const apart = this.#lay(message)
    return apart === undefined ? this.#sent() : this.#inTurn(sizeOf(message), () => apart)
  }

  /** A frame of about so many bytes that was encoded elsewhere, or is being so; what is sent after it waits. */
  sendFrame(frame: Uint8Array | Promise<Uint8Array>, bytes: number): boolean | Promise<boolean> {
    if (this.#session.state !== 'open' || this.#refuses()) return false
    this.sends++
    this.#tally.messagesOut++
    if (frame instanceof Promise) return this.#inTurn(bytes, () => this.#pushLater(frame))
    if (this.#turn !== undefined) return this.#inTurn(bytes, () => this.#push(frame))
    this.#push(frame)
    return this.#sent()
  }

  /** False: the connection is not open, or as much as may wait does so already. */
  sendControl(kind: 'ping' | 'pong', payload: string | Uint8Array): boolean {
    if (this.#session.state !== 'open' || this.#isFull()) return false
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : bytesOf(payload)
    if (kind === 'ping') this.#session.sendPing(bytes)
    else this.#session.sendPong(bytes)
    this.#sent()
    return true
  }

  /** The code and the reason are known to be fine. */
  sendClose(code: number | undefined, reason: string): void {
    this.#lastly(() => this.#session.sendClose(code, reason))
  }

  /** Answers the peer's Close, behind everything that was sent before it came. */
  answerClose(): void {
    this.#lastly(() => this.#session.answerClose())
  }

  /** What is sent until `chunkEnds` leaves in one write. */
  chunkBegins(): void {
    this.#inChunk = true
  }

  chunkEnds(): void {
    this.#inChunk = false
    if (this.#outbox.bytes > 0) this.flush()
  }

  /** One write for everything that waits; none while the transport asks to wait. */
  flush(): void {
    this.#flushQueued = false
    if (!this.#blocked) this.#write(WRITE_BYTES)
  }

  /** The transport has taken everything. True: so has nothing more been waiting. */
  drain(): boolean {
    this.#blocked = false
    this.settle()
    this.#session.congested(false)
    this.flush()
    if (this.#blocked) return false
    this.#drained?.resolve(true)
    this.#drained = undefined
    return true
  }

  /** Somebody waits for a drain though nothing is in the way: it was sent before there was a transport. */
  get overdue(): boolean {
    return this.#drained !== undefined && !this.#blocked
  }

  /**
   * Writes what waits, whether or not the transport wants it, and ends our side.
   * @param peerIsDone there is nothing more to come from the peer
   * @returns true: nothing is left to be waited for
   */
  end(peerIsDone: boolean): boolean {
    if (this.#ended || this.#transport === undefined) return false
    this.#write()
    this.#ended = true
    if (peerIsDone && this.#transport.close?.() === true) return true
    this.#transport.end()
    return false
  }

  /** The connection is gone. */
  drop(): void {
    this.#ended = true
    this.#giveUp?.()
    this.#dropWaiting()
    this.#drained?.resolve(false)
    this.#drained = undefined
  }

  /** Lays a message down to leave; a promise when it has to be read or encoded first. */
  #lay(message: Sendable): Promise<void> | undefined {
    if (!this.#session.sendable) return void dropParts(message)
    if (typeof message === 'string') return this.#session.sendText(message)
    if (message instanceof Uint8Array) return this.#session.sendBinary(message)
    if (message instanceof Blob) return message.arrayBuffer().then((bytes) => this.#lay(bytes))
    if (Array.isArray(message) && message.length > 0 && typeof message[0] !== 'string') {
      return this.#session.sendChunks(message.map((piece) => lasting(partOf(piece))))
    }
    if (isParts(message)) return this.#layParts(message)
    return this.#session.sendBinary(bytesOf(message))
  }

  #push(frame: Uint8Array): void {
    if (this.#session.sendable) this.#outbox.pushShared(frame)
  }

  #pushLater(frame: Promise<Uint8Array>): Promise<void> {
    return frame.then(
      (bytes) => this.#push(bytes),
      (cause) => {
        this.#session.fail(new PeerError('ERR_HANDLER_FAILED', 'a message could not be encoded', { cause }))
      },
    )
  }

  /** As much waits as may: for the peer, or behind a message that is still on its way to us. */
  #isFull(): boolean {
    const waits = this.#blocked || this.#turn !== undefined
    return waits && this.bufferedBytes >= this.#maxBufferedBytes
  }

  /** The connection is too far behind for one message more. */
  #refuses(): boolean {
    if (!this.#isFull()) return false
    if (this.#slowConsumer === 'wait') return false
    if (this.#slowConsumer === 'drop') return true
    this.#dropWaiting()
    const most = this.#maxBufferedBytes
    const seen = this.#blocked
      ? `the peer has left ${most} bytes or more unread`
      : `${most} bytes or more wait behind a message that is not complete`
    this.#session.fail(new PeerError('ERR_SLOW_CONSUMER', seen))
    return true
  }

  /** One message, a fragment for each part (RFC 6455 section 5.4); control frames go in between. */
  async #layParts(parts: MessageParts): Promise<void> {
    const text = new TextEncoding()
    const source = sourceOf(parts)
    let opcode = 0
    let begun = false
    try {
      for (;;) {
        const next = await this.#nextOf(source)
        if (next?.done === true) break
        if (next === undefined || !this.#session.sendable) return letGo(source)
        const part = next.value
        const kind = typeof part === 'string' ? OPCODE.text : OPCODE.binary
        if (opcode !== 0 && kind !== opcode) throw mixedParts()
        opcode = kind
        const bytes = typeof part === 'string' ? text.encode(part) : bytesOf(part)
        if (bytes.length === 0) continue
        this.#session.sendFragment(begun ? 0 : opcode, bytes, false)
        begun = true
        this.sends++
        if ((await this.#sent()) === false) return letGo(source)
      }
    } catch (error) {
      letGo(source)
      // half a message cannot be taken back
      if (begun) {
        this.#session.fail(new PeerError('ERR_HANDLER_FAILED', 'the application failed', { cause: error }))
      }
      throw error
    }
    if (this.#session.sendable)
      this.#session.sendFragment(begun ? 0 : opcode || OPCODE.binary, text.end(), true)
  }

  /** Undefined: the connection is gone, and nobody waits for it any more. */
  #nextOf(source: Source): Promise<IteratorResult<Part> | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return resolve(undefined)
      this.#giveUp = () => resolve(undefined)
      source.next().then(resolve, reject)
    })
  }

  #lastly(close: () => void): void {
    if (this.#turn !== undefined) return void this.#queue(close).then(() => this.#sent())
    close()
    this.#sent()
  }

  /** Leaves now or with the rest of this chunk or turn. Tells whether to go on sending. */
  #sent(): boolean | Promise<boolean> {
    const high = this.#highWaterMarkBytes
    if (this.#outbox.bytes >= high) this.flush()
    else if (!this.#inChunk && !this.#flushQueued) {
      this.#flushQueued = true
      flushSoon(this)
    }
    if (!this.#blocked && (this.#transport !== undefined || this.#outbox.bytes < high)) return true
    if (this.bufferedBytes < high) return true
    this.#drained ??= deferred<boolean>()
    return this.#drained.promise
  }

  #write(mostBytes: number = Number.POSITIVE_INFINITY): void {
    if (this.#transport === undefined || this.#ended) return
    while (this.#outbox.bytes > 0) {
      const before = this.#outbox.bytes
      const pieces = this.#outbox.take(mostBytes)
      this.#tally.bytesOut += before - this.#outbox.bytes
      if (this.#transport.write(pieces)) continue
      this.#blocked = true
      this.#session.congested(true)
      if (mostBytes !== Number.POSITIVE_INFINITY) break
    }
    this.settle()
  }

  /** Gives back the borrowed memory whose bytes have left. */
  settle(): void {
    if (!this.#outbox.lends || this.#transport === undefined) return
    if (this.#transport.settled) this.#outbox.settle()
    // no drain need come, which would tell of it
    else if (!this.#blocked && this.#transport.tellsSettled !== true) this.#outbox.forget()
  }

  /** What waits will never leave. */
  #dropWaiting(): void {
    this.#outbox.take()
    this.#outbox.forget()
  }

  #inTurn(bytes: number, lay: () => Promise<void> | undefined | void): Promise<boolean> {
    this.#waitingBytes += bytes
    const laid = () => {
      this.#waitingBytes -= bytes
    }
    const queued = this.#queue(lay)
    queued.then(laid, laid)
    // this may be a drain that does not come, and must not hold up the next turn
    const sent = queued.then(() => this.#session.sendable && this.#sent())
    // who sends without waiting must not lose the process to a source that breaks; who waits hears of it
    sent.catch(noop)
    return sent
  }

  /** Acts once everything that was sent before is laid down, so that order holds; the next waits for this one. */
  #queue(act: () => Promise<void> | undefined | void): Promise<void> {
    const acted = (this.#turn ?? Promise.resolve()).then(act)
    const turn: Promise<void> = acted.then(noop, noop).then(() => {
      if (this.#turn === turn) this.#turn = undefined
    })
    this.#turn = turn
    return acted
  }
}

function noop(): void {}
