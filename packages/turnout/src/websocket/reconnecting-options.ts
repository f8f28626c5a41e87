// Knows what a WebSocket that comes back is told: when to try again, what to hold, and whom to call.

import { assertOptions, type OptionNames } from '../base/option-names.ts'
import { assertFromZero, assertFunction, assertOneOf, assertSignal } from '../base/option-value.ts'
import type { Params } from '../upgrade/protocol.ts'
import { BACKOFF_OPTIONS, type BackoffOptions } from './backoff.ts'
import { CONNECT_OPTIONS, type ConnectOptions } from './client.ts'
import type { CloseInfo, WebSocketConnection } from './connection.ts'
import type { BinaryForm, ChosenProtocol, Message } from './options.ts'
import type { ReconnectingConnection } from './reconnecting.ts'

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

/** @throws MisuseError for what is no option of it, or has no meaning; what `connect` takes is checked there */
export function assertReconnectingOptions<Data>(options: ReconnectingOptions<Data, BinaryForm>): void {
  assertOptions('reconnecting', options, RECONNECTING_OPTIONS)
  for (const name of NUMBERS) assertFromZero(name, options[name])
  for (const name of CALLBACKS) assertFunction(name, options[name])
  assertOneOf('whileDown', options.whileDown, ['buffer', 'refuse'])
  assertSignal(options.signal)
}
