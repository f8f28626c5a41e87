// Knows how to go on in TLS on a wire that was in the clear, as a client by hand.
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { TlsInPlaceOptions } from '../../src/upgrade/tls-server.ts'
import { certificate, privateKey } from './certificate.ts'
import { type StationOptions, upgradeHead, type Wire, wireOn } from './wire.ts'

export function tlsHead(options: Parameters<typeof upgradeHead>[0] = {}): string {
  return upgradeHead({ connection: 'Upgrade', upgrade: 'TLS/1.2', ...options })
}

/** The wire must have given its 101 and nothing else. */
export function secure(wire: Wire, options: ConnectionOptions = {}): Wire & { readonly socket: TLSSocket } {
  wire.socket.removeAllListeners('data')
  wire.socket.pause()
  const socket = connect({ socket: wire.socket, ca: certificate, servername: 'localhost', ...options })
  return wireOn(socket) as Wire & { readonly socket: TLSSocket }
}

/** A station that offers TLS in place, and says of each request how it came. */
export function tlsStation(
  options: Partial<TlsInPlaceOptions> = {},
  others: StationOptions = {},
): StationOptions {
  return {
    app: (request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        const how = 'encrypted' in request.socket ? 'secret' : 'clear'
        response.end([how, request.method, request.url, request.headers['x-a'], body].join(' ').trim())
      })
    },
    ...others,
    setUp: (turnout, server, log) => {
      turnout.tlsInPlace({ key: privateKey, cert: certificate, ...options })
      others.setUp?.(turnout, server, log)
    },
  }
}
