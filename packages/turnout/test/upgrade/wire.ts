// Knows how to play a client byte by byte over TCP or TLS, and to read what a server answers.
import assert from 'node:assert/strict'
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { createTurnout, type Turnout } from '../../src/turnout.ts'
import type { TurnoutOptions } from '../../src/turnout-options.ts'
import { turn } from '../base/turns.ts'

/** How long anything may take here before the test fails, in milliseconds. */
const PATIENCE_MS = 5_000

/** One response as it stood on the wire. */
export interface WireResponse {
  readonly status: number
  readonly head: string
  readonly body: string
  field(name: string): string | undefined
  lines(name: string): string[]
}

export interface Wire {
  readonly socket: Socket
  send(...texts: (string | Buffer)[]): void
  /** Sends byte by byte, each in a write of its own. */
  drip(text: string): Promise<void>
  /** The next response, with its body by Content-Length or chunks; `toEnd`: by the end of the connection. */
  response(options?: { readonly head?: boolean; readonly toEnd?: boolean }): Promise<WireResponse>
  /** Waits until that many bytes came and takes them. */
  take(length: number): Promise<string>
  /** Waits until the text came and takes everything up to and with it. */
  until(text: string): Promise<string>
  /** Resolves when the server ended its side, with what was left to read. */
  ended(): Promise<string>
  /** Resolves when the connection is closed in any way. */
  closed(): Promise<void>
  /** What came and was not taken. */
  readonly rest: string
  readonly isEnded: boolean
}

export function dial(port: number, options: { readonly tls?: boolean; readonly alpn?: string[] } = {}): Wire {
  const socket =
    options.tls === true
      ? connectTls({
          port,
          host: '127.0.0.1',
          rejectUnauthorized: false,
          ALPNProtocols: options.alpn ?? ['http/1.1'],
        })
      : connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  return wireOn(socket)
}

/** The same on a connection that is there already. */
export function wireOn(socket: Socket): Wire {
  let buffer = ''
  let ended = false
  let closed = false
  let wake: () => void = () => {}
  socket.setNoDelay(true)
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    buffer += chunk.toString('latin1')
    wake()
  })
  socket.on('end', () => {
    ended = true
    wake()
  })
  socket.on('close', () => {
    ended = true
    closed = true
    wake()
  })

  async function until<Value>(what: string, look: () => Value | undefined): Promise<Value> {
    const deadline = setTimeout(() => wake(), PATIENCE_MS)
    const start = performance.now()
    try {
      for (;;) {
        const value = look()
        if (value !== undefined) return value
        if (performance.now() - start >= PATIENCE_MS) {
          throw new Error(
            `no ${what} in time; came: ${JSON.stringify(buffer)}${ended ? ', then the end' : ''}`,
          )
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    } finally {
      clearTimeout(deadline)
    }
  }
  const take = (length: number) => {
    const text = buffer.slice(0, length)
    buffer = buffer.slice(length)
    return text
  }

  return {
    socket,
    send(...texts) {
      for (const text of texts) socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
    },
    async drip(text) {
      for (const byte of Buffer.from(text, 'latin1')) {
        await new Promise<void>((resolve) => socket.write(Buffer.from([byte]), () => setImmediate(resolve)))
      }
    },
    async response({ head = false, toEnd = false } = {}) {
      const length = await until('response head', () => {
        const end = buffer.indexOf('\r\n\r\n')
        if (end !== -1) return end + 4
        if (ended) throw new Error(`connection ended; came: ${JSON.stringify(buffer)}`)
        return undefined
      })
      const text = take(length)
      const lines = (name: string) =>
        [...text.matchAll(/^([^:\r\n]+):[ \t]*(.*?)\r$/gm)]
          .filter((match) => match[1]!.toLowerCase() === name.toLowerCase())
          .map((match) => match[2]!)
      const status = Number(text.slice(9, 12))
      const field = (name: string) => lines(name)[0]
      let body = ''
      if (toEnd) {
        await until('end', () => (ended ? true : undefined))
        body = take(buffer.length)
      } else if (!head && status >= 200 && status !== 204 && status !== 304) {
        if (field('transfer-encoding') === 'chunked') body = await readChunks()
        else if (field('content-length') !== undefined) {
          const bytes = Number(field('content-length'))
          body = await until('body', () => (buffer.length >= bytes ? take(bytes) : undefined))
        }
      }
      return { status, head: text, body, field, lines }
    },
    take: (length) => until(`${length} bytes`, () => (buffer.length >= length ? take(length) : undefined)),
    until: (text) =>
      until(JSON.stringify(text), () => {
        const at = buffer.indexOf(text)
        return at === -1 ? undefined : take(at + text.length)
      }),
    ended: () => until('end', () => (ended ? take(buffer.length) : undefined)),
    closed: async () => {
      await until('close', () => (closed ? true : undefined))
    },
    get rest() {
      return buffer
    },
    get isEnded() {
      return ended
    },
  }

  async function readChunks(): Promise<string> {
    let body = ''
    for (;;) {
      const line = await until('chunk size', () => {
        const end = buffer.indexOf('\r\n')
        return end === -1 ? undefined : take(end + 2)
      })
      const size = Number.parseInt(line, 16)
      const chunk = await until('chunk', () => (buffer.length >= size + 2 ? take(size + 2) : undefined))
      if (size === 0) return body
      body += chunk.slice(0, size)
    }
  }
}

/** A server with a turnout on it, on a free port; `stop` proves that nothing is left of it. */
export interface Station {
  readonly server: Server
  readonly turnout: Turnout
  readonly port: number
  /** What the application heard and said, in order. */
  readonly log: string[]
  readonly errors: unknown[]
  dial(): Wire
  stop(): Promise<void>
}

export interface StationOptions extends TurnoutOptions {
  readonly http?: ServerOptions
  /** Default: reads the body, then answers `path:body`. */
  readonly app?: RequestListener
  readonly setUp?: (turnout: Turnout, server: Server, log: string[]) => void
}

export async function openStation(options: StationOptions = {}): Promise<Station> {
  const { http = {}, app, setUp, ...turnoutOptions } = options
  const log: string[] = []
  const errors: unknown[] = []
  const server = createServer(http, app ?? echoApp(log))
  const turnout = createTurnout({ onError: (error) => errors.push(error), ...turnoutOptions })
  setUp?.(turnout, server, log)
  turnout.attach(server)
  const wires: Wire[] = []
  const port = await listen(server)
  return {
    server,
    turnout,
    port,
    log,
    errors,
    dial() {
      const wire = dial(port)
      wires.push(wire)
      return wire
    },
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const wire of wires) wire.socket.destroy()
      await within('server.close() completes', closed)
      await turnout.close({ grace: 0 })
      await within('no connection is left', noConnections(server))
    },
  }
}

