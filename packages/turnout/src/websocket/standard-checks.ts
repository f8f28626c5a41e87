// Knows what the constructors and `close` of the WebSocket standard refuse, and with which exception.
import { Buffer } from 'node:buffer'
import { isToken } from '../http/token.ts'
import { shownUrl } from '../upgrade/target.ts'
import { MAX_REASON_BYTES } from './close.ts'
import { toWebSocketScheme } from './redirect.ts'

/** The standard's "get a URL record"; there is no base URL outside a page. @throws DOMException SyntaxError */
export function readUrl(text: string): URL {
  if (!URL.canParse(text)) throw new DOMException(`'${shownUrl(text)}' is no absolute URL`, 'SyntaxError')
  const url = toWebSocketScheme(new URL(text))
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw new DOMException(`a URL of scheme ${url.protocol}`, 'SyntaxError')
  }
  if (url.href.includes('#'))
    throw new DOMException(`the URL '${shownUrl(text)}' has a fragment`, 'SyntaxError')
  return url
}

/** @throws DOMException SyntaxError */
export function assertSubprotocols(protocols: readonly string[]): void {
  const wrong = protocols.find((protocol, at) => !isToken(protocol) || protocols.indexOf(protocol) !== at)
  if (wrong === undefined) return
  throw new DOMException(`subprotocol ${JSON.stringify(wrong)} is no token, or comes twice`, 'SyntaxError')
}

/** @throws DOMException InvalidAccessError for the code, SyntaxError for the reason */
export function assertClose(code: number | undefined, reason: string): void {
  if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
    throw new DOMException(`code ${code} is neither 1000 nor from 3000 to 4999`, 'InvalidAccessError')
  }
  if (Buffer.byteLength(reason) > MAX_REASON_BYTES) {
    throw new DOMException(`a reason of more than ${MAX_REASON_BYTES} bytes`, 'SyntaxError')
  }
}
