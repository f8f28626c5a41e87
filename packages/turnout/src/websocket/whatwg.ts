// Knows the WebSocket of browsers (the WebSockets standard of the WHATWG), as a face of this library's client.
import { isToken } from '../http/token.ts'
import { type ConnectOptions, type Dial, dial, prepareDial } from './client.ts'
import { MAX_REASON_BYTES } from './close.ts'
import type { CloseInfo, WebSocketConnection } from './connection.ts'
import { CloseEvent, FailureEvent } from './events.ts'
import type { ConnectionEvents, Message } from './options.ts'
import { toWebSocketScheme } from './redirect.ts'

/** What a browser would have from its page; here it is said. What `connect` takes, but without its callbacks. */
export type WebSocketInit = Omit<
  ConnectOptions,
  keyof ConnectionEvents<unknown> | 'binary' | 'data' | 'onError'
>

export interface WebSocketEventMap {
  open: Event
  message: MessageEvent
  /** With why, in `error`, where a browser says nothing. */
  error: FailureEvent
  close: CloseEvent
}

type Handler<Kind extends keyof WebSocketEventMap> = (
  this: WebSocket,
  event: WebSocketEventMap[Kind],
) => unknown

const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3

export class WebSocket extends EventTarget {
  declare static readonly CONNECTING: 0
  declare static readonly OPEN: 1
  declare static readonly CLOSING: 2
  declare static readonly CLOSED: 3
  declare readonly CONNECTING: 0
  declare readonly OPEN: 1
  declare readonly CLOSING: 2
  declare readonly CLOSED: 3

