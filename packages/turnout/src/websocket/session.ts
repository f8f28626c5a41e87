// Knows what each frame of one WebSocket means in the state that it is in, and what may leave in it.
// Never knows a socket or a timer: bytes come in through `receive`, leave through the outbox, and the shell keeps time.
import { Buffer } from 'node:buffer'
import { MisuseError, PeerError } from '../base/errors.ts'
import { kept } from '../base/lent.ts'
import { lasting } from '../base/loan.ts'
import type { Outbox } from '../base/outbox.ts'
import { CLOSE, decodeCloseBody, encodeCloseBody, fitReason } from './close.ts'
import {
  FIN,
  FrameReader,
  type FrameSink,
  isControl,
  MAX_CONTROL_BYTES,
  OPCODE,
  opcodeOf,
  type Role,
  RSV,
  writeFrame,
  writeFrameHead,
  writeTextFrame,
} from './frame.ts'
import { Incoming, type IncomingEvents, type IncomingHost, rsvError } from './incoming.ts'
import { OpenPings } from './open-pings.ts'
import type { BinaryForm } from './options.ts'
import { nextState, type SessionEvent, type SessionState } from './session-state.ts'
import { type MessageTransform, releaseTransform } from './transform.ts'

/** Who hears what happened. Called while `receive` runs. */
export interface SessionEvents extends IncomingEvents {
  /** More was delivered than is taken. A chunk may hold a thousand times its size in compressed messages. */
  readonly crowded?: boolean
  /** Its Pong is in the outbox already. */
  onPing(payload: Buffer): void
  onPong(payload: Buffer): void
  /** After every step of the table. */
  onState(state: SessionState): void
  /** Bring no more bytes for now; call `proceed` when this has settled. It never rejects. */
  onWait(ready: Promise<void>): void
}

export interface SessionOptions {
  readonly role: Role
  readonly maxMessageBytes: number
  /** What binary messages are delivered as: `chunks` and `lent` make a difference here. */
  readonly binary?: BinaryForm | undefined
  readonly outbox: Outbox
  readonly events: SessionEvents
  /** What the agreed extensions do to messages. */
  readonly transform?: MessageTransform | undefined
}

/** Which code a failure travels under (section 7.4.1). */
const FAILURE_CODES: { readonly [code: string]: number } = {
  ERR_UTF8: CLOSE.invalidData,
  ERR_MESSAGE_TOO_BIG: CLOSE.tooBig,
  ERR_LIMIT: CLOSE.policy,
  ERR_HANDLER_FAILED: CLOSE.internalError,
  ERR_SLOW_CONSUMER: CLOSE.tryAgainLater,
}

export class Session implements FrameSink, IncomingHost {
  readonly role: Role
  #state: SessionState = 'open'
  readonly #outbox: Outbox
  readonly #events: SessionEvents
  readonly #reader: FrameReader
  readonly #transform: MessageTransform | undefined
  readonly #incoming: Incoming
  /** First byte of the frame that is being read. */
  #head = 0
  /** What there is of a control frame that a chunk's end has cut. */
  #control: Buffer | undefined
  /** True while nobody takes our bytes: Pongs are held, and only the latest is kept (section 5.5.3). */
  #congested = false
  #heldPong: Buffer | undefined
  readonly #pings = new OpenPings()
  #received: { readonly code: number; readonly reason: string } | undefined
  #failure: Error | undefined
  #clean = false

