// Knows how to be a server that answers with exact bytes, and how to clean up after it.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'

/** One request as it came, up to and with its blank line. */
export interface RawRequest {
  readonly head: string
  /** How many requests came on this connection before. */
  readonly index: number
  readonly socket: Socket
  /** Whatever came behind the head so far, and everything that comes later, as Latin-1. */
  rest(): string
  /** Resolves when `rest()` is at least that long, or ends so; rejects when the connection ends first. */
  received(what: number | RegExp): Promise<string>
}

export interface RawServer {
  readonly port: number
  readonly url: string
  readonly requests: RawRequest[]
  readonly sockets: Set<Socket>
  /** The connections made so far. */
  readonly connections: () => number
  /** Resolves when no connection is open any more. */
  idle(): Promise<void>
  close(): Promise<void>
}

export interface RawServerOptions {
  readonly tls?: TlsOptions
  /** Called for each connection, before a byte of it was read. */
  readonly onConnection?: (socket: Socket) => void
}

const HEAD = /^[A-Z]+ \S+ HTTP\/1\.1\r\n(?:.+\r\n)*\r\n/
/** What is longer is no head, but the bytes of a new protocol. */
const MAX_HEAD_BYTES = 65_536

/** `answer` is called for each request head. */
export async function rawServer(
  answer: (request: RawRequest) => void,
  options: RawServerOptions = {},
): Promise<RawServer> {
  const sockets = new Set<Socket>()
  const requests: RawRequest[] = []
  let connections = 0
  const onSocket = (socket: Socket): void => {
    connections++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    options.onConnection?.(socket)
    // joined only when someone looks: it may be many megabytes
    let chunks: Buffer[] = []
    let bytes = 0
    const rest = (): string => {
      if (chunks.length > 1) chunks = [Buffer.concat(chunks)]
      return chunks[0]?.toString('latin1') ?? ''
    }
    let index = 0
    const watchers = new Set<() => void>()
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      bytes += chunk.length
      const [head] = bytes > MAX_HEAD_BYTES ? [] : (HEAD.exec(rest()) ?? [])
      if (head !== undefined) {
        chunks = [Buffer.from(rest().slice(head.length), 'latin1')]
        bytes -= head.length
        const request: RawRequest = {
          head,
          index: index++,
          socket,
          rest,
          received: (what) =>
            new Promise((resolve, reject) => {
              const look = (): void => {
                if (typeof what === 'number' ? bytes < what : !what.test(rest())) return
                watchers.delete(look)
                resolve(rest())
              }
              watchers.add(look)
              socket.once('close', () =>
                reject(new Error(`connection ended after ${JSON.stringify(rest())}`)),
              )
              look()
            }),
        }
        requests.push(request)
        answer(request)
      }
      for (const look of watchers) look()
    })
  }
  const server = options.tls === undefined ? createServer(onSocket) : createTlsServer(options.tls, onSocket)
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/`,
    requests,
    sockets,
    connections: () => connections,
    async idle() {
      for (const socket of sockets) await new Promise((resolve) => socket.once('close', resolve))
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A head from its lines. */
export function head(...lines: string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** The value of a field in a raw head; undefined when there is no such line. */
export function fieldOf(rawHead: string, name: string): string | undefined {
  const line = rawHead.split('\r\n').find((text) => text.toLowerCase().startsWith(`${name.toLowerCase()}:`))
  return line?.slice(name.length + 1).trim()
}

/** Everything the stream yields until it ends, as Latin-1. The other direction of a Duplex stays open. */
export async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(stream, 'end')
  return Buffer.concat(chunks).toString('latin1')
}
