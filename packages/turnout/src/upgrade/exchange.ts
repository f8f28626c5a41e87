// Knows one request that asks for a switch: from its first byte to its 101, its ordinary response, or its failure.
// Never knows what the switch is for: whoever asks judges the 101.
import type { Buffer } from 'node:buffer'
import {
  type ClientRequest,
  type Agent as HttpAgent,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from 'node:http'
import { type Agent as HttpsAgent, request as requestHttps } from 'node:https'
import process from 'node:process'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import { MisuseError, PeerError, toError } from '../base/errors.ts'
import { linesByName } from '../http/fields.ts'
import type { Fields } from '../http/message.ts'
import { sameName } from '../http/token.ts'
import { Connecting, connectOverTls, refusedBy } from './connecting.ts'
import type { TunnelProxy } from './proxy.ts'
import { dropBody, type Framing, framingOf, type RequestBody, sendBody } from './request-body.ts'
import { tellClientHandshake } from './sight.ts'
import { type Target, where } from './target.ts'
import { nameOf, openTunnel } from './tunnel.ts'
import { Wait } from './wait.ts'

/** How long a 100 is waited for before the body is sent without it, in milliseconds (RFC 9110 section 10.1.1). */
const CONTINUE_TIMEOUT_MS = 1_000

export interface Exchange {
  readonly target: Target
  readonly method: string
  /** Every field but Host and those that frame the body; checked by the caller. */
  readonly fields: Fields
  readonly body?: RequestBody | undefined
  /** Ends the exchange, and a declined response that is still being read. The stream of a switch is the caller's. */
  readonly signal?: AbortSignal | undefined
  /** Until the head of the answer is here. Infinity: no deadline. */
  readonly timeoutMs: number
  readonly clock: Clock
  readonly agent?: HttpAgent | HttpsAgent | false | undefined
  readonly tls?: TlsOptions | undefined
  /** Asked for a tunnel to the target, in the place of an agent. */
  readonly proxy?: TunnelProxy | undefined
  /** A connection to the target that is there already, TLS included; in the place of the agent and the proxy. */
  readonly connection?: Duplex | undefined
  /** Whether this 101 may be followed. What it throws fails the exchange, and the socket is destroyed. */
  judge(response: IncomingMessage): void
}

export type Outcome =
  /** The stream holds whatever came behind the 101; it has an `error` listener and no timeout. */
  | { readonly kind: 'switched'; readonly response: IncomingMessage; readonly stream: Duplex }
  /** Any final response; its body is still to be read. */
  | { readonly kind: 'answered'; readonly response: IncomingMessage }

/**
 * Sends the request and waits. Rejects with a PeerError, with the signal's reason, with what `judge` threw or
 * what the body's source threw, and with a MisuseError before anybody is connected to; then nothing of it is left
 * but the body, which whoever gave it lets go.
 */
export function perform(exchange: Exchange): Promise<Outcome> {
  const { clock, target, fields } = exchange
  const asked = fields.find(([name]) => sameName(name, 'upgrade'))
  if (asked === undefined) return askThroughProxy(exchange)
  const url = `${target.secure ? 'https' : 'http'}://${target.host}:${target.port}${target.path}`
  return tellClientHandshake({ protocol: asked[1], url, clock }, () => askThroughProxy(exchange))
}

async function askThroughProxy(exchange: Exchange): Promise<Outcome> {
  const { proxy, clock, timeoutMs, body, fields, connection } = exchange
  let tunnel: Duplex | undefined
  try {
    // what must not be sent is told before anybody is connected to
    const framing = framingOf(body, fields)
    if (proxy === undefined || connection !== undefined) return await ask(exchange, framing)
    const beganMs = clock.now()
    tunnel = await openTunnel({ ...exchange, proxy })
    const leftMs = Math.max(1, timeoutMs - (clock.now() - beganMs))
    return await ask({ ...exchange, timeoutMs: leftMs }, framing, tunnel)
  } catch (error) {
    connection?.destroy()
    tunnel?.destroy()
    throw error
  }
}

/** @param tunnel a connection to the target that was made already */
function ask(exchange: Exchange, framing: Framing, tunnel?: Duplex): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const { signal, body, clock, timeoutMs } = exchange
    if (signal?.aborted) return reject(signal.reason)
    const { waitsForContinue } = framing
    const request = openRequest(exchange, framing, tunnel)
    const connecting = new Connecting(request, exchange.target.secure)
    let bodyStarted = false
    const wait = new Wait({ clock, timeoutMs, signal, where: where(exchange.target) }, (error) => {
      goOn?.cancel()
      request.destroy()
      reject(error)
    })
    const startBody = (): void => {
      if (bodyStarted || wait.settled) return
      bodyStarted = true
      sendBody(request, body, exchange.fields, (error) => {
        wait.fail(error)
        // after the answer's head: what is left of the exchange ends with its body
        request.destroy()
      })
    }
    const goOn = waitsForContinue ? clock.after(CONTINUE_TIMEOUT_MS, startBody) : undefined

    let isSwitching = false
    request.on('upgrade', (response: IncomingMessage, stream: Duplex, head: Buffer) => {
      // the first act: a reset from here on must not end the process
      stream.on('error', ignore)
      isSwitching = true
      const follow = () => {
        if (wait.settled) return void stream.destroy()
        try {
          if (!request.writableFinished) throw tooEarly()
          if (response.httpVersion !== '1.1') throw notFollowed(`a 101 in HTTP/${response.httpVersion}`)
          exchange.judge(response)
        } catch (error) {
          stream.destroy()
          return wait.fail(error)
        }
        wait.settle()
        goOn?.cancel()
        handOver(stream, head)
        resolve({ kind: 'switched', response, stream })
      }
      // an agent's stream may answer within the write of the request, which has yet to return then
      if (request.writableEnded && !request.writableFinished) process.nextTick(follow)
      else follow()
    })
    request.on('response', (response: IncomingMessage) => {
      if (wait.settled) return void response.destroy()
      if (response.statusCode === 101) {
        // node:http gives a 101 here that lacks Upgrade or Connection: upgrade
        try {
          exchange.judge(response)
          throw notFollowed('a 101 that node:http reads as an ordinary response')
        } catch (error) {
          return wait.fail(error)
        }
      }
      wait.settle()
      goOn?.cancel()
      if (signal !== undefined) endWith(signal, response)
      if (!bodyStarted) endAfter(response, request, body)
      resolve({ kind: 'answered', response })
    })
    request.on('continue', startBody)
    request.on('error', (cause) => {
      // what `createConnection` throws, node:http tells here
      wait.fail(cause instanceof MisuseError ? cause : connecting.failure(where(exchange.target), cause))
    })
    request.on('close', () => {
      if (!isSwitching) wait.fail(connecting.failure(where(exchange.target), undefined))
    })
    if (!waitsForContinue) startBody()
  })
}

