// Knows how data frames become messages (RFC 6455 sections 5.4 and 5.6): whole, or in parts as they come.
import { Buffer, isUtf8 } from 'node:buffer'
import { PeerError } from '../base/errors.ts'
import { kept } from '../base/lent.ts'
import { FIN, OPCODE, opcodeOf, RSV } from './frame.ts'
import { LentMessage } from './lent-message.ts'
import { MessageParts } from './message.ts'
import type { BinaryForm } from './options.ts'
import { decodeText, TextParts, utf8Error } from './text.ts'
import type { MessageTransform } from './transform.ts'

/** Who hears of messages. */
export interface IncomingEvents {
  onMessage(message: string | Buffer | Buffer[]): void
  /** A message begins that is delivered in parts. */
  onStream(text: boolean): void
  onPart(part: string | Buffer): void
  onStreamEnd(): void
}

export interface IncomingOptions {
  readonly maxMessageBytes: number
  /** What binary messages are delivered as: `chunks` in the pieces in which they came, `lent` for as long as `onMessage` takes. Default `buffer`. */
  readonly binary?: BinaryForm | undefined
  readonly transform?: MessageTransform | undefined
  readonly events: IncomingEvents
  readonly host: IncomingHost
}

/** Who brings the frames. */
export interface IncomingHost {
  /** A message is being decoded apart: bring no more frames until `proceed`. */
  onDecoding(ready: Promise<void>): void
  /** A message was decoded and delivered. */
  onDecoded(): void
}

/** A message may have as many fragments as bytes, and so many in any case. */
const FEWEST_FRAGMENTS = 1_024

/** A message in one frame, which no extension has changed. */
const WHOLE_TEXT = FIN | OPCODE.text
const WHOLE_BINARY = FIN | OPCODE.binary

export class Incoming {
  readonly #events: IncomingEvents
  readonly #host: IncomingHost
  readonly #binary: BinaryForm | undefined
  readonly #transform: MessageTransform | undefined
  /** The most of a message that is delivered as it came. */
  #maxMessageBytes: number
  /** The same of one that is decoded first, and so whole in any case. */
  readonly #maxWholeBytes: number
  #streaming = false
  /** First byte of the data frame that is being read. */
  #head = 0
  /** Opcode of the message that is being read, from its first frame to its last; 0 between messages. */
  #message = 0
  /** RSV bits of its first frame: what an extension has done to it. */
  #rsv = 0
  /** Its payload so far. */
  #bytes = 0
  /** Its frames after the first. */
  #fragments = 0
  /** What there is of it, once it came in more than one piece. */
  #parts: MessageParts | undefined
  /** The same, when it is whole for a moment only. */
  #lent: LentMessage | undefined
  /** It is delivered in parts. */
  #stream: TextParts | 'binary' | undefined
  /** A message that is being decoded apart, and what became of it. */
  #decoding: { readonly text: boolean; payload?: Buffer; error?: Error } | undefined

  constructor(options: IncomingOptions) {
    this.#events = options.events
    this.#host = options.host
    this.#binary = options.binary
    this.#transform = options.transform
    this.#maxMessageBytes = this.#maxWholeBytes = options.maxMessageBytes
  }

  /** Messages that begin from now on are delivered in parts, each of at most so many bytes in all. */
  stream(maxMessageBytes: number): void {
    this.#streaming = true
    this.#maxMessageBytes = maxMessageBytes
  }

  /** Forgets what was half read. */
  quiet(): void {
    this.#message = 0
    this.#parts = undefined
    this.#lent?.end()
    this.#lent = undefined
    this.#stream = undefined
    this.#decoding = undefined
  }

