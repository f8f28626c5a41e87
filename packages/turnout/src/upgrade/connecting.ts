// Knows whether a request has a connection yet: what fails before is told apart from an answer that does not come.
import type { ClientRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import { PeerError, toError } from '../base/errors.ts'

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

export function notConnected(where: string, cause: unknown): PeerError {
  return connectError(`cannot connect to ${where}`, cause)
}

export function noAnswer(where: string, cause: unknown): PeerError {
  return connectError(`no answer from ${where}`, cause)
}

/** OpenSSL's own words for a peer that has never heard of TLS help nobody. */
function reasonOf({ message }: Error): string {
  if (/wrong version number|packet length too long/i.test(message)) return 'what listens there speaks no TLS'
  return message.trimEnd()
}

/** @param cause mostly an Error: an agent, or who aborts, may say what it likes */
function connectError(seen: string, cause: unknown): PeerError {
  const why = cause === undefined ? 'the connection was closed' : reasonOf(toError(cause))
  return new PeerError('ERR_CONNECT', `${seen}: ${why}`, { cause })
}