function openRequest(exchange: Exchange, framing: Framing, tunnel: Duplex | undefined): ClientRequest {
  const { target, method, fields, agent, tls, connection } = exchange
  const headers = linesByName([...fields, ...framing.fields])
  const options: RequestOptions = { host: target.host, port: target.port, method, path: target.path, headers }
  if (connection !== undefined) {
    options.defaultPort = target.secure ? 443 : 80
    options.createConnection = () => connection
  } else if (tunnel !== undefined) {
    // without an agent, node:http knows no default port to leave out of Host
    options.defaultPort = target.secure ? 443 : 80
    options.createConnection = () => (target.secure ? startTls(tunnel, target, tls) : tunnel)
  } else if (agent !== undefined) options.agent = agent
  if (target.socketPath !== undefined) options.socketPath = target.socketPath
  try {
    return target.secure ? requestHttps(overTls(options, tls)) : requestHttp(options)
  } catch (cause) {
    throw refusedBy('node:http refuses the request', cause)
  }
}

/** An upgrade is of HTTP/1.1 alone: whatever else the application asks of TLS, no other protocol is negotiated. */
function overTls(options: RequestOptions, tls: TlsOptions | undefined): RequestOptions {
  const pinned: TlsOptions = { ...tls, ALPNProtocols: ['http/1.1'] }
  return { ...pinned, ...options } as RequestOptions
}

function startTls(tunnel: Duplex, target: Target, tls: TlsOptions | undefined): Duplex {
  const servername = tls?.servername ?? nameOf(target.host)
  return connectOverTls({
    ...tls,
    socket: tunnel,
    host: target.host,
    servername,
    ALPNProtocols: ['http/1.1'],
  })
}

/** The connection leaves HTTP: no timeout of the agent's, half-closing as the protocol wants, leftover bytes first. */
function handOver(stream: Duplex, head: Buffer): void {
  if ('setTimeout' in stream) (stream as { setTimeout(ms: number): void }).setTimeout(0)
  stream.allowHalfOpen = true
  if (head.length > 0) stream.unshift(head)
}

/** Stands alone so that a stream that lives for days keeps nothing of the request that made it. */
function ignore(): void {}

/** The signal goes on to mean something: while a declined response is read, and as long as a stream lives. */
export function endWith(signal: AbortSignal, stream: IncomingMessage | Duplex): void {
  const onAbort = (): void => void stream.destroy(toError(signal.reason))
  if (signal.aborted) return onAbort()
  signal.addEventListener('abort', onAbort)
  stream.once('close', () => signal.removeEventListener('abort', onAbort))
}

/** The answer came instead of a 100: the promised body is never sent, so the connection cannot go on after it. */
function endAfter(response: IncomingMessage, request: ClientRequest, body: RequestBody | undefined): void {
  dropBody(body)
  response.once('end', () => request.destroy())
}

function tooEarly(): PeerError {
  return new PeerError('ERR_UPGRADE_TOO_EARLY', 'a 101 before the request was sent to its end', {
    section: 'RFC 9110 section 7.8',
  })
}

function notFollowed(seen: string): PeerError {
  return new PeerError('ERR_UPGRADE_UNSOLICITED', seen, { section: 'RFC 9110 section 15.2.2' })
}
