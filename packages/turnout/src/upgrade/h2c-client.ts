// Knows how a client goes on in HTTP/2 without TLS, and where the response to its first request then is.
import type { IncomingMessage } from 'node:http'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  getPackedSettings,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
  type Settings,
  sensitiveHeaders,
} from 'node:http2'
import { type Duplex, PassThrough, type Readable } from 'node:stream'
import { systemClock } from '../base/clock.ts'
import { MisuseError, PeerError, toError } from '../base/errors.ts'
import { assertOptions, type OptionNames } from '../base/option-names.ts'
import { fieldsOf } from '../http/fields.ts'
import type { Fields } from '../http/message.ts'
import { sameName } from '../http/token.ts'
import {
  performUpgrade,
  readSocketPath,
  readTimeout,
  UPGRADE_OPTIONS,
  type UpgradeOptions,
} from './client.ts'
import { destroySession, expectClose, type OwnSession } from './h2-end.ts'
import { carryContent, ResponseEnd } from './h2c-response.ts'
import { swallowFirstRequest } from './h2c-swallow.ts'
import { lettingGo } from './request-body.ts'
import { parseUrl, readTarget, type Target, where } from './target.ts'

export interface H2cConnectOptions extends Omit<UpgradeOptions, 'protocols' | 'tls'> {
  /** What the client tells the server about itself. Default: no server push, else Node's. */
  readonly settings?: Settings | undefined
}

const { protocols: _protocols, tls: _tls, ...CHOICES } = UPGRADE_OPTIONS

const H2C_CONNECT_OPTIONS: OptionNames<H2cConnectOptions> = { ...CHOICES, settings: true }

export type H2cResult =
  | {
      readonly protocol: 'h2c'
      /** For more requests. Close it when done: `session.close()`. */
      readonly session: ClientHttp2Session
      /** Stream 1, on which the request that asked is answered: for trailers and resets. Its bytes come out of `body`. */
      readonly stream: ClientHttp2Stream
      /** The body of that response. Read it, or `resume()` it. Fails with ERR_CONNECTION_LOST where it breaks off. */
      readonly body: Readable
      readonly status: number
      /** Fields of that response. */
      readonly headers: IncomingHttpHeaders & IncomingHttpStatusHeader
    }
  | {
      readonly protocol: undefined
      /** The ordinary response of a server that stays with HTTP/1.1. Read its body, or `resume()` it. */
      readonly response: IncomingMessage
    }

/**
 * Asks an http: server to go on in HTTP/2 (`Upgrade: h2c`, RFC 7540 section 3.2). Withdrawn by RFC 9113: for old
 * servers; through proxies never. A request with a body is mostly answered in HTTP/1.1. `timeoutMs` reaches to
 * the head of the response. Rejects as `upgrade` does, and with ERR_CONNECT when HTTP/2 breaks before that head.
 */
export async function connectH2c(url: string | URL, options: H2cConnectOptions = {}): Promise<H2cResult> {
  assertOptions('connectH2c', options, H2C_CONNECT_OPTIONS)
  return lettingGo(options.body, () => performH2c(url, options))
}

async function performH2c(url: string | URL, options: H2cConnectOptions): Promise<H2cResult> {
  const { settings = { enablePush: false }, ...others } = options
  const target = readTarget(parseUrl(url), ['http:'], readSocketPath(options))
  const clock = options.clock ?? systemClock
  const timeoutMs = readTimeout(options.timeoutMs)
  const startMs = clock.now()
  const result = await performUpgrade(url, {
    ...others,
    protocols: 'h2c',
    headers: withSettings(fieldsOf(options.headers ?? {}), settings),
  })
  if (result.protocol === undefined) return { protocol: undefined, response: result.response }
  const end = new ResponseEnd()
  const { session, stream, connection } = beginSession({
    switched: result.stream,
    end,
    target,
    method: options.method ?? 'GET',
    settings,
  })
  // GOAWAY or session.close(): Node ends its side and waits for the server, and no method of the session would help
  connection.once('finish', () => expectClose(connection, clock))
  const seen = `HTTP/2 with ${where(target)}`
  const broken = (receivedBytes: number, cause: Error | undefined): Error => {
    if (options.signal?.aborted) return toError(options.signal.reason)
    const why = cause === undefined ? '' : `: ${cause.message}`
    const text = `${seen}: the response broke off after ${receivedBytes} bytes of content${why}`
    return new PeerError('ERR_CONNECTION_LOST', text, { section: 'RFC 9113 section 8.1', cause })
  }
  // A stream of HTTP/2 that has nothing to read ends at once, before whoever awaits this can listen.
  const body = new PassThrough()
  const headers = await new Promise<IncomingHttpHeaders & IncomingHttpStatusHeader>((resolve, reject) => {
    const fail = (error: Error) => {
      stop()
      destroySession({ session, connection })
      reject(error)
    }
    const onError = (cause: Error) =>
      fail(
        options.signal?.aborted
          ? options.signal.reason
          : new PeerError('ERR_CONNECT', `${seen}: ${cause.message}`, { cause }),
      )
    const onClose = () => onError(new Error('the connection was closed'))
    const onResponse = (fields: IncomingHttpHeaders & IncomingHttpStatusHeader) => {
      stop()
      body.on('error', ignore)
      carryContent({ stream, end, body, broken })
      resolve(fields)
    }
    const stop = () => {
      alarm.cancel()
      session.off('error', onError)
      session.off('close', onClose)
      stream.off('error', onError)
      stream.off('close', onClose)
      stream.off('response', onResponse)
    }
    const alarm = clock.after(Math.max(0, timeoutMs - (clock.now() - startMs)), () => {
      fail(new PeerError('ERR_HANDSHAKE_TIMEOUT', `${seen}: no response in ${timeoutMs} ms`))
    })
    session.on('error', onError)
    session.on('close', onClose)
    stream.on('error', onError)
    stream.on('close', onClose)
    stream.on('response', onResponse)
  })
  return { protocol: 'h2c', session, stream, body, status: headers[':status'] ?? 0, headers }
}

interface Beginning {
  /** The connection behind the 101. */
  readonly switched: Duplex
  readonly end: ResponseEnd
  readonly target: Target
  readonly method: string
  readonly settings: Settings
}

function beginSession(beginning: Beginning): OwnSession & { readonly stream: ClientHttp2Stream } {
  const { switched, end, target, method, settings } = beginning
  const host = target.host.includes(':') ? `[${target.host}]` : target.host
  const authority = `http://${host}:${target.port}`
  const connection = swallowFirstRequest(switched, (chunk) => end.read(chunk))
  const session = connect(authority, { createConnection: () => connection, settings })
  // A reset must not end the process; `close` and the streams tell of it.
  session.on('error', ignore)
  const request: OutgoingHttpHeaders = {
    ':method': method,
    ':path': target.path,
    // The server never sees this block: nothing of it may stand in the table that later ones refer to, and what
    // is sensitive is not put there (RFC 7541 section 6.2.3).
    [sensitiveHeaders as unknown as string]: [':method', ':authority', ':path'],
  }
  return { session, connection, stream: session.request(request, { endStream: true }) }
}

function withSettings(own: Fields, settings: Settings): Fields {
  if (own.some(([name]) => sameName(name, 'http2-settings'))) {
    throw new MisuseError('ERR_INVALID_ARGUMENT', 'the field HTTP2-Settings is made from `settings`')
  }
  return [...own, ['HTTP2-Settings', getPackedSettings(settings).toString('base64url')]]
}

function ignore(): void {}
