// Knows how a server secures a connection in place: the 101, the handshake, and HTTP/1.1 as before behind it
// (RFC 2817).

import { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createSecureContext, type SecureContextOptions, type TLSSocket, type TlsOptions } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import { MisuseError, type PeerError } from '../base/errors.ts'
import { assertAboveZero, assertFunction } from '../base/option-value.ts'
import { isPromise } from '../base/promise.ts'
import { formatAnswer } from '../http/head.ts'
import { formatProtocol, sameName } from '../http/upgrade.ts'
import { connectionEvent, type HttpServer } from './http-server.ts'
import { compileGuard } from './path-guard.ts'
import type { Decision, Offer, Params, UpgradeProtocol } from './protocol.ts'
import { beginTls } from './tls-handshake.ts'
import { isEncrypted, TLS_REQUIRED, tlsWatch } from './tls-insist.ts'
import { asksToClose, formatRequest } from './tls-rewind.ts'

/**
 * `key` and `cert`, and everything else that `tls.createSecureContext` takes; `SNICallback`, `requestCert` and
 * `rejectUnauthorized` as for `tls.createServer`.
 */
export interface TlsInPlaceOptions
  extends SecureContextOptions,
    Pick<TlsOptions, 'SNICallback' | 'requestCert' | 'rejectUnauthorized'> {
  /**
   * Paths, or a function that knows them, that are answered over TLS only: in the clear they get a 426 with an
   * HTML page that explains it (RFC 2817 section 4.2). The client has then shown its request to whoever listens:
   * this protects what comes after. Unlike a route's, such a path holds for every spelling that a router may take
   * for it: other case, percent-encoding, dots, slashes too many; a function sees to that itself. Default: none.
   */
  readonly required?: string | readonly string[] | ((request: IncomingMessage) => boolean) | undefined
  /** Names TLS in Upgrade in every other response in the clear (RFC 2817 section 4.1). Default true. */
  readonly advertise?: boolean | undefined
  /** Says whether this request may switch; false: it is answered in the clear. Default: every one may. */
  readonly accept?: ((request: IncomingMessage) => boolean | Promise<boolean>) | undefined
  /** How long the client may take from the 101 to the end of the TLS handshake, in milliseconds. Default 10,000. */
  readonly handshakeTimeout?: number | undefined
  /** Told when a handshake failed: the connection is closed then. Default: nobody is. */
  readonly onHandshakeFailure?: ((error: PeerError, request: IncomingMessage) => void) | undefined
}

export interface TlsSetup {
  readonly clock: Clock
  onError(error: unknown, request: IncomingMessage, place: string): void
}

export function tlsProtocol(options: TlsInPlaceOptions, setup: TlsSetup): UpgradeProtocol {
  return new TlsInPlace(options, setup)
}

class TlsInPlace implements UpgradeProtocol {
  readonly watch
  readonly #options: TlsInPlaceOptions
  readonly #setup: TlsSetup
  readonly #secureContext
  readonly #isRequired: (request: IncomingMessage) => boolean
  readonly #timeoutMs: number

