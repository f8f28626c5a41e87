// Knows how a server begins TLS on a connection that is already open, and when it has failed.
import type { Duplex } from 'node:stream'
import { type SecureContext, TLSSocket, type TlsOptions } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import { PeerError } from '../base/errors.ts'
import { reasonOf } from './connecting.ts'
import { releaseControl, verifyPeer } from './internals.ts'

export interface TlsHandshake {
  readonly stream: Duplex
  readonly secureContext: SecureContext
  readonly options: Pick<TlsOptions, 'SNICallback' | 'requestCert' | 'rejectUnauthorized'>
  readonly timeoutMs: number
  readonly clock: Clock
  onSecure(socket: TLSSocket): void
  /** The connection is gone by then (RFC 2817 section 3.1: what follows a failure is a disconnect). */
  onFailure(error: PeerError): void
}

/** Reads the ClientHello next, also one that has come already. */
export function beginTls(handshake: TlsHandshake): void {
  const { stream, options, timeoutMs } = handshake
  const requestCert = options.requestCert === true
  const rejectUnauthorized = options.rejectUnauthorized !== false
  // HTTP/1.1 goes on behind it: nothing else is negotiated.
  const socket = new TLSSocket(stream as ConstructorParameters<typeof TLSSocket>[0], {
    isServer: true,
    secureContext: handshake.secureContext,
    requestCert,
    rejectUnauthorized,
    ALPNProtocols: ['http/1.1'],
    ...(options.SNICallback !== undefined && { SNICallback: options.SNICallback }),
  })
  let over = false
  const settle = (): boolean => {
    if (over) return false
    over = true
    alarm.cancel()
    stream.off('close', onClose)
    socket.off('close', onClose)
    socket.off('end', onClose)
    socket.off('secure', onSecure)
    return true
  }
  const fail = (seen: string, cause?: Error) => {
    if (!settle()) return
    socket.destroy()
    stream.destroy()
    const error = new PeerError('ERR_TLS_HANDSHAKE', seen, { section: 'RFC 2817 section 3.1', cause })
    handshake.onFailure(error)
  }
  const onClose = () => fail('connection ended inside the TLS handshake')
  const onSecure = () => {
    const problem = requestCert ? verifyPeer(socket) : undefined
    if (problem !== undefined && rejectUnauthorized) return fail(`client's certificate: ${problem}`)
    if (!settle()) return
    releaseControl(socket)
    handshake.onSecure(socket)
  }
  const alarm = handshake.clock.after(timeoutMs, () => fail(`no TLS handshake in ${timeoutMs} ms`))
  // Stays: a reset must not end the process.
  socket.on('error', (cause: Error) => fail(`TLS handshake: ${reasonOf(cause)}`, cause))
  stream.on('close', onClose)
  socket.on('close', onClose)
  // Half-open connections are for HTTP; inside a handshake the end is the end.
  socket.on('end', onClose)
  socket.on('secure', onSecure)
}
