// Knows what servers leave out of a 101 to TLS, and puts it in before node:http reads it.
import { Buffer } from 'node:buffer'
import { Agent } from 'node:http'
import { connect, type TcpNetConnectOpts } from 'node:net'
import { Duplex } from 'node:stream'
import { connectionOptions } from '../http/connection.ts'
import { takeBuffered } from '../transport/buffered.ts'

/**
 * A connection whose 101 always has `Connection: Upgrade` and no Content-Length. cupsd sends it the other way
 * round, and node:http would take that for an ordinary response. Everything else passes as it is.
 */
export class MendedConnection extends Duplex {
  readonly #socket: Duplex
  /** Heads that are not complete yet; undefined: the final one has passed. */
  #held: string | undefined = ''
  #released = false

  constructor(socket: Duplex) {
    super({ allowHalfOpen: true })
    this.#socket = socket
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
    socket.once('connect', () => this.emit('connect'))
  }

  /** Whether there is no connection yet, as node:net has it. */
  get connecting(): boolean {
    return (this.#socket as Duplex & { readonly connecting?: boolean }).connecting === true
  }

  /** Gives the connection itself back, as if nothing had been between. */
  release(): Duplex {
    const socket = this.#socket
    this.#released = true
    socket.pause()
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('close', this.#onClose)
    // The error listener stays: a reset must not end the process.
    const rest = takeBuffered(this)
    if (rest.length > 0) socket.unshift(rest)
    return socket
  }

  override _read(): void {
    if (!this.#released) this.#socket.resume()
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, encoding, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    if (!this.#released) this.#socket.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#released) this.#socket.destroy()
    done(error)
  }

  readonly #onData = (chunk: Buffer): void => {
    const ready = this.#held === undefined ? chunk : this.#mend(chunk)
    if (ready.length > 0 && !this.push(ready)) this.#socket.pause()
  }

  readonly #onEnd = (): void => {
    if (this.#held !== undefined && this.#held !== '') this.push(Buffer.from(this.#held, 'latin1'))
    this.push(null)
  }

  readonly #onError = (error: Error): void => {
    if (!this.#released) this.destroy(error)
  }

  readonly #onClose = (): void => void this.destroy()

  #mend(chunk: Buffer): Buffer {
    let text = this.#held + chunk.toString('latin1')
    let ready = ''
    for (;;) {
      const end = text.indexOf('\r\n\r\n')
      if (end === -1 && text.length < MAX_HEAD_BYTES) {
        this.#held = text
        return Buffer.from(ready, 'latin1')
      }
      const head = text.slice(0, end + 4)
      if (end !== -1 && INTERIM.test(head)) {
        ready += head
        text = text.slice(head.length)
        continue
      }
      this.#held = undefined
      const mended = end !== -1 && SWITCHING.test(head) ? mendedHead(head) : head
      return Buffer.from(ready + mended + text.slice(head.length), 'latin1')
    }
  }
}

/** One connection of its own for each request, whose 101 is mended. */
export class MendingAgent extends Agent {
  connection: MendedConnection | undefined
  readonly #tunnel: Duplex | undefined

  constructor(tunnel: Duplex | undefined) {
    super()
    this.#tunnel = tunnel
  }

  override createConnection(options: object): MendedConnection {
    this.connection = new MendedConnection(this.#tunnel ?? connect(options as TcpNetConnectOpts))
    return this.connection
  }
}

function mendedHead(head: string): string {
  const [status, ...lines] = head.slice(0, -4).split('\r\n')
  const others = lines.filter((line) => !/^content-length:/i.test(line))
  const connection = others.filter((line) => /^connection:/i.test(line))
  const options = connectionOptions(connection.map((line) => line.slice('connection:'.length)))
  if (!options.has('upgrade')) others.push('Connection: Upgrade')
  return `${[status, ...others].join('\r\n')}\r\n\r\n`
}

const SWITCHING = /^HTTP\/1\.1 101[ \r]/
const INTERIM = /^HTTP\/1\.[01] 1(?!01)\d\d[ \r]/
const MAX_HEAD_BYTES = 65_536
