// Knows Close: which codes may travel, and what a Close frame's body says (RFC 6455 sections 5.5.1 and 7.4).
import { Buffer, isUtf8 } from 'node:buffer'
import { MisuseError, PeerError, shown } from '../base/errors.ts'

/** Codes that turnout itself uses (RFC 6455 section 7.4.1). */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  /** Never on the wire: the Close frame bore no code. */
  noCode: 1005,
  /** Never on the wire: no Close frame came. */
  abnormal: 1006,
  invalidData: 1007,
  policy: 1008,
  tooBig: 1009,
  internalError: 1011,
  tryAgainLater: 1013,
} as const

/** Longest reason, in bytes of UTF-8: a control frame's 125 less the code's two. */
export const MAX_REASON_BYTES = 123

/** Whether an endpoint may put this code into a Close frame (sections 7.4.1 and 7.4.2, and the IANA registry). */
export function isWireCode(code: number): boolean {
  if (code >= 3000) return code <= 4999
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014)
}

/** The body of a Close frame that we send. @throws MisuseError for a code or reason that must not travel. */
export function encodeCloseBody(code: number | undefined, reason: string): Buffer {
  if (code === undefined) {
    if (reason !== '') {
      throw new MisuseError('ERR_INVALID_CLOSE_REASON', 'a close reason without a code', {
        section: 'RFC 6455 section 5.5.1',
      })
    }
    return Buffer.alloc(0)
  }
  if (!Number.isInteger(code) || !isWireCode(code)) {
    throw new MisuseError('ERR_INVALID_CLOSE_CODE', `close code ${shown(code)} must not be sent`, {
      section: 'RFC 6455 section 7.4',
    })
  }
  if (typeof reason !== 'string') {
    throw new MisuseError('ERR_INVALID_CLOSE_REASON', `close reason is ${typeof reason}, not a string`)
  }
  const bytes = Buffer.byteLength(reason)
  if (bytes > MAX_REASON_BYTES) {
    throw new MisuseError(
      'ERR_INVALID_CLOSE_REASON',
      `close reason of ${bytes} bytes, at most ${MAX_REASON_BYTES}`,
      {
        section: 'RFC 6455 section 5.5',
      },
    )
  }
  const body = Buffer.allocUnsafe(2 + bytes)
  body.writeUInt16BE(code, 0)
  body.write(reason, 2)
  return body
}

/** As much of a reason as a Close frame holds, cut between two characters. */
export function fitReason(reason: string): string {
  const bytes = Buffer.from(reason)
  if (bytes.length <= MAX_REASON_BYTES) return reason
  let end = MAX_REASON_BYTES
  while ((bytes[end]! & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

/** What a Close frame that arrived says. @throws PeerError for a body that no endpoint may send. */
export function decodeCloseBody(body: Buffer): { readonly code: number; readonly reason: string } {
  if (body.length === 0) return { code: CLOSE.noCode, reason: '' }
  if (body.length === 1) {
    throw new PeerError('ERR_FRAME', 'a Close frame with a body of one byte', {
      section: 'RFC 6455 section 5.5.1',
    })
  }
  const code = body.readUInt16BE(0)
  if (!isWireCode(code)) {
    throw new PeerError('ERR_FRAME', `a Close frame with code ${code}`, { section: 'RFC 6455 section 7.4' })
  }
  const reason = body.subarray(2)
  if (!isUtf8(reason)) {
    throw new PeerError('ERR_UTF8', 'a close reason that is not UTF-8', { section: 'RFC 6455 section 5.5.1' })
  }
  return { code, reason: reason.toString() }
}
