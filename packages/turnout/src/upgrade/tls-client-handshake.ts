// Knows how a client begins TLS on a connection that is already open, and when it has failed.
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import { PeerError, toError } from '../base/errors.ts'
import { connectOverTls, reasonOf } from './connecting.ts'
import { endWith } from './exchange.ts'
import { type Target, where } from './target.ts'

export interface ClientTlsHandshake {
  readonly connection: Duplex
  readonly target: Target
  readonly tls: ConnectionOptions | undefined
  /** Ends the handshake, and the secured connection after it. */
  readonly signal: AbortSignal | undefined
  readonly clock: Clock
  /** How long all that the handshake is part of may take, in milliseconds, and what is left of it. */
  readonly timeoutMs: number
  readonly leftMs: number
}

/**
 * Rejects with a PeerError (ERR_TLS_HANDSHAKE, ERR_HANDSHAKE_TIMEOUT), with the signal's reason, or with a MisuseError
 * for options that could never work; then the connection is destroyed.
 */
export function secureConnection(handshake: ClientTlsHandshake): Promise<TLSSocket> {
  const { connection, target, tls, signal, clock, timeoutMs, leftMs } = handshake
  return new Promise((resolve, reject) => {
    let socket: TLSSocket
    try {
      socket = connectOverTls({
        ...(isIP(target.host) === 0 && { servername: target.host }),
        ...tls,
        host: target.host,
        socket: connection,
        ALPNProtocols: ['http/1.1'],
      })
    } catch (error) {
      connection.destroy()
      return reject(error)
    }
    const fail = (error: unknown) => {
      stop()
      socket.destroy()
      connection.destroy()
      reject(error)
    }
    const onClose = () => fail(brokenHandshake(target, undefined))
    const onAbort = () => fail(signal?.reason)
    const stop = () => {
      alarm.cancel()
      socket.off('close', onClose)
      signal?.removeEventListener('abort', onAbort)
    }
    const alarm = clock.after(leftMs, () => {
      fail(new PeerError('ERR_HANDSHAKE_TIMEOUT', `${handshakeWith(target)}: not done in ${timeoutMs} ms`))
    })
    // the listener stays: a reset must not end the process
    socket.on('error', (cause: Error) => fail(brokenHandshake(target, cause)))
    socket.on('close', onClose)
    if (signal?.aborted) return onAbort()
    signal?.addEventListener('abort', onAbort)
    socket.once('secureConnect', () => {
      stop()
      if (signal !== undefined) endWith(signal, socket)
      resolve(socket)
    })
  })
}

/** @param cause why the connection broke off; undefined: it was closed */
export function brokenHandshake(target: Target, cause: unknown): PeerError {
  const why = cause === undefined ? 'the connection was closed' : reasonOf(toError(cause))
  const detail = { section: 'RFC 2817 section 3.1', cause }
  return new PeerError('ERR_TLS_HANDSHAKE', `${handshakeWith(target)}: ${why}`, detail)
}

/**
 * The server looks at a client's certificate when the client is done already: in TLS 1.3, and in Node always, which
 * then closes without an alert.
 */
export function awaitsTrust(socket: TLSSocket): boolean {
  return Object.keys(socket.getCertificate() ?? {}).length > 0
}

export function isAlert(cause: unknown): boolean {
  const { code } = (cause ?? {}) as NodeJS.ErrnoException
  return code !== undefined && /^ERR_SSL_.*_ALERT_/.test(code)
}

function handshakeWith(target: Target): string {
  return `TLS handshake with ${where(target)}`
}
