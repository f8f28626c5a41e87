// Knows one connection of the load generator: connect, ask for WebSocket, then bytes out and bytes in.
import { connect, type Socket } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import { certificate } from '../identity.ts'
import type { Target } from '../questions.ts'
import { isCompressed, isSecure } from '../workloads.ts'
import { type Agreement, offer, readAgreement } from './deflate.ts'
import { maskedFrame } from './ring.ts'

/** One buffer for all reads of the process: whatever is read is counted before the next read. */
const readBuffer = Buffer.allocUnsafe(1024 * 1024)

const key = 'dGhlIHNhbXBsZSBub25jZQ=='
/** What the server must make of the key (RFC 6455 section 1.3). */
const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

export interface LaneEvents {
  /** After the 101, or at once for raw. */
  open(lane: Lane): void
  /** `chunk` is good until this returns. */
  data(lane: Lane, chunk: Buffer, length: number): void
  /** Over; with an error if it should not be. */
  closed(lane: Lane, error: Error | undefined): void
}

/** A connection. */
export class Lane {
  readonly #socket: Socket
  readonly #events: LaneEvents
  readonly #compressed: boolean
  #head: string | undefined
  #error: Error | undefined
  #agreement: Agreement | undefined

  constructor(target: Target, events: LaneEvents) {
    this.#events = events
    this.#compressed = isCompressed(target.workload)
    this.#head = target.framing === 'raw' ? undefined : ''
    const secure = isSecure(target.workload)
    const options = {
      host: '127.0.0.1',
      port: target.port,
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (length: number) => {
          this.#read(length)
          return true
        },
      },
    }
    this.#socket = secure ? connectSecurely({ ...options, ca: certificate }) : connect(options)
    this.#socket.on(secure ? 'secureConnect' : 'connect', () => {
      if (this.#head === undefined) this.#events.open(this)
      else this.#socket.write(request(target.port, this.#compressed))
    })
    this.#socket.on('error', (error) => (this.#error ??= error))
    this.#socket.on('close', () => this.#events.closed(this, this.#error))
  }

  /** What compression was agreed upon, for a workload with any, once the lane is open. */
  get agreement(): Agreement | undefined {
    return this.#agreement
  }

  /** Answers a Ping, as one who lives (RFC 6455 section 5.5.3). */
  pong(payload: Buffer): void {
    this.#socket.write(maskedFrame(0x8a, payload))
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  destroy(error?: Error): void {
    this.#error ??= error
    this.#socket.destroy()
  }

  #read(length: number): void {
    try {
      if (this.#head === undefined) this.#events.data(this, readBuffer, length)
      else this.#readHead(length)
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #readHead(length: number): void {
    const before = this.#head!.length
    this.#head += readBuffer.toString('latin1', 0, length)
    const end = this.#head!.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#head!.slice(0, end)
    this.#head = undefined
    if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(`the server answered ${head.split('\r\n')[0]}`)
    if (!head.includes(accept)) throw new Error('the server answered with a wrong Sec-WebSocket-Accept')
    if (this.#compressed) this.#agreement = readAgreement(head)
    this.#events.open(this)
    const used = end + 4 - before
    if (used < length) this.#events.data(this, readBuffer.subarray(used, length), length - used)
  }
}

function request(port: number, compressed: boolean): string {
  return (
    `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n` +
    `${compressed ? `Sec-WebSocket-Extensions: ${offer}\r\n` : ''}\r\n`
  )
}