  static {
    for (const target of [WebSocket, WebSocket.prototype]) {
      for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSING, CLOSED })) {
        Object.defineProperty(target, name, { value, enumerable: true })
      }
    }
  }

  readonly #url: URL
  readonly #abort = new AbortController()
  readonly #handlers = new Map<string, { handler: object; readonly listener: (event: Event) => void }>()
  #connection: WebSocketConnection | undefined
  /** As far as this face is concerned; the connection may be closing already. */
  #readyState: 0 | 1 | 2 | 3 = CONNECTING
  #binaryType: 'blob' | 'arraybuffer' = 'blob'
  /** Bytes that the connection took; how many of them are still there, it says. */
  #takenBytes = 0
  /** Bytes that wait: behind a Blob that is being read, or for the peer. */
  #waitingBytes = 0
  /** Bytes that will never be sent. The standard counts them for ever. */
  #lostBytes = 0
  /** Something was sent in this turn of the event loop: until it ends, nothing counts as transmitted. */
  #sentThisTurn = false

  /**
   * @param url absolute, of scheme ws:, wss:, http: or https:
   * @param protocols subprotocols in order of preference, or, beyond the standard, `WebSocketInit`
   * @throws DOMException SyntaxError for a URL or subprotocols that the standard refuses
   * @throws MisuseError for other options that must not be sent
   */
  constructor(url: string | URL, protocols: string | Iterable<string> | WebSocketInit = []) {
    super()
    const init = readInit(protocols)
    this.#url = readUrl(String(url))
    assertSubprotocols(init.protocols ?? [])
    const signals = init.signal === undefined ? [] : [init.signal]
    void this.#connect(
      prepareDial(this.#url, {
        ...init,
        signal: AbortSignal.any([this.#abort.signal, ...signals]),
        open: (connection) => this.#onOpen(connection),
        message: (_, message) => this.#onMessage(message),
        close: (_, info) => this.#onClose(info, info.cause !== undefined),
      }),
    )
  }

  get url(): string {
    return this.#url.href
  }

  get readyState(): 0 | 1 | 2 | 3 {
    if (this.#readyState !== OPEN || this.#connection?.readyState === 'open') return this.#readyState
    return CLOSING
  }

  /** The extensions in use; empty until the connection is open. */
  get extensions(): string {
    return this.#connection?.extensions ?? ''
  }

  /** The subprotocol in use; empty until the connection is open, and when there is none. */
  get protocol(): string {
    return this.#connection?.protocol ?? ''
  }

  /** Bytes of messages, as the application counts them, that were sent and have not left. Never falls when the connection ends. */
  get bufferedAmount(): number {
    this.#forgetTransmitted()
    return this.#takenBytes + this.#waitingBytes + this.#lostBytes
  }

  /** What binary messages arrive as. */
  get binaryType(): 'blob' | 'arraybuffer' {
    return this.#binaryType
  }

  set binaryType(type: 'blob' | 'arraybuffer') {
    // an enumeration of Web IDL: what is not in it is ignored
    if (type === 'blob' || type === 'arraybuffer') this.#binaryType = type
  }

  /** @throws DOMException InvalidStateError before the connection is open */
  send(data: string | ArrayBuffer | ArrayBufferView | Blob): void
  send(...args: [unknown?]): void {
    if (args.length === 0) throw new TypeError('send wants one argument')
    if (this.#readyState === CONNECTING) throw new DOMException('not open yet', 'InvalidStateError')
    const message = toSendable(args[0])
    const bytes = sizeOf(message)
    const sent = this.readyState === OPEN && this.#connection!.send(message)
    if (sent === false) this.#lostBytes += bytes
    else if (sent === true) this.#taken(bytes)
    else this.#waiting(sent, bytes)
  }

  /**
   * @param code 1000, or 3000 to 4999
   * @param reason at most 123 bytes of UTF-8
   * @throws DOMException InvalidAccessError for the code, SyntaxError for the reason
   */
  close(code?: number, reason?: string): void {
    const wireCode = code === undefined ? undefined : clampToUnsignedShort(code)
    const wireReason = reason === undefined ? '' : String(reason)
    if (wireCode !== undefined && wireCode !== 1000 && !(wireCode >= 3000 && wireCode <= 4999)) {
      throw new DOMException(`code ${wireCode} is neither 1000 nor from 3000 to 4999`, 'InvalidAccessError')
    }
    if (Buffer.byteLength(wireReason) > MAX_REASON_BYTES) {
      throw new DOMException(`a reason of more than ${MAX_REASON_BYTES} bytes`, 'SyntaxError')
    }
    if (this.#readyState === CONNECTING) {
      this.#readyState = CLOSING
      this.#abort.abort(new DOMException('closed before it was open', 'AbortError'))
    } else if (this.readyState === OPEN) {
      this.#readyState = CLOSING
      void this.#connection!.close(wireCode ?? (wireReason === '' ? undefined : 1000), wireReason)
    }
  }

  get onopen(): Handler<'open'> | null {
    return this.#handler('open')
  }

  set onopen(handler: Handler<'open'> | null) {
    this.#setHandler('open', handler)
  }

  get onmessage(): Handler<'message'> | null {
    return this.#handler('message')
  }

  set onmessage(handler: Handler<'message'> | null) {
    this.#setHandler('message', handler)
  }

  get onerror(): Handler<'error'> | null {
    return this.#handler('error')
  }

  set onerror(handler: Handler<'error'> | null) {
    this.#setHandler('error', handler)
  }

  get onclose(): Handler<'close'> | null {
    return this.#handler('close')
  }

  set onclose(handler: Handler<'close'> | null) {
    this.#setHandler('close', handler)
  }

  override addEventListener<Kind extends keyof WebSocketEventMap>(
    type: Kind,
    listener: Handler<Kind> | { handleEvent(event: WebSocketEventMap[Kind]): unknown } | null,
    options?: Parameters<EventTarget['addEventListener']>[2],
  ): void
  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void
  override addEventListener(...args: unknown[]): void {
    super.addEventListener(...(args as Parameters<EventTarget['addEventListener']>))
  }

  get [Symbol.toStringTag](): string {
    return 'WebSocket'
  }

  // --- from the connection

  async #connect(plan: Dial<unknown>): Promise<void> {
    try {
      await dial(plan)
    } catch (error) {
      this.#onClose({ code: 1006, reason: '', clean: false, cause: error as Error }, true)
    }
  }

  #onOpen(connection: WebSocketConnection): void {
    this.#connection = connection
    this.#readyState = OPEN
    this.dispatchEvent(new Event('open'))
  }

  #onMessage(message: Message): void {
    if (this.readyState !== OPEN) return
    const data = typeof message === 'string' ? message : this.#toBinaryType(message as Buffer)
    this.dispatchEvent(new MessageEvent('message', { data, origin: this.#url.origin }))
  }

  #toBinaryType(bytes: Buffer): Blob | ArrayBuffer {
    if (this.#binaryType === 'blob') return new Blob([bytes])
    const copy = new ArrayBuffer(bytes.length)
    bytes.copy(new Uint8Array(copy))
    return copy
  }

  #onClose(info: CloseInfo, failed: boolean): void {
    this.#readyState = CLOSED
    if (failed) this.dispatchEvent(new FailureEvent('error', { error: info.cause }))
    const { code, reason, clean: wasClean } = info
    this.dispatchEvent(new CloseEvent('close', { code, reason, wasClean }))
  }

  // --- bufferedAmount

  #taken(bytes: number): void {
    this.#forgetTransmitted()
    this.#takenBytes += bytes
    if (this.#sentThisTurn) return
    this.#sentThisTurn = true
    setImmediate(() => {
      this.#sentThisTurn = false
    })
  }

  #forgetTransmitted(): void {
    if (this.#sentThisTurn || this.#takenBytes === 0 || this.#readyState === CLOSED) return
    this.#takenBytes = Math.min(this.#takenBytes, this.#connection!.bufferedBytes)
  }

  #waiting(sent: Promise<boolean>, bytes: number): void {
    this.#waitingBytes += bytes
    const settle = (left: boolean): void => {
      this.#waitingBytes -= bytes
      if (!left) this.#lostBytes += bytes
    }
    sent.then(settle, () => settle(false))
  }

  // --- event handler attributes (HTML standard, section 8.1.8.1)

  #handler<Kind extends keyof WebSocketEventMap>(type: Kind): Handler<Kind> | null {
    return (this.#handlers.get(type)?.handler as Handler<Kind> | undefined) ?? null
  }

  #setHandler(type: keyof WebSocketEventMap, handler: unknown): void {
    const entry = this.#handlers.get(type)
    if (typeof handler !== 'function' && (typeof handler !== 'object' || handler === null)) {
      if (entry !== undefined) this.removeEventListener(type, entry.listener)
      this.#handlers.delete(type)
    } else if (entry !== undefined) entry.handler = handler
    else {
      // the first handler sets the place among the listeners, also for those that replace it
      const added = {
        handler,
        listener: (event: Event): void => {
          if (typeof added.handler === 'function') added.handler.call(this, event)
        },
      }
      this.#handlers.set(type, added)
      this.addEventListener(type, added.listener)
    }
  }
}

