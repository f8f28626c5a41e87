// Knows a WebSocket of a client that comes back: one after the other, until somebody says that it is over.
// Never knows how one of them is made.

import { type Alarm, type Clock, systemClock } from '../base/clock.ts'
import { MisuseError, toError } from '../base/errors.ts'
import { assertOptions, type OptionNames } from '../base/option-names.ts'
import { assertFromZero, assertFunction, assertOneOf, assertSignal } from '../base/option-value.ts'
import { type Deferred, deferred } from '../base/promise.ts'
import { tell, warn } from '../base/tell.ts'
import type { Params } from '../upgrade/protocol.ts'
import { BACKOFF_OPTIONS, Backoff, type BackoffOptions } from './backoff.ts'
import { type AnyConnectOptions, CONNECT_OPTIONS, type ConnectOptions } from './client.ts'
import { encodeCloseBody } from './close.ts'
import type { AnyConnection, CloseInfo, WebSocketConnection } from './connection.ts'
import { dial } from './dial.ts'
import { prepareDial } from './dial-plan.ts'
import { Held } from './held.ts'
import type { BinaryForm, ChosenProtocol, Message, Sendable } from './options.ts'
import { isPassing, retryAfterMs } from './passing.ts'
import { Readings } from './readings.ts'

/** Where in its life a connection is, for those who are told of it. */
export interface Attempt {
  /** 1 for the first attempt ever, 2 for the first after a connection that held, one more for each that failed since. */
  readonly attempt: number
  /** How the connection before ended; undefined: there has been none yet. */
  readonly lastClose: CloseInfo | undefined
}

/**
 * How a connection ended, or why there was none: `end instanceof Error` tells. The `code` of an Error, where it has
 * one, is mostly a text, such as ERR_CONNECT; only that of a close is a close code.
 */
export type ConnectionEnd = CloseInfo | (Error & { readonly code?: unknown })

/** What changes from one attempt to the next, such as a token that expires. */
export interface Renewed<Subprotocol extends string = string> {
  readonly url?: string | URL | undefined
  readonly headers?: ConnectOptions['headers'] | undefined
  readonly protocols?: ConnectOptions<unknown, BinaryForm, Subprotocol>['protocols'] | undefined
}

/** What `connect` takes, and what is to happen between two connections. */
export interface ReconnectingOptions<
  Data = undefined,
  Form extends BinaryForm = 'buffer',
  Subprotocol extends string = string,
> extends Omit<
      ConnectOptions<Data, Form, Subprotocol>,
      'open' | 'message' | 'drain' | 'close' | 'ping' | 'pong' | 'signal'
    >,
    PeerEvents<ReconnectingConnection<Data, NoInfer<Form>, ChosenProtocol<Subprotocol>>, Message<Form>>,
    BackoffOptions {
  /** How many times in a row to try again before it is given up; 0: never. Default Infinity. */
  readonly retries?: number | undefined
  /** From how many milliseconds on a connection has held, so that waits begin with the shortest again. Default 5,000. */
  readonly stableAfterMs?: number | undefined
  /** The most that a server's Retry-After is obeyed, in milliseconds. Default 300,000. */
  readonly maxRetryAfterMs?: number | undefined
  /** What `send` does without a connection: `buffer` holds the message for the next, `refuse` returns false. Default `buffer`. */
  readonly whileDown?: 'buffer' | 'refuse' | undefined
  /** How many messages are held at most; one more is refused. Default 1,024. */
  readonly maxHeldMessages?: number | undefined
  /** How many bytes are held at most. Default 1 MiB (1,048,576). */
  readonly maxHeldBytes?: number | undefined
  /**
   * Whether to try again after a close, or after an attempt that failed; `passing` is what this library would do:
   * yes after 1001, 1005, 1006, 1011 to 1014, a server that cannot be reached or does not answer, and the statuses
   * 408, 425, 429 and 5xx but 501 and 505. Never asked after your own `close`. May be async.
   */
  readonly shouldReconnect?:
    | ((end: ConnectionEnd, passing: boolean) => boolean | Promise<boolean>)
    | undefined
  /** Asked before each attempt; what it throws fails the attempt. */
  readonly renew?:
    | ((next: Attempt) => Renewed<Subprotocol> | undefined | Promise<Renewed<Subprotocol> | undefined>)
    | undefined
  /**
   * For each new connection, before anything held is sent: say who you are and where you were. Without a
   * `message` callback it may read answers from `socket`: a loop over the peer is given what comes after them, once
   * this is done. What it throws ends this connection and is a failure.
   */
  readonly resume?:
    | ((
        socket: WebSocketConnection<Data, NoInfer<Form>, Params, ChosenProtocol<Subprotocol>>,
        next: Attempt,
      ) => void | Promise<void>)
    | undefined
  /** Ends it all, at any moment, as `close` does. */
  readonly signal?: AbortSignal | undefined
}

