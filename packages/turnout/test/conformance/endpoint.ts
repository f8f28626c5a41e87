// Knows how to open an endpoint of turnout with a raw peer at its other end: in either role, over TCP or in memory.
import { createHash } from 'node:crypto'
import { createServer as createHttpServer } from 'node:http'
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Socket,
} from 'node:net'
import { after } from 'node:test'
import { connect, createTurnout } from '../../src/index.ts'
import type { AnyConnection, CloseInfo } from '../../src/websocket/connection.ts'
import { createConnection, openConnection } from '../../src/websocket/inside.ts'
import type { BinaryForm, ConnectionEvents, ConnectionOptions, Message } from '../../src/websocket/options.ts'
import { turn } from '../base/turns.ts'
import { memoryCarrier, tcpCarrier } from './carriers.ts'
import { type Bytes, bytes, masked, type Split } from './hex.ts'
import { messageLine, ping, pong } from './log.ts'
import { Peer } from './wire.ts'

export type Role = 'server' | 'client'

/** What a test may choose before it opens a connection. */
export interface Opening {
  readonly options?: ConnectionOptions<BinaryForm>
  /** The endpoint sends every message back. */
  readonly echo?: boolean
  /** Messages are taken from the iterator instead of the callback. */
  readonly iterate?: boolean
  /** The iterator is made this many turns of the event loop after the connection was open. Default 0. */
  readonly iterateAfterTurns?: number
  /** Called from the endpoint's `message` callback. */
  readonly onMessage?: (message: Message) => void
  /** Called from the endpoint's `open` callback. */
  readonly onOpen?: (socket: AnyConnection<Recorder>) => void
  /** Frames that the peer sends in one packet with its half of the handshake. */
  readonly early?: readonly Bytes[]
  /** How the handshake and `early` are cut. */
  readonly split?: Split
}

/** The endpoint under test, and all that it told its application. */
export interface Endpoint {
  readonly socket: AnyConnection<Recorder>
  /** Messages, pings and pongs, in order, in the notation of log.ts. */
  readonly events: readonly string[]
  readonly recorder: Recorder
}

export interface Opened {
  readonly role: Role
  readonly peer: Peer
  readonly endpoint: Endpoint
}

/** One of the four ways to meet an endpoint. */
export interface Setting {
  readonly role: Role
  readonly carrier: 'TCP' | 'memory'
  open(opening?: Opening): Promise<Opened>
}

export const IN_MEMORY: readonly Setting[] = [
  { role: 'server', carrier: 'memory', open: (opening) => openInMemory('server', opening) },
  { role: 'client', carrier: 'memory', open: (opening) => openInMemory('client', opening) },
]
export const OVER_TCP: readonly Setting[] = [
  { role: 'server', carrier: 'TCP', open: openServer },
  { role: 'client', carrier: 'TCP', open: openClient },
]
export const EVERYWHERE: readonly Setting[] = [...OVER_TCP, ...IN_MEMORY]

/** Writes down what one connection tells its application. */
export class Recorder {
  readonly events: string[] = []
  readonly closes: CloseInfo[] = []
  readonly opened: Promise<AnyConnection<Recorder>>
  /** Resolves when the iterator has ended; at once when there is none. */
  iterated: Promise<void> = Promise.resolve()
  readonly #opening: Opening
  #tellOpened!: (socket: AnyConnection<Recorder>) => void
  #timesOpened = 0

  constructor(opening: Opening) {
    this.#opening = opening
    this.opened = new Promise((resolve) => {
      this.#tellOpened = resolve
    })
  }

