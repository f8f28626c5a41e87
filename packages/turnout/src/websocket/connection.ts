// Knows one WebSocket as its user sees it, on either side. What it does is done by the shell behind it.
import { MisuseError } from '../base/errors.ts'
import type { Params } from '../upgrade/protocol.ts'
import type { BinaryForm, Message, Sendable } from './options.ts'
import type { Shell } from './shell.ts'
import type { MessageStream } from './stream.ts'

/** How a connection ended. */
export interface CloseInfo {
  /** From the peer's Close frame; 1005: it bore none; 1006: no Close frame came (RFC 6455 section 7.1.5). */
  readonly code: number
  /** The peer's words, at most 123 bytes of UTF-8; empty for none. */
  readonly reason: string
  /** Both Close frames were exchanged. */
  readonly clean: boolean
  /** Why, when something went wrong: a PeerError, a socket's error, what the handler threw. */
  readonly cause: Error | undefined
}

/** `closing`: a Close frame was sent or came, and nothing more can be sent. */
export type ReadyState = 'opening' | 'open' | 'closing' | 'closed'

function refuseHandler({ prototype }: { readonly prototype: object }, option: string): void {
  const name = `on${option}`
  const instead =
    option === 'error' ? '`cause` of closed says why' : `\`${option}\` is a callback of the options`
  Object.defineProperty(prototype, name, {
    configurable: true,
    set() {
      throw new MisuseError('ERR_INVALID_ARGUMENT', `${name} is of the standard's WebSocket; here ${instead}`)
    },
  })
}

/** Only for the shell's own floor: what does the work of a socket. */
export let shellOf: <Data>(socket: AnyConnection<Data>) => Shell<Data>

/** Whether that is one, of this copy of the library. */
export let isConnection: (value: unknown) => boolean

/** Whatever its messages arrive as. */
export type AnyConnection<Data = unknown> = WebSocketConnection<Data, BinaryForm>

/**
 * One WebSocket, on the server or on the client.
 *
 * Read it with `for await (const message of socket)`, which slows the peer to the loop's pace, or with the
 * `message` callback of the options, not with both. Messages that arrive before anyone reads are kept.
 *
 * Its type says what `data` is, what binary messages arrive as (the option `binary`), the parameters of the
 * route's path, and the subprotocols that it may have: `WebSocketConnection<User, 'buffer', { room: string }>`.
 * A function for the connections of many routes names what it needs of that, from the left.
 */
export class WebSocketConnection<
  Data = unknown,
  Form extends BinaryForm = 'buffer',
  RouteParams = Params,
  Chosen extends string = string,
> implements AsyncIterable<Message<Form>>
{
  /** What `accept` returned as `data`, or the option of the same name on a client. Yours to change. */
  data: Data
  readonly #shell: Shell<Data>

  static {
    shellOf = (socket) => socket.#shell
    isConnection = (value) => typeof value === 'object' && value !== null && #shell in value
    // as in a browser, they would be set and never called
    for (const option of ['open', 'message', 'close', 'error']) refuseHandler(WebSocketConnection, option)
  }

  /** @internal Comes from a route's handler, `turnout.upgrade` or `connect`. */
  constructor(shell: Shell<Data>, data: Data) {
    this.#shell = shell
    this.data = data
  }

  /** The subprotocol in use, empty for none. */
  get protocol(): Chosen {
    return this.#shell.protocol as Chosen
  }

  /** The extensions in use, as negotiated, empty for none. */
  get extensions(): string {
    return this.#shell.extensions
  }

  /** The parameters of the route's path, on a server. */
  get params(): RouteParams {
    return this.#shell.params as RouteParams
  }

  /** Whether `send` would take something: only where it is `open`. */
  get readyState(): ReadyState {
    return this.#shell.readyState
  }

  /** Bytes of frames that were sent and that the operating system has not taken yet. */
  get bufferedBytes(): number {
    return this.#shell.sender.bufferedBytes
  }

  /** How it ended. Never rejects. */
  get closed(): Promise<CloseInfo> {
    return this.#shell.closed
  }

  /**
   * Sends one message: a string as text, everything else as binary. Bytes above 4 KiB are not copied on a
   * server: leave them alone until they have left.
   *
   * @returns `true`: taken, go on. A promise: taken, but more waits than `highWaterMarkBytes`; it resolves with
   * true once all has left, with false if the connection ended before. `false`: not sent, the connection is
   * closing or closed. `await` it and forget the difference. The promise rejects with what the parts of a message or
   * a Blob broke on, for whoever awaits it; once a part has left, the connection is closed with 1011 as well.
   * @throws MisuseError ERR_INVALID_ARGUMENT for anything that is neither a string nor bytes.
   */
  send(message: Sendable): boolean | Promise<boolean> {
    return this.#shell.send(message)
  }

  /**
   * Sends a Ping (RFC 6455 section 5.5.2). False: not sent, since the connection is closing or
   * closed, or as much as `maxBufferedBytes` waits already.
   * @throws MisuseError ERR_CONTROL_TOO_LONG above 125 bytes.
   */
  ping(payload: string | Uint8Array = ''): boolean {
    return this.#shell.sender.sendControl('ping', payload)
  }

  /** Sends a Pong nobody asked for (section 5.5.3); Pings are answered without you. Like `ping`. */
  pong(payload: string | Uint8Array = ''): boolean {
    return this.#shell.sender.sendControl('pong', payload)
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

  /**
   * Delivers no more messages to the `message` callback until `resume`; the peer is slowed by TCP. A little is still
   * read, 128 KiB at a time and none beyond 64, to hear whether it lives.
   */
  pause(): void {
    this.#shell.receiver.pause()
  }

  /** Delivers again, what came meanwhile first. */
  resume(): void {
    this.#shell.resume()
  }

  /** How long the latest heartbeat took to come back, in milliseconds; undefined before the first. */
  get latencyMs(): number | undefined {
    return this.#shell.latencyMs
  }

  /**
   * Every message in parts, as they arrive, from the first that nobody has read: for messages too large to
   * hold. `maxMessageBytes` bounds them only where you set it. A compressed message is held all the same.
   * @throws MisuseError beside a `message` callback, and while a loop waits for the next message.
   */
  streams(): AsyncIterableIterator<MessageStream> {
    return this.#shell.streams()
  }

  /** Every message from the first that nobody has read; ends when the connection has. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message<Form>> {
    return this.#shell.receiver.iterate() as AsyncIterableIterator<Message<Form>>
  }
}
