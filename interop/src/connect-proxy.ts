// Knows how to be an HTTP proxy that opens tunnels, plain or over TLS, for whoever knows its password.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'

export interface Certificate {
  readonly key: Buffer
  readonly cert: Buffer
}

/** A fresh certificate for localhost and 127.0.0.1 that signs itself; openssl makes it. */
export function createCertificate(): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'turnout-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  try {
    execFileSync('openssl', ['req', ...kind, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' })
    return { key: readFileSync(key), cert: readFileSync(cert) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export interface ConnectProxy {
  /** With user and password. */
  readonly url: string
  /** The places that tunnels were opened to. */
  readonly places: string[]
  stop(): Promise<void>
}

export async function startConnectProxy(certificate?: Certificate): Promise<ConnectProxy> {
  const server = certificate === undefined ? createServer() : createSecureServer(certificate)
  const places: string[] = []
  const expected = `Basic ${Buffer.from('user:pass word').toString('base64')}`
  const sockets = new Set<Duplex>()
  server.on('connect', (request: IncomingMessage, socket: Duplex, first: Buffer) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    if (request.headers['proxy-authorization'] !== expected) {
      socket.end('HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm="p"\r\nContent-Length: 4\r\n\r\nwho?')
      return
    }
    places.push(request.url ?? '')
    const { hostname, port } = new URL(`tunnel://${request.url}`)
    const far = connect(Number(port), hostname)
    far.on('error', () => socket.destroy())
    socket.on('close', () => far.destroy())
    far.on('connect', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      far.write(first)
      far.pipe(socket).pipe(far)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const scheme = certificate === undefined ? 'http' : 'https'
  return {
    url: `${scheme}://user:pass%20word@127.0.0.1:${(server.address() as AddressInfo).port}`,
    places,
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
