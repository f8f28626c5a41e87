// Knows how the station is put together: a tap in front, and behind it one http server that turnout is attached to.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createSecureServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { createTurnout } from 'turnout'
import { createCertificate } from './certificate.ts'
import { createJourneys } from './journeys.ts'
import { layLines } from './lines.ts'
import { createPages } from './pages.ts'
import { tapStreams } from './stream-tap.ts'
import { createTap } from './tap.ts'
import { createShelf, type Shelf } from './tape.ts'

export interface StationOptions {
  /** 0: any that is free. */
  readonly port: number
  readonly host: string
  /** For https and HTTP/2; 0: any that is free. Without it there is only http. */
  readonly httpsPort?: number
}

export interface Station {
  /** Where a browser finds the page. */
  readonly url: string
  readonly port: number
  /** The same page over https and HTTP/2. */
  readonly secureUrl: string | undefined
  /** Why there is no https although it was wanted. */
  readonly secureError: NodeJS.ErrnoException | undefined
  close(): Promise<void>
}

export async function startStation({ port, host, httpsPort }: StationOptions): Promise<Station> {
  const shelf = createShelf()
  const pages = createPages()
  const server = createServer()
  const turnout = createTurnout()
  const tap = createTap(shelf, () => portOf(server))
  const certificate = createCertificate(host)
  const journeys = createJourneys(
    () => addressOf(tap.server),
    certificate.cert,
    () => (secure.listening ? addressOf(secure) : undefined),
  )
  const secure = createSecureServer({ ...certificate, allowHTTP1: true })
  tapStreams(secure, shelf)

  layLines(turnout)
  turnout.h2c({ path: '/demo/h2c' })
  turnout.tlsInPlace({
    ...certificate,
    required: '/demo/vault',
    // The other lines of the demonstration shall look as they do without it.
    advertise: false,
    accept: ({ url = '' }) => /^(?:\*|\/demo\/(?:tls|vault)\b)/.test(url),
  })
  turnout.websocket('/tape/:id', {
    open(socket) {
      const { id } = socket.params
      const tape = shelf.tape(id)
      if (tape === undefined) return void socket.close(1008, 'no such tape')
      const stop = tape.follow(0, (event) => void socket.send(JSON.stringify(event)))
      void socket.closed.then(stop)
    },
  })
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const target = request.url ?? '/'
    if (!URL.canParse(target, 'http://station')) return refuse(response)
    const url = new URL(target, 'http://station')
    if (url.pathname === '/places.json') {
      const places = { http: portOf(tap.server), https: secure.listening ? portOf(secure) : undefined }
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      return void response.end(JSON.stringify(places))
    }
    if (url.pathname.startsWith('/tape/')) return streamTape(shelf, request, response, url)
    if (url.pathname.startsWith('/run/')) return void journeys.answer(request, response, url)
    if (url.pathname.startsWith('/demo/')) return answerPlainly(request, response, url)
    pages.answer(request, response, url)
  }
  server.on('request', answer)
  secure.on('request', (request, response) =>
    // The compatibility API has all that the station uses.
    answer(request as unknown as IncomingMessage, response as unknown as ServerResponse),
  )
  turnout.attach(server)
  turnout.attach(secure)

  // The server behind comes first: whoever reaches the tap has to be passed on.
  await listen(server, 0, '127.0.0.1')
  try {
    await listen(tap.server, port, host)
  } catch (error) {
    server.close()
    throw error
  }
  let secureError: NodeJS.ErrnoException | undefined
  if (httpsPort !== undefined) {
    // The page over http runs on without it.
    await listen(secure, httpsPort, host).catch((error) => {
      secureError = error
    })
  }
  const sessions = new Set<ServerHttp2Session>()
  secure.on('session', (session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
  })
  const name = (at: Server) => (host === '127.0.0.1' ? `localhost:${portOf(at)}` : addressOf(at))
  return {
    secureUrl: secure.listening ? `https://${name(secure)}/` : undefined,
    secureError,
    url: `http://${host === '127.0.0.1' ? `localhost:${portOf(tap.server)}` : addressOf(tap.server)}/`,
    port: portOf(tap.server),
    async close() {
      tap.server.close()
      await turnout.close({ code: 1001, grace: 1000 })
      tap.destroyAll()
      if (secure.listening) secure.close()
      for (const session of sessions) session.destroy()
      server.close()
      server.closeAllConnections()
    },
  }
}

/** The same tape without a WebSocket, as Server-Sent Events: for a page behind a proxy that lets none through. */
function streamTape(shelf: Shelf, request: IncomingMessage, response: ServerResponse, url: URL): void {
  const tape = shelf.tape(url.pathname.slice('/tape/'.length))
  if (tape === undefined) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('That is no name for a tape.\n')
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  // A browser that lost the stream asks again and says how far it had come.
  const lastSeen = Number(request.headers['last-event-id'] ?? -1)
  const stop = tape.follow(Number.isInteger(lastSeen) ? lastSeen + 1 : 0, (event, index) => {
    response.write(`id: ${index}\ndata: ${JSON.stringify(event)}\n\n`)
  })
  response.on('close', stop)
}

function refuse(response: ServerResponse): void {
  response.writeHead(400, { 'content-type': 'text/plain' }).end('That is no URL.\n')
}

/** What every path of the demonstration says to a request that does not switch. */
function answerPlainly(request: IncomingMessage, response: ServerResponse, url: URL): void {
  request.resume()
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.end(
    `An ordinary answer to ${request.method} ${url.pathname}, in HTTP/${request.httpVersion.replace('2.0', '2')}.\n`,
  )
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  server.listen(port, host)
  await once(server, 'listening')
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

/** Where the station's own client finds the station, also when it listens on every address. */
function addressOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo
  if (address === '0.0.0.0' || address === '::') return `127.0.0.1:${port}`
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
