// Knows the words of an upgrade: what a client offers, what a server decides, who lives on the connection after.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Tally } from '../base/tally.ts'
import type { Answer, Fields, Protocol } from '../http/message.ts'
import type { HttpServer } from './http-server.ts'
import type { ServerWatch } from './watch.ts'

/** Parameters of a route's path: `/chat/:room` gives `{ room }`; `*` holds what `/*` matched. */
export type Params = Readonly<Record<string, string>>

/** What the client asked for, parsed and checked once. */
export interface Offer {
  /** `upgrade`: HTTP/1.1 and a 101. `connect`: HTTP/2 extended CONNECT and a 200. */
  readonly via: 'upgrade' | 'connect'
  /** The entry that is being decided, as the client wrote it. */
  readonly protocol: Protocol
  /** Everything the client offered, in its order of preference. */
  readonly protocols: readonly Protocol[]
  readonly request: IncomingMessage
  /** The server that the request came through, where it has one that turnout is attached to. */
  readonly server?: HttpServer
  /** Scheme and host from the connection and the Host field; never trusted for more than reading path and query. */
  readonly url: URL
  readonly params: Params
  /** Fires where it does not come to the switch: the peer goes away, the deadline passes, the server closes. Made on first use. */
  readonly signal: AbortSignal
}

/** What lives on a connection after the switch, so that a closing server can ask it to leave. */
export interface Occupant {
  /** Please leave: a WebSocket sends Close with `code`, another protocol ends its stream. */
  leave(code: number, reason: string): void
  /** Where its connection is counted. */
  readonly tally?: Tally
  /** Bytes that wait to leave. */
  readonly bufferedBytes?: number
  /** Of a stream whose bytes nobody counts as they pass. */
  readonly traffic?: Traffic
}

export interface Traffic {
  readonly bytesIn: number
  readonly bytesOut: number
}

export type Decision =
  | {
      readonly kind: 'switch'
      /** Value of Upgrade in the 101: the protocol, as the client spelled it. */
      readonly upgrade: string
      /** Further field lines of the 101. */
      readonly fields: Fields
      /**
       * Called once, right after the 101 was written. The stream is the connection with every leftover byte
       * already in it; an `error` listener is on it, so that a reset cannot end the process. Who calls `vacate`
       * has given the connection back to its server, which then closes it as any other.
       */
      attach(stream: Duplex, vacate?: () => void): Occupant
      /** Called instead of `attach` when the connection went away before the 101 could be written. */
      abandon?(error: Error): void
    }
  /** An ordinary response; the connection goes on in HTTP. */
  | { readonly kind: 'respond'; readonly response: Answer | Response }
  /** Not mine: the next protocol in the list, and at last the app, decides. */
  | { readonly kind: 'pass' }

/** One way to leave HTTP/1.1, as the dispatcher sees it. */
export interface UpgradeProtocol {
  /** Where its handshakes and connections are counted. Default: with those of no route. */
  tally?: Tally
  /** The route's parameters when this is for that protocol and path, else undefined. */
  match(protocol: Protocol, pathname: string): Params | undefined
  /** Whether it is for that protocol over HTTP/2, too, by extended CONNECT (RFC 8441), whatever the path. */
  connects?(protocol: Protocol): boolean
  decide(offer: Offer): Decision | Promise<Decision>
  /**
   * Says whether this request may become nothing else: then it alone is asked, and the answer is sent where the
   * client did not offer it.
   */
  insists?(request: IncomingMessage): Answer | undefined
  /** Sees what the server emits before anybody else does. */
  readonly watch?: ServerWatch
}
