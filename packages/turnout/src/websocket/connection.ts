// Knows one WebSocket as its user sees it, on either side: joins session, transport and clock.
// Never knows how the connection came to be.
import { type Alarm, type Clock, systemClock } from '../base/clock.ts'
import { MisuseError, PeerError } from '../base/errors.ts'
import { Outbox } from '../base/outbox.ts'
import type { Transport, TransportSink } from '../transport/transport.ts'
import type { Params } from '../upgrade/protocol.ts'
import { CLOSE, encodeCloseBody } from './close.ts'
import { type Flushable, flushSoon } from './flush.ts'
import type { Role } from './frame.ts'
import { Inbox } from './inbox.ts'
import type { ConnectionEvents, ConnectionOptions, Message, Sendable } from './options.ts'
import { Session, type SessionEvents, type SessionState } from './session.ts'

const DEFAULT_MAX_MESSAGE_BYTES = 1_048_576
const DEFAULT_CLOSE_TIMEOUT_MS = 10_000
const DEFAULT_HIGH_WATER_MARK_BYTES = 65_536

/** A peer that broke the rules gets this long to take our Close frame and hang up. */
const FAILED_LINGER_MS = 2_000

/** Unread messages from which on an iterating reader's peer is slowed down, by count and by bytes. */
const INBOX_HIGH_MESSAGES = 1024
const INBOX_HIGH_BYTES = 1_048_576

/** How a connection ended. */
export interface CloseInfo {
  /** From the peer's Close frame; 1005: it bore none; 1006: no Close frame came (RFC 6455 section 7.1.5). */
  readonly code: number
  readonly reason: string
  /** Both Close frames were exchanged. */
  readonly clean: boolean
  /** Why, when something went wrong: a PeerError, a socket's error, what the handler threw. */
  readonly cause: Error | undefined
}

export type ReadyState = 'opening' | 'open' | 'closing' | 'closed'

/** What a connection is made from, once its handshake has decided. */
export interface ConnectionSetup<Data> {
  readonly role: Role
  readonly data: Data
  /** The chosen subprotocol, empty for none. */
  readonly protocol: string
  /** Sec-WebSocket-Extensions as negotiated, empty for none. */
  readonly extensions: string
  readonly params?: Params
  readonly options: ConnectionOptions
  readonly events: ConnectionEvents<Data>
  /** Told what a callback or the handler threw; the connection is closed with 1011. */
  onError?(error: unknown, socket: WebSocketConnection<Data>): void
}

/** Only for whoever performs handshakes: a connection without a transport yet. Sends wait until it opens. */
export function createConnection<Data>(setup: ConnectionSetup<Data>): WebSocketConnection<Data> {
  return new Shell(setup).socket
}

/** Only for whoever performs handshakes: gives the connection its transport, which must not have been started. */
export function openConnection<Data>(socket: WebSocketConnection<Data>, transport: Transport): void {
  shellOf(socket).open(transport)
}

/** Only for whoever performs handshakes: the connection will never open. */
export function abandonConnection<Data>(socket: WebSocketConnection<Data>, error: Error): void {
  shellOf(socket).abandon(error)
}

/** Only for whoever performs handshakes: closes with 1011 and reports what the user's code threw. */
export function failHandler<Data>(socket: WebSocketConnection<Data>, error: unknown): void {
  shellOf(socket).failHandler(error)
}

/** Only for broadcasts: a whole frame of a server, encoded once for many. */
export function sendFrame(socket: WebSocketConnection, frame: Uint8Array): boolean | Promise<boolean> {
  return shellOf(socket).sendFrame(frame)
}

export function roleOf(socket: WebSocketConnection): Role {
  return shellOf(socket).role
}

let shellOf: <Data>(socket: WebSocketConnection<Data>) => Shell<Data>

/**
 * One WebSocket, on the server or on the client.
 *
 * Read it with `for await (const message of socket)`, which slows the peer to the loop's pace, or with the
 * `message` callback of the options, not with both. Messages that arrive before anyone reads are kept.
 */
export class WebSocketConnection<Data = unknown> implements AsyncIterable<Message> {
  /** What `accept` returned as `data`, or the option of the same name on a client. Yours to change. */
  data: Data
  readonly #shell: Shell<Data>

  static {
    shellOf = (socket) => socket.#shell
  }

