// Knows what people expect of a socket: gives it to the Duplex that Node 26 puts in front of one.
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** Lets the stream answer for the socket behind it: addresses, TLS details, timeouts, counters. */
export function dressStream(stream: Duplex, socket: Socket): void {
  const from = socket as unknown as Record<string, unknown>
  for (const name of SOCKET_MEMBERS) {
    if (name in stream || !(name in socket)) continue
    Object.defineProperty(stream, name, {
      configurable: true,
      get() {
        const value = from[name]
        return typeof value === 'function' ? value.bind(socket) : value
      },
    })
  }
  socket.on('timeout', () => stream.emit('timeout'))
}

const SOCKET_MEMBERS = [
  'remoteAddress',
  'remotePort',
  'remoteFamily',
  'localAddress',
  'localPort',
  'localFamily',
  'address',
  'bytesRead',
  'bytesWritten',
  'timeout',
  'setTimeout',
  'setNoDelay',
  'setKeepAlive',
  'ref',
  'unref',
  'destroySoon',
  'resetAndDestroy',
  'encrypted',
  'authorized',
  'authorizationError',
  'alpnProtocol',
  'servername',
  'getPeerCertificate',
  'getPeerX509Certificate',
  'getCertificate',
  'getCipher',
  'getProtocol',
  'getSession',
  'isSessionReused',
] as const
