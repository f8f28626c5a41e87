// Knows every error that turnout raises: whose fault, what was seen, which rule.

/** Stable names of everything that can go wrong. Texts may change; these never do. */
export type ErrorCode =
  // misuse: the application's fault, raised before a byte is written
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_INVALID_TOKEN'
  | 'ERR_INVALID_FIELD_VALUE'
  | 'ERR_INVALID_CLOSE_CODE'
  | 'ERR_INVALID_CLOSE_REASON'
  | 'ERR_CONTROL_TOO_LONG'
  | 'ERR_NOT_ATTACHED'
  | 'ERR_ALREADY_ANSWERED'
  | 'ERR_DUPLICATE_ROUTE'
  | 'ERR_HTTP2_FORBIDS_UPGRADE'
  // peer: the other side broke a rule of WebSocket
  | 'ERR_FRAME'
  | 'ERR_UTF8'
  | 'ERR_MESSAGE_TOO_BIG'
  | 'ERR_CLOSE_TIMEOUT'
  | 'ERR_HEARTBEAT_TIMEOUT'
  | 'ERR_SLOW_CONSUMER'
  | 'ERR_CONNECTION_LOST'
  | 'ERR_HANDLER_FAILED'
  // handshake, seen from the client
  | 'ERR_UPGRADE_DECLINED'
  | 'ERR_UPGRADE_NOT_OFFERED'
  | 'ERR_UPGRADE_NO_CONNECTION_OPTION'
  | 'ERR_UPGRADE_TOO_EARLY'
  | 'ERR_UPGRADE_UNSOLICITED'
  | 'ERR_UPGRADE_REQUIRED_WITHOUT_UPGRADE'
  | 'ERR_ACCEPT_MISMATCH'
  | 'ERR_SUBPROTOCOL_NOT_OFFERED'
  | 'ERR_SUBPROTOCOL_MISSING'
  | 'ERR_EXTENSION_NOT_OFFERED'
  | 'ERR_REDIRECT'
  | 'ERR_PROXY_REFUSED'
  | 'ERR_CONNECT'
  | 'ERR_HTTP2_NOT_OFFERED'
  | 'ERR_TLS_HANDSHAKE'
  // handshake, seen from the server
  | 'ERR_BODY'
  | 'ERR_PEER_GONE'
  // deadlines and limits, either side
  | 'ERR_HANDSHAKE_TIMEOUT'
  | 'ERR_DECISION_TIMEOUT'
  | 'ERR_LIMIT'
  | 'ERR_CLOSED'

export interface ErrorDetail {
  /** The rule, such as `RFC 6455 section 5.5`. */
  readonly section?: string
  readonly cause?: unknown
}

/** The common face: `code` to branch on, `section` to read on. */
export class TurnoutError extends Error {
  override readonly name: string = 'TurnoutError'
  /** What happened, by a name that stays: see docs/errors.md. */
  readonly code: ErrorCode
  /** The rule that it is about, such as `RFC 6455 section 5.5`; undefined: about none. */
  declare readonly section: string | undefined

  constructor(code: ErrorCode, seen: string, detail: ErrorDetail = {}) {
    const text = detail.section === undefined ? seen : `${seen} (${detail.section})`
    super(text, detail.cause === undefined ? undefined : { cause: detail.cause })
    this.code = code
    // not even undefined, which Node would print with every error
    if (detail.section !== undefined) this.section = detail.section
  }
}

/** The application asked for something that no rule allows. Nothing was written. */
export class MisuseError extends TurnoutError {
  override readonly name = 'MisuseError'
}

/** The peer broke a rule, or went away. */
export class PeerError extends TurnoutError {
  override readonly name: string = 'PeerError'
}

/** Whatever was thrown, or is the reason of a signal: itself, or an Error about it. */
export function toError(value: unknown): Error {
  if (value instanceof Error) return value
  return new Error(typeof value === 'string' ? value : shown(value), { cause: value })
}

/** A value as it may stand in a message: a text quoted and cut, anything large by its kind. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100))
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
