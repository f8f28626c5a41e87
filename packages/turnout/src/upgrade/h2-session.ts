// Knows the client's connections of HTTP/2: chosen by ALPN, shared by many streams, closed with the last of them.
// Never sends a request.
import { type ClientHttp2Session, connect as connectHttp2, type Settings } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket, ConnectionOptions as TlsOptions } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import { PeerError } from '../base/errors.ts'
import type { Fields } from '../http/message.ts'
import { sameName } from '../http/token.ts'
import { connectOverTls, noAnswer, notConnected } from './connecting.ts'
import { closeSession, destroySession, type OwnSession } from './h2-end.ts'
import type { TunnelProxy } from './proxy.ts'
import { type Target, where } from './target.ts'
import { nameOf, openTunnel } from './tunnel.ts'

/**
 * How a client comes to HTTP/2. `auto`: where ALPN and the server's settings allow it, else HTTP/1.1; without TLS
 * always HTTP/1.1. `true`: or fail; without TLS by prior knowledge. A session: this one, which stays yours.
 */
export type Http2Choice = 'auto' | true | ClientHttp2Session

export interface CarrierWish {
  readonly choice: Http2Choice
  readonly target: Target
  readonly tls: TlsOptions | undefined
  readonly proxy: TunnelProxy | undefined
  readonly signal: AbortSignal | undefined
  readonly timeoutMs: number
  readonly clock: Clock
}

export type Carrier =
  | {
      readonly kind: 'http2'
      readonly session: ClientHttp2Session
      /** Others have used it before, and it may be about to end. */
      readonly reused: boolean
      /**
       * The stream has come to its end, or never came about. Once. The last one closes a connection that is ours;
       * where the server did not answer it, nothing more is waited for.
       */
      release(answered: boolean): void
      /**
       * The server did not answer in time, or refused to: it may have been gone for long, with nobody on the connection
       * who would notice, or want to go. No further stream is sent over it.
       */
      doubt(): void
      /** The server wants HTTP/1.1 instead: a while long `auto` makes no new connection of HTTP/2 to it. */
      avoid(): void
    }
  /** Undefined: make one. */
  | { readonly kind: 'http1'; readonly connection: Duplex | undefined }

/**
 * A connection for one more stream of extended CONNECT, whose server has said that it takes it: Node would send
 * the request without looking (RFC 8441 section 3).
 * Rejects with a PeerError (ERR_HTTP2_NOT_OFFERED where the choice leaves no other way), or the signal's reason.
 */
export async function openCarrier(wish: CarrierWish): Promise<Carrier> {
  const { choice, target, clock } = wish
  if (choice !== 'auto' && choice !== true) return useSession(choice, wish)
  if (choice === 'auto' && !target.secure) return { kind: 'http1', connection: undefined }
  const key = keyOf(wish)
  const shared = findShared(key, wish)
  if (shared !== undefined) return share(shared, clock, true)
  if (choice === 'auto' && (without.get(key) ?? 0) > clock.now()) return HTTP1
  const beganMs = clock.now()
  const connection = await openConnection(wish)
  if (target.secure && (connection as TLSSocket).alpnProtocol !== 'h2') {
    if (choice === 'auto') return { kind: 'http1', connection }
    connection.destroy()
    throw noHttp2(target)
  }
  const session = connectHttp2(originOf(target), { createConnection: () => connection, settings: SETTINGS })
  session.on('error', ignore)
  const own: OwnSession = { session, connection }
  const leftMs = Math.max(1, wish.timeoutMs - (clock.now() - beganMs))
  await settingsOf(session, { ...wish, timeoutMs: leftMs }, false).catch((error: unknown) => {
    destroySession(own)
    throw error
  })
  if (session.remoteSettings?.enableConnectProtocol !== true) {
    destroySession(own)
    if (choice === true) throw noExtendedConnect(target)
    remember(key, clock)
    return HTTP1
  }
  const fresh: Shared = { ...own, key, tls: wish.tls, proxy: wish.proxy, users: 0 }
  pool.add(fresh)
  session.once('close', () => pool.delete(fresh))
  return share(fresh, clock, false)
}