  constructor(options: TlsInPlaceOptions, setup: TlsSetup) {
    const { handshakeTimeout = DEFAULT_HANDSHAKE_TIMEOUT_MS } = options
    assertAboveZero('handshakeTimeout', handshakeTimeout)
    assertFunction('accept', options.accept)
    assertFunction('onHandshakeFailure', options.onHandshakeFailure)
    assertFunction('SNICallback', options.SNICallback)
    assertIdentity(options)
    this.#options = options
    this.#setup = setup
    this.#timeoutMs = handshakeTimeout
    this.#secureContext = createSecureContext(options)
    this.#isRequired = requiredBy(options.required)
    this.watch = tlsWatch((request) => this.#isRequired(request), options.advertise ?? true, setup.onError)
  }

  /** `TLS/1.0`, `TLS/1.2`, …: clients write different ones and mean the same, whatever the handshake finds. */
  match(protocol: Offer['protocol']): Params | undefined {
    return sameName(protocol.name, 'TLS') ? NO_PARAMS : undefined
  }

  insists(request: IncomingMessage) {
    return !isEncrypted(request) && this.#isRequired(request) ? TLS_REQUIRED : undefined
  }

  decide(offer: Offer): Decision | Promise<Decision> {
    const { accept } = this.#options
    // A connection that is secure already cannot become more so.
    if (offer.server === undefined || isEncrypted(offer.request)) return PASS
    if (accept === undefined) return this.#switch(offer, offer.server)
    const { server } = offer
    const answer = accept.call(this.#options, offer.request)
    const decide = (yes: boolean) =>
      yes === true ? this.#switch(offer, server) : this.#refuse(offer.request)
    return isPromise(answer) ? answer.then(decide) : decide(answer)
  }

  #refuse(request: IncomingMessage): Decision {
    return this.#isRequired(request) ? { kind: 'respond', response: TLS_REQUIRED } : PASS
  }

  #switch(offer: Offer, server: HttpServer): Decision {
    return {
      kind: 'switch',
      // The lowest layer first (RFC 9110 section 15.2.2), as the client wrote it.
      upgrade: `${formatProtocol(offer.protocol)}, HTTP/1.1`,
      fields: [],
      attach: (stream, vacate) => {
        this.#secure(offer.request, server, stream, vacate)
        return { leave: () => void stream.destroy() }
      },
    }
  }

  #secure(request: IncomingMessage, server: HttpServer, stream: Duplex, vacate?: () => void): void {
    const body = takeBody(request)
    const { clock, onError } = this.#setup
    beginTls({
      stream,
      secureContext: this.#secureContext,
      options: this.#options,
      timeoutMs: this.#timeoutMs,
      clock,
      onSecure(socket) {
        vacate?.()
        resume(request, body, server, socket)
      },
      onFailure: (error) => {
        try {
          this.#options.onHandshakeFailure?.(error, request)
        } catch (another) {
          onError(another, request, 'in `onHandshakeFailure` of tlsInPlace')
        }
      },
    })
  }
}

/** Without them every client that takes the offer would lose its connection. @throws MisuseError ERR_INVALID_ARGUMENT */
function assertIdentity(options: TlsInPlaceOptions): void {
  const { key, privateKeyIdentifier, cert, pfx, SNICallback } = options
  const isWhole = isThere(cert) && (isThere(key) || isThere(privateKeyIdentifier))
  if (isWhole || isThere(pfx) || SNICallback !== undefined) return
  const seen = isThere(cert)
    ? '`cert` without `key`'
    : isThere(key)
      ? '`key` without `cert`'
      : 'no certificate'
  throw new MisuseError(
    'ERR_INVALID_ARGUMENT',
    `tlsInPlace wants \`key\` and \`cert\`, \`pfx\` or \`SNICallback\`; this is ${seen}`,
  )
}

/** Node takes what is empty for absent. */
function isThere(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value)
}

/** The request that began it is answered over TLS (RFC 2817 section 3.1), and every later one. */
function resume(request: IncomingMessage, body: Buffer, server: HttpServer, socket: TLSSocket): void {
  if (request.method === 'OPTIONS' && request.url === '*') {
    // It asks the server, not a resource of the app (RFC 9110 section 9.3.7).
    const answer = { status: 200, fields: [], body: '', close: asksToClose(request) }
    socket.write(formatAnswer(answer), 'latin1')
    if (answer.close) return void socket.end()
  } else {
    // Read by Node's own parser, and so by the app as any other request.
    socket.unshift(formatRequest(request, body))
  }
  server.emit(connectionEvent(server), socket)
}

/** What of the body is not read; the 101 waited until it was complete. */
function takeBody(request: IncomingMessage): Buffer {
  const chunks: Buffer[] = []
  for (let chunk = request.read(); chunk !== null; chunk = request.read()) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function requiredBy(required: TlsInPlaceOptions['required']): (request: IncomingMessage) => boolean {
  if (typeof required === 'function') return required
  const isGuarded = compileGuard([required ?? []].flat())
  return (request) => isGuarded(request.url ?? '/')
}

const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000
const PASS: Decision = { kind: 'pass' }
const NO_PARAMS: Params = Object.freeze({})
