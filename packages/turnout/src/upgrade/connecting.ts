// Knows whether a request has a connection yet: what fails before is told apart from an answer that does not come.
import type { ClientRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket, type ConnectionOptions as TlsOptions } from 'node:tls'
import { MisuseError, PeerError, toError } from '../base/errors.ts'

/** Watches one request; `secure`: TLS is part of connecting. */
export class Connecting {
  #isDone = false

  constructor(request: ClientRequest, secure: boolean) {
    request.once('socket', (socket: Duplex & { connecting?: boolean; secureConnecting?: boolean }) => {
      const done = () => {
        this.#isDone = true
      }
      if (socket.connecting === true || (secure && socket.secureConnecting === true)) {
        socket.once(secure ? 'secureConnect' : 'connect', done)
      } else done()
    })
  }

  /** What it means that the connection failed, or was closed, before the head of the answer. */
  failure(where: string, cause: unknown): PeerError {
    return this.#isDone ? noAnswer(where, cause) : notConnected(where, cause)
  }
}

/** Begins TLS. @throws MisuseError for options that could never work, which Node does not look at before */
export function connectOverTls(options: TlsOptions): TLSSocket {
  try {
    return connectTls(options)
  } catch (cause) {
    throw refusedBy('node:tls refuses its options', cause)
  }
}

/** Node will not begin with what the application gave. */
export function refusedBy(seen: string, cause: unknown): MisuseError {
  return new MisuseError('ERR_INVALID_ARGUMENT', `${seen}: ${toError(cause).message}`, { cause })
}

export function notConnected(where: string, cause: unknown): PeerError {
  return connectError(`cannot connect to ${where}`, cause)
}

export function noAnswer(where: string, cause: unknown): PeerError {
  return connectError(`no answer from ${where}`, cause)
}

/** What it means, without the places in OpenSSL's source and the end of line that its errors have. */
export function reasonOf({ message }: Error): string {
  if (/wrong version number|packet length too long/i.test(message)) return 'what listens there speaks no TLS'
  const [, said] = OPENSSL.exec(message) ?? []
  if (said === undefined) return message.trimEnd()
  const [, alert] = ALERT.exec(message) ?? []
  if (alert === undefined) return `${said} (OpenSSL)`
  return `it sent TLS alert ${alert}, ${said.replace(/^\S+ (alert )?/, '')}`
}

/** `error:<code>:<library>:<function>:<reason>:<file>:<line>:<more>` */
const OPENSSL = /error:[0-9A-F]{8}:[^:]*:[^:]*:([^:\n]+)/
const ALERT = /SSL alert number (\d+)/

/** @param cause mostly an Error: an agent, or who aborts, may say what it likes */
function connectError(seen: string, cause: unknown): PeerError {
  const why = cause === undefined ? 'the connection was closed' : reasonOf(toError(cause))
  return new PeerError('ERR_CONNECT', `${seen}: ${why}`, { cause })
}