interface Shared extends OwnSession {
  readonly key: string
  readonly tls: TlsOptions | undefined
  readonly proxy: TunnelProxy | undefined
  users: number
}

const pool = new Set<Shared>()

/** Servers of HTTP/2 that take no extended CONNECT, or not ours, and until when they are believed: it saves half of a dial. */
const without = new Map<string, number>()
const WITHOUT_MS = 300_000
const MAX_WITHOUT = 256

const HTTP1: Carrier = { kind: 'http1', connection: undefined }

/** `errno` of what Node says where no SETTINGS come first: NGHTTP2_ERR_PROTO of nghttp2. */
const NO_FRAMES = -505

/** A server has nothing to push here. */
const SETTINGS: Settings = { enablePush: false }

function share(shared: Shared, clock: Clock, reused: boolean): Carrier {
  shared.users++
  let held = true
  const release = (answered: boolean) => {
    if (!held) return
    held = false
    shared.users--
    if (shared.users > 0) return
    pool.delete(shared)
    if (answered) closeSession(shared, clock)
    else destroySession(shared)
  }
  const doubt = () => void pool.delete(shared)
  const avoid = () => remember(shared.key, clock)
  return { kind: 'http2', session: shared.session, reused, release, doubt, avoid }
}

/** Sockets may share a connection only where each would have made the same one. */
function findShared(key: string, { tls, proxy }: CarrierWish): Shared | undefined {
  for (const shared of pool) {
    const { session } = shared
    if (shared.key !== key || session.closed || session.destroyed) continue
    if (!sameTls(shared.tls, tls) || !sameProxy(shared.proxy, proxy)) continue
    if (shared.users < (session.remoteSettings?.maxConcurrentStreams ?? Number.POSITIVE_INFINITY))
      return shared
  }
  return undefined
}

async function useSession(session: ClientHttp2Session, wish: CarrierWish): Promise<Carrier> {
  await settingsOf(session, wish, true)
  if (session.remoteSettings?.enableConnectProtocol !== true) throw noExtendedConnect(wish.target)
  return { kind: 'http2', session, reused: false, release: ignore, doubt: ignore, avoid: ignore }
}

/**
 * Resolves when the server's SETTINGS are here. On a session that was handed over they may have come long ago,
 * which nothing tells; but they come first of all, so they are here when a ping has come back.
 */
function settingsOf(session: ClientHttp2Session, wish: CarrierWish, mayBeOld: boolean): Promise<void> {
  const { target, signal, clock, timeoutMs } = wish
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    if (session.closed || session.destroyed) return reject(lost(target, undefined))
    const stop = () => {
      alarm.cancel()
      signal?.removeEventListener('abort', onAbort)
      session.off('remoteSettings', onSettings)
      session.off('error', onError)
      session.off('close', onClose)
    }
    const onSettings = () => {
      stop()
      resolve()
    }
    const fail = (error: unknown) => {
      stop()
      reject(error)
    }
    const onAbort = () => fail(signal?.reason)
    const onError = (error: Error & { errno?: unknown }) =>
      fail(error.errno === NO_FRAMES ? noHttp2(target, error) : lost(target, error))
    const onClose = () => fail(lost(target, undefined))
    const alarm = clock.after(timeoutMs, () => fail(tooLate(target, timeoutMs)))
    signal?.addEventListener('abort', onAbort)
    session.on('remoteSettings', onSettings)
    session.on('error', onError)
    session.on('close', onClose)
    if (session.remoteSettings?.enableConnectProtocol === true) onSettings()
    else if (mayBeOld) session.ping((error) => error === null && onSettings())
  })
}

