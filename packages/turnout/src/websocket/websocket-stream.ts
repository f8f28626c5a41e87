// Knows the WebSocketStream of browsers (the WebSockets standard of the WHATWG): one connection as two streams.
import type { Buffer } from 'node:buffer'
import { assertOptions, type OptionNames } from '../base/option-names.ts'
import { type Deferred, deferred } from '../base/promise.ts'
import type { AnyConnection, CloseInfo } from './connection.ts'
import { dial } from './dial.ts'
import { type Dial, prepareDial } from './dial-plan.ts'
import type { Message } from './options.ts'
import { assertSubprotocols, readUrl } from './standard-checks.ts'
import { assertDictionary, toChunk, toProtocols, WEBSOCKET_INIT, type WebSocketInit } from './web-idl.ts'
import { connectionError, readCloseInfo, type WebSocketCloseInfo, WebSocketError } from './websocket-error.ts'

/** `protocols` and `signal` are the standard's; the others are what `connect` takes. */
export interface WebSocketStreamOptions extends Omit<WebSocketInit, 'protocols' | 'slowConsumer'> {
  /** Subprotocols in order of preference, each once. Default none. */
  readonly protocols?: Iterable<string> | undefined
}

const { slowConsumer: _slowConsumer, ...STREAM_CHOICES } = WEBSOCKET_INIT
const STREAM_OPTIONS: OptionNames<WebSocketStreamOptions> = STREAM_CHOICES

export interface WebSocketOpenInfo {
  /** A message a chunk, text as a string. One is read ahead; then the peer is slowed by TCP until somebody reads. */
  readonly readable: ReadableStream<string | Uint8Array>
  /** A chunk a message; a write is done once the connection is ready for the next. */
  readonly writable: WritableStream<string | ArrayBuffer | ArrayBufferView>
  /** The subprotocol in use, empty for none. */
  readonly protocol: string
  /** The extensions in use, empty for none. */
  readonly extensions: string
}

/**
 * A WebSocket as two streams of the Streams standard, with backpressure both ways, as Chromium has it.
 * https://websockets.spec.whatwg.org/
 */
export class WebSocketStream {
  readonly #url: URL
  readonly #abort = new AbortController()
  readonly #signal: AbortSignal | undefined
  readonly #opened: Outcome<WebSocketOpenInfo> = outcome()
  readonly #closed: Outcome<Required<WebSocketCloseInfo>> = outcome()
  #connection: AnyConnection | undefined
  #readable: ReadableStreamDefaultController<string | Uint8Array> | undefined
  #writable: WritableStreamDefaultController | undefined
  /** We began to close, or never opened: what still arrives is for nobody. */
  #closing = false

  /**
   * @param url absolute, of scheme ws:, wss:, http: or https:
   * @throws DOMException SyntaxError for a URL or subprotocols that the standard refuses
   * @throws MisuseError for other options that must not be sent
   */
  constructor(url: string | URL, options: WebSocketStreamOptions = {}) {
    // biome-ignore lint/complexity/noArguments: absent and undefined are told apart
    if (arguments.length === 0) throw new TypeError('a WebSocketStream wants a URL')
    // Web IDL converts the arguments in their order, before any is looked at
    const text = `${url}`
    assertDictionary(options)
    assertOptions('WebSocketStream', typeof options === 'function' ? {} : (options ?? {}), STREAM_OPTIONS)
    const { protocols, signal, ...others } = options ?? {}
    const list = toProtocols(protocols)
    const signals = signal === undefined ? [] : [signal]
    const either = AbortSignal.any([this.#abort.signal, ...signals])
    this.#url = readUrl(text)
    assertSubprotocols(list)
    this.#signal = signal
    void this.#connect(
      prepareDial(this.#url, {
        ...others,
        protocols: list,
        signal: either,
        binary: 'buffer',
        // one write at a time waits: there is no crowd to bound
        slowConsumer: 'wait',
        open: (connection) => this.#onOpen(connection, either),
        message: (connection, message) => this.#onMessage(connection, message),
        close: (_, info) => this.#onReadToEnd(info),
      }),
    )
  }

  get url(): string {
    return this.#url.href
  }

  /** The streams. Rejects with a WebSocketError, or with the signal's reason, when the connection cannot be opened. */
  get opened(): Promise<WebSocketOpenInfo> {
    return this.#opened.promise
  }

  /** How it was closed. Rejects as `opened` does, and with a WebSocketError when the connection was lost or failed. */
  get closed(): Promise<Required<WebSocketCloseInfo>> {
    return this.#closed.promise
  }

