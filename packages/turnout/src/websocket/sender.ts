// Knows how messages leave one connection: encoded at once, written together, slowed when the peer is slow.
import { MisuseError } from '../base/errors.ts'
import type { Outbox } from '../base/outbox.ts'
import type { Transport } from '../transport/transport.ts'
import { type Flushable, flushSoon } from './flush.ts'
import type { Sendable } from './options.ts'
import type { Session } from './session.ts'

export class Sender implements Flushable {
  readonly #session: Session
  readonly #outbox: Outbox
  readonly #highWaterMarkBytes: number
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
  /** One promise for all who wait until everything has left. */
  #drained: Deferred<boolean> | undefined

  constructor(session: Session, outbox: Outbox, highWaterMarkBytes: number) {
    this.#session = session
    this.#outbox = outbox
    this.#highWaterMarkBytes = highWaterMarkBytes
  }

  get bufferedBytes(): number {
    return this.#outbox.bytes + (this.#transport?.bufferedBytes ?? 0)
  }

  /** From now on bytes can leave; what was sent before goes first. */
  open(transport: Transport): void {
    this.#transport = transport
  }

  send(message: Sendable): boolean | Promise<boolean> {
    if (this.#session.state !== 'open') return false
    return this.#turn === undefined ? this.#sendNow(message) : this.#inTurn(() => this.#sendNow(message))
  }

  /** A frame that was encoded elsewhere. */
  sendFrame(frame: Uint8Array): boolean | Promise<boolean> {
    if (this.#session.state !== 'open') return false
    return this.#turn === undefined ? this.#pushNow(frame) : this.#inTurn(() => this.#pushNow(frame))
  }

  sendControl(kind: 'ping' | 'pong', payload: string | Uint8Array): boolean {
    if (this.#session.state !== 'open') return false
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
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
    if (!this.#blocked) this.#write()
  }

  /** The transport has taken everything. True: so has nothing more been waiting. */
  drain(): boolean {
    this.#blocked = false
    this.#session.congested(false)
    this.flush()
    if (this.#blocked) return false
    this.#drained?.resolve(true)
    this.#drained = undefined
    return true
  }

  /** Writes what waits, whether or not the transport wants it, and ends its side. */
  end(): void {
    if (this.#ended || this.#transport === undefined) return
    this.#write()
    this.#ended = true
    this.#transport.end()
  }

  /** The connection is gone. */
  drop(): void {
    this.#ended = true
    this.#outbox.take()
    this.#drained?.resolve(false)
    this.#drained = undefined
  }

  #sendNow(message: Sendable): boolean | Promise<boolean> {
    if (!this.#session.sendable) return false
    if (message instanceof Blob) return this.#sendBlob(message)
    const apart =
      typeof message === 'string'
        ? this.#session.sendText(message)
        : this.#session.sendBinary(message instanceof Uint8Array ? message : viewBytes(message))
    if (apart === undefined) return this.#sent()
    return this.#inTurn(() => apart.then(() => this.#session.sendable && this.#sent()))
  }

  #pushNow(frame: Uint8Array): boolean | Promise<boolean> {
    if (!this.#session.sendable) return false
    this.#outbox.push(frame)
    return this.#sent()
  }

  #lastly(close: () => void): void {
    if (this.#turn !== undefined) return void this.#inTurn(() => this.#lastly(close))
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

  #write(): void {
    if (this.#outbox.bytes === 0 || this.#transport === undefined) return
    const pieces = this.#outbox.take()
    if (this.#ended || this.#transport.write(pieces)) return
    this.#blocked = true
    this.#session.congested(true)
  }

  #sendBlob(blob: Blob): Promise<boolean> {
    let bytes: ArrayBuffer | undefined
    const read = this.#inTurn(async () => {
      bytes = await blob.arrayBuffer()
    })
    const sent = this.#inTurn(() => bytes !== undefined && this.#sendNow(bytes))
    return read.then(() => sent)
  }

  /** Acts once everything that was sent before is encoded, so that order holds. */
  #inTurn<Result>(act: () => Result | Promise<Result>): Promise<Result> {
    const result = (this.#turn ?? Promise.resolve()).then(() => {
      const later = this.#turn
      this.#turn = undefined
      try {
        return act()
      } finally {
        this.#turn = later
      }
    })
    const turn: Promise<void> = result.then(noop, noop).then(() => {
      if (this.#turn === turn) this.#turn = undefined
    })
    this.#turn = turn
    return result
  }
}

export interface Deferred<Value> {
  readonly promise: Promise<Value>
  readonly resolve: (value: Value) => void
}

export function deferred<Value>(): Deferred<Value> {
  let resolve: (value: Value) => void = noop
  const promise = new Promise<Value>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** The bytes behind a view or a buffer, not copied. @throws MisuseError when there are none. */
function viewBytes(value: unknown): Uint8Array {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  if (typeof SharedArrayBuffer !== 'undefined' && value instanceof SharedArrayBuffer)
    return new Uint8Array(value)
  const seen = value === null ? 'null' : typeof value
  throw new MisuseError('ERR_INVALID_ARGUMENT', `${seen} cannot be sent: a string, bytes or a Blob can`)
}

function noop(): void {}
