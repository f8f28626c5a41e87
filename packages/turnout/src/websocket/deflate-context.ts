// Knows messages as DEFLATE blocks (RFC 7692 section 7.2), window kept or not, large ones off the event loop.
import { constants } from 'node:buffer'
import zlib from 'node:zlib'
import { PeerError } from '../base/errors.ts'
import { hasSync, runLater, runSync } from './zlib-engine.ts'

/** What ends every flushed block, and travels with no message (section 7.2.1). */
const TAIL: Buffer = Buffer.from([0x00, 0x00, 0xff, 0xff])

/** An empty message (section 7.2.3.6). */
const EMPTY: Buffer = Buffer.from([0x00])

export interface DeflateSettings {
  readonly windowBits: number
  /** 0 to 9: ratio against time. */
  readonly level: number
  /** 1 to 9: ratio against memory. */
  readonly memLevel: number
}

/** Compresses messages, one after the other. Its memory, 84 to 221 KB, is taken with the first. */
export class DeflateContext {
  readonly #settings: DeflateSettings
  readonly #takeover: boolean
  #engine: zlib.DeflateRaw | undefined

  /** @param takeover whether the window lives on from one message to the next. */
  constructor(settings: DeflateSettings, takeover: boolean) {
    this.#settings = settings
    this.#takeover = takeover
  }

  /** Gives the memory back. The next message starts with an empty window, which no reader minds. */
  release(): void {
    this.#engine?.close()
    this.#engine = undefined
  }

  /** Whether the memory is taken. */
  get held(): boolean {
    return this.#engine !== undefined
  }

  /**
   * A Buffer up to `syncBytes` of payload, a promise above, while which nothing else may use the context.
   * The Buffer is nobody else's.
   */
  compress(payload: Uint8Array, syncBytes: number): Buffer | Promise<Buffer> {
    if (payload.length === 0) return EMPTY
    this.#engine ??= zlib.createDeflateRaw({ ...this.#settings, flush: zlib.constants.Z_SYNC_FLUSH })
    const engine = this.#engine
    if (hasSync && payload.length <= syncBytes) return this.#finish(engine, runSync(engine, payload).output)
    return runLater(engine, payload, Number.POSITIVE_INFINITY).then(({ output }) =>
      this.#finish(engine, output),
    )
  }

  #finish(engine: zlib.DeflateRaw, flushed: Buffer): Buffer {
    if (!this.#takeover) engine.reset()
    return flushed.subarray(0, flushed.length - TAIL.length)
  }
}

/** Inflates messages, one after the other. Its memory, up to 44 KB, is taken with the first. */
export class InflateContext {
  readonly #windowBits: number
  readonly #takeover: boolean
  readonly #maxBytes: number
  #engine: zlib.InflateRaw | undefined

  /** @param maxBytes the largest message, checked while it inflates. */
  constructor(windowBits: number, takeover: boolean, maxBytes: number) {
    // a raw window of 8 is a window of 9 to zlib's inflate of older kinds; reading with a larger one is always right
    this.#windowBits = Math.max(windowBits, 9)
    this.#takeover = takeover
    this.#maxBytes = maxBytes
  }

  release(): void {
    this.#engine?.close()
    this.#engine = undefined
  }

  /**
   * A Buffer up to `syncBytes` of compressed payload, a promise above, while which nothing else may use the context.
   * @throws PeerError ERR_FRAME for what is no DEFLATE, ERR_MESSAGE_TOO_BIG above the limit.
   */
  inflate(payload: Uint8Array, syncBytes: number): Buffer | Promise<Buffer> {
    const input = Buffer.concat([payload, TAIL], payload.length + TAIL.length)
    return hasSync && payload.length <= syncBytes ? this.#now(input) : this.#later(input)
  }

  #now(input: Buffer): Buffer {
    const engine = this.#use()
    const parts = new InflatedParts(this.#maxBytes)
    try {
      let rest: Uint8Array = input
      while (rest.length > 0) {
        const { output, consumed } = runSync(engine, rest)
        parts.add(output)
        rest = afterFinalBlock(engine, rest, consumed)
      }
    } catch (error) {
      throw this.#broken(error)
    }
    if (!this.#takeover) engine.reset()
    return parts.joined()
  }

  async #later(input: Buffer): Promise<Buffer> {
    const engine = this.#use()
    const parts = new InflatedParts(this.#maxBytes)
    try {
      let rest: Uint8Array = input
      while (rest.length > 0) {
        const { output, consumed } = await runLater(engine, rest, this.#maxBytes - parts.bytes)
        parts.add(output)
        rest = afterFinalBlock(engine, rest, consumed)
      }
    } catch (error) {
      throw this.#broken(error)
    }
    if (!this.#takeover) engine.reset()
    return parts.joined()
  }

  #use(): zlib.InflateRaw {
    this.#engine ??= zlib.createInflateRaw({
      windowBits: this.#windowBits,
      flush: zlib.constants.Z_SYNC_FLUSH,
      maxOutputLength: Math.min(this.#maxBytes + 1, constants.MAX_LENGTH),
    })
    return this.#engine
  }

  #broken(error: unknown): PeerError {
    this.#engine = undefined
    if (error instanceof PeerError) return error
    if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') return tooBig(this.#maxBytes)
    return new PeerError('ERR_FRAME', 'compressed data that is no DEFLATE', {
      section: 'RFC 7692 section 7.2.2',
      cause: error,
    })
  }
}

class InflatedParts {
  bytes = 0
  readonly #maxBytes: number
  readonly #parts: Buffer[] = []

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  add(part: Buffer): void {
    this.bytes += part.length
    if (this.bytes > this.#maxBytes) throw tooBig(this.#maxBytes)
    this.#parts.push(part)
  }

  joined(): Buffer {
    return this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts, this.bytes)
  }
}

/**
 * A block with BFINAL ends zlib's stream, but not the message (RFC 7692 section 7.2.3.4): what follows it is
 * read afresh. Nothing is kept of the window then.
 */
function afterFinalBlock(engine: zlib.InflateRaw, input: Uint8Array, consumed: number): Uint8Array {
  const rest = input.subarray(consumed)
  if (rest.length === 0) return rest
  if (consumed === 0) {
    throw new PeerError('ERR_FRAME', 'compressed data that goes nowhere', {
      section: 'RFC 7692 section 7.2.2',
    })
  }
  engine.reset()
  return rest
}

function tooBig(maxBytes: number): PeerError {
  return new PeerError('ERR_MESSAGE_TOO_BIG', `a message that inflates to more than ${maxBytes} bytes`)
}