/** What is told of a peer, whichever connection it has. */
export interface PeerEvents<Peer, Incoming> {
  /** Connected, resumed, and everything that was held is sent. */
  readonly open?: ((peer: Peer, next: Attempt) => void) | undefined
  /** One whole message, of whichever connection. */
  readonly message?: ((peer: Peer, message: Incoming) => void | Promise<void>) | undefined
  /** Everything that was sent has left; go on after a `send` that did not return true. */
  readonly drain?: ((peer: Peer) => void) | undefined
  /** There is no connection, and why; the next attempt is in `delayMs`. */
  readonly waiting?: ((peer: Peer, end: ConnectionEnd, delayMs: number) => void) | undefined
  /** Over. Called once. */
  readonly close?: ((peer: Peer, info: CloseInfo) => void) | undefined
}

const { ping: _ping, pong: _pong, ...CHOICES } = CONNECT_OPTIONS

const RECONNECTING_OPTIONS: OptionNames<ReconnectingOptions> = {
  ...CHOICES,
  ...BACKOFF_OPTIONS,
  retries: true,
  stableAfterMs: true,
  maxRetryAfterMs: true,
  whileDown: true,
  maxHeldMessages: true,
  maxHeldBytes: true,
  shouldReconnect: true,
  renew: true,
  resume: true,
  waiting: true,
}

const NUMBERS = ['retries', 'stableAfterMs', 'maxRetryAfterMs', 'maxHeldMessages', 'maxHeldBytes'] as const

const CALLBACKS = [
  'open',
  'message',
  'drain',
  'waiting',
  'close',
  'shouldReconnect',
  'renew',
  'resume',
  'random',
] as const

/** See `state` of a `ReconnectingConnection`. */
export type ReconnectingState = 'connecting' | 'open' | 'waiting' | 'closing' | 'closed'

/**
 * Connects, and connects again when the connection is lost. Returns at once: what is sent before the connection
 * is there is held (or refused).
 * @throws MisuseError for what must not be sent, as `connect` rejects
 */
export function reconnecting<
  Data = undefined,
  Form extends BinaryForm = 'buffer',
  Subprotocol extends string = string,
>(
  url: string | URL,
  options: ReconnectingOptions<Data, Form, Subprotocol> = {},
): ReconnectingConnection<Data, Form, ChosenProtocol<Subprotocol>> {
  const peer = new ReconnectingConnection(url, options as unknown as AnyOptions<Data>)
  return peer as unknown as ReconnectingConnection<Data, Form, ChosenProtocol<Subprotocol>>
}

/** What the types say of each other is for whoever writes the options; in here any will do. */
type AnyOptions<Data> = ReconnectingOptions<Data, BinaryForm>

/**
 * One peer over many connections. Read it with `for await`, which goes on over them, or with the `message`
 * callback. A message that was on its way when a connection ended may be lost, in both directions: what must not
 * be lost needs numbers of its own, and `resume` to compare them.
 */
export class ReconnectingConnection<
  Data = undefined,
  Form extends BinaryForm = 'buffer',
  Chosen extends string = string,
