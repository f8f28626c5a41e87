// Knows one upgrade request as it came: its connection, the bytes that were read past it, its body.
// Never decides anything.
import { Buffer } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import type { Tally } from '../base/tally.ts'
import { BodyReader, bodyFraming } from '../http/body.ts'
import { fieldLines } from '../http/fields.ts'
import { formatAnswer } from '../http/head.ts'
import type { Answer } from '../http/message.ts'
import { takeBuffered } from '../transport/buffered.ts'
import { BodyFeed } from './body-feed.ts'
import { dressStream } from './dress.ts'
import type { HttpServer } from './http-server.ts'
import { wakeReads } from './internals.ts'
import type { KeepAlive } from './keep-alive.ts'
import { leavesBodyRaw } from './probe.ts'

export interface ArrivalSetup {
  readonly server: HttpServer
  readonly request: IncomingMessage
  /** What Node gave with `upgrade`: the socket, or (Node 26, body under way) a Duplex over it. */
  readonly stream: Duplex
  readonly head: Buffer
  readonly clock: Clock
  readonly keepAlive: KeepAlive
}

/** The route that decides, as those who watch know it. */
export interface Asked {
  readonly protocol: string
  readonly tally: Tally
}

export class Arrival {
  readonly via = 'upgrade'
  readonly server: HttpServer
  /** As Node made it: what other listeners are handed. */
  readonly original: IncomingMessage
  /** As everybody else sees it: the same, or a copy into which the body is fed. */
  readonly request: IncomingMessage
  readonly stream: Duplex
  /** The connection itself. */
  readonly socket: Socket
  readonly clock: Clock
  readonly keepAlive: KeepAlive
  /** The body, as long as there may be more of it to read. */
  readonly body: BodyFeed | undefined
  /** The answer for a body of which nobody can tell where it ends. */
  readonly badFraming: Answer | undefined
  /** When it came, by the clock. */
  readonly cameMs: number
  /** Who was asked last about it and has not been told of to those who watch. */
  asked: Asked | undefined
  /** Who was, and has been told of. */
  askedBefore: Asked | undefined
  /** The ordinary response, once the request is answered by one. */
  response: ServerResponse | undefined
  /** Somebody else may hold the connection still: nothing but this one answer may be written to it. */
  shared = false
  /** Lets go of the connection without an end of the response; set together with `response`. */
  release: (() => void) | undefined
  #head: Buffer
  #continued = false

  constructor(setup: ArrivalSetup) {
    this.server = setup.server
    this.original = setup.request
    this.stream = setup.stream
    this.socket = setup.request.socket
    this.clock = setup.clock
    this.cameMs = setup.clock.now()
    this.keepAlive = setup.keepAlive
    this.#head = setup.head
    this.stream.on('error', ignoreError)
    if (this.stream !== this.socket) dressStream(this.stream, this.socket)
    else wakeReads(this.socket)
    const framing = bodyFraming(this.original.rawHeaders)
    if (framing.kind === 'bad') this.badFraming = framing.answer
    if (framing.kind === 'length' || framing.kind === 'chunked') {
      if (!this.original.complete) this.body = this.#feed(undefined)
      else if (leavesBodyRaw()) this.body = this.#feed(new BodyReader(framing))
    }
    this.request = this.body?.request ?? this.original
  }

  /** Nobody can be answered any more. */
  get gone(): boolean {
    return this.stream.destroyed || !this.stream.writable
  }

  /** Puts the bytes that were read past the request back where they come out first. */
  returnHead(): void {
    if (this.#head.length === 0) return
    const head = this.#head
    this.#head = NOTHING
    if (!this.stream.destroyed) this.stream.unshift(head)
  }

  /** The bytes read past the request, for a listener that wants them beside the socket. */
  takeHead(): Buffer {
    if (this.#head.length > 0) {
      const head = this.#head
      this.#head = NOTHING
      return head
    }
    return takeBuffered(this.stream)
  }

  /** Whether the client waits for a 100 that it has not got (RFC 9110 section 10.1.1). */
  get expectsContinue(): boolean {
    if (this.#continued || this.request.httpVersion !== '1.1') return false
    return fieldLines(this.request.rawHeaders, 'expect').some((line) => CONTINUE.test(line))
  }

  /** The 100 has been sent. */
  get continued(): boolean {
    return this.#continued
  }

  /** Text to write before a 101 (RFC 9110 section 7.8): a 100, or nothing. From now on it counts as sent. */
  takeContinue(): string {
    if (!this.expectsContinue) return ''
    this.#continued = true
    return CONTINUE_HEAD
  }

  #feed(reader: BodyReader | undefined): BodyFeed {
    return new BodyFeed({
      original: this.original,
      stream: this.stream,
      reader,
      timeoutMs: this.server.requestTimeout ?? 0,
      clock: this.clock,
      onStart: () => {
        this.returnHead()
        // Once the app answers, whether to send a 100 is the app's affair.
        if (this.response !== undefined) return
        const text = this.takeContinue()
        if (text !== '' && this.stream.writable) this.stream.write(text, 'latin1')
      },
      onFailure: (status, error) => {
        if (this.response?.headersSent !== true && this.stream.writable) {
          const answer: Answer = { status, fields: [], body: `${error.message}\n`, close: true }
          this.stream.write(formatAnswer(answer), 'latin1')
        }
        this.stream.destroy()
      },
    })
  }
}

/** On every upgraded connection: a reset without a listener would end the process. */
export function ignoreError(): void {}

const NOTHING = Buffer.alloc(0)
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i
const CONTINUE_HEAD = 'HTTP/1.1 100 Continue\r\n\r\n'
