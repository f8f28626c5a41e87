// Knows the token, the smallest word of HTTP (RFC 9110 section 5.6.2), and how names compare.
import { MisuseError } from '../base/errors.ts'

/** Whether the whole text is one token: at least one character, all of them `tchar`. */
export function isToken(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (TCHAR[text.charCodeAt(at)] !== 1) return false
  }
  return text.length > 0
}

/**
 * Lets a token pass; `what` says in the error what it was to be, such as `subprotocol`.
 * @throws MisuseError ERR_INVALID_TOKEN
 */
export function assertToken(what: string, text: string): void {
  if (typeof text === 'string' && isToken(text)) return
  throw new MisuseError('ERR_INVALID_TOKEN', `${what} ${JSON.stringify(text)} is not a token`, {
    section: 'RFC 9110 section 5.6.2',
  })
}

/** Compares without regard to the case of ASCII letters, and of no others: `K` is not the Kelvin sign. */
export function sameName(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  if (a === b) return true
  for (let at = 0; at < a.length; at++) {
    if (lowerCode(a.charCodeAt(at)) !== lowerCode(b.charCodeAt(at))) return false
  }
  return true
}

function lowerCode(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code + 0x20 : code
}

// A code beyond the table reads as undefined, which is not 1 either.
const TCHAR = new Uint8Array(128)
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  TCHAR[char.charCodeAt(0)] = 1
}