> implements AsyncIterable<Message<Form>>
{
  readonly #url: string | URL
  readonly #options: AnyOptions<Data>
  readonly #clock: Clock
  readonly #backoff: Backoff
  readonly #held: Held
  readonly #closed: Deferred<CloseInfo> = deferred()
  #state: ReconnectingState = 'connecting'
  #socket: AnyConnection<Data> | undefined
  #attempt = 1
  #lastClose: CloseInfo | undefined
  #lastError: Error | undefined
  /** Set while it waits. */
  #pause: { readonly untilMs: number; readonly alarm: Alarm } | undefined
  /** Ends the attempt that is under way. */
  #abort = new AbortController()
  readonly #readings = new Readings()

  /** @internal Comes from `reconnecting`. */
  constructor(url: string | URL, options: AnyOptions<Data>) {
    assertOptions('reconnecting', options, RECONNECTING_OPTIONS)
    const { maxHeldMessages = 1_024, maxHeldBytes = 1_048_576 } = options
    for (const name of NUMBERS) assertFromZero(name, options[name])
    for (const name of CALLBACKS) assertFunction(name, options[name])
    assertOneOf('whileDown', options.whileDown, ['buffer', 'refuse'])
    assertSignal(options.signal)
    this.#url = url
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#backoff = new Backoff(options)
    this.#held = new Held({ maxMessages: maxHeldMessages, maxBytes: maxHeldBytes })
    prepareDial(url, this.#connectOptions(undefined))
    const { signal } = options
    signal?.addEventListener('abort', this.#onAbort)
    if (signal?.aborted) this.#end(missing(signal.reason))
    else void this.#try()
  }

  /** `connecting` until a connection is there, resumed, and has taken what was held; `waiting` for the next attempt. */
  get state(): ReconnectingState {
    return this.#state
  }

  /** The connection, while there is one that is open and resumed. */
  get socket(): WebSocketConnection<Data, Form, Params, Chosen> | undefined {
    const socket = this.#state === 'open' ? this.#socket : undefined
    return socket as WebSocketConnection<Data, Form, Params, Chosen> | undefined
  }

  /** Which attempt this is, or the next will be; counted as in `Attempt`. */
  get attempt(): number {
    return this.#attempt
  }

  /** How the latest connection ended; undefined: none has yet. */
  get lastClose(): CloseInfo | undefined {
    return this.#lastClose
  }

  /** Why the latest attempt failed; undefined once one succeeds. */
  get lastError(): Error | undefined {
    return this.#lastError
  }

  /** Milliseconds to the next attempt, while it waits for it. */
  get retryInMs(): number | undefined {
    return this.#pause && Math.max(0, this.#pause.untilMs - this.#clock.now())
  }

  /** How many messages are held for the next connection. */
  get heldMessages(): number {
    return this.#held.messages
  }

  /** How it ended for good: the last connection's end, or 1006 with the last failure as its cause. Never rejects. */
  get closed(): Promise<CloseInfo> {
    return this.#closed.promise
  }

  /**
   * Sends as the connection's `send` does. Without one the message is held: the promise resolves with true once a
   * connection has taken it, with false if none will. False at once: refused, dropped by `slowConsumer`, or beyond
   * what may be held.
   * @throws MisuseError for what cannot be sent
   */
  send(message: Sendable): boolean | Promise<boolean> {
    if (this.#state === 'open') {
      const sent = this.#socket!.send(message)
      // refused where the connection goes on: dropped. Else the next may take it
      if (sent !== false || this.#socket!.readyState === 'open') return sent
    }
    if (this.#state === 'closing' || this.#state === 'closed') return false
    return this.#options.whileDown === 'refuse' ? false : this.#held.hold(message)
  }

  /**
   * Ends it for good: the connection by its closing handshake, an attempt or a wait at once. What is held is dropped.
   * @returns `closed`
   * @throws MisuseError ERR_INVALID_CLOSE_CODE, ERR_INVALID_CLOSE_REASON
   */
  close(code?: number, reason: string = ''): Promise<CloseInfo> {
    encodeCloseBody(code, reason)
    if (this.#state === 'closing' || this.#state === 'closed') return this.closed
    const socket = this.#socket
    if (socket === undefined) this.#end(missing(undefined))
    else {
      this.#state = 'closing'
      this.#held.drop()
      void socket.close(code, reason)
    }
    return this.closed
  }

  /** Every message, of one connection after the other; ends when it is over. Of 16 unread connections the oldest is forgotten. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message<Form>> {
    if (this.#options.message !== undefined) {
      throw new MisuseError(
        'ERR_INVALID_ARGUMENT',
        'a `message` callback takes the messages; they cannot be iterated as well',
      )
    }
    return this.#readings.iterate() as AsyncIterableIterator<Message<Form>>
  }

  // --- one connection after the other

  async #try(): Promise<void> {
    const end = await this.#connect().catch(toError)
    this.#socket = undefined
    if (this.#state === 'closed') return
    const ours = this.#state === 'closing'
    // there is no connection, whatever is asked now
    this.#state = 'waiting'
    const goesOn = !ours && (await this.#goesOn(end))
    if (this.state === 'closed') return
    if (!goesOn) return this.#end(end instanceof Error ? missing(end) : end)
    const delayMs = this.#delayMs(end)
    this.#attempt++
    const alarm = this.#clock.after(delayMs, () => this.#again(), true)
    this.#pause = { untilMs: this.#clock.now() + delayMs, alarm }
    this.#tell('waiting', () => this.#options.waiting?.(this, end, delayMs))
  }

  #again(): void {
    this.#pause = undefined
    this.#state = 'connecting'
    void this.#try()
  }

  /** From the attempt to the end of its connection. Rejects with why there was none, or what `resume` threw. */
  async #connect(): Promise<CloseInfo> {
    const { renew } = this.#options
    const next: Attempt = { attempt: this.#attempt, lastClose: this.#lastClose }
    const abort = new AbortController()
    this.#abort = abort
    // nothing is asked during construction
    await undefined
    const renewed = await renew?.(next)
    abort.signal.throwIfAborted()
    const socket = await dial(prepareDial(renewed?.url ?? this.#url, this.#connectOptions(renewed)))
    if (this.#state === 'closed') {
      socket.terminate()
      return socket.closed
    }
    this.#socket = socket
    this.#lastError = undefined
    const beganMs = this.#clock.now()
    try {
      await this.#resume(socket, next)
      await this.#catchUp(socket, next)
    } catch (error) {
      this.#lastClose = await socket.close(1000)
      throw error
    }
    const info = await socket.closed
    this.#lastClose = info
    if (this.#clock.now() - beganMs >= (this.#options.stableAfterMs ?? 5_000)) this.#attempt = 1
    return info
  }

  /** A loop over the peer is given what comes behind the answers that `resume` reads. */
  async #resume(socket: AnyConnection<Data>, next: Attempt): Promise<void> {
    const { message, resume } = this.#options
    try {
      await Promise.race([resume?.(socket, next), socket.closed])
    } finally {
      if (message === undefined) this.#readings.add(socket)
    }
  }

  async #catchUp(socket: AnyConnection<Data>, next: Attempt): Promise<void> {
    const isOver = () => this.#state !== 'connecting' || socket.readyState !== 'open'
    await this.#held.release({ isOver, send: (message) => socket.send(message) })
    if (isOver()) return
    this.#state = 'open'
    this.#tell('open', () => this.#options.open?.(this, next))
  }

  #connectOptions(renewed: Renewed | undefined): AnyConnectOptions<Data> {
    const {
      open,
      message,
      drain,
      waiting,
      close,
      signal,
      shouldReconnect,
      renew,
      resume,
      random,
      ...others
    } = this.#options
    const { headers, protocols } = renewed ?? {}
    return {
      ...others,
      ...(headers && { headers }),
      ...(protocols && { protocols }),
      ...(message && { message: (_: unknown, data: Message) => message(this, data) }),
      ...(drain && { drain: () => drain(this) }),
      signal: this.#abort.signal,
    }
  }

  async #goesOn(end: CloseInfo | Error): Promise<boolean> {
    if (end instanceof Error) this.#lastError = end
    const { shouldReconnect, retries = Number.POSITIVE_INFINITY } = this.#options
    if (this.#attempt > retries) return false
    const passing = isPassing(end)
    try {
      return shouldReconnect === undefined ? passing : await shouldReconnect(end, passing)
    } catch (error) {
      warn(error, 'in shouldReconnect')
      return false
    }
  }

  #delayMs(end: CloseInfo | Error): number {
    const asked = Math.min(retryAfterMs(end), this.#options.maxRetryAfterMs ?? 300_000)
    // all who were told the same moment do not come back at the same moment
    return asked + this.#backoff.delayMs(this.#attempt)
  }

  // --- the end

  readonly #onAbort = (): void => {
    if (this.#state === 'closed') return
    const socket = this.#socket
    if (socket === undefined) return this.#end(missing(this.#options.signal?.reason))
    if (this.#state !== 'closing') void this.close(1000)
  }

  #end(info: CloseInfo): void {
    this.#state = 'closed'
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#pause?.alarm.cancel()
    this.#pause = undefined
    this.#abort.abort()
    this.#held.drop()
    this.#closed.resolve(info)
    this.#readings.end()
    this.#tell('close', () => this.#options.close?.(this, info))
  }

  /** Calls the user; what that throws or rejects with is a warning, and no reason to stop. */
  #tell(name: string, call: () => unknown): void {
    tell(call, `in ${name} of reconnecting`)
  }
}

/** The end where there was no connection. */
function missing(cause: unknown): CloseInfo {
  return { code: 1006, reason: '', clean: false, cause: cause === undefined ? undefined : toError(cause) }
}
