// Knows the WebSocket of browsers (the WebSockets standard of the WHATWG), as a face of this library's client.
import type { Buffer } from 'node:buffer'
import { assertOptions } from '../base/option-names.ts'
import { BufferedAmount } from './buffered-amount.ts'
import type { AnyConnection, CloseInfo } from './connection.ts'
import { dial } from './dial.ts'
import { type Dial, prepareDial } from './dial-plan.ts'
import { EventHandlers } from './event-handlers.ts'
import { CloseEvent, FailureEvent } from './events.ts'
import { holdSends, releaseSends } from './inside.ts'
import type { Message } from './options.ts'
import { sizeOf } from './sendable.ts'
import { assertClose, assertSubprotocols, readUrl } from './standard-checks.ts'
import { Tasks } from './tasks.ts'
import {
  bothInits,
  clampToUnsignedShort,
  toInit,
  toSendable,
  WEBSOCKET_INIT,
  type WebSocketInit,
} from './web-idl.ts'

export type { WebSocketInit } from './web-idl.ts'

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

/**
 * What an event handler attribute is read as; it is written as a `Handler`. A handler that is read asks for no more
 * than lib.dom's events have, so that this class stands wherever lib.dom's WebSocket is wanted.
 */
type ReadHandler = (event: Event) => unknown

/** An EventTarget that knows its events by type alone: the method is the one that it inherits. */
interface Target extends EventTarget {
  addEventListener<Kind extends keyof WebSocketEventMap>(
    type: Kind,
    listener: Handler<Kind> | { handleEvent(event: WebSocketEventMap[Kind]): unknown } | null,
    options?: Parameters<EventTarget['addEventListener']>[2],
  ): void
  addEventListener(...args: Parameters<EventTarget['addEventListener']>): void
}

const Target: new () => Target = EventTarget

const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3

const ATTRIBUTES: readonly (keyof WebSocket)[] = [
  'url',
  'readyState',
  'bufferedAmount',
  'onopen',
  'onerror',
  'onclose',
  'extensions',
  'protocol',
  'close',
  'onmessage',
  'binaryType',
  'send',
]

/**
 * The WebSocket of browsers, as the WHATWG standard has it; what may be chosen besides stands in the options.
 * https://websockets.spec.whatwg.org/
 */
