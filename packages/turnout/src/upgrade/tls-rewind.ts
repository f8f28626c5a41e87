// Knows how a request that came in the clear is written once more, to be read from the connection that TLS now
// protects. Never knows a socket.
import { Buffer } from 'node:buffer'
import { hasConnectionOption } from '../http/connection.ts'
import { fieldLines, hasField } from '../http/fields.ts'
import { formatList, splitList } from '../http/list.ts'
import { sameName } from '../http/token.ts'

export interface RequestHead {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly rawHeaders: readonly string[]
}

/**
 * The same request without what the switch has used up (Upgrade and its Connection option, Expect), with the body
 * in one piece.
 */
export function formatRequest(request: RequestHead, body: Buffer): Buffer {
  const { rawHeaders } = request
  let text = `${request.method ?? 'GET'} ${request.url ?? '/'} HTTP/1.1\r\n`
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!
    if (!USED_UP.has(name.toLowerCase())) text += `${name}: ${rawHeaders[at + 1]}\r\n`
  }
  const options = splitList(fieldLines(rawHeaders, 'connection')).filter((item) => !sameName(item, 'upgrade'))
  if (options.length > 0) text += `Connection: ${formatList(options)}\r\n`
  if (body.length > 0 || hasField(rawHeaders, 'content-length')) text += `Content-Length: ${body.length}\r\n`
  return Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), body])
}

/** Whether the client wants the connection closed after this request. */
export function asksToClose(request: RequestHead): boolean {
  return hasConnectionOption(fieldLines(request.rawHeaders, 'connection'), 'close')
}

const USED_UP: ReadonlySet<string> = new Set([
  'connection',
  'upgrade',
  'expect',
  'content-length',
  'transfer-encoding',
  'trailer',
])
