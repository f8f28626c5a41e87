// Knows messages as DEFLATE blocks (RFC 7692 section 7.2): large ones off the event loop, none beyond its limit.
import { Buffer } from 'node:buffer'
import { PeerError } from '../base/errors.ts'
import { joined } from '../base/message-memory.ts'
import { apart, type EngineSource } from './engines.ts'
import { type Engine, hasSync, type Processed } from './zlib-engine.ts'

/** What ends every flushed block, and travels with no message (section 7.2.1). */
const TAIL_BYTES = 4

const TAIL = '0000ffff'
const EMPTY_BLOCK = '000000ffff'

/**
 * What is put back behind a message (section 7.2.2), and empty blocks. Nothing comes of them behind whole blocks.
 * Behind one that was cut they are read as its rest, and two dozen leave none unnoticed; without them the rest
 * would be taken from the peer's next message.
 */
const END: Buffer = Buffer.from(TAIL + EMPTY_BLOCK.repeat(24), 'hex')

/** An empty message (section 7.2.3.6). */
const EMPTY: Buffer = Buffer.from([0x00])
const NOTHING: Buffer = Buffer.alloc(0)

/** Inflating is that much cheaper than compressing, byte for byte of what comes out. */
const INFLATE_FACTOR = 4

/**
 * A message may have a block with BFINAL for so many bytes, and so many in any case: each is a new stream of zlib,
 * which costs as much as inflating some thousand bytes.
 */
const BYTES_A_FINAL = 1_024
const LEAST_FINALS = 64

/** Compresses the messages of one connection, one after the other. */
export class DeflateContext {
  readonly #engines: EngineSource

  constructor(engines: EngineSource) {
    this.#engines = engines
  }

  /** A promise above `syncBytes` of payload; nothing else may be compressed until it settles. */
  compress(payload: Uint8Array, syncBytes: number): Buffer | Promise<Buffer> {
    if (payload.length === 0) return EMPTY
    if (!hasSync() || payload.length > syncBytes) {
      // its owner may use the memory again as soon as this returns
      const copy = Buffer.from(payload)
      return apart(() => this.#later(copy))
    }
    const engine = this.#engines.take()
    try {
      return withoutTail(engine.runSync(payload, Number.POSITIVE_INFINITY))
    } finally {
      this.#engines.giveBack(engine)
    }
  }

  async #later(payload: Uint8Array): Promise<Buffer> {
    const engine = this.#engines.take()
    try {
      return withoutTail(await engine.runLater(payload, Number.POSITIVE_INFINITY))
    } finally {
      this.#engines.giveBack(engine)
    }
  }
}

/** Inflates the messages of one connection, one after the other. */
export class InflateContext {
  readonly #engines: EngineSource
  readonly #maxBytes: number

  /** @param maxBytes the largest message, checked while it inflates. */
  constructor(engines: EngineSource, maxBytes: number) {
    this.#engines = engines
    this.#maxBytes = maxBytes
  }

  /**
   * A promise above `syncBytes` of payload, and above four times as many inflated; nothing else may be inflated
   * until it settles.
   * @throws PeerError ERR_FRAME for what is no DEFLATE, ERR_MESSAGE_TOO_BIG above the limit, and for one of
   *   countless blocks with BFINAL; or rejects with them.
   */
  inflate(payload: Uint8Array, syncBytes: number): Buffer | Promise<Buffer> {
    // not what section 7.2.1 makes of an empty message, but no window is harmed
    if (payload.length === 0) return NOTHING
    const message = new Inflating(payload, this.#maxBytes)
    if (!hasSync() || payload.length > syncBytes) {
      return apart(() => this.#later(this.#engines.take(), message))
    }
    const engine = this.#engines.take()
    try {
      message.runNow(engine, syncBytes * INFLATE_FACTOR)
    } catch (error) {
      throw this.#broken(engine, error)
    }
    if (message.input !== undefined) return apart(() => this.#later(engine, message))
    this.#engines.giveBack(engine)
    return message.joined()
  }

  async #later(engine: Engine, message: Inflating): Promise<Buffer> {
    try {
      await message.runLater(engine)
    } catch (error) {
      throw this.#broken(engine, error)
    }
    this.#engines.giveBack(engine)
    return message.joined()
  }

  #broken(engine: Engine, error: unknown): PeerError {
    engine.close()
    this.#engines.giveBack(engine)
    if (error instanceof PeerError) return error
    return noDeflate('compressed data that is no DEFLATE', error)
  }
}

/** One message on its way out of its blocks. */
class Inflating {
  /** What the engine wants next; undefined: nothing, the message is there. */
  input: Uint8Array | undefined
  readonly #maxBytes: number
  readonly #parts: Buffer[] = []
  #bytes = 0
  #finalsLeft: number

  constructor(payload: Uint8Array, maxBytes: number) {
    this.input = payload
    this.#finalsLeft = LEAST_FINALS + Math.floor(payload.length / BYTES_A_FINAL)
    this.#maxBytes = maxBytes
  }

  /** Ends early, with `input` still there, once more than `syncBytes` came out. */
  runNow(engine: Engine, syncBytes: number): void {
    while (this.input !== undefined) {
      const processed = engine.runSync(this.input, Math.min(syncBytes, this.#maxBytes) - this.#bytes)
      this.#take(engine, this.input, processed)
      if (processed.cut) return
    }
  }

  async runLater(engine: Engine): Promise<void> {
    while (this.input !== undefined) {
      this.#take(engine, this.input, await engine.runLater(this.input, this.#maxBytes - this.#bytes))
    }
  }

  joined(): Buffer {
    return this.#parts.length === 1 ? this.#parts[0]! : joined(this.#parts, this.#bytes)
  }

  #take(engine: Engine, input: Uint8Array, { output, consumed, cut }: Processed): void {
    if (input === END) return this.#takeEnd(engine, output, consumed)
    this.#add(output)
    const rest = input.subarray(consumed)
    if (cut) this.input = rest
    else if (rest.length === 0) this.input = END
    else {
      // a block with BFINAL ends zlib's stream, but not the message (section 7.2.3.4)
      if (this.#finalsLeft-- === 0) throw tooManyFinals()
      engine.restart()
      this.input = rest
    }
  }

  #takeEnd(engine: Engine, output: Buffer, consumed: number): void {
    // the last block bore BFINAL, and the empty one that section 7.2.1 wants behind it is missing
    const ended = consumed === 0
    if (output.length > 0 || (!ended && consumed < END.length)) {
      throw noDeflate('compressed data that was cut short')
    }
    if (ended) engine.restart()
    this.input = undefined
  }

  #add(part: Buffer): void {
    this.#bytes += part.length
    if (this.#bytes > this.#maxBytes) {
      throw new PeerError(
        'ERR_MESSAGE_TOO_BIG',
        `a message that inflates to more than ${this.#maxBytes} bytes`,
      )
    }
    if (part.length > 0) this.#parts.push(part)
  }
}

function withoutTail({ output }: Processed): Buffer {
  return output.subarray(0, output.length - TAIL_BYTES)
}

function tooManyFinals(): PeerError {
  return new PeerError('ERR_MESSAGE_TOO_BIG', 'a message with too many blocks with BFINAL for its size', {
    section: 'RFC 7692 section 7.2.3.4',
  })
}

function noDeflate(seen: string, cause?: unknown): PeerError {
  return new PeerError('ERR_FRAME', seen, { section: 'RFC 7692 section 7.2.2', cause })
}
