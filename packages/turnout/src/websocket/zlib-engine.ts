// Knows how to drive one of Node's zlib streams, its window kept: at once, or on the thread pool.
// The one place that touches what Node does not document; where a runtime lacks it, `hasSync` says so, and the
// documented stream calls do all the work.
import { Buffer } from 'node:buffer'
import zlib from 'node:zlib'
import { borrow } from '../base/loan.ts'
import { allocate, joined } from '../base/message-memory.ts'

export interface EngineSettings {
  readonly kind: 'deflate' | 'inflate'
  /** 9 to 15. */
  readonly windowBits: number
  /** For deflate: 0 to 9. */
  readonly level?: number
  /** For deflate: 1 to 9. */
  readonly memLevel?: number
}

/** What one run of an engine did. */
export interface Processed {
  /** Nobody else's. */
  readonly output: Buffer
  /** How much of the input was taken: all of it, unless the run was cut or a block with BFINAL ended the stream. */
  readonly consumed: number
  /** The run stopped at its limit; there may be more to come. */
  readonly cut: boolean
}

/** What lies under a stream of node:zlib. */
interface Internals {
  readonly _handle: {
    writeSync(
      flush: number,
      input: Uint8Array,
      inputAt: number,
      inputBytes: number,
      output: Uint8Array,
      outputAt: number,
      outputBytes: number,
    ): void
  }
  /** After a run: how much room is left in the output, and how much of the input. */
  readonly _writeState: Uint32Array
  /** Where a run on the thread pool puts its output, and how much of it at a time. */
  _outBuffer: Buffer
  _outOffset: number
  _chunkSize: number
  /** Under `complaint`: what zlib has complained of. */
  readonly [name: symbol]: Error | null | undefined
}

type Stream = (zlib.DeflateRaw | zlib.InflateRaw) & Internals

const { Z_SYNC_FLUSH, Z_MIN_CHUNK } = zlib.constants

/** How much comes out of one trip to the thread pool. Node's own 16 KiB cost an inflating megabyte twice the time. */
const TRIP_BYTES = 65_536

/** What an engine holds between such trips, in place of the 16 KiB that Node would let it hold. */
const NO_CHUNK: Buffer = Buffer.alloc(Z_MIN_CHUNK)

/** One for all synchronous runs, each of which copies out of it before the next begins. */
let scratch: Buffer = NO_CHUNK

/** The name under which a stream keeps a complaint of zlib's. Deno destroys the stream for it some time later. */
let complaint: symbol = Symbol('unknown')

let sync: boolean | undefined

/** Whether `runSync` works here: tried once, when somebody wants to know, on two messages and back. */
export function hasSync(): boolean {
  sync ??= trySync()
  return sync
}

let open = 0

/** How many engines hold memory of zlib's. For tests. */
export function openEngines(): number {
  return open
}

/** Compresses or inflates; each run is flushed, so that all that went in has come out. One that fails is closed. */
export class Engine {
  readonly #settings: EngineSettings
  #stream: Stream
  /** The run on the thread pool. */
  #trip: Trip | undefined
  /** A block with BFINAL has ended the stream for good. */
  #ended = false
  #closed = false

