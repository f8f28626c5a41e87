// Knows how a server asks its clients for TLS: it demands it for some paths and mentions it elsewhere
// (RFC 2817 section 4, RFC 9110 section 7.8).
import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { constants, Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Stream } from 'node:http2'
import type { Answer } from '../http/message.ts'
import { sendAnswer } from './answer.ts'
import { ignoreError } from './arrival.ts'
import { answerStream } from './connect-answer.ts'
import { endsConnection } from './internals.ts'
import type { ServerWatch, StreamEvent } from './watch.ts'

/** What a server can do is told by one name; which version of TLS it becomes, the handshake finds out. */
const OFFERED = 'TLS/1.2'

/** The answer to a request that must come over TLS and does not. */
export const TLS_REQUIRED: Answer = {
  status: 426,
  fields: [
    ['Upgrade', OFFERED],
    ['Connection', 'Upgrade'],
    ['Content-Type', 'text/html; charset=utf-8'],
  ],
  // RFC 2817 section 4.2: a body explains it to whoever has no client that can.
  body: `<!doctype html>
<html lang="en">
<head><title>426 Upgrade Required</title></head>
<body>
<h1>Upgrade Required</h1>
<p>This resource is only there over TLS. A client that can secure this very connection sends
<code>Upgrade: ${OFFERED}</code> (RFC 2817); others use an <code>https:</code> address.</p>
</body>
</html>
`,
}

/** @param onError told what `isRequired`, which may be the application's, throws; the client then gets a 500 */
export function tlsWatch(
  isRequired: (request: IncomingMessage) => boolean,
  advertise: boolean,
  onError: (error: unknown, request: IncomingMessage, place: string) => void,
): ServerWatch {
  const verdictOn = (request: IncomingMessage): 'required' | 'open' | 'failed' => {
    try {
      return isRequired(request) ? 'required' : 'open'
    } catch (error) {
      onError(error, request, 'in `required` of tlsInPlace')
      return 'failed'
    }
  }
  return {
    request(request, response) {
      if (isEncrypted(request)) return false
      const verdict = verdictOn(request)
      if (verdict === 'open') {
        if (advertise && request.httpVersion === '1.1') mentionTls(response)
        return false
      }
      if (verdict === 'required') demandTls(request, response)
      else {
        response.statusCode = 500
        response.end()
      }
      return true
    },
    stream(event) {
      const [stream, headers] = event
      // A CONNECT without `:protocol` has no path.
      if (stream.session?.encrypted === true || headers[':path'] === undefined) return false
      const verdict = verdictOn(requestOf(event))
      if (verdict === 'open') return false
      stream.on('error', ignoreError)
      if (verdict === 'required') sendBack(stream)
      else answerStream(stream, FAILED)
      return true
    },
  }
}

/** The request of a stream, to be looked at alone: nothing of it stays on the stream, which the app may read itself. */
function requestOf([stream, headers, , rawHeaders]: StreamEvent): IncomingMessage {
  const view: ServerHttp2Stream = Object.create(stream, { on: { value: () => view } })
  return new Http2ServerRequest(view, headers, {}, rawHeaders) as unknown as IncomingMessage
}

export function isEncrypted(request: IncomingMessage): boolean {
  const { socket } = request
  return 'encrypted' in socket && socket.encrypted === true
}

function demandTls(request: IncomingMessage, response: ServerResponse): void {
  if (request.httpVersionMajor < 2) return sendAnswer(response, TLS_REQUIRED)
  sendBack((response as unknown as Http2ServerResponse).stream)
}

/** HTTP/2 knows no 426 with Upgrade; it can send the client back to HTTP/1.1 (RFC 9113 section 7). */
function sendBack(stream: ServerHttp2Stream): void {
  stream.close(constants.NGHTTP2_HTTP_1_1_REQUIRED)
}

/**
 * Adds Upgrade to the response, at the moment it is written: only then is it known whether the connection goes
 * on, and whether the app has fields of its own there.
 */
function mentionTls(response: ServerResponse): void {
  const { writeHead } = response
  response.writeHead = function (this: ServerResponse, ...args: WriteHeadArguments) {
    response.writeHead = writeHead
    if (!endsConnection(response) && !setsConnection(response, args)) {
      response.setHeader('Connection', 'Upgrade')
      response.setHeader('Upgrade', OFFERED)
    }
    return writeHead.apply(this, args as Parameters<ServerResponse['writeHead']>)
  } as ServerResponse['writeHead']
}

function setsConnection(response: ServerResponse, args: WriteHeadArguments): boolean {
  if (response.hasHeader('connection') || response.hasHeader('upgrade')) return true
  const fields = typeof args[1] === 'object' ? args[1] : args[2]
  if (fields === undefined || fields === null) return false
  const names = Array.isArray(fields) ? fields.flat() : Object.keys(fields)
  // Of an array values are read as well: better no mention than a wrong one.
  return names.some((name) => /^(connection|upgrade)$/i.test(String(name)))
}

type WriteHeadArguments = [
  status: number,
  reasonOrFields?: string | OutgoingHttpHeaders | OutgoingHttpHeader[],
  fields?: OutgoingHttpHeaders | OutgoingHttpHeader[],
]

const FAILED: Answer = { status: 500, fields: [], body: '' }