export class WebSocket extends Target {
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
    // Web IDL: what an interface has can be enumerated
    for (const name of ATTRIBUTES) Object.defineProperty(WebSocket.prototype, name, { enumerable: true })
  }

  readonly #url: URL
  readonly #abort = new AbortController()
  readonly #handlers = new EventHandlers(this)
  readonly #buffered = new BufferedAmount()
  /** Each event is a task of its own: a listener that was added because of one hears the next. */
  readonly #tasks = new Tasks({
    onBacklog: () => this.#connection && holdSends(this.#connection),
    onBacklogDone: () => this.#connection && releaseSends(this.#connection),
  })
  #connection: AnyConnection | undefined
  /** As far as this face is concerned; the connection may be closing already. */
  #readyState: 0 | 1 | 2 | 3 = CONNECTING
  #binaryType: 'blob' | 'arraybuffer' = 'blob'

  /**
   * @param url absolute, of scheme ws:, wss:, http: or https:
   * @param protocols subprotocols in order of preference, or, beyond the standard, `WebSocketInit`
   * @param options beyond the standard, `WebSocketInit`, behind the subprotocols: what takes the constructor of `ws`
   * gives them here
   * @throws DOMException SyntaxError for a URL or subprotocols that the standard refuses
   * @throws MisuseError for other options that must not be sent, and for one that both arguments have
   */
  constructor(
    url: string | URL,
    protocols: string | Iterable<string> | WebSocketInit = [],
    options: WebSocketInit = {},
  ) {
    // biome-ignore lint/complexity/noArguments: absent and undefined are told apart
    if (arguments.length === 0) throw new TypeError('a WebSocket wants a URL')
    super()
    // Web IDL converts the arguments in their order, before any is looked at
    const text = `${url}`
    const second = toInit(protocols)
    assertOptions('WebSocket', second, WEBSOCKET_INIT)
    assertOptions('WebSocket', options ?? {}, WEBSOCKET_INIT)
    const init = bothInits(second, toInit(options ?? {}))
    this.#url = readUrl(text)
    assertSubprotocols(init.protocols ?? [])
    const signals = init.signal === undefined ? [] : [init.signal]
    const signal = AbortSignal.any([this.#abort.signal, ...signals])
    void this.#connect(
      prepareDial(this.#url, {
        ...init,
        // a page reads bufferedAmount, and no send of its ends the connection
        slowConsumer: init.slowConsumer ?? 'wait',
        binary: 'buffer',
        signal,
        open: (connection) => this.#tasks.run(() => this.#onOpen(connection, signal)),
        message: (_, message) => this.#tasks.run(() => this.#onMessage(message)),
        close: (_, info) => this.#tasks.run(() => this.#onClose(info, info.cause !== undefined)),
      }),
    )
  }

  get url(): string {
    return this.#url.href
  }

  get readyState(): 0 | 1 | 2 | 3 {
    if (this.#readyState !== OPEN || this.#connection?.readyState === 'open') return this.#readyState
    // the events of what came before its Close are yet to be heard
    return this.#tasks.busy ? OPEN : CLOSING
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
    return this.#buffered.bytes
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
  send(data: string | ArrayBuffer | ArrayBufferView | Blob): void {
    // biome-ignore lint/complexity/noArguments: absent and undefined are told apart
    if (arguments.length === 0) throw new TypeError('send wants one argument')
    if (this.#readyState === CONNECTING) throw new DOMException('not open yet', 'InvalidStateError')
    const message = toSendable(data)
    this.#buffered.count(sizeOf(message), this.readyState === OPEN && this.#connection!.send(message))
  }

  /**
   * @param code 1000, or 3000 to 4999
   * @param reason at most 123 bytes of UTF-8
   * @throws DOMException InvalidAccessError for the code, SyntaxError for the reason
   */
  close(...[code, reason]: [code?: number | undefined, reason?: string | undefined]): void {
    const wireCode = code === undefined ? undefined : clampToUnsignedShort(code)
    const wireReason = reason === undefined ? '' : `${reason}`
    assertClose(wireCode, wireReason)
    if (this.#readyState === CONNECTING) {
      this.#readyState = CLOSING
      this.#abort.abort(new DOMException('closed before it was open', 'AbortError'))
    } else if (this.readyState === OPEN) {
      this.#readyState = CLOSING
      void this.#connection!.close(wireCode ?? (wireReason === '' ? undefined : 1000), wireReason)
    }
  }

  get onopen(): ReadHandler | null {
    return this.#handlers.get('open') as ReadHandler | null
  }

  set onopen(handler: Handler<'open'> | null) {
    this.#handlers.set('open', handler)
  }

  get onmessage(): ReadHandler | null {
    return this.#handlers.get('message') as ReadHandler | null
  }

  set onmessage(handler: Handler<'message'> | null) {
    this.#handlers.set('message', handler)
  }

  get onerror(): ReadHandler | null {
    return this.#handlers.get('error') as ReadHandler | null
  }

  set onerror(handler: Handler<'error'> | null) {
    this.#handlers.set('error', handler)
  }

  get onclose(): ReadHandler | null {
    return this.#handlers.get('close') as ReadHandler | null
  }

  set onclose(handler: Handler<'close'> | null) {
    this.#handlers.set('close', handler)
  }

  get [Symbol.toStringTag](): string {
    return 'WebSocket'
  }

  // --- from the connection

  async #connect(plan: Dial<unknown>): Promise<void> {
    try {
      await dial({ ...plan, requireProtocol: true })
    } catch (error) {
      this.#fail(error)
    }
  }

  /** It was never open, and never will be. */
  #fail(error: unknown): void {
    const info: CloseInfo = { code: 1006, reason: '', clean: false, cause: error as Error }
    this.#tasks.run(() => this.#onClose(info, true))
  }

  #onOpen(connection: AnyConnection, signal: AbortSignal): void {
    // called off behind the 101, before anybody was told
    if (signal.aborted) {
      connection.terminate()
      return this.#fail(signal.reason)
    }
    this.#connection = connection
    this.#buffered.follow(connection)
    this.#readyState = OPEN
    this.dispatchEvent(new Event('open'))
  }

  #onMessage(message: Message): void {
    if (this.#readyState !== OPEN) return
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
    if (this.#readyState === CLOSED) return
    this.#readyState = CLOSED
    if (failed) this.dispatchEvent(new FailureEvent('error', { error: info.cause }))
    const { code, reason, clean: wasClean } = info
    this.dispatchEvent(new CloseEvent('close', { code, reason, wasClean }))
  }
}
