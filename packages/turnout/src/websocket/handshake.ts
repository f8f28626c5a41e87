// Knows the opening handshake of WebSocket over HTTP/1.1 (RFC 6455 section 4), both sides of it. That Upgrade
// and Connection ask for it was seen before, by the gate.
import { type ErrorCode, MisuseError, PeerError } from '../base/errors.ts'
import { bodyFraming } from '../http/body.ts'
import { hasConnectionOption } from '../http/connection.ts'
import { assertFields, assertFieldValue, fieldLines } from '../http/fields.ts'
import { assertHttp2Fields } from '../http/http2-fields.ts'
import { formatList, splitList, trimSpace } from '../http/list.ts'
import type { Answer, Fields } from '../http/message.ts'
import { assertToken, isToken, sameName } from '../http/token.ts'
import { type ExtensionOffer, parseExtensions } from './extension.ts'
import { acceptKey, isKey } from './key.ts'

export { acceptKey, createKey, isKey } from './key.ts'
export { assertOrigins, checkOrigin } from './origin.ts'

/** The part of an IncomingMessage that a server reads. */
export interface HandshakeRequest {
  readonly method?: string | undefined
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
}

export interface HandshakeOffers {
  readonly kind: 'ok'
  /** Subprotocols offered, in the client's order, each once. */
  readonly protocols: string[]
  readonly extensions: ExtensionOffer[]
}

export interface Refusal {
  readonly kind: 'refused'
  readonly answer: Answer
}

export type HandshakeCheck = (HandshakeOffers & { readonly key: string }) | Refusal

/**
 * Checks what the client must have sent (RFC 6455 section 4.2.1). The version goes before all but the method:
 * a client of another draft learns that from a 426, not that its key looks odd.
 */
export function checkHandshake(request: HandshakeRequest): HandshakeCheck {
  const { method, rawHeaders } = request
  if (method !== 'GET') {
    return refuse(request, 405, `The method was ${shown(method ?? '')}, and must be GET (${CLIENT_RULES}).`, [
      ['Allow', 'GET'],
    ])
  }
  const wrongVersion = checkVersion(request)
  if (wrongVersion !== undefined) return wrongVersion
  if (bodyFraming(rawHeaders).kind !== 'none') {
    return refuse(request, 400, 'The request has a body, which a WebSocket handshake has no use for.')
  }
  const keys = fieldLines(rawHeaders, 'sec-websocket-key')
  if (keys.length !== 1) {
    return refuse(
      request,
      400,
      `${counted('Sec-WebSocket-Key', keys)}, and must come once (${CLIENT_RULES}).`,
    )
  }
  const key = keys[0]!
  if (!isKey(key)) {
    return refuse(
      request,
      400,
      `Sec-WebSocket-Key ${shown(key)} is not 16 bytes in base64 (${CLIENT_RULES}).`,
    )
  }
  const offers = readOffers(request)
  if (offers.kind === 'refused') return offers
  return { kind: 'ok', key, protocols: offers.protocols, extensions: offers.extensions }
}

/** What the client offers besides, over any version of HTTP. */
export function readOffers(request: HandshakeRequest): HandshakeOffers | Refusal {
  const { rawHeaders } = request
  const protocols = offeredProtocols(fieldLines(rawHeaders, 'sec-websocket-protocol'))
  if (typeof protocols === 'string') return refuse(request, 400, protocols)
  const extensions = parseExtensions(fieldLines(rawHeaders, 'sec-websocket-extensions'))
  if (extensions === undefined) {
    return refuse(request, 400, 'Sec-WebSocket-Extensions is malformed (RFC 6455 section 9.1).')
  }
  return { kind: 'ok', protocols, extensions }
}

/** The first that the client offers and the server supports; compared letter by letter. */
export function chooseSubprotocol(
  offered: readonly string[],
  supported: readonly string[],
): string | undefined {
  return offered.find((protocol) => supported.includes(protocol))
}

/** Options of `switchFields`. */
export interface SwitchOptions {
  /** The client's key; undefined over HTTP/2, which has none (RFC 8441 section 5). */
  readonly key?: string | undefined
  /** The chosen subprotocol; '' or undefined for none. */
  readonly protocol?: string | undefined
  /** The value of Sec-WebSocket-Extensions; '' or undefined for none. */
  readonly extensions?: string | undefined
  /** The application's own fields. */
  readonly headers?: Fields | undefined
}

/**
 * The fields of the 101 besides Upgrade and Connection (RFC 6455 section 4.2.2). No version: that is for refusals.
 * @throws MisuseError for a value that no line may carry, or for a field of `headers` that is the handshake's own
 */
