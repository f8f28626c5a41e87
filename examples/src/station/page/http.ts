// Knows how an HTTP/1.1 message is cut out of a stream of bytes (RFC 9112): head, body, and what follows.
import type { Over } from '../tape.ts'
import { type Bytes, indexOf, join, latin1, noBytes } from './bytes.ts'

export interface Head {
  /** Request line or status line. */
  readonly start: string
  /** Set: a head of HTTP/2, without a start line of its own. */
  readonly over?: Over | undefined
  /** Field lines, in order, as they were written. */
  readonly fields: readonly (readonly [name: string, value: string])[]
}

export interface HttpMessage {
  readonly head: Head
  readonly body: Bytes
  /** Everything as it went over the wire, the chunked coding included. */
  readonly wire: Bytes
}

const crlf = [13, 10] as const
const blankLine = [13, 10, 13, 10] as const

/** The field's values, every line of it, in order. */
export function fieldValues(head: Head, name: string): string[] {
  const wanted = name.toLowerCase()
  return head.fields.filter(([field]) => field.toLowerCase() === wanted).map(([, value]) => value)
}

/** The entries of a comma-separated field. */
export function fieldList(head: Head, name: string): string[] {
  return fieldValues(head, name)
    .join(',')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

export function statusOf(head: Head): number {
  if (head.over !== undefined) return Number(fieldValues(head, ':status')[0] ?? 0)
  return Number(/^HTTP\/\d\.\d (\d{3})/.exec(head.start)?.[1] ?? 0)
}

/** Does this request ask to switch (RFC 9110 section 7.8)? */
export function asksToSwitch(head: Head): boolean {
  const options = fieldList(head, 'connection').map((option) => option.toLowerCase())
  return options.includes('upgrade') && fieldList(head, 'upgrade').length > 0
}

/**
 * The first message in the bytes and what follows it; undefined: it is not all there yet. `toTheEnd` takes what
 * there is as the body of a response that only the end of the connection delimits.
 */
export function readMessage(
  bytes: Bytes,
  options: { readonly bodyless?: boolean; readonly toTheEnd?: boolean } = {},
): { readonly message: HttpMessage; readonly rest: Bytes } | undefined {
  const end = indexOf(bytes, blankLine)
  if (end === -1) return undefined
  const head = parseHead(latin1(bytes.slice(0, end)))
  const bodyAt = end + blankLine.length
  const body =
    options.bodyless === true ? none : readBody(head, bytes.slice(bodyAt), options.toTheEnd === true)
  if (body === undefined) return undefined
  const wireBytes = bodyAt + body.wireBytes
  return {
    message: { head, body: body.content, wire: bytes.slice(0, wireBytes) },
    rest: bytes.slice(wireBytes),
  }
}

function parseHead(text: string): Head {
  const [start = '', ...lines] = text.split('\r\n')
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return colon === -1 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  return { start, fields }
}

interface Body {
  readonly content: Bytes
  readonly wireBytes: number
}

const none: Body = { content: noBytes, wireBytes: 0 }

function readBody(head: Head, bytes: Bytes, toTheEnd: boolean): Body | undefined {
  const status = statusOf(head)
  if ((status >= 100 && status < 200) || status === 204 || status === 304) return none
  if (fieldList(head, 'transfer-encoding').some((coding) => coding.toLowerCase() === 'chunked')) {
    return readChunked(bytes)
  }
  const length = fieldValues(head, 'content-length')[0]
  if (length !== undefined) {
    const wireBytes = Number(length)
    return bytes.length < wireBytes ? undefined : { content: bytes.slice(0, wireBytes), wireBytes }
  }
  const isResponse = status !== 0
  if (!isResponse) return none
  return toTheEnd ? { content: bytes, wireBytes: bytes.length } : undefined
}

function readChunked(bytes: Bytes): Body | undefined {
  const parts: Bytes[] = []
  let at = 0
  for (;;) {
    const lineEnd = indexOf(bytes.slice(at), crlf)
    if (lineEnd === -1) return undefined
    const size = Number.parseInt(latin1(bytes.slice(at, at + lineEnd)), 16)
    const dataAt = at + lineEnd + 2
    if (!(size > 0)) {
      // The trailer section ends with a blank line of its own; without trailers that is all there is.
      const trailerEnd = indexOf(bytes.slice(dataAt - 2), blankLine)
      return trailerEnd === -1 ? undefined : { content: join(parts), wireBytes: dataAt + trailerEnd + 2 }
    }
    if (bytes.length < dataAt + size + 2) return undefined
    parts.push(bytes.slice(dataAt, dataAt + size))
    at = dataAt + size + 2
  }
}
