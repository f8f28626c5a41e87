// Knows our own server for those who come over HTTP/2: what each WebSocket came as is read here, not believed.
import { once } from 'node:events'
import { createServer as createHttp1Server } from 'node:http'
import { createSecureServer, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createTurnout } from 'turnout'
import { certificate, privateKey } from './certificate.ts'
import { createQueue } from './queue.ts'

/**
 * `secure`: TLS with HTTP/2 and HTTP/1.1; without TLS `http2`: HTTP/2 alone, `http1`: HTTP/1.1, `shared`: both on a
 * server of node:http.
 */
export type HouseKind = 'secure' | 'http2' | 'http1' | 'shared'

export interface Visit {
  readonly httpVersion: string
  readonly method: string | undefined
}

export interface Http2House {
  readonly port: number
  /** The next WebSocket that asked for `/echo` or `/no`. */
  nextVisit(): Promise<Visit>
  /** Close code and reason of the next one that ended. */
  nextEnding(): Promise<{ readonly code: number; readonly reason: string }>
  stop(): Promise<void>
}

/** Serves `/echo` to pages of every origin, `/no` with a 403, and an empty page that tells its version of HTTP. */
export async function startHttp2House(kind: HouseKind): Promise<Http2House> {
  const visits = createQueue<Visit>()
  const endings = createQueue<{ code: number; reason: string }>()
  const note = ({ httpVersion, method }: { httpVersion: string; method?: string | undefined }) =>
    visits.push({ httpVersion, method })
  const turnout = createTurnout()
    .websocket('/echo', {
      origins: '*',
      compression: true,
      accept: (request) => {
        note(request)
        return true
      },
      message: (socket, message) => void socket.send(message),
      close: (_socket, { code, reason }) => endings.push({ code, reason }),
    })
    .websocket('/no', {
      origins: '*',
      accept: (request) => {
        note(request)
        return new Response('no', { status: 403 })
      },
    })
  if (kind === 'shared') turnout.h2c({ priorKnowledge: true })
  const page = (
    request: { readonly httpVersion: string },
    response: { setHeader(name: string, value: string): unknown; end(text: string): unknown },
  ) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8')
    response.end(`<!doctype html><title>HTTP/${request.httpVersion}</title>`)
  }
  const server =
    kind === 'secure'
      ? createSecureServer({ key: privateKey, cert: certificate, allowHTTP1: true }, page)
      : kind === 'http2'
        ? createServer(page)
        : createHttp1Server(page)
  const sessions = new Set<{ destroy(): void }>()
  server.on('session', (session: { destroy(): void }) => sessions.add(session))
  server.on('secureConnection', (socket: { destroy(): void }) => sessions.add(socket))
  turnout.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    nextVisit: () => visits.next(),
    nextEnding: () => endings.next(),
    async stop() {
      await turnout.close({ grace: 500 })
      for (const session of sessions) session.destroy()
      if ('closeAllConnections' in server) (server as { closeAllConnections(): void }).closeAllConnections()
      server.close()
    },
  }
}