export function switchFields(options: SwitchOptions): Fields {
  const { key, protocol = '', extensions = '', headers = [] } = options
  const fields: (readonly [string, string])[] =
    key === undefined ? [] : [['Sec-WebSocket-Accept', acceptKey(key)]]
  if (protocol !== '') {
    assertToken('subprotocol', protocol)
    fields.push(['Sec-WebSocket-Protocol', protocol])
  }
  if (extensions !== '') {
    assertFieldValue('Sec-WebSocket-Extensions', extensions)
    fields.push(['Sec-WebSocket-Extensions', extensions])
  }
  assertFields(headers)
  if (key === undefined) assertHttp2Fields(headers)
  for (const field of headers) {
    if (HANDSHAKE_FIELDS.has(field[0].toLowerCase())) {
      throw new MisuseError('ERR_INVALID_ARGUMENT', `field ${field[0]} belongs to the handshake itself`, {
        section: 'RFC 6455 section 4.2.2',
      })
    }
    fields.push(field)
  }
  return fields
}

/** Options of `requestFields`. */
export interface RequestOptions {
  /** Undefined over HTTP/2. */
  readonly key?: string | undefined
  /** Subprotocols in order of preference. */
  readonly protocols?: readonly string[] | undefined
  /** The value of Sec-WebSocket-Extensions; '' or undefined for none. */
  readonly extensions?: string | undefined
}

/**
 * The fields of the client's request besides Host, Upgrade and Connection (RFC 6455 section 4.1).
 * @throws MisuseError ERR_INVALID_TOKEN for a subprotocol, ERR_INVALID_ARGUMENT for one that comes twice
 */
export function requestFields(options: RequestOptions): Fields {
  const { key, protocols = [], extensions = '' } = options
  const fields: [string, string][] = [['Sec-WebSocket-Version', SUPPORTED_VERSION]]
  if (key !== undefined) fields.unshift(['Sec-WebSocket-Key', key])
  for (const protocol of protocols) assertToken('subprotocol', protocol)
  const twice = firstRepeated(protocols)
  if (twice !== undefined) {
    throw new MisuseError('ERR_INVALID_ARGUMENT', `subprotocol ${shown(twice)} is offered twice`, {
      section: 'RFC 6455 section 4.1',
    })
  }
  if (protocols.length > 0) fields.push(['Sec-WebSocket-Protocol', formatList(protocols)])
  if (extensions !== '') {
    assertFieldValue('Sec-WebSocket-Extensions', extensions)
    fields.push(['Sec-WebSocket-Extensions', extensions])
  }
  return fields
}

/** What the client asked for, to hold the answer against. */
export interface ExpectedSwitch {
  readonly key: string
  readonly protocols: readonly string[]
  /** Names of the extensions offered. */
  readonly extensions: readonly string[]
  /** Where some were offered, one must be chosen: stricter than RFC 6455, as the standard's classes are. */
  readonly requireProtocol?: boolean | undefined
}

/**
 * Checks the server's 101 (RFC 6455 section 4.1) and says what was agreed; a protocol of '' is none.
 * @throws PeerError ERR_UPGRADE_DECLINED, ERR_UPGRADE_NOT_OFFERED, ERR_UPGRADE_NO_CONNECTION_OPTION,
 * ERR_ACCEPT_MISMATCH, ERR_SUBPROTOCOL_NOT_OFFERED, ERR_SUBPROTOCOL_MISSING or ERR_EXTENSION_NOT_OFFERED: fail the
 * connection
 */
export function checkSwitch(
  response: { readonly statusCode?: number | undefined; readonly rawHeaders: readonly string[] },
  expected: ExpectedSwitch,
): { protocol: string; extensions: ExtensionOffer[] } {
  const { statusCode, rawHeaders } = response
  if (statusCode !== 101) throw broken('ERR_UPGRADE_DECLINED', `status ${statusCode} instead of 101`)
  const upgrade = splitList(fieldLines(rawHeaders, 'upgrade'))
  if (upgrade.length !== 1 || !sameName(upgrade[0]!, 'websocket')) {
    throw broken('ERR_UPGRADE_NOT_OFFERED', `101 with Upgrade ${shown(formatList(upgrade))}, not websocket`)
  }
  if (!hasConnectionOption(fieldLines(rawHeaders, 'connection'), 'upgrade')) {
    throw broken('ERR_UPGRADE_NO_CONNECTION_OPTION', '101 whose Connection does not name upgrade')
  }
  const accepts = fieldLines(rawHeaders, 'sec-websocket-accept')
  if (accepts.length !== 1) throw broken('ERR_ACCEPT_MISMATCH', counted('Sec-WebSocket-Accept', accepts))
  if (trimSpace(accepts[0]!) !== acceptKey(expected.key)) {
    throw broken('ERR_ACCEPT_MISMATCH', `Sec-WebSocket-Accept ${shown(accepts[0]!)} does not answer the key`)
  }
  return agreedOn(rawHeaders, expected)
}

