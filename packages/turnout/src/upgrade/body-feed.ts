// Knows how the body of an upgrade request reaches `request` when Node has not delivered it yet: from the
// connection, read by turnout (Node up to 25), or from the request that Node is still parsing (Node 26).
// Reads only as fast as somebody takes it, and never a byte beyond the body.
import { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import type { Alarm, Clock } from '../base/clock.ts'
import { PeerError } from '../base/errors.ts'
import type { BodyReader } from '../http/body.ts'
import { markRead, setTrailers } from './internals.ts'

/** How the body ended: `complete`; `too big` for what was asked; `gone` with the client or broken. */
export type BodyEnd = 'complete' | 'too big' | 'gone'

export interface BodyFeedSetup {
  /** As Node made it. */
  readonly original: IncomingMessage
  readonly stream: Duplex
  /** Reads the body's framing from `stream`; undefined: Node does, into `original`. */
  readonly reader: BodyReader | undefined
  /** How long the client may take over the body, in milliseconds; 0: as long as it likes. */
  readonly timeoutMs: number
  readonly clock: Clock
  /** Called before the first read: the client may be waiting for a 100. */
  onStart(): void
  /** Called when the framing is broken or the time is up, with an answer's status. */
  onFailure(status: 400 | 408, error: PeerError): void
}

export class BodyFeed {
  /** What everybody sees: the original's head, with the body coming in. */
  readonly request: IncomingMessage
  readonly #setup: BodyFeedSetup
  readonly #source: Readable
  #started = false
  #end: BodyEnd | undefined
  #reading = false
  /** Somebody asked for bytes and has not got enough. */
  #wanted = false
  #keeping: { readonly limitBytes: number } | undefined
  #discarding = false
  /** What `request` does not take in yet, side by side: a Buffer for each byte would cost a hundred times as much. */
  #crumbs: Crumbs = NO_CRUMBS
  #whenOver: ((end: BodyEnd) => void) | undefined
  #alarm: Alarm | undefined

  constructor(setup: BodyFeedSetup) {
    this.#setup = setup
    this.#source = setup.reader === undefined ? setup.original : setup.stream
    this.request = copyRequest(setup.original)
    this.request._read = () => {
      markRead(this.request)
      this.#wanted = true
      this.#serve()
      this.#run()
    }
  }

  get over(): boolean {
    return this.#end !== undefined
  }

  /** Nothing was read yet: the connection is as Node gave it. */
  get untouched(): boolean {
    return !this.#started
  }

  /** The client ended its side, and the body is not complete. */
  cutOff(): void {
    // Where Node parses, Node also answers this.
    if (this.#setup.reader !== undefined) this.#onSourceEnd()
  }

  /** Takes in the whole body and keeps what nobody has read, up to that many bytes. Calls back once. */
  keep(limitBytes: number, whenOver: (end: BodyEnd) => void): void {
    this.#keeping = { limitBytes }
    this.wait(whenOver)
    this.#run()
  }

  /** Throws the rest of the body away, however long it is, as Node does. Calls back once. */
  discard(whenOver: (end: BodyEnd) => void): void {
    this.#discarding = true
    this.wait(whenOver)
    this.request.resume()
    this.#run()
  }

  /** Calls back when whoever reads the body has come to its end. */
  wait(whenOver: (end: BodyEnd) => void): void {
    if (this.#end !== undefined) whenOver(this.#end)
    else this.#whenOver = whenOver
  }

  #start(): void {
    this.#started = true
    const { clock, timeoutMs } = this.#setup
    this.#setup.onStart()
    if (timeoutMs > 0) this.#alarm = clock.after(timeoutMs, this.#onTimeout)
    this.#source.on('readable', this.#run)
    this.#source.on('end', this.#onSourceEnd)
    this.#setup.stream.on('close', this.#onGone)
    // What Node parses ends with `close` also when it was cut off.
    if (this.#source !== this.#setup.stream) this.#source.on('close', this.#onGone)
  }

  readonly #run = (): void => {
    if (this.#reading || this.#end !== undefined) return
    this.#reading = true
    if (!this.#started) this.#start()
    while (this.#end === undefined && this.#wants()) {
      const chunk = this.#source.read() as Buffer | null
      if (chunk === null) break
      this.#take(chunk)
    }
    this.#reading = false
  }

  #wants(): boolean {
    return this.#wanted || this.#keeping !== undefined || this.#discarding
  }

  #take(chunk: Buffer): void {
    const { reader } = this.#setup
    if (reader === undefined) return this.#deliver(chunk)
    try {
      const { parts, done, rest } = reader.read(chunk)
      for (const part of parts) this.#deliver(part)
      if (done) this.#finish('complete', rest)
    } catch (error) {
      this.#fail(400, error as PeerError)
    }
  }

  #deliver(part: Buffer): void {
    if (this.#end !== undefined || this.#discarding) return
    if (this.#keeping === undefined || this.#wanted) {
      this.#wanted = this.request.push(part)
      return
    }
    this.#crumbs = join(this.#crumbs, part)
    if (this.request.readableLength + this.#crumbs.length > this.#keeping.limitBytes) {
      this.#finish('too big')
    }
  }

  /** Hands over what was kept for whoever reads next. */
  #serve(): void {
    const { bytes, length } = this.#crumbs
    if (length === 0) return
    this.#crumbs = NO_CRUMBS
    this.#wanted = this.request.push(bytes.subarray(0, length))
  }

  #finish(end: BodyEnd, rest?: Buffer): void {
    if (this.#end !== undefined) return
    this.#end = end
    this.#alarm?.cancel()
    this.#source.off('readable', this.#run)
    this.#source.off('end', this.#onSourceEnd)
    this.#source.off('close', this.#onGone)
    this.#setup.stream.off('close', this.#onGone)
    if (end === 'complete') {
      this.#serve()
      if (rest !== undefined && rest.length > 0) this.#setup.stream.unshift(rest)
      const { original, reader } = this.#setup
      this.request.complete = true
      setTrailers(this.request, (reader ?? original).rawTrailers)
      this.request.push(null)
    }
    this.#whenOver?.(end)
  }

  #fail(status: 400 | 408, error: PeerError): void {
    if (this.#end !== undefined) return
    this.#finish('gone')
    this.#setup.onFailure(status, error)
    this.request.destroy(error)
  }

  readonly #onSourceEnd = (): void => {
    if (this.#setup.reader === undefined) return this.#finish('complete')
    const seen = 'connection ended inside the body'
    this.#fail(400, new PeerError('ERR_BODY', seen, { section: 'RFC 9112 section 8' }))
  }

  readonly #onGone = (): void => {
    this.#finish('gone')
    this.request.destroy(abortedError())
  }

  readonly #onTimeout = (): void => {
    const seen = `body was not complete after ${this.#setup.timeoutMs} ms`
    this.#fail(408, new PeerError('ERR_BODY', seen, { section: 'RFC 9110 section 15.5.9' }))
  }
}

