// Knows what a user may choose about WebSocket connections, on either side, and what each choice costs.
import type { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../base/clock.ts'
import type { OptionNames } from '../base/option-names.ts'
import type { GivenFields } from '../http/fields.ts'
import type { Params } from '../upgrade/protocol.ts'
import type { CloseInfo, WebSocketConnection } from './connection.ts'
import { HEARTBEAT_OPTIONS, type HeartbeatOptions } from './heartbeat.ts'
import { RATE_OPTIONS, type RateOptions } from './rate.ts'
import type { SlowConsumer } from './sender.ts'
import type { Extension } from './transform.ts'

/** What a binary message may arrive as: a choice of the option `binary`. */
export type BinaryForm = 'buffer' | 'arraybuffer' | 'chunks' | 'lent'

/**
 * A whole message: text as a string, binary as a Buffer (or as the option `binary` says: an ArrayBuffer,
 * the Buffers in which it came, or a Buffer that is lent). `Message<'buffer'>` is what arrives without that option.
 */
export type Message<Form extends BinaryForm = BinaryForm> = {
  readonly buffer: string | Buffer
  readonly arraybuffer: string | ArrayBuffer
  readonly chunks: string | Buffer[]
  readonly lent: string | Buffer
}[Form]

/** What can be sent as one message. A string goes as text, everything else as binary. */
export type Sendable = string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer | Blob | MessageParts

/**
 * One message in parts, all strings or all bytes: an iterable, a Readable, a ReadableStream, with a fragment for
 * each; an array of bytes goes as one frame. Leave the bytes alone until they have left.
 */
export type MessageParts =
  | AsyncIterable<string | ArrayBufferView | ArrayBuffer>
  | Iterable<string | ArrayBufferView | ArrayBuffer>

/**
 * Called as things happen, synchronously, while the bytes of one read are processed: the fast form. Nobody waits
 * for what they return; a promise is watched for a rejection, which closes with 1011 like a throw.
 */
export type ConnectionEvents<
  Data,
  Form extends BinaryForm = 'buffer',
  RouteParams = Params,
  Chosen extends string = string,
> = Callbacks<WebSocketConnection<Data, NoInfer<Form>, RouteParams, Chosen>, Message<Form>>

/** See `ConnectionEvents`. */
export interface Callbacks<Socket, Incoming> {
  /** The switch is done; sends are welcome. */
  readonly open?: ((socket: Socket) => void) | undefined
  /** One whole message. */
  readonly message?: ((socket: Socket, message: Incoming) => void | Promise<void>) | undefined
  /** Everything that was sent has left; go on after a `send` that did not return true. */
  readonly drain?: ((socket: Socket) => void) | undefined
  /** Over. Called exactly once for every connection that was open. */
  readonly close?: ((socket: Socket, info: CloseInfo) => void) | undefined
  /** A Ping came; its Pong has been sent already. */
  readonly ping?: ((socket: Socket, payload: Buffer) => void) | undefined
  /** A Pong came, asked for or not. */
  readonly pong?: ((socket: Socket, payload: Buffer) => void) | undefined
}

export const CONNECTION_EVENTS: OptionNames<ConnectionEvents<unknown>> = {
  open: true,
  message: true,
  drain: true,
  close: true,
  ping: true,
  pong: true,
}

/**
 * How messages are compressed (permessage-deflate, RFC 7692). What each choice costs was measured: see
 * docs/compression.md. Memory is zlib's own; a direction takes it with its first compressed message.
 */
export interface CompressionOptions {
  /**
   * Messages below this many bytes travel as they are. Default 1,024: smaller ones fit one packet anyway. With
   * context takeover 300 bytes of JSON still shrink to 40 %, for 9 microseconds of CPU.
   */
  readonly threshold?: number | undefined
  /**
   * 0 to 9. Default 1: half the time of 6, which is zlib's own default, for results a seventh larger.
   */
  readonly level?: number | undefined
  /** 1 to 9: what zlib may use for blocks in the making. Default 8. Below 5 large messages shrink a little less. */
  readonly memLevel?: number | undefined
  /**
   * 8 to 15: the window that the server compresses with. Memory of the server for each connection that it sends
   * to: 217 KB at 15, 121 KB at 13, 103 KB at 12, 80 KB at 9 (and memLevel 1). Default 13: a tenth larger at
   * worst than at 15. A client asks for it only when it is set; a server that cannot do it then declines.
   */
  readonly serverMaxWindowBits?: number | undefined
  /**
   * 8 to 15: the same for the client, where the client lets the server say, as browsers do. Memory of the server
   * for each connection that it receives from: 46 KB at 15, 22 KB at 13, 15 KB at 9. Default 13.
   */
  readonly clientMaxWindowBits?: number | undefined
  /**
   * The server forgets each message: one context serves all connections, and a broadcast is compressed once, but
   * small messages shrink half as much. Default false.
   */
  readonly serverNoContextTakeover?: boolean | undefined
  /** The client forgets each message: reading it keeps no window. Default false. */
  readonly clientNoContextTakeover?: boolean | undefined
  /**
   * Messages above this many bytes are (de)compressed on the thread pool instead of at once. Default 65,536: half
   * a millisecond.
   */
  readonly offloadBytes?: number | undefined
  /** A sending context that was not used for so many milliseconds gives its memory back; 0: never. Default 30,000. */
  readonly idleReleaseMs?: number | undefined
}

const COMPRESSION_OPTIONS: OptionNames<CompressionOptions> = {
  threshold: true,
  level: true,
  memLevel: true,
  serverMaxWindowBits: true,
  clientMaxWindowBits: true,
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  offloadBytes: true,
  idleReleaseMs: true,
}

/** Of the frames that arrive, and of what comes out of a compressed message. */
export const DEFAULT_MAX_MESSAGE_BYTES = 1_048_576

/** What both sides may choose for a connection. What is undefined is as if it were not there. */
export interface ConnectionOptions<Form extends BinaryForm = 'buffer'> {
  /** Largest message taken, in bytes of payload, checked from the frame's header; beyond it: close 1009. Default 1 MiB (1,048,576). */
  readonly maxMessageBytes?: number | undefined
  /**
   * Compress messages with a peer that can, too. Default false: compression costs memory for each connection,
   * and secrets beside text of an attacker's choosing can be guessed from their size (RFC 7692 section 8).
   */
  readonly compression?: boolean | CompressionOptions | undefined
  /** Extensions of your own; `compression` stands before them. Default none. */
  readonly extensions?: readonly Extension[] | undefined
  /**
   * What a binary message arrives as. Default `buffer`, in memory that is nobody else's but may be larger than the
   * message; `arraybuffer` costs a copy more; `chunks` is an array of Buffers that are never joined, for large
   * messages that are passed on, written to disk or hashed; `lent` is a Buffer on memory that is used again once the
   * `message` callback has returned, for large messages that are looked at or sent on there and then: copy what you
   * keep. To send it, or parts of it, before the callback returns is fine. What no callback takes at once is a copy.
   */
  readonly binary?: Form | undefined
  /** How long the peer may take to answer our Close, and to close TCP after, in milliseconds. Default 10,000. */
  readonly closeTimeoutMs?: number | undefined
  /** From how many unsent bytes on `send` asks to wait; never beyond a `maxBufferedBytes` that bounds. Default 65,536. */
  readonly highWaterMarkBytes?: number | undefined
  /** How much the peer may send in a while; beyond it the connection is closed with 1008. Default: no limit. */
  readonly rate?: RateOptions | undefined
  /**
   * The most that may wait, in bytes, for a slow peer or behind a message that is still being read, encoded or sent
   * in parts, before `slowConsumer` decides. Default 16 MiB (16,777,216).
   */
  readonly maxBufferedBytes?: number | undefined
  /**
   * What happens to a message while `maxBufferedBytes` wait: `close` drops what waits and closes with
   * 1013, `drop` drops this message (`send` returns false), `wait` queues without a bound, so that only awaiting
   * `send` protects your memory. Default `close`.
   */
  readonly slowConsumer?: SlowConsumer | undefined
  /**
   * Ping a peer that was not heard for `intervalMs`, and give it up as lost when it stays silent for `timeoutMs`
   * more. Default `{ intervalMs: 30_000, timeoutMs: 10_000 }`; false: a cable that is pulled goes unnoticed. Where
   * you do not read, it takes `intervalMs` more; behind more than 64 KiB that nobody reads, nothing is noticed.
   */
  readonly heartbeat?: HeartbeatOptions | false | undefined
  /** Close, with 1001, after so many milliseconds without a message in either direction. Default 0: never. */
  readonly idleTimeoutMs?: number | undefined
  /** Where time comes from. Default: the machine's clock. For tests. */
  readonly clock?: Clock | undefined
}

export const CONNECTION_OPTIONS: OptionNames<ConnectionOptions> = {
  maxMessageBytes: true,
  compression: COMPRESSION_OPTIONS,
  extensions: true,
  binary: true,
  closeTimeoutMs: true,
  highWaterMarkBytes: true,
  rate: RATE_OPTIONS,
  maxBufferedBytes: true,
  slowConsumer: true,
  heartbeat: HEARTBEAT_OPTIONS,
  idleTimeoutMs: true,
  clock: true,
}

/** What `accept` is told besides the request. */
export interface AcceptContext<Path extends string = string> {
  /** The parameters of the route's path, percent-decoded; none in an upgrade inside the app. */
  readonly params: PathParams<Path>
  /** Path and query as the client wrote them; scheme and host from the connection and Host: trust those no further. */
  readonly url: URL
  /** Subprotocols that the client offers, in its order. */
  readonly protocols: readonly string[]
  /**
   * Fires when the peer goes away, the decision's deadline passes, or the server closes: up to the 101, also when
   * `accept` has returned and nothing comes of it. Not after.
   */
  readonly signal: AbortSignal
}

/** Taken. Everything in it is optional; an object with other names alone is misuse. */
export interface Accepted<Data = unknown, Subprotocol extends string = string> {
  /** Kept for you as `socket.data`. */
  readonly data?: Data
  /**
   * The subprotocol, one that the client offered, or empty for none. Default: the client's first that the route
   * lists in `protocols`.
   */
  readonly protocol?: Subprotocol | '' | undefined
  /** More fields for the 101, such as Set-Cookie: an object, a Headers, a Map or pairs. */
  readonly headers?: GivenFields | undefined
}

/**
 * What `accept` may answer: take it, send an ordinary response instead (which may be thrown as well), or (nothing)
 * leave it to the app.
 */
export type AcceptResult<Data, Subprotocol extends string = string> =
  | Accepted<Data, Subprotocol>
  | Response
  | true
  | false
  | null
  | undefined
  // biome-ignore lint/suspicious/noConfusingVoidType: a function without a return statement answers too
  | void

/** Options of a WebSocket route and of an upgrade inside the app, but for `accept` and `handler`. */
export interface SwitchOptions<
  Data,
  Form extends BinaryForm,
  RouteParams,
  Subprotocol extends string,
  Strict extends boolean,
> extends ConnectionOptions<Form>,
    ConnectionEvents<Data, Form, RouteParams, ChosenProtocol<Subprotocol, Strict>> {
  /**
   * Subprotocols that the server speaks. The client's order decides. Default none. Written where they are
   * chosen, they are the type of `socket.protocol`.
   */
  readonly protocols?: readonly Subprotocol[] | undefined
  /** Refuse (400) a client that offers none of `protocols`. Default false: such a client gets no subprotocol. */
  readonly requireProtocol?: Strict | undefined
  /**
   * Origins of other sites whose pages may connect, such as `https://app.example`. A page of the server's own
   * origin and a client without Origin (no browser) always may. `'*'` lets every page of the web connect with
   * its visitor's cookies: cross-site WebSocket hijacking. Default: none other.
   */
  readonly origins?: readonly string[] | '*' | undefined
  /**
   * Lives as long as the connection. What it throws closes with 1011 and reaches `onError`. An async function
   * keeps its arguments until it ends: one that names the context keeps the request, a few KB, for as long. The
   * parameters are on the socket, too: `async handler(socket)` and `socket.params`.
   */
  readonly handler?:
    | ((
        socket: WebSocketConnection<Data, NoInfer<Form>, RouteParams, ChosenProtocol<Subprotocol, Strict>>,
        context: { readonly request: IncomingMessage; readonly params: RouteParams },
      ) => void | Promise<void>)
    | undefined
}

/** Options of a WebSocket route. */
export interface WebSocketOptions<
  Data = unknown,
  Path extends string = string,
  Form extends BinaryForm = 'buffer',
  Subprotocol extends string = string,
  Strict extends boolean = boolean,
> extends SwitchOptions<Data, Form, PathParams<Path>, Subprotocol, Strict> {
  /**
   * Decides before the 101; may be async. Default: accept. Write it before `handler` and the callbacks:
   * TypeScript reads from top to bottom, and learns the type of `socket.data` here.
   */
  readonly accept?:
    | ((
        request: IncomingMessage,
        context: AcceptContext<Path>,
      ) => AcceptResult<Data, Subprotocol> | Promise<AcceptResult<Data, Subprotocol>>)
    | undefined
}

export const WEBSOCKET_OPTIONS: OptionNames<WebSocketOptions> = {
  ...CONNECTION_OPTIONS,
  ...CONNECTION_EVENTS,
  protocols: true,
  requireProtocol: true,
  origins: true,
  accept: true,
  handler: true,
}

/** What `socket.protocol` may be: one of the subprotocols, or empty for none where none is required. */
export type ChosenProtocol<
  Subprotocol extends string,
  Strict extends boolean = false,
> = string extends Subprotocol ? string : [Strict] extends [true] ? Subprotocol : Subprotocol | ''

/** Names of the parameters in a path: `'/chat/:room'` gives `{ room: string }`, `'/*'` gives `{ '*': string }`. */
export type PathParams<Path extends string> = string extends Path
  ? Params
  : { readonly [Name in ParamNames<Path>]: string }

type ParamNames<Path extends string> = Path extends `${infer Head}/${infer Tail}`
  ? ParamName<Head> | ParamNames<Tail>
  : ParamName<Path>
type ParamName<Segment extends string> = Segment extends `:${infer Name}`
  ? Name
  : Segment extends '*'
    ? '*'
    : never
