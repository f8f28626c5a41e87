// Knows how the head of a response is written (RFC 9112 section 4), and a whole small answer.
// All text here is one character a byte: write it to the wire as `latin1`.
import { Buffer } from 'node:buffer'
import { MisuseError } from '../base/errors.ts'
import { hasConnectionOption } from './connection.ts'
import { assertFields, assertFieldValue } from './fields.ts'
import { formatList } from './list.ts'
import type { Answer, Fields } from './message.ts'
import { sameName } from './token.ts'

/**
 * Status line, field lines, blank line. The caller vouches for the fields (`assertFields`).
 * @throws MisuseError ERR_INVALID_ARGUMENT for a status that is none, or a field that this status must not
 * bear; ERR_INVALID_FIELD_VALUE for a reason with a line break in it
 */
export function formatResponseHead(status: number, fields: Fields, reason?: string): string {
  if (!Number.isInteger(status) || status < 100 || status > 999) {
    throw new MisuseError('ERR_INVALID_ARGUMENT', `status ${status} is not three digits`, {
      section: 'RFC 9112 section 4',
    })
  }
  if (reason !== undefined) assertFieldValue('the reason phrase', reason)
  let text = `HTTP/1.1 ${status} ${reason ?? reasonPhrase(status)}\r\n`
  for (const [name, value] of fields) {
    if (status < 200 && framesBody(name)) {
      throw new MisuseError('ERR_INVALID_ARGUMENT', `${name} in a ${status} response, which has no body`, {
        section: 'RFC 9110 section 8.6, RFC 9112 section 6.1',
      })
    }
    text += `${name}: ${value}\r\n`
  }
  return `${text}\r\n`
}

export interface AnswerOptions {
  /** The request was a HEAD: the same fields, no body. Default false. */
  readonly head?: boolean
  /** The connection goes on after the answer. Default true; `answer.close` overrules it. */
  readonly keepAlive?: boolean
  /** For the Date field. Default: now. */
  readonly date?: Date
}

/**
 * A complete response with Content-Length, Content-Type, Date and Connection; the body is UTF-8.
 * @throws MisuseError for fields that no line may carry
 */
export function formatAnswer(answer: Answer, options: AnswerOptions = {}): string {
  assertFields(answer.fields)
  const body = Buffer.from(answer.body, 'utf8').toString('latin1')
  const keepAlive = (options.keepAlive ?? true) && answer.close !== true
  const fields: [string, string][] = []
  const connection: string[] = []
  let typed = false
  for (const [name, value] of answer.fields) {
    if (sameName(name, 'connection')) connection.push(value)
    else if (!framesBody(name)) fields.push([name, value])
    typed ||= sameName(name, 'content-type')
  }
  if (!typed && body !== '') fields.push(['Content-Type', 'text/plain; charset=utf-8'])
  fields.push(['Content-Length', String(body.length)])
  fields.push(['Date', (options.date ?? new Date()).toUTCString()])
  fields.push(['Connection', connectionValue(connection, keepAlive)])
  const head = formatResponseHead(answer.status, fields)
  return options.head === true ? head : head + body
}

/** The registered phrase, or '' for a status that this library has no words for. */
export function reasonPhrase(status: number): string {
  return REASONS[status] ?? ''
}

// HTTP/1.1 stays open unless told; the word `keep-alive` is for old clients, where nothing else is said.
function connectionValue(lines: readonly string[], keepAlive: boolean): string {
  if (keepAlive) return lines.length === 0 ? 'keep-alive' : formatList(lines)
  return hasConnectionOption(lines, 'close') ? formatList(lines) : formatList([...lines, 'close'])
}

function framesBody(name: string): boolean {
  return sameName(name, 'content-length') || sameName(name, 'transfer-encoding')
}

const REASONS: Readonly<Record<number, string>> = {
  100: 'Continue',
  101: 'Switching Protocols',
  102: 'Processing',
  103: 'Early Hints',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  203: 'Non-Authoritative Information',
  204: 'No Content',
  205: 'Reset Content',
  206: 'Partial Content',
  207: 'Multi-Status',
  208: 'Already Reported',
  226: 'IM Used',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  305: 'Use Proxy',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  423: 'Locked',
  424: 'Failed Dependency',
  425: 'Too Early',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  451: 'Unavailable For Legal Reasons',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  506: 'Variant Also Negotiates',
  507: 'Insufficient Storage',
  508: 'Loop Detected',
  511: 'Network Authentication Required',
}
