// Knows the opening handshake of WebSocket over HTTP/2 (RFC 8441 section 5), both sides of it: no key, and nothing
// of HTTP/1.1's.
import { type ErrorCode, PeerError } from '../base/errors.ts'
import type { Answer } from '../http/message.ts'
import type { ExtensionOffer } from './extension.ts'
import {
  agreedOn,
  checkVersion,
  type ExpectedSwitch,
  type HandshakeRequest,
  readOffers,
} from './handshake.ts'

export type ConnectCheck =
  | {
      readonly kind: 'ok'
      readonly protocols: string[]
      readonly extensions: ExtensionOffer[]
    }
  | { readonly kind: 'refused'; readonly answer: Answer }

/**
 * Checks what the client must have sent. A Sec-WebSocket-Key that a proxy has forwarded from HTTP/1.1 means
 * nothing and is let pass.
 */
export function checkConnect(request: HandshakeRequest): ConnectCheck {
  return checkVersion(request) ?? readOffers(request)
}

/** What a response must show for the stream to be a WebSocket. */
export interface ConnectResponse {
  readonly statusCode?: number | undefined
  readonly rawHeaders: readonly string[]
  /** The response ended with its head (END_STREAM). */
  readonly ended: boolean
}

/**
 * What was agreed. A 200 is success (section 5).
 * @throws PeerError ERR_UPGRADE_DECLINED for a 200 without a stream behind it, which is a refusal that some
 * proxy did not understand; ERR_SUBPROTOCOL_NOT_OFFERED, ERR_SUBPROTOCOL_MISSING, ERR_EXTENSION_NOT_OFFERED
 */
export function checkConnected(
  response: ConnectResponse,
  expected: Omit<ExpectedSwitch, 'key'>,
): { protocol: string; extensions: ExtensionOffer[] } {
  const { statusCode } = response
  if (statusCode === undefined || statusCode < 200 || statusCode > 299) {
    throw broken('ERR_UPGRADE_DECLINED', `status ${statusCode} instead of 200`)
  }
  if (response.ended) throw broken('ERR_UPGRADE_DECLINED', `a ${statusCode} that ends with its head`)
  return agreedOn(response.rawHeaders, expected)
}

function broken(code: ErrorCode, seen: string): PeerError {
  return new PeerError(code, seen, { section: 'RFC 8441 section 5' })
}
