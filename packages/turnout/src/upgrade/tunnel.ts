// Knows how to ask a proxy for a tunnel to a host and port (RFC 9110 section 9.3.6).
// Never knows what will be said inside.
import { Buffer } from 'node:buffer'
import { type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import { BodyReader, bodyFraming } from '../http/body.ts'
import { AnsweredError, MAX_REFUSAL_BYTES, REFUSAL_TIMEOUT_MS, type ReadAnswer } from './answered.ts'
import { Connecting } from './connecting.ts'
import type { TunnelProxy } from './proxy.ts'
import type { Target } from './target.ts'
import { Wait } from './wait.ts'

/** The proxy answered, and would not: 407 wants credentials, 403 forbids, 502 and 504 found nobody there. */
export class ProxyError extends AnsweredError {
  override readonly name: string = 'ProxyError'
}

export interface Tunnel {
  readonly proxy: TunnelProxy
  readonly target: Pick<Target, 'host' | 'port'>
  readonly signal?: AbortSignal | undefined
  /** Until the head of the proxy's answer is here. Infinity: no deadline. */
  readonly timeoutMs: number
  readonly clock: Clock
}

/**
 * A connection to the target, whatever came behind the proxy's answer already in it. Rejects with a ProxyError,
 * with a PeerError, or with the signal's reason; then no connection is left.
 */
export function openTunnel(tunnel: Tunnel): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const { proxy, target, signal, timeoutMs, clock } = tunnel
    if (signal?.aborted) return reject(signal.reason)
    const request = proxy.secure ? requestHttps(overTls(tunnel)) : requestHttp(asked(tunnel))
    const connecting = new Connecting(request, proxy.secure)
    const wait = new Wait({ clock, timeoutMs, signal, where: where(proxy) }, (error) => {
      request.destroy()
      reject(error)
    })
    const lost = (cause: Error | undefined): void => wait.fail(connecting.failure(where(proxy), cause))
    request.on('error', lost)
    request.on('close', () => lost(undefined))
    // node:http gives every final answer to a CONNECT here, its body, if any, unread
    request.on('connect', (response: IncomingMessage, socket: Socket, head: Buffer) => {
      // the first act: a reset from here on must not end the process
      socket.on('error', ignore)
      if (!wait.settle()) return void socket.destroy()
      socket.setTimeout(0)
      const status = response.statusCode ?? 0
      if (status >= 200 && status < 300) {
        if (head.length > 0) socket.unshift(head)
        return resolve(socket)
      }
      readRefusal(response, socket, head, clock).then((answer) => {
        const seen = `${status} ${response.statusMessage} from ${where(proxy)} to a CONNECT to ${authority(target)}`
        reject(
          new ProxyError('ERR_PROXY_REFUSED', seen, answer, { section: SECTIONS[status] ?? SECTIONS[0]! }),
        )
      }, reject)
    })
    request.end()
  })
}

const SECTIONS: Readonly<Record<number, string>> = {
  0: 'RFC 9110 section 9.3.6',
  407: 'RFC 9110 section 15.5.8',
}

function asked({ proxy, target }: Tunnel): RequestOptions {
  // else node:http says close, which is true of neither a tunnel nor a refusal
  const headers: Record<string, string | string[]> = { Host: authority(target), Connection: 'keep-alive' }
  for (const [name, value] of proxy.fields) {
    const before = headers[name]
    headers[name] = before === undefined ? value : [before, value].flat()
  }
  const { host, port } = proxy
  return { host, port, method: 'CONNECT', path: authority(target), headers, agent: false }
}

function overTls(tunnel: Tunnel): RequestOptions {
  const pinned: object = { ...tunnel.proxy.tls, ALPNProtocols: ['http/1.1'] }
  // not the server's name in Host: the certificate is the proxy's
  const servername = tunnel.proxy.tls?.servername ?? nameOf(tunnel.proxy.host)
  return { ...pinned, ...asked(tunnel), servername } as RequestOptions
}

/** An address is no name to ask for (RFC 6066 section 3); the empty one sends no SNI. */
export function nameOf(host: string): string {
  return /^[\d.]+$/.test(host) || host.includes(':') ? '' : host
}

function authority({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function where(proxy: TunnelProxy): string {
  return `the proxy ${authority(proxy)}`
}

/** As much of the refusal as is worth waiting for; its connection is closed. */
function readRefusal(
  response: IncomingMessage,
  socket: Socket,
  head: Buffer,
  clock: Clock,
): Promise<ReadAnswer> {
  return new Promise((resolve) => {
    const framing = bodyFraming(response.rawHeaders)
    const body = framing.kind === 'length' || framing.kind === 'chunked' ? new BodyReader(framing) : undefined
    const chunks: Buffer[] = []
    let missing = MAX_REFUSAL_BYTES
    const alarm = clock.after(REFUSAL_TIMEOUT_MS, () => socket.destroy())
    const take = (chunk: Buffer): void => {
      for (const part of body === undefined ? [chunk] : body.read(chunk).parts) {
        chunks.push(part.subarray(0, missing))
        missing -= chunks.at(-1)!.length
      }
    }
    const read = (chunk: Buffer): void => {
      try {
        take(chunk)
      } catch {
        // broken chunks: what was read so far must do
        socket.destroy()
      }
      if (missing === 0 || body?.done) socket.destroy()
    }
    socket.on('end', () => socket.destroy())
    socket.on('close', () => {
      alarm.cancel()
      resolve({ response, body: Buffer.concat(chunks) })
    })
    // a length of 0 has no more to say
    if (framing.kind === 'none' && hasLength(response)) return void socket.destroy()
    read(head)
    socket.on('data', read)
  })
}

function hasLength(response: IncomingMessage): boolean {
  return response.headers['content-length'] !== undefined
}

function ignore(): void {}
