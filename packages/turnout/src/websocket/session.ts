// Knows the life of one WebSocket after its handshake as a table, and what each frame means in it.
// Never knows a socket or a timer: bytes come in through `receive`, leave through the outbox, and the shell keeps time.
import { isUtf8 } from 'node:buffer'
import { MisuseError, PeerError } from '../base/errors.ts'
import type { Outbox } from '../base/outbox.ts'
import { CLOSE, decodeCloseBody, encodeCloseBody } from './close.ts'
import {
  FIN,
  FrameReader,
  type FrameSink,
  isControl,
  MAX_CONTROL_BYTES,
  OPCODE,
  opcodeOf,
  type Role,
  writeFrame,
  writeTextFrame,
} from './frame.ts'
import { MessageParts, utf8Error } from './message.ts'
import { decodeText } from './text.ts'

/**
 * - `open`: messages go both ways.
 * - `closeSent`: our Close is out; we still listen, but send nothing more (RFC 6455 section 5.5.1).
 * - `closeDone`: both Close frames were exchanged; TCP is to be closed, by the server first (section 7.1.1).
 * - `failed`: the connection was failed (section 7.1.7); TCP is to be closed.
 * - `ended`: TCP is gone.
 */
export type SessionState = 'open' | 'closeSent' | 'closeDone' | 'failed' | 'ended'
export type SessionEvent = 'sendClose' | 'receiveClose' | 'fail' | 'transportEnd'

/** Every step there is. One that is not here is a bug of ours, and throws. */
const TABLE: { readonly [State in SessionState]: { readonly [Event in SessionEvent]?: SessionState } } = {
  open: { sendClose: 'closeSent', receiveClose: 'closeDone', fail: 'failed', transportEnd: 'ended' },
  closeSent: { receiveClose: 'closeDone', fail: 'failed', transportEnd: 'ended' },
  closeDone: { transportEnd: 'ended' },
  failed: { transportEnd: 'ended' },
  ended: {},
}

export function nextState(state: SessionState, event: SessionEvent): SessionState {
  const next = TABLE[state][event]
  if (next === undefined) throw new Error(`no step '${event}' in state '${state}'`)
  return next
}

/** Who hears what happened. Called while `receive` runs. */
export interface SessionEvents {
  onMessage(message: string | Buffer): void
  /** Its Pong is in the outbox already. */
  onPing(payload: Buffer): void
  onPong(payload: Buffer): void
  /** After every step of the table. */
  onState(state: SessionState): void
}

export interface SessionOptions {
  readonly role: Role
  readonly maxMessageBytes: number
  readonly outbox: Outbox
  readonly events: SessionEvents
}

/** Which code a failure travels under (section 7.4.1). */
const FAILURE_CODES: { readonly [code: string]: number } = {
  ERR_UTF8: CLOSE.invalidData,
  ERR_MESSAGE_TOO_BIG: CLOSE.tooBig,
  ERR_POLICY: CLOSE.policy,
  ERR_LIMIT: CLOSE.policy,
  ERR_HANDLER_FAILED: CLOSE.internalError,
}

const NO_PARTS = undefined

export class Session implements FrameSink {
  readonly role: Role
  #state: SessionState = 'open'
  readonly #outbox: Outbox
  readonly #events: SessionEvents
  readonly #maxMessageBytes: number
  readonly #reader: FrameReader
  /** The frame that is being read. */
  #head = 0
  /** Opcode of the message that is being read, from its first frame to its last; 0 between messages. */
  #message = 0
  /** What there is of that message, once it came in more than one piece. */
  #parts: MessageParts | undefined = NO_PARTS
  /** What there is of a control frame that a chunk's end has cut. */
  #control: Buffer | undefined
  /** True while nobody takes our bytes: Pongs are held, and only the latest is kept (section 5.5.3). */
  #congested = false
  #heldPong: Buffer | undefined
  #received: { readonly code: number; readonly reason: string } | undefined
  #failure: Error | undefined

  constructor(options: SessionOptions) {
    this.role = options.role
    this.#outbox = options.outbox
    this.#events = options.events
    this.#maxMessageBytes = options.maxMessageBytes
    this.#reader = new FrameReader({ role: options.role, sink: this })
  }

