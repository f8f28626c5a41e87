// Knows a connection that TLS has secured, as something that requests can be made on.
import { Buffer } from 'node:buffer'
import { Agent } from 'node:http'
import process from 'node:process'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { PeerError } from '../base/errors.ts'

/** An agent with this one connection and never another: what is given to it goes over TLS or not at all. */
export class LineAgent extends Agent {
  #socket: TLSSocket | undefined

  constructor(socket: TLSSocket) {
    super({ keepAlive: true, maxSockets: 1, maxFreeSockets: 1 })
    this.#socket = socket
  }

  override createConnection(
    _options: object,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const socket = this.#socket
    this.#socket = undefined
    if (socket?.writable === true) return socket
    const error = new PeerError('ERR_CLOSED', 'the secured connection is gone, or goes to another host')
    callback?.(error, undefined as never)
    return undefined
  }
}

/**
 * Drops the next request head that is written to the socket: the server had that request before TLS began, and
 * node:http has to believe it sent it, to read the response.
 */
export function swallowHead(socket: TLSSocket): void {
  let written = ''
  const swallow = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    written += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1')
    // From here on its own `write` is seen again.
    if (written.includes('\r\n\r\n')) delete (socket as { write?: unknown }).write
    const done = rest.find((argument) => typeof argument === 'function') as (() => void) | undefined
    if (done !== undefined) process.nextTick(done)
    return true
  }
  Object.defineProperty(socket, 'write', { value: swallow, configurable: true, writable: true })
}
