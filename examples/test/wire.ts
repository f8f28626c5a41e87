// Knows how to speak HTTP byte by byte on one connection, for what no client would do.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Reply {
  readonly status: number
  /** Lower-case names; several lines of one name in one list. */
  readonly fields: ReadonlyMap<string, readonly string[]>
  readonly body: string
}

export class Wire {
  readonly #socket: Socket
  #bytes = Buffer.alloc(0)
  #ended = false
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#ended = true
      this.#wake()
    })
  }

  static async open(port: number): Promise<Wire> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new Wire(socket)
  }

  write(text: string | Buffer): void {
    this.#socket.write(text)
  }

  /** One whole response: a head, and the body that it announces (Content-Length or chunked). */
  async reply(): Promise<Reply> {
    const head = (await this.#through('\r\n\r\n')).toString('latin1')
    const [line = '', ...lines] = head.trimEnd().split('\r\n')
    const fields = new Map<string, string[]>()
    for (const field of lines) {
      const colon = field.indexOf(':')
      const name = field.slice(0, colon).toLowerCase()
      fields.set(name, [...(fields.get(name) ?? []), field.slice(colon + 1).trim()])
    }
    const status = Number(line.split(' ')[1])
    return { status, fields, body: await this.#body(status, fields) }
  }

  /** Exactly so many bytes. */
  async take(count: number): Promise<Buffer> {
    await this.#until(() => this.#bytes.length >= count)
    const taken = this.#bytes.subarray(0, count)
    this.#bytes = this.#bytes.subarray(count)
    return taken
  }

  /** Everything that came and was not read, once the server has closed. */
  async rest(): Promise<string> {
    await this.#until(() => this.#ended, true)
    return this.#bytes.toString('latin1')
  }

  end(): void {
    this.#socket.destroy()
  }

  async #body(status: number, fields: ReadonlyMap<string, readonly string[]>): Promise<string> {
    if (status === 101 || status === 204) return ''
    if (fields.get('transfer-encoding')?.[0] !== 'chunked') {
      return (await this.take(Number(fields.get('content-length')?.[0] ?? 0))).toString()
    }
    let body = ''
    while (true) {
      const size = Number.parseInt((await this.#through('\r\n')).toString(), 16)
      const chunk = (await this.take(size + 2)).toString()
      if (size === 0) return body
      body += chunk.slice(0, -2)
    }
  }

  async #through(end: string): Promise<Buffer> {
    await this.#until(() => this.#bytes.includes(end))
    return this.take(this.#bytes.indexOf(end) + end.length)
  }

  #until(holds: () => boolean, alsoEnded = false): Promise<void> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        this.#wake = () => {}
        reject(
          new Error(`nothing came within 5 s; so far: ${JSON.stringify(this.#bytes.toString('latin1'))}`),
        )
      }, 5_000)
      this.#wake = () => {
        if (!holds() && !(this.#ended && !alsoEnded)) return
        this.#wake = () => {}
        clearTimeout(deadline)
        if (holds()) resolve()
        else reject(new Error(`the server closed; so far: ${JSON.stringify(this.#bytes.toString('latin1'))}`))
      }
      this.#wake()
    })
  }
}

/** A request for a WebSocket, with more field lines if need be. */
export function upgradeRequest(path: string, lines: readonly string[] = []): string {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...lines,
    '\r\n',
  ].join('\r\n')
}