function readInit(
  protocols: unknown,
): Omit<WebSocketInit, 'protocols'> & { readonly protocols?: readonly string[] } {
  if (typeof protocols !== 'object' || protocols === null) return { protocols: [String(protocols)] }
  if (Symbol.iterator in protocols) return { protocols: Array.from(protocols as Iterable<unknown>, String) }
  const init = protocols as WebSocketInit
  if (init.protocols === undefined) return init as { readonly protocols?: readonly string[] }
  return { ...init, protocols: typeof init.protocols === 'string' ? [init.protocols] : [...init.protocols] }
}

/** @throws DOMException SyntaxError, as the standard's "get a URL record"; there is no base URL outside a page */
function readUrl(text: string): URL {
  if (!URL.canParse(text)) throw new DOMException(`'${text}' is no absolute URL`, 'SyntaxError')
  const url = toWebSocketScheme(new URL(text))
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw new DOMException(`a URL of scheme ${url.protocol}`, 'SyntaxError')
  }
  if (url.href.includes('#')) throw new DOMException(`the URL '${text}' has a fragment`, 'SyntaxError')
  return url
}

function assertSubprotocols(protocols: readonly string[]): void {
  const wrong = protocols.find((protocol, at) => !isToken(protocol) || protocols.indexOf(protocol) !== at)
  if (wrong === undefined) return
  throw new DOMException(`subprotocol ${JSON.stringify(wrong)} is no token, or comes twice`, 'SyntaxError')
}

/** Bytes as they are; everything else as the string that Web IDL makes of it. */
function toSendable(data: unknown): string | ArrayBuffer | ArrayBufferView | Blob {
  if (typeof data === 'string' || data instanceof ArrayBuffer || ArrayBuffer.isView(data)) return data
  return data instanceof Blob ? data : String(data)
}

function sizeOf(message: string | ArrayBuffer | ArrayBufferView | Blob): number {
  if (typeof message === 'string') return Buffer.byteLength(message)
  return message instanceof Blob ? message.size : message.byteLength
}

/** Web IDL's [Clamp] unsigned short: the nearest, the even one of two. */
function clampToUnsignedShort(value: unknown): number {
  const number = Number(value)
  if (!(number > 0)) return 0
  if (number >= 65_535) return 65_535
  const floor = Math.floor(number)
  const over = number - floor
  return over > 0.5 || (over === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}
