// Knows how to ask a proxy for a tunnel to a host and port (RFC 9110 section 9.3.6).
// Never knows what will be said inside.
import { Buffer } from 'node:buffer'
import {
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import { BodyReader, bodyFraming } from '../http/body.ts'
import { linesByName } from '../http/fields.ts'
import type { Fields } from '../http/message.ts'
import { AnsweredError, MAX_REFUSAL_BYTES, REFUSAL_TIMEOUT_MS, type ReadAnswer } from './answered.ts'
import { Connecting, refusedBy } from './connecting.ts'
import type { TunnelProxy } from './proxy.ts'
import { swallowHead } from './swallow-head.ts'
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
 * with a PeerError, with the signal's reason, or with a MisuseError for `tls` that could never work; then no
 * connection is left.
 */
export function openTunnel(tunnel: Tunnel): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const { proxy, target, signal, timeoutMs, clock } = tunnel
    if (signal?.aborted) return reject(signal.reason)
    let request: ClientRequest | undefined
    let interim = 0
    const wait = new Wait({ clock, timeoutMs, signal, where: where(proxy) }, (error) => {
      request?.destroy()
      reject(error)
    })
    const refuse = (answer: ReadAnswer): void => {
      const { statusCode = 0, statusMessage } = answer.response
      const seen = `${statusCode} ${statusMessage} from ${where(proxy)} to a CONNECT to ${authority(target)}`
      const section = SECTIONS[statusCode] ?? SECTIONS[0]!
      reject(new ProxyError('ERR_PROXY_REFUSED', seen, answer, { section }))
    }
    // node:http gives every answer to a CONNECT here, interim ones too, what comes behind its head unread
    const onConnect = (response: IncomingMessage, socket: Socket, head: Buffer): void => {
      // the first act: a reset from here on must not end the process
      if (interim === 0) socket.on('error', ignore)
      const { statusCode = 0 } = response
      const goesOn = isInterim(statusCode) && ++interim <= MAX_INTERIM
      if (wait.settled) return void socket.destroy()
      if (goesOn || isSuccess(statusCode)) {
        if (head.length > 0) socket.unshift(head)
        if (goesOn) return ask(socket)
      }
      wait.settle()
      socket.setTimeout(0)
      if (isSuccess(statusCode)) resolve(socket)
      else readRefusal({ response, socket, head, signal, clock }).then(refuse, reject)
    }
    /** @param socket where the request was sent already, and more of the answer is to come */
    const ask = (socket?: Socket): void => {
      let one: ClientRequest
      try {
        one = openRequest(tunnel, socket)
      } catch (cause) {
        return wait.fail(refusedBy('node:http refuses the request to the proxy', cause))
      }
      const connecting = new Connecting(one, proxy.secure)
      const lost = (cause: unknown): void => {
        if (one === request) wait.fail(connecting.failure(where(proxy), cause))
      }
      one.on('error', lost)
      one.on('close', () => lost(undefined))
      one.on('connect', onConnect)
      request = one
      one.end()
    }
    ask()
  })
}

/** Whether more of the answer follows (RFC 9110 section 15.2); there is nothing that a 101 could switch. */
function isInterim(status: number): boolean {
  return status >= 100 && status < 200 && status !== 101
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}

/** More interim answers than this are taken for a refusal: the wait may have no deadline. */
const MAX_INTERIM = 32

function openRequest(tunnel: Tunnel, socket: Socket | undefined): ClientRequest {
  if (socket === undefined) {
    return tunnel.proxy.secure ? requestHttps(overTls(tunnel)) : requestHttp(asked(tunnel))
  }
  swallowHead(socket)
  return requestHttp({ ...asked(tunnel), agent: undefined, createConnection: () => socket })
}

const SECTIONS: Readonly<Record<number, string>> = {
  0: 'RFC 9110 section 9.3.6',
  407: 'RFC 9110 section 15.5.8',
}

function asked({ proxy, target }: Tunnel): RequestOptions {
  // else node:http says close, which is true of neither a tunnel nor a refusal
  const own: Fields = [
    ['Host', authority(target)],
    ['Connection', 'keep-alive'],
  ]
  const headers = linesByName([...own, ...proxy.fields])
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

interface Refusal {
  readonly response: IncomingMessage
  readonly socket: Socket
  readonly head: Buffer
  readonly signal: AbortSignal | undefined
  readonly clock: Clock
}

/** As much of the refusal as is worth waiting for; its connection is closed. Rejects with the signal's reason. */
function readRefusal({ response, socket, head, signal, clock }: Refusal): Promise<ReadAnswer> {
  return new Promise((resolve, reject) => {
    const framing = bodyFraming(response.rawHeaders)
    const body = framing.kind === 'length' || framing.kind === 'chunked' ? new BodyReader(framing) : undefined
    const chunks: Buffer[] = []
    let missing = MAX_REFUSAL_BYTES
    const cut = (): void => void socket.destroy()
    const alarm = clock.after(REFUSAL_TIMEOUT_MS, cut)
    signal?.addEventListener('abort', cut)
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
    socket.on('end', cut)
    socket.on('close', () => {
      alarm.cancel()
      signal?.removeEventListener('abort', cut)
      if (signal?.aborted) reject(signal.reason)
      else resolve({ response, body: Buffer.concat(chunks) })
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