  /** @internal Comes from a route's handler, `turnout.upgrade` or `connect`. */
  constructor(shell: Shell<Data>, data: Data) {
    this.#shell = shell
    this.data = data
  }

  /** The subprotocol in use, empty for none. */
  get protocol(): string {
    return this.#shell.protocol
  }

  /** The extensions in use, as negotiated, empty for none. */
  get extensions(): string {
    return this.#shell.extensions
  }

  /** The parameters of the route's path, on a server. */
  get params(): Params {
    return this.#shell.params
  }

  get readyState(): ReadyState {
    return this.#shell.readyState
  }

  /** Bytes of frames that were sent and that the operating system has not taken yet. */
  get bufferedBytes(): number {
    return this.#shell.bufferedBytes
  }

  /** How it ended. Never rejects. */
  get closed(): Promise<CloseInfo> {
    return this.#shell.closed
  }

  /**
   * Sends one message: a string as text, everything else as binary. Bytes above 16 KiB are not copied on a
   * server: leave them alone until they have left.
   *
   * @returns `true`: taken, go on. A promise: taken, but more waits than `highWaterMarkBytes`; it resolves with
   * true once all has left, with false if the connection ended before. `false`: not sent, the connection is
   * closing or closed. `await` it and forget the difference.
   * @throws MisuseError ERR_INVALID_ARGUMENT for anything that is neither a string nor bytes.
   */
  send(message: Sendable): boolean | Promise<boolean> {
    return this.#shell.send(message)
  }

  /**
   * Sends a Ping (RFC 6455 section 5.5.2). False: not sent, the connection is closing or closed.
   * @throws MisuseError ERR_CONTROL_TOO_LONG above 125 bytes.
   */
  ping(payload: string | Uint8Array = ''): boolean {
    return this.#shell.sendControl('ping', payload)
  }

  /** Sends a Pong nobody asked for (section 5.5.3); Pings are answered without you. Like `ping`. */
  pong(payload: string | Uint8Array = ''): boolean {
    return this.#shell.sendControl('pong', payload)
  }

  /**
   * Begins the closing handshake (section 7.1.2). What was sent before still leaves. A second call changes nothing.
   *
   * @param code 1000 to 1003, 1007 to 1014, or 3000 to 4999. Default: a Close frame without a code.
   * @param reason at most 123 bytes of UTF-8; needs a code.
   * @returns `closed`.
   * @throws MisuseError ERR_INVALID_CLOSE_CODE, ERR_INVALID_CLOSE_REASON.
   */
  close(code?: number, reason: string = ''): Promise<CloseInfo> {
    this.#shell.close(code, reason)
    return this.#shell.closed
  }

  /** Drops the connection now, without a closing handshake. What was not sent yet is lost. */
  terminate(): void {
    this.#shell.terminate()
  }

  /** Delivers no more messages to the `message` callback until `resume`; the peer is slowed by TCP. */
  pause(): void {
    this.#shell.pause()
  }

  resume(): void {
    this.#shell.resume()
  }

  /** Every message from the first that nobody has read; ends when the connection has. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this.#shell.iterate()
  }
}

class Shell<Data> implements SessionEvents, TransportSink, Flushable {
  readonly socket: WebSocketConnection<Data>
  readonly #setup: ConnectionSetup<Data>
  readonly #outbox = new Outbox()
  readonly #session: Session
  #transport: Transport | undefined
  #readyState: ReadyState = 'opening'
  /** A chunk is being processed: what is sent now leaves with it. */
  #inChunk = false
  #flushQueued = false
  /** The transport asked to wait. */
  #blocked = false
  /** Its side was ended. */
  #transportEnded = false
  #alarm: Alarm | undefined
  /** Messages that nobody has taken; made when the first one has to wait. */
  #inbox: Inbox<Message> | undefined
  #inboxBytes = 0
  #paused = false
  #transportPaused = false
  /** Set while a Blob is being read: what is sent now waits for its turn. */
  #turn: Promise<void> | undefined
  #drained: { readonly promise: Promise<boolean>; readonly resolve: (drained: boolean) => void } | undefined
  #closed: { readonly promise: Promise<CloseInfo>; readonly resolve: (info: CloseInfo) => void } | undefined
  #info: CloseInfo | undefined
  #closeTold = false
  /** What went wrong on our own side. */
  #ownError: Error | undefined
  #terminated = false