/** Subprotocol and extensions of a response that switches. @throws PeerError as `checkSwitch` */
export function agreedOn(
  rawHeaders: readonly string[],
  expected: Omit<ExpectedSwitch, 'key'>,
): { protocol: string; extensions: ExtensionOffer[] } {
  return {
    protocol: agreedProtocol(fieldLines(rawHeaders, 'sec-websocket-protocol'), expected),
    extensions: agreedExtensions(fieldLines(rawHeaders, 'sec-websocket-extensions'), expected.extensions),
  }
}

/** The versions that a refusing server names, in its order, from all its lines; what is no version is left out. */
export function readVersions(rawHeaders: readonly string[]): number[] {
  return splitList(fieldLines(rawHeaders, 'sec-websocket-version')).filter(isVersion).map(Number)
}

const SUPPORTED_VERSION = '13'
const CLIENT_RULES = 'RFC 6455 section 4.2.1'
const VERSION_FIELD = ['Sec-WebSocket-Version', SUPPORTED_VERSION] as const
const HANDSHAKE_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'upgrade',
  'content-length',
  'transfer-encoding',
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'sec-websocket-key',
  'sec-websocket-protocol',
  'sec-websocket-version',
])

/** Undefined: version 13, once. */
export function checkVersion(request: HandshakeRequest): Refusal | undefined {
  const lines = fieldLines(request.rawHeaders, 'sec-websocket-version')
  if (lines.length !== 1) {
    const seen = `${counted('Sec-WebSocket-Version', lines)}, and must come once (${CLIENT_RULES}).`
    return refuse(request, 400, seen, [VERSION_FIELD])
  }
  const version = lines[0]!
  if (version === SUPPORTED_VERSION) return undefined
  if (!isVersion(version)) {
    const seen = `Sec-WebSocket-Version ${shown(version)} is not a number from 0 to 255 (${CLIENT_RULES}).`
    return refuse(request, 400, seen, [VERSION_FIELD])
  }
  return refuse(request, 426, `This server speaks version 13, not ${version} (RFC 6455 section 4.4).`, [
    VERSION_FIELD,
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
  ])
}

function isVersion(text: string): boolean {
  return /^(?:0|[1-9]\d{0,2})$/.test(text) && Number(text) <= 255
}

/** The subprotocols, or what is wrong with them. */
function offeredProtocols(lines: readonly string[]): string[] | string {
  if (lines.length === 0) return []
  const offered = splitList(lines)
  const rule = 'RFC 6455 section 4.1'
  if (offered.length === 0) return `Sec-WebSocket-Protocol is there and offers nothing (${rule}).`
  const odd = offered.find((protocol) => !isToken(protocol))
  if (odd !== undefined) return `Subprotocol ${shown(odd)} is not a token (${rule}).`
  const twice = firstRepeated(offered)
  if (twice !== undefined) return `Subprotocol ${shown(twice)} is offered twice (${rule}).`
  return offered
}

function firstRepeated(items: readonly string[]): string | undefined {
  const seen = new Set<string>()
  return items.find((item) => seen.size === seen.add(item).size)
}

function agreedProtocol(lines: readonly string[], expected: Omit<ExpectedSwitch, 'key'>): string {
  const { protocols, requireProtocol = false } = expected
  if (lines.length === 0) {
    if (!requireProtocol || protocols.length === 0) return ''
    throw new PeerError('ERR_SUBPROTOCOL_MISSING', `none of ${shown(formatList(protocols))} was chosen`, {
      section: 'WHATWG WebSockets, establish a WebSocket connection',
    })
  }
  const protocol = trimSpace(lines[0]!)
  if (lines.length === 1 && protocols.includes(protocol)) return protocol
  throw broken('ERR_SUBPROTOCOL_NOT_OFFERED', `subprotocol ${shown(formatList(lines))} was not offered`)
}

function agreedExtensions(lines: readonly string[], offered: readonly string[]): ExtensionOffer[] {
  const extensions = parseExtensions(lines)
  if (extensions === undefined)
    throw broken('ERR_EXTENSION_NOT_OFFERED', 'malformed Sec-WebSocket-Extensions')
  const foreign = extensions.find((extension) => !offered.includes(extension.name))
  if (foreign === undefined) return extensions
  throw broken('ERR_EXTENSION_NOT_OFFERED', `extension ${shown(foreign.name)} was not offered`)
}

function refuse(request: HandshakeRequest, status: number, body: string, fields: Fields = []): Refusal {
  // A body that nobody will read stands between this answer and the next request.
  const close = bodyFraming(request.rawHeaders).kind !== 'none'
  return { kind: 'refused', answer: { status, fields, body: `${body}\n`, close } }
}

function counted(name: string, lines: readonly string[]): string {
  return lines.length === 0 ? `${name} is missing` : `${name} came ${lines.length} times`
}

function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)
}

function broken(code: ErrorCode, seen: string): PeerError {
  return new PeerError(code, seen, { section: 'RFC 6455 section 4.1' })
}