  get state(): SessionState {
    return this.#state
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
    if (this.#state !== 'open' && this.#state !== 'closeSent') return
    try {
      this.#reader.read(chunk)
    } catch (error) {
      if (!(error instanceof PeerError)) throw error
      this.fail(error)
    }
  }

  /** The transport is gone, or its reading side ended. */
  transportEnd(): void {
    if (this.#state !== 'ended') this.#step('transportEnd')
  }

  sendText(text: string): void {
    writeTextFrame(this.#outbox, FIN | OPCODE.text, text, this.role)
  }

  sendBinary(payload: Uint8Array): void {
    writeFrame(this.#outbox, FIN | OPCODE.binary, payload, this.role)
  }

  /** @throws MisuseError for a payload of more than 125 bytes. */
  sendPing(payload: Uint8Array): void {
    this.#sendControl(OPCODE.ping, payload)
  }

  /** @throws MisuseError for a payload of more than 125 bytes. */
  sendPong(payload: Uint8Array): void {
    this.#sendControl(OPCODE.pong, payload)
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
    if (this.#state !== 'open' && this.#state !== 'closeSent') return
    this.#failure = error
    if (this.#state === 'open') {
      const code = FAILURE_CODES[(error as PeerError).code] ?? CLOSE.protocolError
      const reason = error instanceof PeerError ? error.message.slice(0, 100) : ''
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
    if (isControl(head)) return
    const opcode = opcodeOf(head)
    if (opcode === OPCODE.continuation) {
      if (this.#message === 0) {
        throw new PeerError('ERR_FRAME', 'a continuation frame outside a message', {
          section: 'RFC 6455 section 5.4',
        })
      }
    } else if (this.#message !== 0) {
      throw new PeerError('ERR_FRAME', 'a new data frame inside a fragmented message', {
        section: 'RFC 6455 section 5.4',
      })
    } else this.#message = opcode
    const bytes = length + (this.#parts === undefined ? 0 : this.#parts.bytes)
    if (bytes > this.#maxMessageBytes) {
      throw new PeerError(
        'ERR_MESSAGE_TOO_BIG',
        `a message of at least ${bytes} bytes, at most ${this.#maxMessageBytes}`,
      )
    }
  }

  onPayload(chunk: Buffer, start: number, end: number, ascii: boolean, last: boolean): void {
    if (isControl(this.#head)) return this.#controlPayload(chunk, start, end, last)
    const done = last && (this.#head & FIN) !== 0
    if (done && this.#parts === undefined) return this.#wholeMessage(chunk, start, end, ascii)
    this.#parts ??= new MessageParts(this.#message === OPCODE.text)
    this.#parts.add(chunk, start, end, ascii)
    if (done) this.#joinedMessage(this.#parts)
  }

  /** The common case: one frame, in one chunk. */
  #wholeMessage(chunk: Buffer, start: number, end: number, ascii: boolean): void {
    const text = this.#message === OPCODE.text
    this.#message = 0
    if (!text) return this.#events.onMessage(chunk.subarray(start, end))
    if (!ascii && !isUtf8(chunk.subarray(start, end))) throw utf8Error()
    this.#events.onMessage(decodeText(chunk, start, end, ascii))
  }

  #joinedMessage(parts: MessageParts): void {
    const text = this.#message === OPCODE.text
    this.#message = 0
    this.#parts = NO_PARTS
    this.#events.onMessage(text ? parts.takeText() : parts.takeBinary())
  }

  #controlPayload(chunk: Buffer, start: number, end: number, last: boolean): void {
    let payload = chunk.subarray(start, end)
    if (this.#control !== undefined) payload = Buffer.concat([this.#control, payload])
    this.#control = last ? undefined : Buffer.from(payload)
    if (!last) return
    const opcode = opcodeOf(this.#head)
    if (opcode === OPCODE.ping) this.#receivePing(payload)
    else if (opcode === OPCODE.pong) this.#events.onPong(payload)
    else this.#receiveClose(payload)
  }

  #receivePing(payload: Buffer): void {
    if (this.#state === 'open') {
      if (this.#congested) this.#heldPong = Buffer.from(payload)
      else this.#sendControl(OPCODE.pong, payload)
    }
    this.#events.onPing(payload)
  }

  /** Answered once, with the same code, unless ours went out before (section 5.5.1). */
  #receiveClose(body: Buffer): void {
    this.#received = decodeCloseBody(body)
    if (this.#state === 'open') {
      const { code } = this.#received
      this.#sendControl(OPCODE.close, encodeCloseBody(code === CLOSE.noCode ? undefined : code, ''))
    }
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

  /** Reads no more, keeps nothing that was half read. */
  #quiet(): void {
    this.#reader.stop()
    this.#message = 0
    this.#parts = NO_PARTS
    this.#control = undefined
    this.#heldPong = undefined
  }

  #step(event: SessionEvent): void {
    this.#state = nextState(this.#state, event)
    if (this.#state === 'ended') this.#quiet()
    this.#events.onState(this.#state)
  }
}