interface Crumbs {
  /** Filled up to `length`; the rest is room. */
  readonly bytes: Buffer
  readonly length: number
}

const NO_CRUMBS: Crumbs = { bytes: Buffer.alloc(0), length: 0 }

/** Doubles its room, so that each byte is copied a few times at most. */
function join(crumbs: Crumbs, part: Buffer): Crumbs {
  const length = crumbs.length + part.length
  let { bytes } = crumbs
  if (length > bytes.length) {
    bytes = Buffer.allocUnsafeSlow(Math.max(length, 2 * bytes.length))
    crumbs.bytes.copy(bytes, 0, 0, crumbs.length)
  }
  part.copy(bytes, crumbs.length)
  return { bytes, length }
}

/** What Node calls a request whose client went away. */
export function abortedError(): Error {
  return Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
}

/** A request with the same head and no body yet. Node's own has ended already where it leaves the body raw. */
function copyRequest(original: IncomingMessage): IncomingMessage {
  const copy = new (original.constructor as typeof IncomingMessage)(original.socket)
  copy.httpVersionMajor = original.httpVersionMajor
  copy.httpVersionMinor = original.httpVersionMinor
  copy.httpVersion = original.httpVersion
  copy.method = original.method as string
  copy.url = original.url as string
  copy.rawHeaders = original.rawHeaders
  copy.headers = original.headers
  copy.headersDistinct = original.headersDistinct
  return Object.assign(copy, { upgrade: true })
}
