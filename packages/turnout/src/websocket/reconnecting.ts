// Knows a WebSocket of a client that comes back: one after the other, until somebody says that it is over.
// Never knows how one of them is made.
import { type Alarm, type Clock, systemClock } from '../base/clock.ts'
import { MisuseError, toError } from '../base/errors.ts'
import { type Deferred, deferred } from '../base/promise.ts'
import { tell, warn } from '../base/tell.ts'
import type { Params } from '../upgrade/protocol.ts'
import { Backoff } from './backoff.ts'
import type { AnyConnectOptions } from './client.ts'
import { encodeCloseBody } from './close.ts'
import type { AnyConnection, CloseInfo, WebSocketConnection } from './connection.ts'
import { dial } from './dial.ts'
import { prepareDial } from './dial-plan.ts'
import { Held } from './held.ts'
import type { BinaryForm, ChosenProtocol, Message, Sendable } from './options.ts'
import { isPassing, retryAfterMs } from './passing.ts'
import { Readings } from './readings.ts'
import {
  type Attempt,
  assertReconnectingOptions,
  type ReconnectingOptions,
  type Renewed,
} from './reconnecting-options.ts'

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
    assertReconnectingOptions(options)
    const { maxHeldMessages = 1_024, maxHeldBytes = 1_048_576 } = options
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