export async function listen(server: {
  listen(port: number, host: string, done: () => void): unknown
  address(): unknown
}): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** Answers every request with its path and body, and writes down what it saw. */
export function echoApp(log: string[]): RequestListener {
  return (request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString('latin1')
    })
    request.on('end', () => {
      log.push(`${request.method} ${request.url} ${body}`.trim())
      response.end(`${request.url}:${body}`)
    })
  }
}

/** A text message, as a client masks it with zeros; and as a server sends it. At most 125 characters of Latin-1. */
export const clientFrame = (text: string): string =>
  `\x81${String.fromCharCode(0x80 | text.length)}\0\0\0\0${text}`
export const serverFrame = (text: string): string => `\x81${String.fromCharCode(text.length)}${text}`

export async function within<Value>(what: string, promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not in time: ${what}`)), PATIENCE_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

export async function noConnections(server: Server): Promise<void> {
  for (;;) {
    const count = await new Promise<number>((resolve) =>
      server.getConnections((_error, found) => resolve(found)),
    )
    if (count === 0) return
    await turn()
  }
}

/** The head of an upgrade request to `foo`, or what the options say. */
export function upgradeHead(
  options: {
    readonly method?: string
    readonly path?: string
    readonly version?: string
    readonly upgrade?: string
    readonly connection?: string
    readonly fields?: readonly string[]
  } = {},
): string {
  const { method = 'GET', path = '/up', version = 'HTTP/1.1', upgrade = 'foo', fields = [] } = options
  const { connection = 'keep-alive, Upgrade' } = options
  const lines = [
    `${method} ${path} ${version}`,
    'Host: x',
    `Connection: ${connection}`,
    `Upgrade: ${upgrade}`,
  ]
  return `${[...lines, ...fields].join('\r\n')}\r\n\r\n`
}

/** The same for a WebSocket, with the key that RFC 6455 section 1.3 prints. */
export function webSocketHead(path: string, fields: readonly string[] = []): string {
  const own = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
  return upgradeHead({ path, upgrade: 'websocket', fields: [...own, ...fields] })
}

export function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
}

/** A test with a server of its own, which must be gone without a trace behind it. */
export function stationTest(
  title: string,
  script: (station: Station) => Promise<void>,
  options: StationOptions & { readonly expectedErrors?: number } = {},
): void {
  test(title, async () => {
    const { expectedErrors = 0, ...stationOptions } = options
    const watch = watchProcess()
    const station = await openStation(stationOptions)
    try {
      await script(station)
      assert.equal(station.errors.length, expectedErrors, String(station.errors))
    } finally {
      await station.stop()
      watch.stop()
    }
  })
}

/** Fails the test on anything that would end or warn a process. */
export function watchProcess(): { stop(): void } {
  const seen: unknown[] = []
  const note = (error: unknown) => seen.push(error)
  process.on('uncaughtException', note)
  process.on('unhandledRejection', note)
  process.on('warning', note)
  return {
    stop() {
      process.off('uncaughtException', note)
      process.off('unhandledRejection', note)
      process.off('warning', note)
      assert.deepEqual(seen, [])
    },
  }
}
