// Knows the error of the WebSocket standard that says how a stream's connection ended, or is to be ended.
import { assertClose } from './standard-checks.ts'
import { assertDictionary, toUnsignedShort } from './web-idl.ts'

/** How a connection is to be closed, or was. */
export interface WebSocketCloseInfo {
  /** 1000, or 3000 to 4999. Default: none, or 1000 beside a reason. What was received may be any. */
  readonly closeCode?: number | undefined
  /** At most 123 bytes of UTF-8. */
  readonly reason?: string | undefined
}

/** Says how a connection ended, with codes that nobody may send, too. Why, beyond the standard, is its `cause`. */
export let connectionError: (
  message: string,
  info: WebSocketCloseInfo,
  cause: Error | undefined,
) => WebSocketError

/** What such a connection failed with; or, given to `abort` or `cancel` of its streams, what it is closed with. */
export class WebSocketError extends DOMException {
  #closeCode: number | undefined
  #reason: string

  static {
    connectionError = (message, { closeCode, reason = '' }, cause) => {
      const error = new WebSocketError(message)
      error.#closeCode = closeCode
      error.#reason = reason
      if (cause !== undefined) {
        Object.defineProperty(error, 'cause', { value: cause, writable: true, configurable: true })
      }
      return error
    }
  }

  /** @throws TypeError, DOMException InvalidAccessError or SyntaxError for what `close` refuses */
  constructor(message: string = '', init: WebSocketCloseInfo = {}) {
    super(message, 'WebSocketError')
    const { closeCode, reason } = readCloseInfo(init)
    this.#closeCode = closeCode
    this.#reason = reason
  }

  get closeCode(): number | null {
    return this.#closeCode ?? null
  }

  get reason(): string {
    return this.#reason
  }

  get [Symbol.toStringTag](): string {
    return 'WebSocketError'
  }
}

/** A Web IDL dictionary, converted and checked; a reason alone gets 1000. @throws as the constructor above */
export function readCloseInfo(init: unknown): {
  readonly closeCode: number | undefined
  readonly reason: string
} {
  assertDictionary(init)
  const { closeCode, reason } = (init ?? {}) as { closeCode?: unknown; reason?: unknown }
  const code = closeCode === undefined ? undefined : toUnsignedShort(closeCode)
  const text = reason === undefined ? '' : `${reason}`
  assertClose(code, text)
  return { closeCode: code ?? (text === '' ? undefined : 1000), reason: text }
}
