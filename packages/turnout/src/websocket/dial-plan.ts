// Knows what has to be right about a client's handshake before anybody is connected to.
import { MisuseError } from '../base/errors.ts'
import { assertFunction, assertSignal, given, oddOption } from '../base/option-value.ts'
import { assertFieldValue, fieldsOf } from '../http/fields.ts'
import { assertHttp2Fields } from '../http/http2-fields.ts'
import type { Fields } from '../http/message.ts'
import { sameName } from '../http/token.ts'
import { chosenProxy, readSocketPath, readTimeout, withCredentials } from '../upgrade/client.ts'
import { parseUrl, readTarget, shownUrl } from '../upgrade/target.ts'
import type { AnyConnectOptions } from './client.ts'
import { compressionExtension } from './deflate.ts'
import { requestFields } from './handshake.ts'
import { assertConnectionOptions } from './option-check.ts'
import { type Hop, toWebSocketScheme } from './redirect.ts'
import type { Extension } from './transform.ts'

/** A handshake whose every part was checked. */
export interface Dial<Data> {
  readonly hop: Hop
  readonly protocols: readonly string[]
  /** Fail where the server chooses none of them, as the standard's classes do. */
  readonly requireProtocol?: boolean
  /** To be offered, in order of preference. */
  readonly extensions: readonly Extension[]
  readonly timeoutMs: number
  readonly options: AnyConnectOptions<Data>
}

/** @throws MisuseError for whatever must not be sent */
export function prepareDial<Data>(url: string | URL, options: AnyConnectOptions<Data>): Dial<Data> {
  const parsed = parseUrl(url)
  if (parsed.href.includes('#')) {
    throw new MisuseError('ERR_INVALID_ARGUMENT', `the URL '${shownUrl(url)}' has a fragment`, {
      section: 'RFC 6455 section 3',
    })
  }
  const socketPath = readSocketPath(options)
  const target = readTarget(parsed, ['ws:', 'wss:', 'http:', 'https:'], socketPath)
  const to = toWebSocketScheme(parsed)
  to.username = ''
  to.password = ''
  const { protocols = [], maxRedirects = 0 } = options
  const list = typeof protocols === 'string' ? [protocols] : [...protocols]
  // what cannot be offered is told now, not when the turn has come
  requestFields({ key: '', protocols: list })
  if (!Number.isInteger(maxRedirects) || maxRedirects < 0) {
    throw oddOption('maxRedirects', maxRedirects, 'a whole number from 0 up')
  }
  assertConnectionOptions(options)
  assertSignal(options.signal)
  assertFunction('onResponse', options.onResponse)
  assertFunction('onError', options.onError)
  chosenProxy(options, target)
  assertHttp2(options)
  const compression = compressionExtension(options.compression)
  return {
    hop: {
      url: to,
      fields: withCredentials(ownFields(options), target.credentials),
      tls: given(options.tls),
      socketPath,
    },
    protocols: list,
    extensions: [...(compression === undefined ? [] : [compression]), ...(options.extensions ?? [])],
    timeoutMs: readTimeout(options.timeoutMs),
    options,
  }
}

/** @throws MisuseError for a choice of HTTP/2 that is none, or that nothing can come of */
function assertHttp2<Data>({ http2 = false, agent }: AnyConnectOptions<Data>): void {
  if (typeof http2 !== 'boolean' && http2 !== 'auto' && typeof http2?.request !== 'function') {
    throw oddOption('http2', http2, "false, true, 'auto' or a session of node:http2")
  }
  if (agent && http2 !== false && http2 !== 'auto') {
    throw new MisuseError(
      'ERR_INVALID_ARGUMENT',
      'both `http2` and `agent`, whose connections are of HTTP/1.1',
    )
  }
}

/** The application's fields, of which none may be one that makes the handshake or frames a body. */
function ownFields<Data>(options: AnyConnectOptions<Data>): Fields {
  const fields = fieldsOf(options.headers ?? {})
  // Where HTTP/1.1 is out of the question, its handshake is no reason.
  if (options.http2 === true || typeof options.http2 === 'object') assertHttp2Fields(fields)
  for (const [name] of fields) {
    const lower = name.toLowerCase()
    if (!HANDSHAKE_FIELDS.has(lower) && !lower.startsWith('sec-websocket-')) continue
    throw new MisuseError('ERR_INVALID_ARGUMENT', `the field ${name} belongs to the handshake itself`, {
      section: 'RFC 6455 section 4.1',
    })
  }
  if (options.origin === undefined) return fields
  assertFieldValue('Origin', options.origin)
  if (fields.some(([name]) => sameName(name, 'origin'))) {
    throw new MisuseError('ERR_INVALID_ARGUMENT', 'Origin both in `origin` and in `headers`')
  }
  return [...fields, ['Origin', options.origin]]
}

const HANDSHAKE_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'transfer-encoding',
  'upgrade',
])
