// Knows how a node:http or node:net server of the bench begins to listen.
import { createServer, type Server as HttpServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { certificate, privateKey } from '../identity.ts'
import { backlog } from '../limits.ts'

export function createHttpServer(secure: boolean): HttpServer {
  return secure ? createSecureServer({ cert: certificate, key: privateKey }) : createServer()
}

/** On loopback, on a port that is free. */
export function listen(server: Server): Promise<{ readonly port: number }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port: 0, backlog }, () =>
      resolve({ port: (server.address() as AddressInfo).port }),
    )
  })
}