  /**
   * Begins the closing handshake, or ends the attempt to connect. What was written and has not left yet still does.
   * @throws TypeError for what is no close info, DOMException InvalidAccessError for the code, SyntaxError for the reason
   */
  close(info: WebSocketCloseInfo = {}): void {
    const { closeCode, reason } = readCloseInfo(info)
    this.#close(closeCode, reason)
  }

  get [Symbol.toStringTag](): string {
    return 'WebSocketStream'
  }

  #close(code: number | undefined, reason: string): void {
    if (this.#connection === undefined) {
      return this.#abort.abort(new DOMException('closed before it was open', 'AbortError'))
    }
    if (this.#closing) return
    this.#closing = true
    void this.#connection.close(code, reason)
    // nobody reads what is in the way of the peer's Close any more
    this.#connection.resume()
  }

  #closeFor(reason: unknown): void {
    if (reason instanceof WebSocketError) this.#close(reason.closeCode ?? undefined, reason.reason)
    else this.#close(undefined, '')
  }

  // --- from the connection

  async #connect(plan: Dial<unknown>): Promise<void> {
    try {
      await dial({ ...plan, requireProtocol: true })
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    const called = this.#signal?.aborted === true && !this.#abort.signal.aborted
    const failure = called
      ? this.#signal!.reason
      : connectionError('the connection was not opened', { closeCode: 1006 }, error as Error)
    this.#opened.reject(failure)
    this.#closed.reject(failure)
  }

  #onOpen(connection: AnyConnection, signal: AbortSignal): void {
    // called off behind the 101, before anybody was told
    if (signal.aborted) {
      this.#closing = true
      connection.terminate()
      return this.#fail(signal.reason)
    }
    this.#connection = connection
    // one message is read ahead, so that an end behind the last one is seen though nobody reads
    const readable = new ReadableStream<string | Uint8Array>({
      start: (controller) => {
        this.#readable = controller
      },
      pull: () => connection.resume(),
      cancel: (reason) => this.#closeFor(reason),
    })
    const writable = new WritableStream<string | ArrayBuffer | ArrayBufferView>({
      start: (controller) => {
        this.#writable = controller
      },
      write: (chunk) => this.#write(connection, chunk),
      close: () => {
        this.#close(undefined, '')
        return connection.closed.then((info) => {
          if (!info.clean) throw endOf(info)
        })
      },
      abort: (reason) => this.#closeFor(reason),
    })
    void connection.closed.then((info) => this.#onClose(info))
    const { protocol, extensions } = connection
    this.#opened.resolve({ readable, writable, protocol, extensions })
  }

  async #write(connection: AnyConnection, chunk: unknown): Promise<void> {
    if (await connection.send(toChunk(chunk))) return
    throw endOf(await connection.closed)
  }

  #onMessage(connection: AnyConnection, message: Message): void {
    if (this.#closing) return
    this.#readable!.enqueue(typeof message === 'string' ? message : new Uint8Array(message as Buffer))
    if (this.#readable!.desiredSize! <= 0) connection.pause()
  }

  /** The connection is over; there may be messages yet to be read. */
  #onClose(info: CloseInfo): void {
    const { code: closeCode, reason } = info
    const error = endOf(info)
    this.#writable!.error(error)
    if (info.clean) this.#closed.resolve({ closeCode, reason })
    else this.#closed.reject(error)
  }

  /** The connection is over, and the last message was taken. */
  #onReadToEnd(info: CloseInfo): void {
    try {
      if (info.clean) this.#readable?.close()
      else this.#readable?.error(endOf(info))
    } catch {
      // cancelled: closed already
    }
  }
}

/** What a write meets after the end: a connection that failed, or one that is simply over. */
function endOf(info: CloseInfo): DOMException {
  if (info.clean) return new DOMException('the connection was closed', 'InvalidStateError')
  const { code: closeCode, reason, cause } = info
  return connectionError(cause?.message ?? 'the connection was lost', { closeCode, reason }, cause)
}

interface Outcome<Value> extends Deferred<Value> {
  readonly reject: (error: unknown) => void
}

/** A promise that somebody may look at or not: to reject is no unhandled rejection. */
function outcome<Value>(): Outcome<Value> {
  const { promise, resolve } = deferred<Value | Promise<never>>()
  const settled = promise as Promise<Value>
  settled.catch(() => {})
  return { promise: settled, resolve, reject: (error) => resolve(Promise.reject(error)) }
}