async function openConnection(wish: CarrierWish): Promise<Duplex> {
  const { target, tls, proxy, signal, clock, timeoutMs } = wish
  const beganMs = clock.now()
  const tunnel = proxy === undefined ? undefined : await openTunnel({ ...wish, proxy })
  const leftMs = Math.max(1, timeoutMs - (clock.now() - beganMs))
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      tunnel?.destroy()
      return reject(signal.reason)
    }
    if (!target.secure && tunnel !== undefined) return resolve(tunnel)
    let connection: Duplex
    try {
      connection = target.secure ? startTls(target, tls, tunnel) : connectTcp(placeOf(target))
    } catch (error) {
      tunnel?.destroy()
      return reject(error)
    }
    const stop = () => {
      alarm.cancel()
      signal?.removeEventListener('abort', onAbort)
      connection.off('close', onClose)
    }
    const fail = (error: unknown) => {
      stop()
      connection.destroy()
      tunnel?.destroy()
      reject(error)
    }
    const onAbort = () => fail(signal?.reason)
    const onClose = () => fail(notConnected(where(target), undefined))
    const alarm = clock.after(leftMs, () => fail(tooLate(target, timeoutMs)))
    signal?.addEventListener('abort', onAbort)
    connection.on('error', (error) => fail(notConnected(where(target), error)))
    connection.on('close', onClose)
    connection.once(target.secure ? 'secureConnect' : 'connect', () => {
      stop()
      resolve(connection)
    })
  })
}

function startTls(target: Target, tls: TlsOptions | undefined, tunnel: Duplex | undefined): TLSSocket {
  const way = tunnel === undefined ? placeOf(target) : { socket: tunnel }
  const servername = tls?.servername ?? nameOf(target.host)
  return connectOverTls({ ...tls, host: target.host, ...way, servername, ALPNProtocols: ['h2', 'http/1.1'] })
}

function sameTls(one: TlsOptions | undefined, other: TlsOptions | undefined): boolean {
  const [a, b] = [one ?? {}, other ?? {}] as Record<string, unknown>[]
  const names = Object.keys(a!)
  return names.length === Object.keys(b!).length && names.every((name) => a![name] === b![name])
}

/** Two at one place, or none: asked by the same, who trusts the same. A proxy lets one in and another not. */
function sameProxy(one: TunnelProxy | undefined, other: TunnelProxy | undefined): boolean {
  return sameFields(one?.fields ?? [], other?.fields ?? []) && sameTls(one?.tls, other?.tls)
}

function sameFields(one: Fields, other: Fields): boolean {
  if (one.length !== other.length) return false
  return one.every(([name, value], at) => sameName(name, other[at]![0]) && value === other[at]![1])
}

/** Where it leads. Outlives the connection, so nothing secret: what the proxy was told is compared by itself. */
function keyOf({ target, proxy }: CarrierWish): string {
  const { socketPath } = target
  const through =
    socketPath !== undefined ? ` at ${socketPath}` : proxy === undefined ? '' : ` through ${originOf(proxy)}`
  return `${originOf(target)}${through}`
}

function remember(key: string, clock: Clock): void {
  if (without.size >= MAX_WITHOUT) without.clear()
  without.set(key, clock.now() + WITHOUT_MS)
}

type Place = Pick<Target, 'secure' | 'host' | 'port'>

/** Scheme, host and port; the port that the scheme implies is left out, as in `:authority`. */
function originOf(target: Place): string {
  return `${target.secure ? 'https' : 'http'}://${authorityOf(target)}`
}

export function authorityOf({ host, port, secure }: Place): string {
  const name = host.includes(':') ? `[${host}]` : host
  return port === (secure ? 443 : 80) ? name : `${name}:${port}`
}

function noExtendedConnect(target: Target): PeerError {
  return notOffered(`the HTTP/2 server ${where(target)} takes no extended CONNECT`, 'RFC 8441 section 3')
}

function noHttp2(target: Target, cause?: Error): PeerError {
  const section = target.secure ? 'RFC 9113 section 3.2' : 'RFC 9113 section 3.3'
  return notOffered(`${where(target)} does not speak HTTP/2`, section, cause)
}

function notOffered(seen: string, section: string, cause?: Error): PeerError {
  return new PeerError('ERR_HTTP2_NOT_OFFERED', seen, { section, cause })
}

function tooLate(target: Target, timeoutMs: number): PeerError {
  return new PeerError(
    'ERR_HANDSHAKE_TIMEOUT',
    `no answer from ${where(target)} in ${Math.round(timeoutMs)} ms`,
  )
}

function lost(target: Target, cause: Error | undefined): PeerError {
  return noAnswer(where(target), cause)
}

function placeOf({ socketPath, host, port }: Target): { path: string } | { host: string; port: number } {
  return socketPath === undefined ? { host, port } : { path: socketPath }
}

function ignore(): void {}