  constructor(options: SessionOptions) {
    this.role = options.role
    this.#outbox = options.outbox
    this.#events = options.events
    this.#transform = options.transform
    this.#incoming = new Incoming({
      maxMessageBytes: options.maxMessageBytes,
      binary: options.binary,
      transform: options.transform,
      events: options.events,
      host: this,
    })
    this.#reader = new FrameReader({ role: options.role, sink: this, rsv: options.transform?.rsv ?? 0 })
  }

  get state(): SessionState {
    return this.#state
  }

  /** Both Close frames were exchanged. */
  get clean(): boolean {
    return this.#clean
  }

  /**
   * The peer has nothing more to say: its Close was the last that came, and no Ping of ours waits for a Pong, which
   * may come behind a Close that crossed it (sections 5.5.1 and 5.5.2).
   */
  get peerIsDone(): boolean {
    return this.#clean && !this.#pings.any && this.#reader.isAtEnd
  }

  /** What the peer's Close frame said; undefined when none came. */
  get received(): { readonly code: number; readonly reason: string } | undefined {
    return this.#received
  }

  /** Why the connection was failed. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Takes what arrived. Broken rules end in `failed`, never in a throw. */
  receive(chunk: Buffer): void {
    // not by `#guarded`: a closure for each chunk adds up
    try {
      this.#reader.read(chunk)
    } catch (error) {
      this.#broken(error)
    }
  }

  /** Goes on after `onWait`, and when it is crowded no longer. Like `receive`. */
  proceed(): void {
    this.#guarded(() => {
      this.#incoming.proceed()
      if (this.#events.crowded !== true) this.#reader.resume()
    })
  }

  /** Messages that begin from now on are delivered in parts, each of at most so many bytes in all. */
  stream(maxMessageBytes: number): void {
    this.#incoming.stream(maxMessageBytes)
  }

  /** The transport is gone, or its reading side ended. */
  transportEnd(): void {
    if (this.#state !== 'ended') this.#step('transportEnd')
  }

  /** One binary message out of several pieces, as one frame. Like `sendText`. */
  sendChunks(chunks: readonly Uint8Array[]): Promise<void> | undefined {
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    if (this.role === 'client' || this.#transform?.wants(bytes))
      return this.sendBinary(Buffer.concat(chunks, bytes))
    writeFrameHead(this.#outbox, FIN | OPCODE.binary, bytes, this.role)
    for (const chunk of chunks) if (chunk.length > 0) this.#outbox.push(chunk)
    return undefined
  }

  /** One fragment of a message that is sent in parts. `opcode` on the first, 0 on those that follow. */
  sendFragment(opcode: number, payload: Uint8Array, last: boolean): void {
    writeFrame(this.#outbox, (last ? FIN : 0) | opcode, payload, this.role)
  }

  /** A promise: the message is being encoded apart; send nothing but control frames until it settles. */
  sendText(text: string): Promise<void> | undefined {
    // as many bytes as UTF-16 units or more: good enough to tell the small from the large
    if (this.#transform?.wants(text.length)) return this.#sendEncoded(OPCODE.text, Buffer.from(text))
    writeTextFrame(this.#outbox, FIN | OPCODE.text, text, this.role)
    return undefined
  }

  /** Like `sendText`. */
  sendBinary(payload: Uint8Array): Promise<void> | undefined {
    // it may take its time, and what is lent does not last
    if (this.#transform?.wants(payload.length)) return this.#sendEncoded(OPCODE.binary, lasting(payload))
    writeFrame(this.#outbox, FIN | OPCODE.binary, payload, this.role)
    return undefined
  }

  /** @throws MisuseError for a payload of more than 125 bytes. */
  sendPing(payload: Uint8Array): void {
    this.#sendControl(OPCODE.ping, payload)
    this.#pings.sent(payload)
  }

  /** @throws MisuseError for a payload of more than 125 bytes. */
  sendPong(payload: Uint8Array): void {
    this.#sendControl(OPCODE.pong, payload)
  }

  /** Whether messages that were sent before the peer's Close came may still leave. */
  get sendable(): boolean {
    return this.#state === 'open' || this.#state === 'closeReceived'
  }

  /** Answers the peer's Close with its own code and reason (section 5.5.1): so whoever began reads them, too. */
  answerClose(): void {
    if (this.#state !== 'closeReceived') return
    const { code, reason } = this.#received!
    this.#sendControl(OPCODE.close, encodeCloseBody(code === CLOSE.noCode ? undefined : code, reason))
    this.#step('sendClose')
  }

  /** Begins the closing handshake, once. @throws MisuseError for a code or reason that must not travel. */
  sendClose(code: number | undefined, reason: string): void {
    const body = encodeCloseBody(code, reason)
    if (this.#state !== 'open') return
    this.#sendControl(OPCODE.close, body)
    this.#step('sendClose')
  }

  /** Fails the connection (section 7.1.7): says why in a Close frame if none went out yet, and reads no more. */
  fail(error: Error): void {
    if (this.#state === 'closeDone' || this.#state === 'failed' || this.#state === 'ended') return
    this.#failure = error
    if (this.#state !== 'closeSent') {
      const code = FAILURE_CODES[(error as PeerError).code] ?? CLOSE.protocolError
      const reason = error instanceof PeerError ? fitReason(error.message) : ''
      this.#sendControl(OPCODE.close, encodeCloseBody(code, reason))
    }
    this.#quiet()
    this.#step('fail')
  }

  /** Tells whether our bytes are taken; a Pong that was held leaves when they are again. */
  congested(congested: boolean): void {
    this.#congested = congested
    const held = this.#heldPong
    if (congested || held === undefined) return
    this.#heldPong = undefined
    if (this.#state === 'open') this.#sendControl(OPCODE.pong, held)
  }

  onFrame(head: number, length: number): void {
    this.#head = head
    if (!isControl(head)) return this.#incoming.onFrame(head, length)
    if ((head & RSV) !== 0) throw rsvError(head & RSV, 'on a control frame')
  }

  onPayload(chunk: Buffer, start: number, end: number, ascii: boolean, last: boolean): void {
    if (isControl(this.#head)) this.#controlPayload(chunk, start, end, last)
    else this.#incoming.onPayload(chunk, start, end, ascii, last)
  }

  takesWhole(head: number, length: number): boolean {
    return this.#incoming.takesWhole(head, length)
  }

  onWhole(head: number, chunk: Buffer, start: number, end: number, ascii: boolean): void {
    this.#incoming.onWhole(head, chunk, start, end, ascii)
  }

  onDecoding(ready: Promise<void>): void {
    this.#reader.suspend()
    this.#events.onWait(ready)
  }

  onDecoded(): void {
    if (this.#events.crowded === true) this.#reader.suspend()
  }

  #sendEncoded(opcode: number, payload: Uint8Array): Promise<void> | undefined {
    const head = FIN | this.#transform!.rsv | opcode
    try {
      const encoded = this.#transform!.encode(payload)
      if (!(encoded instanceof Promise)) {
        this.#writeEncoded(head, encoded)
        return undefined
      }
      return encoded
        .then((bytes) => {
          if (this.sendable) this.#writeEncoded(head, bytes)
        })
        .catch((error: unknown) => this.#notEncoded(error))
    } catch (error) {
      this.#notEncoded(error)
      return undefined
    }
  }

  #writeEncoded(head: number, bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) throw new TypeError('encode gave no bytes')
    writeFrame(this.#outbox, head, bytes, this.role)
  }

  /** Once the connection is over there is nothing left to encode with, and nothing to tell. */
  #notEncoded(cause: unknown): void {
    this.fail(new PeerError('ERR_HANDLER_FAILED', 'a message could not be encoded', { cause }))
  }

  #controlPayload(chunk: Buffer, start: number, end: number, last: boolean): void {
    let payload = kept(chunk, start, end)
    if (this.#control !== undefined) payload = Buffer.concat([this.#control, payload])
    this.#control = last ? undefined : Buffer.from(payload)
    if (!last) return
    const opcode = opcodeOf(this.#head)
    if (opcode === OPCODE.ping) this.#receivePing(payload)
    else if (opcode === OPCODE.pong) this.#receivePong(payload)
    else this.#receiveClose(payload)
  }

  #receivePing(payload: Buffer): void {
    if (this.#state === 'open') {
      if (this.#congested) this.#heldPong = Buffer.from(payload)
      else this.#sendControl(OPCODE.pong, payload)
    }
    this.#events.onPing(payload)
  }

  #receivePong(payload: Buffer): void {
    this.#pings.answered(payload)
    this.#events.onPong(payload)
  }

  /** Answered once, with the same code and reason, unless ours went out before (section 5.5.1). */
  #receiveClose(body: Buffer): void {
    this.#received = decodeCloseBody(body)
    this.#quiet()
    this.#step('receiveClose')
  }

  #sendControl(opcode: number, payload: Uint8Array): void {
    if (payload.length > MAX_CONTROL_BYTES) {
      const name = opcode === OPCODE.ping ? 'ping' : 'pong'
      throw new MisuseError(
        'ERR_CONTROL_TOO_LONG',
        `${name} of ${payload.length} bytes, at most ${MAX_CONTROL_BYTES}`,
        {
          section: 'RFC 6455 section 5.5',
        },
      )
    }
    writeFrame(this.#outbox, FIN | opcode, payload, this.role)
  }

  /** Broken rules end here. */
  #guarded(read: () => void): void {
    try {
      read()
    } catch (error) {
      this.#broken(error)
    }
  }

  #broken(error: unknown): void {
    if (!(error instanceof PeerError)) throw error
    this.fail(error)
  }

  /** Reads no more, keeps nothing that was half read. */
  #quiet(): void {
    this.#reader.stop()
    this.#incoming.quiet()
    this.#control = undefined
    this.#heldPong = undefined
  }

  #step(event: SessionEvent): void {
    this.#state = nextState(this.#state, event)
    if (this.#state === 'closeDone') this.#clean = true
    if (this.#state === 'ended') {
      this.#quiet()
      if (this.#transform !== undefined) releaseTransform(this.#transform)
    }
    this.#events.onState(this.#state)
  }
}
