// Knows what a turnout is told when it is made, when it switches inside the app, and when it closes.
import type { IncomingMessage } from 'node:http'
import type { Clock } from './base/clock.ts'
import { MisuseError } from './base/errors.ts'
import { assertOptions, type OptionNames } from './base/option-names.ts'
import { assertAboveZero, assertFromZero, assertFunction, assertOneOf } from './base/option-value.ts'
import { ADMISSION_OPTIONS, type AdmissionOptions } from './upgrade/admission.ts'
import type { CloseOptions } from './upgrade/dispatcher.ts'
import { PROTOCOL_OPTIONS, type ProtocolOptions } from './upgrade/generic.ts'
import { looksLikeServer } from './upgrade/http-server.ts'
import type { Params } from './upgrade/protocol.ts'
import { encodeCloseBody } from './websocket/close.ts'
import type { AnyConnection } from './websocket/connection.ts'
import { assertCompression } from './websocket/deflate.ts'
import { assertConnectionOptions } from './websocket/option-check.ts'
import {
  type AcceptContext,
  type AcceptResult,
  type BinaryForm,
  CONNECTION_OPTIONS,
  type ConnectionOptions,
  type SwitchOptions,
} from './websocket/options.ts'

/** Where an error came from; what is known of it. */
export interface ErrorContext {
  /** The upgrade request, when a decision, a switch or a handler of a protocol failed. */
  readonly request?: IncomingMessage
  /** The connection, when a WebSocket's handler or callback failed. */
  readonly socket?: AnyConnection
}

/** The connection options are defaults for every WebSocket route, which may set its own. */
export interface TurnoutOptions<Form extends BinaryForm = 'buffer'>
  extends ConnectionOptions<Form>,
    AdmissionOptions {
  /** How long an async `accept` may take before the client gets a 503, in milliseconds. Default 5,000. */
  readonly decisionTimeout?: number | undefined
  /**
   * Whose order decides when a client offers several protocols that are known here. Default `client`, as
   * RFC 9110 section 7.8 means it; `server`: the order in which they were registered.
   */
  readonly prefer?: 'client' | 'server' | undefined
  /**
   * Told what the application's own code threw. Default: a process warning that says where, with the stack. What it
   * throws itself is one, too.
   */
  readonly onError?: ((error: unknown, context: ErrorContext) => void) | undefined
  /** Where time comes from. Default: the machine's clock. For tests. */
  readonly clock?: Clock | undefined
}

const TURNOUT_OPTIONS: OptionNames<TurnoutOptions> = {
  ...CONNECTION_OPTIONS,
  ...ADMISSION_OPTIONS,
  decisionTimeout: true,
  prefer: true,
  onError: true,
  clock: true,
}

/** How everybody is asked to leave, and how long they may take. */
export interface TurnoutCloseOptions {
  /** Close code for WebSockets. Default 1001, going away. */
  readonly code?: number | undefined
  /** Close reason for WebSockets, at most 123 bytes. Default none. */
  readonly reason?: string | undefined
  /** How long connections may take to leave, in milliseconds; Infinity: as long as they like. Default 10,000. */
  readonly grace?: number | undefined
}

const CLOSE_OPTIONS: OptionNames<TurnoutCloseOptions> = { code: true, reason: true, grace: true }

/** Options of an upgrade inside the app: a WebSocket route's, without a path. */
export interface UpgradeInAppOptions<
  Data = unknown,
  Form extends BinaryForm = 'buffer',
  Subprotocol extends string = string,
  Strict extends boolean = boolean,
> extends SwitchOptions<Data, Form, Params, Subprotocol, Strict> {
  /**
   * Decides before the 101. Default: accept. Write it before `handler` and the callbacks, as in a route, and the
   * type of what it takes beside it, `(request: IncomingMessage) =>`: without, TypeScript expects a promise.
   */
  readonly accept?:
    | ((request: IncomingMessage, context: AcceptContext) => AcceptResult<Data, Subprotocol>)
    | undefined
}

/** The same with an `accept` that takes its time. */
export interface AsyncUpgradeInAppOptions<
  Data = unknown,
  Form extends BinaryForm = 'buffer',
  Subprotocol extends string = string,
  Strict extends boolean = boolean,
> extends SwitchOptions<Data, Form, Params, Subprotocol, Strict> {
  /** Decides before the 101. Write it before `handler` and the callbacks, as in a route. */
  readonly accept: (
    request: IncomingMessage,
    context: AcceptContext,
  ) => Promise<AcceptResult<Data, Subprotocol>>
}

/** Options of an upgrade inside the app to a protocol of its own, such as `example/1`. */
export type ProtocolInAppOptions<Data> = Omit<ProtocolOptions<Data>, 'path'> & { readonly protocol: string }

const { path: _path, ...PROTOCOL_IN_APP } = PROTOCOL_OPTIONS
export const PROTOCOL_IN_APP_OPTIONS: OptionNames<ProtocolInAppOptions<unknown>> = {
  ...PROTOCOL_IN_APP,
  protocol: true,
}

/** What was given to `createTurnout`, for whom each of it is. */
export interface ReadOptions {
  readonly decisionTimeoutMs: number
  readonly prefer: 'client' | 'server'
  /** Checked where they are counted. */
  readonly admission: AdmissionOptions
  /** Of every WebSocket, where its route says nothing else. */
  readonly defaults: ConnectionOptions<BinaryForm>
}

/** @throws MisuseError for what is no object of options, and for values that could never work */
export function readTurnoutOptions(options: TurnoutOptions<BinaryForm>): ReadOptions {
  if (looksLikeServer(options)) {
    const advice = 'a server is given to createTurnout().attach(server)'
    throw new MisuseError('ERR_INVALID_ARGUMENT', `createTurnout wants an object of options; ${advice}`)
  }
  assertOptions('createTurnout', options, TURNOUT_OPTIONS)
  const { decisionTimeout = 5_000, prefer = 'client', onError, ...others } = options
  const { maxConnections, maxConnectionsPerAddress, maxHandshakes, clientAddress, ...defaults } = others
  const admission = { maxConnections, maxConnectionsPerAddress, maxHandshakes, clientAddress }
  assertAboveZero('decisionTimeout', decisionTimeout)
  assertOneOf('prefer', prefer, ['client', 'server'])
  assertFunction('onError', onError)
  assertConnectionOptions(defaults)
  assertCompression(defaults.compression)
  return { decisionTimeoutMs: decisionTimeout, prefer, admission, defaults }
}

/** @throws MisuseError for a code or reason that must not travel, and for a grace that is no span of time */
export function readCloseOptions(options: TurnoutCloseOptions): CloseOptions {
  assertOptions('turnout.close', options, CLOSE_OPTIONS)
  const { code = 1001, reason = '', grace = 10_000 } = options
  assertFromZero('grace', grace)
  encodeCloseBody(code, reason)
  return { code, reason, graceMs: grace }
}

/** A route's options. What is undefined in them is as if it were not there. */
export function withDefaults<Options extends ConnectionOptions<BinaryForm>>(
  defaults: ConnectionOptions<BinaryForm>,
  options: Options,
): Options {
  const own = { ...defaults, ...options }
  for (const [name, value] of Object.entries(defaults)) {
    if (own[name as keyof ConnectionOptions] === undefined) Object.assign(own, { [name]: value })
  }
  return own
}