  open(socket: AnyConnection<Recorder>): void {
    if (++this.#timesOpened > 1) this.events.push('opened again')
    this.#tellOpened(socket)
    this.#opening.onOpen?.(socket)
    if (this.#opening.iterate) this.iterated = this.#iterate(socket)
  }

  message(socket: AnyConnection<Recorder>, message: Message): void {
    this.events.push(messageLine(message))
    this.#opening.onMessage?.(message)
    if (this.#opening.echo) void socket.send(message)
  }

  async #iterate(socket: AnyConnection<Recorder>): Promise<void> {
    for (let turns = this.#opening.iterateAfterTurns ?? 0; turns > 0; turns--) await turn()
    for await (const message of socket) this.message(socket, message)
  }
}

/** The callbacks of a connection whose recorder `recorderOf` finds. */
function recording(
  recorderOf: (socket: AnyConnection<Recorder>) => Recorder,
  iterate = false,
): ConnectionEvents<Recorder, BinaryForm> {
  return {
    open: (socket) => recorderOf(socket).open(socket),
    ping: (socket, payload) => void recorderOf(socket).events.push(ping(payload)),
    pong: (socket, payload) => void recorderOf(socket).events.push(pong(payload)),
    close: (socket, info) => void recorderOf(socket).closes.push(info),
    ...(!iterate && { message: (socket, message) => recorderOf(socket).message(socket, message) }),
  }
}

async function meet(role: Role, peer: Peer, recorder: Recorder): Promise<Opened> {
  const socket = await recorder.opened
  return { role, peer, endpoint: { socket, events: recorder.events, recorder } }
}

// in memory: session and shell, without a handshake

async function openInMemory(role: Role, opening: Opening = {}): Promise<Opened> {
  const { carrier, transport } = memoryCarrier()
  const recorder = new Recorder(opening)
  const peer = new Peer(role === 'server' ? 'client' : 'server', carrier)
  const socket = createConnection<Recorder>({
    role,
    data: recorder,
    protocol: '',
    extensions: '',
    options: opening.options ?? {},
    events: recording(() => recorder, opening.iterate),
    onError: (error) => recorder.events.push(`error ${error}`),
  })
  if (opening.early !== undefined) await peer.send(opening.early, opening.split)
  openConnection(socket, transport)
  return meet(role, peer, recorder)
}

// over TCP: the public front door, and a peer that does its half of the handshake by hand

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

const recorders = new Map<string, Recorder>()
const sockets = new Set<Socket>()
const closers: (() => void)[] = []
const servers = new Map<string, Promise<number>>()
let tickets = 0

after(() => {
  for (const socket of sockets) socket.destroy()
  for (const close of closers) close()
})

async function openServer(opening: Opening = {}): Promise<Opened> {
  const recorder = new Recorder(opening)
  const path = `/ws?${++tickets}`
  recorders.set(path, recorder)
  const port = await serverFor(opening.options ?? {}, opening.iterate ?? false)
  const socket = tracked(connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }))
  const peer = new Peer('client', tcpCarrier(socket))
  const request =
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`
  const early = (opening.early ?? []).map((frame) => masked(frame))
  await peer.sendBytes([Buffer.concat([bytes(Buffer.from(request)), ...early])], opening.split)
  const head = await peer.head()
  if (!/^HTTP\/1\.1 101 /.test(head) || !head.includes(`: ${ACCEPT}\r\n`))
    throw new Error(`no switch: ${head}`)
  return meet('server', peer, recorder)
}

/** One server for each choice of options. */
function serverFor(options: ConnectionOptions<BinaryForm>, iterate: boolean): Promise<number> {
  const choice = JSON.stringify([options, iterate])
  let port = servers.get(choice)
  if (port === undefined) {
    port = listen(options, iterate)
    servers.set(choice, port)
  }
  return port
}

function listen(options: ConnectionOptions<BinaryForm>, iterate: boolean): Promise<number> {
  const turnout = createTurnout()
  turnout.websocket('/ws', {
    ...options,
    ...recording((socket) => socket.data, iterate),
    accept: (request) => ({ data: recorders.get(request.url!)! }),
  })
  const server = createHttpServer()
  turnout.attach(server)
  closers.push(() => void server.close())
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

async function openClient(opening: Opening = {}): Promise<Opened> {
  const recorder = new Recorder(opening)
  const path = `/ws?${++tickets}`
  const port = await (rawServer ??= listenRaw())
  const accepted = new Promise<Peer>((resolve) => awaited.set(path, { opening, resolve }))
  const connected = connect(`ws://127.0.0.1:${port}${path}`, {
    ...opening.options,
    ...recording(() => recorder, opening.iterate),
  })
  const [peer] = await Promise.all([accepted, connected])
  return meet('client', peer, recorder)
}

const awaited = new Map<string, { readonly opening: Opening; readonly resolve: (peer: Peer) => void }>()
let rawServer: Promise<number> | undefined

function listenRaw(): Promise<number> {
  const server = createTcpServer(
    { allowHalfOpen: true, noDelay: true },
    (socket) => void switchByHand(tracked(socket)),
  )
  closers.push(() => void server.close())
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

async function switchByHand(socket: Socket): Promise<void> {
  const peer = new Peer('server', tcpCarrier(socket))
  const request = await peer.head()
  const { opening, resolve } = awaited.get(request.split(' ')[1]!)!
  const key = /^sec-websocket-key: *(\S+)/im.exec(request)![1]!
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  const response =
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    `Sec-WebSocket-Accept: ${accept}\r\n\r\n`
  const early = (opening.early ?? []).map(bytes)
  await peer.sendBytes([Buffer.concat([Buffer.from(response), ...early])], opening.split)
  resolve(peer)
}

function tracked(socket: Socket): Socket {
  sockets.add(socket)
  socket.on('close', () => sockets.delete(socket))
  return socket
}
