// Knows how a connection opens, lives and ends: joins session, transport and clock.
// Never knows how it came to be.
import type { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { type Clock, systemClock } from '../base/clock.ts'
import { PeerError, toError } from '../base/errors.ts'
import { Outbox } from '../base/outbox.ts'
import { type Tally, UNCOUNTED } from '../base/tally.ts'
import type { Transport, TransportSink } from '../transport/transport.ts'
import type { Params } from '../upgrade/protocol.ts'
import { CLOSE, encodeCloseBody } from './close.ts'
import { type AnyConnection, type CloseInfo, type ReadyState, WebSocketConnection } from './connection.ts'
import { Ending, type EndingHost } from './ending.ts'
import type { Role } from './frame.ts'
import { Heartbeat, type HeartbeatHost } from './heartbeat.ts'
import {
  type BinaryForm,
  type ConnectionEvents,
  type ConnectionOptions,
  DEFAULT_MAX_MESSAGE_BYTES,
  type Sendable,
} from './options.ts'
import { Pace, type PaceHost } from './pace.ts'
import { Rate } from './rate.ts'
import { Receiver, type ReceiverHost, watch } from './receiver.ts'
import { Sender } from './sender.ts'
import { Session, type SessionEvents } from './session.ts'
import type { SessionState } from './session-state.ts'
import { messages, tellClose, tellError, tellMessage, tellOpen } from './sight.ts'
import type { MessageStream } from './stream.ts'
import type { MessageTransform } from './transform.ts'
import { Undecoded } from './undecoded.ts'

const DEFAULT_CLOSE_TIMEOUT_MS = 10_000
const DEFAULT_HIGH_WATER_MARK_BYTES = 65_536
const DEFAULT_MAX_BUFFERED_BYTES = 16_777_216

/** A peer that broke the rules gets this long to take our Close frame and hang up. */
const FAILED_LINGER_MS = 2_000

/** Whose code it was. */
export type Part = 'the handler' | 'a callback'

/** What a connection is made from, once its handshake has decided. */
export interface ConnectionSetup<Data> {
  readonly role: Role
  readonly data: Data
  /** The chosen subprotocol, empty for none. */
  readonly protocol: string
  /** Sec-WebSocket-Extensions as negotiated, empty for none. */
  readonly extensions: string
  readonly params?: Params
  /** Where it is counted. Default: nowhere. */
  readonly tally?: Tally | undefined
  /** What the agreed extensions do to messages. */
  readonly transform?: MessageTransform | undefined
  readonly options: ConnectionOptions<BinaryForm>
  readonly events: ConnectionEvents<Data, BinaryForm>
  /** Told what a callback or the handler threw, and which; the connection is closed with 1011. */
  onError?(error: unknown, socket: AnyConnection<Data>, part: Part): void
}

export class Shell<Data>
  implements SessionEvents, TransportSink, HeartbeatHost, PaceHost, ReceiverHost, EndingHost
{
  readonly socket: AnyConnection<Data>
  readonly sender: Sender
  readonly receiver: Receiver<Data>
  readonly tally: Tally
  readonly role: Role
  readonly protocol: string
  readonly extensions: string
  readonly params: Params
  readonly transform: MessageTransform | undefined
  readonly #options: ConnectionOptions<BinaryForm>
  readonly #events: ConnectionEvents<Data, BinaryForm>
  readonly #onError: ConnectionSetup<Data>['onError']
  readonly #session: Session
  readonly #pace = new Pace(this)
  readonly #rate: Rate | undefined
  /** Where messages have to be decoded at all. */
  readonly #undecoded: Undecoded | undefined
  readonly #ending = new Ending(this)
  /** Beats from the opening on. */
  #heartbeat: Heartbeat | undefined
  /** How many messages had been sent when idleness was last looked at. */
  #sendsSeen = 0
  #transport: Transport | undefined
  #readyState: ReadyState = 'opening'
  #closeTold = false
  /** When it opened; undefined: it has not. */
  #openedMs: number | undefined

  constructor(setup: ConnectionSetup<Data>) {
    const { options, events } = setup
    this.role = setup.role
    this.protocol = setup.protocol
    this.extensions = setup.extensions
    this.params = setup.params ?? {}
    this.transform = setup.transform
    this.#options = options
    this.#events = events
    this.#onError = setup.onError
    this.tally = setup.tally ?? UNCOUNTED
    this.socket = new WebSocketConnection(this, setup.data)
    this.#rate = options.rate && new Rate(this.clock, options.rate)
    this.#undecoded = setup.transform && new Undecoded(this.#pace)
    const outbox = new Outbox()
    this.#session = new Session({
      role: setup.role,
      maxMessageBytes: options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
      binary: options.binary,
      outbox,
      events: this,
      transform: setup.transform,
    })
    this.sender = new Sender({
      session: this.#session,
      outbox,
      highWaterMarkBytes: options.highWaterMarkBytes ?? DEFAULT_HIGH_WATER_MARK_BYTES,
      maxBufferedBytes: options.maxBufferedBytes ?? DEFAULT_MAX_BUFFERED_BYTES,
      slowConsumer: options.slowConsumer ?? 'close',
      tally: this.tally,
    })
    this.receiver = new Receiver({
      socket: this.socket,
      events,
      binary: options.binary ?? 'buffer',
      pace: this.#pace,
      host: this,
    })
  }

  get readyState(): ReadyState {
    return this.#readyState
  }

  get latencyMs(): number | undefined {
    return this.#heartbeat?.latencyMs
  }

  /** Who does not read still hears, by the drain, whether the peer takes what waits for it. */
  get listening(): boolean {
    return this.#pace.reading || this.sender.blocked
  }

  readOne(): boolean {
    return this.#pace.readOne()
  }

  /** Told to the session. */
  get crowded(): boolean {
    return this.#pace.crowded
  }

  get closed(): Promise<CloseInfo> {
    return this.#ending.closed
  }

  get clock(): Clock {
    return this.#options.clock ?? systemClock
  }

  // --- from the handshake

  open(transport: Transport, request: IncomingMessage | undefined): void {
    if (this.#readyState === 'closed') return transport.destroy()
    this.#transport = transport
    this.sender.open(transport)
    transport.start(this)
    this.#pace.open(transport)
    this.#beat()
    if (this.#readyState === 'opening') this.#readyState = 'open'
    this.#openedMs = this.clock.now()
    this.tally.opened++
    tellOpen(this, request)
    this.#call(this.#events.open)
    this.sender.flush()
    if (this.sender.overdue) this.onDrain()
  }

  abandon(error: Error): void {
    if (this.#readyState === 'closed' || this.#transport !== undefined) return
    this.#session.transportEnd()
    this.#finish(error)
  }

  // --- from the user

  send(message: Sendable): boolean | Promise<boolean> {
    const taken = this.sender.send(message)
    if (messages.hasSubscribers && taken !== false) tellMessage(this, 'out', message)
    return taken
  }

  sendFrame(frame: Uint8Array | Promise<Uint8Array>, bytes: number): boolean | Promise<boolean> {
    const taken = this.sender.sendFrame(frame, bytes)
    if (messages.hasSubscribers && taken !== false) tellMessage(this, 'out', undefined)
    return taken
  }

  close(code: number | undefined, reason: string): void {
    // misuse is told at once, also when a Blob is in the way
    encodeCloseBody(code, reason)
    if (code !== undefined) this.tally.closing(code)
    this.sender.sendClose(code, reason)
    // what has yet to be read or encoded goes first, but not for ever
    if (this.#session.state === 'open' && this.#readyState !== 'closing') this.#awaitAnswer()
  }

  terminate(): void {
    if (this.#readyState === 'closed') return
    // whatever failed before is the cause, not this
    if (this.#session.failure === undefined) this.#ending.excuse()
    this.#cutOff()
  }

  /** Messages that begin from now on come in parts, and only a limit of the user's own bounds them. */
  streams(): AsyncIterableIterator<MessageStream> {
    const streams = this.receiver.streams()
    this.#session.stream(this.#options.maxMessageBytes ?? Number.POSITIVE_INFINITY)
    return streams
  }

  resume(): void {
    this.receiver.resume()
    if (this.#ending.info !== undefined) this.#tellClosed()
  }

  failHandler(error: unknown, part: Part = 'a callback'): void {
    // no fault of the application's: `closed` tells
    if (this.receiver.isLoss(error)) return
    this.#ending.blame(toError(error))
    this.#session.fail(new PeerError('ERR_HANDLER_FAILED', 'the application failed', { cause: error }))
    this.sender.flush()
    this.#onError?.(error, this.socket, part)
  }

  // --- from the transport

  onData(chunk: Buffer): void {
    this.#heartbeat?.heard()
    this.#pace.onChunk(chunk.length)
    this.tally.bytesIn += chunk.length
    this.sender.chunkBegins()
    try {
      this.#bound(this.#rate?.onBytes(chunk.length))
      this.#session.receive(chunk)
    } finally {
      this.sender.chunkEnds()
    }
  }

  onEnd(): void {
    if (this.#undecoded?.delays(() => this.onEnd())) return
    this.#session.transportEnd()
    if (!this.sender.end(true)) this.#expectEnd(FAILED_LINGER_MS)
  }

  onDrain(): void {
    // it took what was sent: as good as a word
    this.#heartbeat?.heard()
    if (this.sender.drain()) this.#call(this.#events.drain)
  }

  onSettled(): void {
    this.sender.settle()
  }

  onClose(error: Error | undefined): void {
    // nobody waits for a message once the session has ended, and it may never come; nor for ever behind a failure
    const patient =
      this.#session.state !== 'ended' && (error === undefined || this.#undecoded?.isUnderWay === true)
    if (patient && this.#undecoded?.delays(() => this.onClose(error))) return
    this.#session.transportEnd()
    this.#finish(error)
  }

  // --- from the session

  onMessage(message: string | Buffer | Buffer[]): void {
    this.#heartbeat?.messaged()
    if (this.#rate !== undefined && this.#bound(this.#rate.onMessage())) return
    this.tally.messagesIn++
    if (messages.hasSubscribers) tellMessage(this, 'in', message)
    this.receiver.put(message, this.#isClosing())
    this.#undecoded?.delivered()
  }

  /** Our Close is out: only the peer's is awaited. */
  #isClosing(): boolean {
    return this.#session.state === 'closeSent'
  }

  onPing(payload: Buffer): void {
    this.#call(this.#events.ping, payload)
  }

  onStream(text: boolean): void {
    if (this.#rate !== undefined && this.#bound(this.#rate.onMessage())) return
    this.tally.messagesIn++
    if (messages.hasSubscribers) tellMessage(this, 'in', undefined)
    this.receiver.onStream(text, this.#isClosing())
  }

  onPart(part: string | Buffer): void {
    this.#heartbeat?.messaged()
    this.receiver.onPart(part, this.#isClosing())
  }

  onStreamEnd(): void {
    this.receiver.onStreamEnd()
    this.#undecoded?.delivered()
  }

  onPong(payload: Buffer): void {
    const latencyMs = this.#heartbeat?.pong(payload)
    if (latencyMs !== undefined) this.tally.latencyMs.add(latencyMs)
    this.#call(this.#events.pong, payload)
  }

  onWait(ready: Promise<void>): void {
    this.#undecoded!.await(ready, () => {
      this.sender.chunkBegins()
      this.#session.proceed()
      this.sender.chunkEnds()
    })
  }

  onState(state: SessionState): void {
    if (this.#readyState !== 'closed') this.#readyState = 'closing'
    this.#heartbeat?.stop()
    if (state === 'closeReceived') {
      this.sender.answerClose()
      // what was sent before goes first, and may take its time
      if (this.#session.state === state) {
        this.#ending.expect(this.#closeTimeoutMs, 'our own answer to a Close frame')
      }
    } else if (state === 'closeSent') this.#awaitAnswer()
    else if (state === 'closeDone') this.#part()
    else if (state === 'failed') this.#hangUp()
    // no message comes any more, but while our own Close is on its way
    if (state !== 'closeSent') this.receiver.end()
    // whatever held the reading back, the end must be seen
    this.#pace.close()
  }

  /** Fails the connection for what was too much. */
  #bound(excess: string | undefined): boolean {
    if (excess === undefined) return false
    this.#session.fail(new PeerError('ERR_LIMIT', `the peer sent ${excess}`))
    return true
  }

  // --- from the pace

  /** Reading goes on: what was held back comes first. */
  onGo(): void {
    const proceed = () => this.#session.proceed()
    if (this.#undecoded === undefined) proceed()
    else this.#undecoded.goOn(proceed)
  }

  // --- from the heartbeat

  sendHeartbeat(payload: Buffer): void {
    this.sender.sendControl('ping', payload)
  }

  onSilence(silentMs: number): void {
    this.#heartbeat?.stop()
    const seen = `nothing heard for ${Math.round(silentMs)} ms`
    this.#ending.blame(new PeerError('ERR_HEARTBEAT_TIMEOUT', seen, { section: 'RFC 6455 section 5.5.2' }))
    this.#cutOff()
  }

  onIdle(idleMs: number): void {
    if (this.sender.sends !== this.#sendsSeen) {
      this.#sendsSeen = this.sender.sends
      return this.#heartbeat?.messaged()
    }
    this.#heartbeat?.stop()
    this.close(CLOSE.goingAway, `no message for ${Math.round(idleMs)} ms`)
  }

  #beat(): void {
    const { heartbeat = {}, idleTimeoutMs = 0 } = this.#options
    if (heartbeat === false && idleTimeoutMs === 0) return
    this.#heartbeat = new Heartbeat(this, this.clock, heartbeat, idleTimeoutMs)
  }

  // --- ending

  get #closeTimeoutMs(): number {
    return this.#options.closeTimeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS
  }

  #awaitAnswer(): void {
    this.#readyState = 'closing'
    this.#ending.expect(this.#closeTimeoutMs, 'an answer to our Close frame')
  }

  /** Both Closes are through: a server closes TCP, a client waits for that (RFC 6455 section 7.1.1). */
  #part(): void {
    if (this.role === 'client') return this.#expectEnd(this.#closeTimeoutMs)
    queueMicrotask(() => {
      // where it is not done after all, a reset may take along what it has not read
      const isOver = this.#session.peerIsDone && this.sender.isBrief
      if (!this.sender.end(isOver)) this.#expectEnd(this.#closeTimeoutMs)
    })
  }

  /** The connection was failed: whoever did so closes TCP, and gives the peer time to read why. */
  #hangUp(): void {
    queueMicrotask(() => this.sender.end(false))
    this.#expectEnd(Math.min(this.#closeTimeoutMs, FAILED_LINGER_MS))
  }

  #expectEnd(withinMs: number): void {
    this.#ending.expect(withinMs, 'the end of the TCP connection')
  }

  onOverdue(error: PeerError): void {
    if (this.#session.failure === undefined) this.#ending.blame(error)
    this.#cutOff()
  }

  /** Waits for nothing more from the peer. */
  #cutOff(): void {
    this.#session.transportEnd()
    if (this.#transport === undefined) this.#finish(undefined)
    else this.#transport.destroy()
  }

  #finish(error: Error | undefined): void {
    if (this.#ending.info !== undefined) return
    this.#readyState = 'closed'
    const info = this.#ending.conclude(this.#session, error)
    this.sender.drop()
    this.receiver.end()
    this.#tellEnd(info)
    this.#ending.tell(info)
    this.#tellClosed()
  }

  // --- to those who watch

  #tellEnd(info: CloseInfo): void {
    if (info.cause !== undefined) {
      this.tally.error(info.cause)
      tellError(this, info.cause)
    }
    if (this.#openedMs === undefined) return
    const durationMs = this.clock.now() - this.#openedMs
    this.tally.close(durationMs)
    this.tally.closeCode(info.code)
    tellClose(this, info, durationMs)
  }

  /** Once, to those who heard `open`, and after the last message where a callback takes them. */
  #tellClosed(): void {
    const { message, close } = this.#events
    if (close === undefined || this.#closeTold || this.#transport === undefined) return
    if (message !== undefined && this.receiver.unread > 0) return
    this.#closeTold = true
    this.#call(close, this.#ending.info!)
  }

  /** Calls the user; what that throws is the user's, and ends the connection with 1011. */
  #call<Args extends unknown[]>(
    callback: ((socket: AnyConnection<Data>, ...args: Args) => void) | undefined,
    ...args: Args
  ): void {
    if (callback === undefined) return
    try {
      watch(callback.call(this.#events, this.socket, ...args), (error) => this.failHandler(error))
    } catch (error) {
      this.failHandler(error)
    }
  }
}
