// Knows a connection that TLS has secured, as something that requests can be made on.
import { Agent } from 'node:http'
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
