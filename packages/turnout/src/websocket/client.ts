// Knows what a client may ask for that opens a WebSocket.
import type { IncomingHttpHeaders } from 'node:http'
import { assertOptions, type OptionNames } from '../base/option-names.ts'
import { REQUEST_CHOICES, type RequestChoices } from '../upgrade/client.ts'
import type { Http2Choice } from '../upgrade/h2-session.ts'
import type { Params } from '../upgrade/protocol.ts'
import type { WebSocketConnection } from './connection.ts'
import { dial } from './dial.ts'
import { prepareDial } from './dial-plan.ts'
import {
  type BinaryForm,
  type ChosenProtocol,
  CONNECTION_EVENTS,
  CONNECTION_OPTIONS,
  type ConnectionEvents,
  type ConnectionOptions,
} from './options.ts'

export interface ConnectOptions<
  Data = unknown,
  Form extends BinaryForm = 'buffer',
  Subprotocol extends string = string,
> extends RequestChoices,
    ConnectionOptions<Form>,
    ConnectionEvents<Data, Form, Params, ChosenProtocol<Subprotocol>> {
  /**
   * Subprotocols in order of preference, each once. Default none. Written where they are chosen, they are the
   * type of `socket.protocol`; it is empty where the server chose none.
   */
  readonly protocols?: Subprotocol | readonly Subprotocol[] | undefined
  /** The Origin field, for a server that asks for one. Default: none, as no browser is at work. */
  readonly origin?: string | undefined
  /** Ends the handshake, also while it waits for its turn. It means nothing once the connection is open. */
  readonly signal?: AbortSignal | undefined
  /**
   * How many redirects to follow. Another origin is sent no Authorization, Cookie, Proxy-Authorization, Host or
   * client certificate, and is not looked for at `socketPath`; wss: never becomes ws:. Default 0: a redirect rejects,
   * as in a browser.
   */
  readonly maxRedirects?: number | undefined
  /**
   * Go over HTTP/2 (RFC 8441), where many sockets to one origin share a connection. `auto`: where the server takes
   * it, else HTTP/1.1, also where it answers HTTP_1_1_REQUIRED; over TLS only, and not together with an `agent`.
   * `true`: or reject with ERR_HTTP2_NOT_OFFERED; a ws: URL then means a server that speaks nothing else. A session of
   * node:http2: that one, except for redirects to another origin; closing it is up to you. Default false: HTTP/1.1.
   */
  readonly http2?: Http2Choice | false | undefined
  /** Kept for you as `socket.data`. */
  readonly data?: Data
  /**
   * Told once what the server answered, such as its Set-Cookie, before `open`; nothing of it is kept. What it throws
   * rejects, and ends the connection; what its promise rejects with closes with 1011, like that of a callback.
   */
  readonly onResponse?:
    | ((
        response: SwitchResponse,
        socket: WebSocketConnection<Data, NoInfer<Form>, Params, ChosenProtocol<Subprotocol>>,
      ) => void | Promise<void>)
    | undefined
  /**
   * Told what a callback threw; the connection is closed with 1011. What it throws itself is a process warning.
   * Default: a process warning.
   */
  readonly onError?:
    | ((
        error: unknown,
        socket: WebSocketConnection<Data, NoInfer<Form>, Params, ChosenProtocol<Subprotocol>>,
      ) => void)
    | undefined
}

export const CONNECT_OPTIONS: OptionNames<ConnectOptions> = {
  ...REQUEST_CHOICES,
  ...CONNECTION_OPTIONS,
  ...CONNECTION_EVENTS,
  protocols: true,
  origin: true,
  signal: true,
  maxRedirects: true,
  http2: true,
  data: true,
  onResponse: true,
  onError: true,
}

/** What the types say of each other is for whoever writes the options; in here any will do. */
export type AnyConnectOptions<Data> = ConnectOptions<Data, BinaryForm>

/** The head of the response that opened a WebSocket. */
export interface SwitchResponse {
  /** 101; over HTTP/2 mostly 200. */
  readonly status: number
  /** As in node:http, or over HTTP/2 as in node:http2. */
  readonly headers: IncomingHttpHeaders
  /** Names and values in turns, as they came. */
  readonly rawHeaders: readonly string[]
}

/**
 * Opens a WebSocket to a URL of scheme ws:, wss:, http: or https:. At most one connection to a host and port is
 * being opened at a time; `timeoutMs` runs from when this one's turn has come.
 *
 * Rejects with a MisuseError, before a byte is written, for what must not be sent; with a HandshakeError when the
 * server answers in HTTP; with a PeerError when it cannot be reached, does not answer in time, or its 101 does
 * not answer this handshake; with the signal's reason.
 */
export async function connect<
  Data = undefined,
  Form extends BinaryForm = 'buffer',
  Subprotocol extends string = string,
>(
  url: string | URL,
  options: ConnectOptions<Data, Form, Subprotocol> = {},
): Promise<WebSocketConnection<Data, Form, Params, ChosenProtocol<Subprotocol>>> {
  assertOptions('connect', options, CONNECT_OPTIONS)
  const opened = dial(prepareDial(url, options as unknown as AnyConnectOptions<Data>))
  return opened as Promise<WebSocketConnection<Data, Form, Params, ChosenProtocol<Subprotocol>>>
}
