// Knows how to drive one of Node's zlib streams block by block, at once or on the thread pool, its window kept.
// The one place that touches what Node does not document (`_processChunk`, `_handle`); other packages rely on the
// same two names. Where a runtime lacks them `runSync` says so, and the documented stream calls do the work.
import zlib from 'node:zlib'

export type Engine = zlib.DeflateRaw | zlib.InflateRaw

/** One block of work: what came out, and how much of the input zlib took. */
export interface Processed {
  readonly output: Buffer
  readonly consumed: number
}

const { Z_SYNC_FLUSH } = zlib.constants

/** What an engine is underneath. */
interface Internals {
  _handle: { close: () => void } | null
  _processChunk(chunk: Uint8Array, flush: number): Buffer | null
}

/**
 * Runs `input` through the engine and flushes, without waiting. The engine stays usable: Node would close it
 * after the call, so its handle is held for the time being.
 * @throws whatever zlib says, `ERR_BUFFER_TOO_LARGE` above the engine's maxOutputLength.
 */
export function runSync(engine: Engine, input: Uint8Array): Processed {
  const internals = engine as unknown as Internals
  const handle = internals._handle!
  const { close } = handle
  handle.close = noop
  let output: Buffer | null
  try {
    output = internals._processChunk(input, Z_SYNC_FLUSH)
  } finally {
    handle.close = close
    internals._handle = handle
  }
  // each call leaves a listener behind; after a failure it has an event to catch yet
  engine.removeAllListeners('error')
  return { output: output ?? Buffer.alloc(0), consumed: engine.bytesWritten }
}

/**
 * The same on the thread pool, by documented calls only. One at a time for each engine.
 * @param maxBytes where to stop: a larger output is cut there and the engine destroyed.
 */
export function runLater(engine: Engine, input: Uint8Array, maxBytes: number): Promise<Processed> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let bytes = 0
    const before = engine.bytesWritten
    const settle = (error?: Error) => {
      engine.off('data', take).off('end', done).off('error', settle)
      if (error !== undefined) {
        engine.on('error', noop)
        return reject(error)
      }
      // a synchronous call leaves the count of that call alone behind, a stream the sum
      const consumed =
        engine.bytesWritten >= before + input.length ? input.length : engine.bytesWritten - before
      resolve({ output: Buffer.concat(parts, bytes), consumed })
    }
    const done = () => settle()
    const take = (part: Buffer) => {
      parts.push(part)
      bytes += part.length
      if (bytes <= maxBytes) return
      engine.destroy()
      settle()
    }
    engine.on('data', take).on('end', done).on('error', settle)
    engine.write(input)
    engine.flush(Z_SYNC_FLUSH, done)
  })
}

/** Whether `runSync` works here: tried once, on a message and an answer. */
export const hasSync: boolean = trySync()

function trySync(): boolean {
  try {
    const deflate = zlib.createDeflateRaw({ flush: Z_SYNC_FLUSH })
    const inflate = zlib.createInflateRaw({ flush: Z_SYNC_FLUSH })
    let works = true
    for (const text of ['turnout', 'turnout turnout']) {
      const { output } = runSync(deflate, Buffer.from(text))
      works &&= runSync(inflate, output).output.toString() === text
    }
    deflate.close()
    inflate.close()
    return works
  } catch {
    return false
  }
}

function noop(): void {}
