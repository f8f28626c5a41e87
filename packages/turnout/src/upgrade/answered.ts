// Knows what becomes of an ordinary response that came where only a switch would do: an error that carries it.
import { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { type ErrorCode, type ErrorDetail, PeerError } from '../base/errors.ts'

/** How much of a refusal is kept, in bytes: enough for a message, too little to be used against us. */
export const MAX_REFUSAL_BYTES: number = 65_536
/** How long a refusal may take to arrive after its head, in milliseconds. */
export const REFUSAL_TIMEOUT_MS: number = 2_000

/**
 * The server answered in HTTP. To print it or to write it as JSON shows name, code, status and message alone: the
 * response holds on to its request, whose fields may be secret.
 */
export class AnsweredError extends PeerError {
  override readonly name: string = 'AnsweredError'
  /** Of the answer: 401, 404, 426, … */
  readonly status: number
  readonly #answer: ReadAnswer

  constructor(code: ErrorCode, seen: string, answer: ReadAnswer, detail: ErrorDetail = {}) {
    super(code, seen, detail)
    this.status = answer.response.statusCode ?? 0
    this.#answer = answer
  }

  /** Status line and fields. Its body was read already, into `body`, so that no connection stays behind. */
  get response(): IncomingMessage {
    return this.#answer.response
  }

  /** At most the first 64 KiB of the response's body. */
  get body(): Buffer {
    return this.#answer.body
  }

  /** The same, read as UTF-8. */
  get text(): string {
    return this.#answer.body.toString()
  }

  toJSON(): {
    readonly name: string
    readonly code: ErrorCode
    readonly status: number
    readonly message: string
  } {
    const { name, code, status, message } = this
    return { name, code, status, message }
  }
}

/** A response and as much of its body as was worth waiting for. */
export interface ReadAnswer {
  readonly response: IncomingMessage
  readonly body: Buffer
}

/**
 * Reads the body within both bounds. Read to its end, the connection goes back to its agent; a body that is longer or
 * slower is cut, and its connection closed.
 * @param signal of whoever asked, which ends the response as well. Rejects with its reason, where that has fired
 */
export function readAnswer(
  response: IncomingMessage,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<ReadAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let missing = MAX_REFUSAL_BYTES
    const cut = () => response.destroy()
    const alarm = clock.after(REFUSAL_TIMEOUT_MS, cut)
    response.on('data', (chunk: Buffer) => {
      if (missing === 0) return
      chunks.push(chunk.subarray(0, missing))
      missing = Math.max(0, missing - chunk.length)
      if (missing === 0) cut()
    })
    // without an error listener IncomingMessage tells an abort by `close` alone
    const done = () => {
      alarm.cancel()
      if (signal?.aborted) reject(signal.reason)
      else resolve({ response, body: Buffer.concat(chunks) })
    }
    response.on('end', done)
    response.on('close', done)
  })
}