  /** A data frame's header. @throws PeerError for a frame out of place, or a message beyond the limit. */
  onFrame(head: number, length: number): void {
    const opcode = opcodeOf(head)
    const rsv = head & RSV
    this.#head = head
    if (opcode === OPCODE.continuation) {
      if (this.#message === 0) throw sequenceError('a continuation frame outside a message')
      this.#fragments++
      if (rsv !== 0) throw rsvError(rsv, 'on a continuation frame')
    } else {
      if (this.#message !== 0) throw sequenceError('a new data frame inside a fragmented message')
      this.#message = opcode
      this.#rsv = rsv
      this.#bytes = 0
      this.#fragments = 0
      if (this.#streaming && rsv === 0) this.#beginStream(opcode === OPCODE.text)
    }
    this.#bytes += length
    const isPlain = this.#rsv === 0
    const most = isPlain ? this.#maxMessageBytes : this.#maxWholeBytes
    if (this.#bytes > (isPlain ? most : encodedBytes(most))) throw tooBig(this.#bytes, most)
    // of empty ones there is no end otherwise
    const mostFragments = Math.max(most, FEWEST_FRAGMENTS)
    if (this.#fragments > mostFragments) throw tooManyFragments(mostFragments)
  }

  /** Whether a frame is a message by itself, in its place and within the limit. */
  takesWhole(head: number, length: number): boolean {
    if (head !== WHOLE_TEXT && head !== WHOLE_BINARY) return false
    return this.#message === 0 && !this.#streaming && length <= this.#maxMessageBytes
  }

  /** All of such a frame. @throws PeerError ERR_UTF8. */
  onWhole(head: number, chunk: Buffer, start: number, end: number, ascii: boolean): void {
    this.#plainMessage(head === WHOLE_TEXT, chunk, start, end, ascii)
  }

  /** Payload of that frame. @throws PeerError ERR_UTF8, and what a transform throws. */
  onPayload(chunk: Buffer, start: number, end: number, ascii: boolean, last: boolean): void {
    const done = last && (this.#head & FIN) !== 0
    if (this.#stream !== undefined) return this.#streamPart(chunk, start, end, done)
    if (done && this.#parts === undefined && this.#lent === undefined) {
      return this.#wholeMessage(chunk, start, end, ascii)
    }
    // only of the last frame is it known that nothing comes after it
    const whole = (this.#head & FIN) === 0 ? Number.POSITIVE_INFINITY : this.#bytes
    if (this.#rsv === 0 && (this.#message === OPCODE.text || this.#binary === 'lent')) {
      this.#lent ??= new LentMessage(this.#message === OPCODE.text)
      this.#lent.add(chunk, start, end, ascii, whole)
      if (done) this.#lentMessage(this.#lent)
      return
    }
    this.#parts ??= new MessageParts(this.#rsv === 0 && this.#binary === 'chunks')
    this.#parts.add(chunk, start, end, whole)
    if (done) this.#joinedMessage(this.#parts)
  }

  /** Delivers the message that was decoded apart. @throws PeerError when it could not be. */
  proceed(): void {
    const decoding = this.#decoding
    this.#decoding = undefined
    if (decoding === undefined) return
    if (decoding.error !== undefined) throw decoding.error
    this.#deliver(decoding.text, decoding.payload!)
  }

  /** A text, or binary that is lent to whoever hears of it. */
  #lentMessage(message: LentMessage): void {
    const text = this.#message === OPCODE.text
    this.#message = 0
    this.#lent = undefined
    if (text) return this.#events.onMessage(message.takeText())
    try {
      this.#events.onMessage(message.bytes)
    } finally {
      message.end()
    }
  }

  /** One frame, in one chunk. */
  #wholeMessage(chunk: Buffer, start: number, end: number, ascii: boolean): void {
    const text = this.#message === OPCODE.text
    this.#message = 0
    if (this.#rsv !== 0) return this.#decode(text, kept(chunk, start, end))
    this.#plainMessage(text, chunk, start, end, ascii)
  }

  /** The same, and no extension has changed it. */
  #plainMessage(text: boolean, chunk: Buffer, start: number, end: number, ascii: boolean): void {
    if (text) {
      if (!ascii && !isUtf8(chunk.subarray(start, end))) throw utf8Error()
      this.#events.onMessage(decodeText(chunk, start, end, ascii))
    } else if (this.#binary === 'lent') this.#events.onMessage(chunk.subarray(start, end))
    else this.#events.onMessage(kept(chunk, start, end))
  }

  #joinedMessage(parts: MessageParts): void {
    const text = this.#message === OPCODE.text
    this.#message = 0
    this.#parts = undefined
    if (this.#rsv !== 0) return this.#decode(text, parts.takeWhole())
    this.#events.onMessage(this.#binary === 'chunks' ? parts.takeChunks() : parts.takeWhole())
  }

  /** A message that an extension has changed: whole first, then as it was. */
  #decode(text: boolean, payload: Buffer): void {
    const decoded = this.#decoded(payload)
    if (!(decoded instanceof Promise)) return this.#deliver(text, decoded)
    const decoding: { text: boolean; payload?: Buffer; error?: Error } = { text }
    this.#decoding = decoding
    const ready = decoded.then(
      (whole) => void (decoding.payload = whole),
      (error) => void (decoding.error = transformError(error)),
    )
    this.#host.onDecoding(ready)
  }

  #decoded(payload: Buffer): Buffer | Promise<Buffer> {
    try {
      return this.#transform!.decode(payload, this.#rsv)
    } catch (error) {
      throw transformError(error)
    }
  }

  #deliver(text: boolean, payload: Buffer): void {
    const most = this.#maxWholeBytes
    if (!Buffer.isBuffer(payload)) throw transformError(new TypeError('decode gave no Buffer'))
    if (payload.length > most) throw tooBig(payload.length, most)
    if (text && !isUtf8(payload)) throw utf8Error()
    const message = text ? decodeText(payload, 0, payload.length, false) : payload
    if (!this.#streaming) this.#events.onMessage(message)
    else {
      this.#events.onStream(text)
      this.#events.onPart(message)
      this.#events.onStreamEnd()
    }
    this.#host.onDecoded()
  }

  #beginStream(text: boolean): void {
    this.#stream = text ? new TextParts() : 'binary'
    this.#events.onStream(text)
  }

  #streamPart(chunk: Buffer, start: number, end: number, done: boolean): void {
    const stream = this.#stream!
    const part = stream === 'binary' ? kept(chunk, start, end) : stream.add(chunk, start, end)
    if (part.length > 0) this.#events.onPart(part)
    if (!done) return
    if (stream !== 'binary') stream.end()
    this.#message = 0
    this.#stream = undefined
    this.#events.onStreamEnd()
  }
}

export function rsvError(rsv: number, where: string): PeerError {
  const bits = (rsv >> 4).toString(2).padStart(3, '0')
  return new PeerError('ERR_FRAME', `RSV bits ${bits} ${where}`, { section: 'RFC 6455 section 5.2' })
}

/** What incompressible bytes grow to when they are compressed all the same, by the headers of small blocks. */
function encodedBytes(maxMessageBytes: number): number {
  return maxMessageBytes + Math.ceil(maxMessageBytes / 20) + 64
}

function tooBig(bytes: number, most: number): PeerError {
  return new PeerError('ERR_MESSAGE_TOO_BIG', `a message of at least ${bytes} bytes, at most ${most}`)
}

function tooManyFragments(most: number): PeerError {
  return new PeerError('ERR_MESSAGE_TOO_BIG', `a message of more than ${most} fragments`)
}

function transformError(error: unknown): PeerError {
  if (error instanceof PeerError) return error
  return new PeerError('ERR_FRAME', 'a message that an extension cannot read', {
    section: 'RFC 6455 section 9',
    cause: error,
  })
}

function sequenceError(seen: string): PeerError {
  return new PeerError('ERR_FRAME', seen, { section: 'RFC 6455 section 5.4' })
}