  /** Takes the memory. @throws when there is none. */
  constructor(settings: EngineSettings) {
    this.#settings = settings
    this.#stream = createStream(settings)
    open++
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * Runs `input` through without waiting; cuts, and can go on, once more than `maxBytes` came out.
   * Only where `hasSync`, and not beside `runLater`.
   * @throws what zlib says.
   */
  runSync(input: Uint8Array, maxBytes: number): Processed {
    this.#assertIdle()
    try {
      return runNow(this.#stream, input, maxBytes)
    } catch (error) {
      this.close()
      throw error
    }
  }

  /**
   * The same on the thread pool, one at a time; a run that is cut closes the engine.
   * Rejects with what zlib says, and as soon as the engine is closed.
   */
  async runLater(input: Uint8Array, maxBytes: number): Promise<Processed> {
    this.#assertIdle()
    if (this.#ended) this.restart()
    this.#trip = new Trip(this.#stream)
    try {
      const processed = await this.#trip.run(input, maxBytes)
      if (processed.cut) this.close()
      else this.#ended = processed.consumed < input.length
      return processed
    } catch (error) {
      this.close()
      throw error
    } finally {
      this.#trip = undefined
    }
  }

  /** Forgets its window. */
  restart(): void {
    this.#assertIdle()
    if (this.#ended) {
      this.#stream.close()
      this.#stream = createStream(this.#settings)
      this.#ended = false
    } else this.#stream.reset()
  }

  /** Gives the memory back; what is on the thread pool, when it comes from there. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    open--
    this.#stream.close()
    this.#trip?.abandon()
  }

  /** zlib ends the process when it is asked for two things at a time. */
  #assertIdle(): void {
    if (this.#closed || this.#trip !== undefined) throw new Error('the engine is closed or busy')
  }
}

/** One run on the thread pool. */
class Trip {
  readonly #stream: Stream
  readonly #parts: Buffer[] = []
  #bytes = 0
  #settle: (error: Error | undefined, cut: boolean) => void = noop

  constructor(stream: Stream) {
    this.#stream = stream
  }

  run(input: Uint8Array, maxBytes: number): Promise<Processed> {
    const stream = this.#stream
    const before = stream.bytesWritten
    const chunk = hasSync() ? borrow(TRIP_BYTES) : undefined
    if (chunk !== undefined) lendChunk(stream, chunk.bytes)
    return new Promise((resolve, reject) => {
      const take = (part: Buffer) => {
        this.#parts.push(part)
        this.#bytes += part.length
        if (this.#bytes > maxBytes) this.#settle(undefined, true)
      }
      const end = () => this.#settle(undefined, false)
      const close = () => this.#settle(stream.errored ?? closedError(), false)
      this.#settle = (error, cut) => {
        this.#settle = noop
        stream.off('data', take).off('end', end).off('close', close)
        if (error !== undefined) return reject(error)
        const consumed = stream.bytesWritten - before
        const output = joined(this.#parts, this.#bytes)
        // a stream that is closing may yet have somebody writing to its chunk
        if (chunk !== undefined && !cut && consumed === input.length) {
          lendChunk(stream, NO_CHUNK)
          chunk.letGo()
        }
        resolve({ output, consumed, cut })
      }
      stream.on('data', take).on('end', end).on('close', close)
      stream.write(input, (error) => this.#settle(stream[complaint] ?? error ?? undefined, false))
    })
  }

  abandon(): void {
    this.#settle(closedError(), false)
  }
}

function runNow(stream: Stream, input: Uint8Array, maxBytes: number): Processed {
  const { _handle: handle, _writeState: left } = stream
  const room = scratch.length
  const length = input.length
  let consumed = 0
  let bytes = 0
  let before: Buffer[] | undefined
  for (;;) {
    handle.writeSync(Z_SYNC_FLUSH, input, consumed, length - consumed, scratch, 0, room)
    const failure = stream[complaint]
    if (failure !== null) throw failure ?? new Error('zlib cannot be heard')
    const made = room - left[0]!
    const part = allocate(made)
    scratch.copy(part, 0, 0, made)
    consumed = length - left[1]!
    bytes += made
    const more = made === room
    if (!more && before === undefined) return { output: part, consumed, cut: false }
    before ??= []
    before.push(part)
    if (!more || bytes > maxBytes) return { output: joined(before, bytes), consumed, cut: more }
  }
}

function createStream({ kind, ...settings }: EngineSettings): Stream {
  const options = { ...settings, flush: Z_SYNC_FLUSH, ...(hasSync() ? { chunkSize: Z_MIN_CHUNK } : {}) }
  const stream = kind === 'deflate' ? zlib.createDeflateRaw(options) : zlib.createInflateRaw(options)
  // it is told where it is asked for; the event comes later, and to nobody
  stream.on('error', noop)
  return stream as unknown as Stream
}

function closedError(): Error {
  return new Error('the engine was closed')
}

function lendChunk(stream: Stream, chunk: Buffer): void {
  stream._outBuffer = chunk
  stream._outOffset = 0
  stream._chunkSize = chunk.length
}

function trySync(): boolean {
  try {
    const deflate = zlib.createDeflateRaw() as unknown as Stream
    const inflate = zlib.createInflateRaw() as unknown as Stream
    inflate.on('error', noop)
    complaint = Object.getOwnPropertySymbols(inflate).find(({ description }) => description === 'kError')!
    scratch = Buffer.allocUnsafeSlow(65_536)
    const packed = ['turnout', 'turnout turnout'].map((text) => runNow(deflate, Buffer.from(text), 64).output)
    const texts = packed.map((bytes) => runNow(inflate, bytes, 64).output.toString())
    const known = deflate._outBuffer.length === deflate._chunkSize && deflate._outOffset === 0
    const works = known && texts.join() === 'turnout,turnout turnout' && complains(inflate)
    deflate.close()
    inflate.close()
    return works
  } catch {
    return false
  }
}

function complains(inflate: Stream): boolean {
  try {
    runNow(inflate, Buffer.from([0xff]), 64)
    return false
  } catch {
    return true
  }
}

function noop(): void {}