  constructor(setup: ConnectionSetup<Data>) {
    this.#setup = setup
    this.socket = new WebSocketConnection(this, setup.data)
    this.#session = new Session({
      role: setup.role,
      maxMessageBytes: setup.options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
      outbox: this.#outbox,
      events: this,
    })
  }

  get role(): Role {
    return this.#setup.role
  }

  get protocol(): string {
    return this.#setup.protocol
  }

  get extensions(): string {
    return this.#setup.extensions
  }

  get params(): Params {
    return this.#setup.params ?? {}
  }

  get readyState(): ReadyState {
    return this.#readyState
  }

  get bufferedBytes(): number {
    return this.#outbox.bytes + (this.#transport?.bufferedBytes ?? 0)
  }

  get closed(): Promise<CloseInfo> {
    this.#closed ??= deferred<CloseInfo>()
    if (this.#info !== undefined) this.#closed.resolve(this.#info)
    return this.#closed.promise
  }

  // --- from the handshake

  open(transport: Transport): void {
    this.#transport = transport
    if (this.#readyState === 'closed') return transport.destroy()
    if (this.#session.state === 'open') this.#readyState = 'open'
    transport.start(this)
    this.#call(this.#setup.events.open)
    this.flush()
  }

  abandon(error: Error): void {
    if (this.#readyState === 'closed' || this.#transport !== undefined) return
    this.#session.transportEnd()
    this.#finish(error)
  }

  // --- from the user

  send(message: Sendable): boolean | Promise<boolean> {
    if (this.#turn !== undefined) return this.#inTurn(() => this.send(message))
    if (this.#session.state !== 'open') return false
    if (typeof message === 'string') this.#session.sendText(message)
    else if (message instanceof Uint8Array) this.#session.sendBinary(message)
    else if (ArrayBuffer.isView(message)) {
      this.#session.sendBinary(new Uint8Array(message.buffer, message.byteOffset, message.byteLength))
    } else if (message instanceof ArrayBuffer || isSharedArrayBuffer(message)) {
      this.#session.sendBinary(new Uint8Array(message))
    } else if (message instanceof Blob) return this.#sendBlob(message)
    else throw unsendable(message)
    return this.#sent()
  }

  sendFrame(frame: Uint8Array): boolean | Promise<boolean> {
    if (this.#turn !== undefined) return this.#inTurn(() => this.sendFrame(frame))
    if (this.#session.state !== 'open') return false
    this.#outbox.push(frame)
    return this.#sent()
  }

  sendControl(kind: 'ping' | 'pong', payload: string | Uint8Array): boolean {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    if (this.#session.state !== 'open') return false
    if (kind === 'ping') this.#session.sendPing(bytes)
    else this.#session.sendPong(bytes)
    this.#sent()
    return true
  }

  close(code: number | undefined, reason: string): void {
    // misuse is told at once, also when a Blob is in the way
    encodeCloseBody(code, reason)
    if (this.#turn !== undefined) return void this.#inTurn(() => this.close(code, reason))
    this.#session.sendClose(code, reason)
    this.#sent()
  }

  terminate(): void {
    if (this.#readyState === 'closed') return
    this.#terminated = true
    this.#session.transportEnd()
    if (this.#transport === undefined) this.#finish(undefined)
    else this.#transport.destroy()
  }

  pause(): void {
    this.#paused = true
    this.#slowDown()
  }

  resume(): void {
    this.#paused = false
    if (this.#setup.events.message !== undefined) {
      while (!this.#paused && this.#inbox !== undefined && this.#inbox.size > 0)
        this.#deliver(this.#takeUnread()!)
      if (this.#info !== undefined && (this.#inbox?.size ?? 0) === 0) this.#tellClosed()
    }
    this.#speedUp()
  }

  iterate(): AsyncIterableIterator<Message> {
    if (this.#setup.events.message !== undefined) {
      throw new MisuseError(
        'ERR_INVALID_ARGUMENT',
        'a socket with a `message` callback cannot be iterated as well',
      )
    }
    const iterator: AsyncIterableIterator<Message> = {
      next: () => this.#nextMessage(),
      return: () => Promise.resolve({ value: undefined, done: true }),
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }

  failHandler(error: unknown): void {
    this.#ownError = error instanceof Error ? error : new Error(String(error))
    this.#session.fail(new PeerError('ERR_HANDLER_FAILED', 'the application failed', { cause: error }))
    this.#sent()
    this.#setup.onError?.(error, this.socket)
  }

  // --- from the transport

  onData(chunk: Buffer): void {
    this.#inChunk = true
    this.#session.receive(chunk)
    this.#inChunk = false
    if (this.#outbox.bytes > 0) this.flush()
  }

  onEnd(): void {
    this.#session.transportEnd()
    this.#endTransport()
    this.#expectWithin(FAILED_LINGER_MS, 'the end of the TCP connection')
  }

  onDrain(): void {
    this.#blocked = false
    this.#session.congested(false)
    this.flush()
    if (this.#blocked) return
    this.#drained?.resolve(true)
    this.#drained = undefined
    this.#call(this.#setup.events.drain)
  }

  onClose(error: Error | undefined): void {
    this.#session.transportEnd()
    this.#finish(error)
  }

  // --- from the session

  onMessage(message: string | Buffer): void {
    if (this.#setup.events.message !== undefined && !this.#paused) return this.#deliver(this.#shaped(message))
    this.#inbox ??= new Inbox()
    const full = this.#inbox.size >= INBOX_HIGH_MESSAGES || this.#inboxBytes >= INBOX_HIGH_BYTES
    // whoever closes and reads no more must not miss the peer's Close frame behind what is unread
    if (full && this.#session.state === 'closeSent') return
    this.#inboxBytes += message.length
    this.#inbox.put(this.#shaped(message))
    if (full) this.#slowDown()
  }

  onPing(payload: Buffer): void {
    this.#call(this.#setup.events.ping, payload)
  }

  onPong(payload: Buffer): void {
    this.#call(this.#setup.events.pong, payload)
  }

  onState(state: SessionState): void {
    if (this.#readyState === 'open' || this.#readyState === 'opening') this.#readyState = 'closing'
    this.#alarm?.cancel()
    this.#alarm = undefined
    if (state === 'closeSent') {
      if (!this.#paused) this.#speedUp()
      this.#expectWithin(this.#closeTimeoutMs, 'an answer to our Close frame')
      return
    }
    if (state === 'closeDone') return this.#hangUp(this.#closeTimeoutMs)
    if (state === 'failed') this.#hangUp(Math.min(this.#closeTimeoutMs, FAILED_LINGER_MS))
  }

  // --- writing

  /** One write for everything that waits; none while the transport asks to wait. */
  flush(): void {
    this.#flushQueued = false
    if (this.#blocked || this.#transport === undefined) return
    this.#write(this.#transport)
  }

  #write(transport: Transport): void {
    if (this.#outbox.bytes === 0) return
    const pieces = this.#outbox.take()
    if (this.#transportEnded || this.#readyState === 'closed' || transport.write(pieces)) return
    this.#blocked = true
    this.#session.congested(true)
  }

  #sent(): boolean | Promise<boolean> {
    const high = this.#setup.options.highWaterMarkBytes ?? DEFAULT_HIGH_WATER_MARK_BYTES
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

  #sendBlob(blob: Blob): Promise<boolean> {
    let bytes: ArrayBuffer | undefined
    const read = this.#inTurn(async () => {
      bytes = await blob.arrayBuffer()
    })
    const sent = this.#inTurn(() => bytes !== undefined && this.send(bytes))
    return read.then(() => sent)
  }

  /** Acts once every Blob that was sent before has been read, so that order holds. */
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

  // --- reading

  #nextMessage(): Promise<IteratorResult<Message, undefined>> {
    this.#inbox ??= new Inbox()
    if (this.#info !== undefined) this.#inbox.close()
    const message = this.#takeUnread()
    if (message === undefined) return this.#inbox.next()
    return Promise.resolve({ value: message, done: false })
  }

  #takeUnread(): Message | undefined {
    const message = this.#inbox?.take()
    if (message === undefined) return undefined
    this.#inboxBytes -= typeof message === 'string' ? message.length : message.byteLength
    if (this.#inbox!.size === 0) {
      this.#inboxBytes = 0
      if (!this.#paused) this.#speedUp()
    }
    return message
  }

  #shaped(message: string | Buffer): Message {
    if (typeof message === 'string' || this.#setup.options.binary !== 'arraybuffer') return message
    const copy = new ArrayBuffer(message.length)
    new Uint8Array(copy).set(message)
    return copy
  }

  #deliver(message: Message): void {
    try {
      const result = this.#setup.events.message!(this.socket, message)
      if (result !== undefined) result.then(undefined, (error) => this.failHandler(error))
    } catch (error) {
      this.failHandler(error)
    }
  }

  #slowDown(): void {
    if (this.#transportPaused) return
    this.#transportPaused = true
    this.#transport?.pause()
  }

  #speedUp(): void {
    if (!this.#transportPaused) return
    this.#transportPaused = false
    this.#transport?.resume()
  }

  // --- ending

  get #closeTimeoutMs(): number {
    return this.#setup.options.closeTimeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS
  }

  get #clock(): Clock {
    return this.#setup.options.clock ?? systemClock
  }

  /** A server closes TCP, a client waits for that (RFC 6455 section 7.1.1); a client that failed need not. */
  #hangUp(withinMs: number): void {
    // whatever held the reading back, the end must be seen
    this.#speedUp()
    if (this.role === 'server' || this.#session.state === 'failed') {
      queueMicrotask(() => this.#endTransport())
    }
    this.#expectWithin(withinMs, 'the end of the TCP connection')
  }

  #expectWithin(ms: number, what: string): void {
    this.#alarm = this.#clock.after(ms, () => {
      const error = new PeerError('ERR_CLOSE_TIMEOUT', `${what} did not come within ${ms} ms`, {
        section: 'RFC 6455 section 7.1.1',
      })
      this.#ownError ??= error
      this.#session.transportEnd()
      this.#transport?.destroy()
    })
  }

  #endTransport(): void {
    if (this.#transportEnded || this.#transport === undefined) return
    this.#write(this.#transport)
    this.#transportEnded = true
    this.#transport.end()
  }

  #finish(error: Error | undefined): void {
    if (this.#info !== undefined) return
    this.#alarm?.cancel()
    this.#alarm = undefined
    this.#readyState = 'closed'
    const { received, failure } = this.#session
    const clean = received !== undefined && failure === undefined
    this.#info = {
      code: received?.code ?? CLOSE.abnormal,
      reason: received?.reason ?? '',
      clean,
      cause: clean || this.#terminated ? undefined : (this.#ownError ?? failure ?? error ?? lost()),
    }
    this.#outbox.take()
    this.#drained?.resolve(false)
    this.#drained = undefined
    this.#inbox?.close()
    this.#closed?.resolve(this.#info)
    if (this.#setup.events.message === undefined || (this.#inbox?.size ?? 0) === 0) this.#tellClosed()
  }

  #tellClosed(): void {
    const tell = this.#setup.events.close
    if (tell === undefined || this.#closeTold) return
    this.#closeTold = true
    this.#call(tell, this.#info!)
  }

  /** Calls the user; what that throws is the user's, and ends the connection with 1011. */
  #call<Args extends unknown[]>(
    callback: ((socket: WebSocketConnection<Data>, ...args: Args) => void) | undefined,
    ...args: Args
  ): void {
    if (callback === undefined) return
    try {
      callback.call(this.#setup.events, this.socket, ...args)
    } catch (error) {
      this.failHandler(error)
    }
  }
}

function lost(): PeerError {
  return new PeerError('ERR_CONNECTION_LOST', 'the connection ended without a Close frame', {
    section: 'RFC 6455 section 7.1.5',
  })
}

interface Deferred<Value> {
  readonly promise: Promise<Value>
  readonly resolve: (value: Value) => void
}

function deferred<Value>(): Deferred<Value> {
  let resolve: (value: Value) => void = () => {}
  const promise = new Promise<Value>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

function noop(): void {}

function isSharedArrayBuffer(value: unknown): value is SharedArrayBuffer {
  return typeof SharedArrayBuffer !== 'undefined' && value instanceof SharedArrayBuffer
}

function unsendable(value: unknown): MisuseError {
  const seen = value === null ? 'null' : typeof value
  return new MisuseError('ERR_INVALID_ARGUMENT', `${seen} cannot be sent: a string, bytes or a Blob can`)
}
