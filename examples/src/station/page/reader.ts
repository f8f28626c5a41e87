// Knows how the bytes of one watched connection read: first HTTP messages, and after a 101 whatever was chosen.
import type { Over, Side, WireEvent } from '../tape.ts'
import { type Bytes, fromBase64, join, noBytes } from './bytes.ts'
import { type Frame, FrameReader } from './frames.ts'
import { asksToSwitch, fieldList, type HttpMessage, readMessage, statusOf } from './http.ts'
import { Http2FrameReader } from './http2-frames.ts'
import { RecordReader } from './tls-records.ts'
import type { Unit, UnitReader } from './unit.ts'

/** One thing worth a line on the page. */
export type Step = { readonly atMs: number } & (
  | { readonly kind: 'open'; readonly over?: Over | undefined }
  | { readonly kind: 'request' | 'response'; readonly message: HttpMessage }
  | { readonly kind: 'switch'; readonly protocol: string }
  | { readonly kind: 'frame'; readonly from: Side; readonly frame: Frame }
  /** A frame of HTTP/2, a record of TLS. */
  | { readonly kind: 'unit'; readonly from: Side; readonly unit: Unit }
  | { readonly kind: 'data'; readonly from: Side; readonly bytes: Bytes }
  | { readonly kind: 'end'; readonly from: Side }
  | { readonly kind: 'close' }
  | { readonly kind: 'full' }
)

/** Events of one connection in, steps out. */
export class ConnectionReader {
  /** `asked`: a request to switch waits for its answer; what the client sends meanwhile cannot be read yet. */
  #mode: 'http' | 'asked' | 'websocket' | 'units' | 'other' = 'http'
  readonly #held: Record<Side, Bytes> = { client: noBytes, server: noBytes }
  readonly #frames: Record<Side, FrameReader> = { client: new FrameReader(), server: new FrameReader() }
  #units: Readonly<Record<Side, UnitReader>> | undefined
  /** Methods of the requests that have no answer yet, oldest first. */
  readonly #methods: string[] = []
  #ended = false
  #over: Over | undefined

  read(event: WireEvent): Step[] {
    const { atMs } = event
    if (event.kind === 'bytes') {
      const from = event.from ?? 'client'
      this.#held[from] = join([this.#held[from], fromBase64(event.base64 ?? '') ?? noBytes])
      return this.#read(from, atMs)
    }
    if (event.kind === 'end') {
      const from = event.from ?? 'client'
      if (from === 'server') this.#ended = true
      return [...this.#read(from, atMs), { kind: 'end', from, atMs }]
    }
    if (event.kind === 'fields') return this.#readFields(event)
    if (event.kind === 'open') {
      this.#over = event.over
      return [{ kind: 'open', over: event.over, atMs }]
    }
    return [{ kind: event.kind, atMs }]
  }

  #read(from: Side, atMs: number): Step[] {
    if (this.#mode !== 'http' && this.#mode !== 'asked') return this.#readSwitched(from, atMs)
    return from === 'client' ? this.#readRequests(atMs) : this.#readResponses(atMs)
  }

  /** Extended CONNECT (RFC 8441): after its 200 the stream carries the protocol that the request names. */
  #readFields({ from, fields = [], atMs }: WireEvent): Step[] {
    const start = from === 'client' ? 'CONNECT' : ''
    const head = { start, over: this.#over ?? { alpn: '', tls: '', stream: 0 }, fields }
    const message = { head, body: noBytes, wire: noBytes }
    if (from === 'client') {
      this.#mode = 'asked'
      return [{ kind: 'request', message, atMs }]
    }
    const response: Step = { kind: 'response', message, atMs }
    if (statusOf(head) !== 200) return [response]
    this.#mode = 'websocket'
    return [response, { kind: 'switch', protocol: 'websocket', atMs }]
  }

  #readRequests(atMs: number): Step[] {
    const steps: Step[] = []
    while (this.#mode === 'http') {
      const read = readMessage(this.#held.client)
      if (read === undefined) break
      this.#held.client = read.rest
      const { message } = read
      this.#methods.push(message.head.start.split(' ', 1)[0] ?? '')
      if (asksToSwitch(message.head)) this.#mode = 'asked'
      steps.push({ kind: 'request', message, atMs })
    }
    return steps
  }

  #readResponses(atMs: number): Step[] {
    const steps: Step[] = []
    for (;;) {
      const bodyless = this.#methods[0] === 'HEAD'
      const read = readMessage(this.#held.server, { bodyless, toTheEnd: this.#ended })
      if (read === undefined) return steps
      this.#held.server = read.rest
      const { message } = read
      const status = statusOf(message.head)
      steps.push({ kind: 'response', message, atMs })
      if (status === 101) return [...steps, ...this.#switch(message, atMs)]
      if (status < 200) continue
      this.#methods.shift()
      if (this.#methods.length === 0 && this.#mode === 'asked') this.#mode = 'http'
      steps.push(...this.#readRequests(atMs))
    }
  }

  #switch(message: HttpMessage, atMs: number): Step[] {
    const protocol = fieldList(message.head, 'upgrade').join(', ')
    this.#units = unitReaders(protocol)
    const named = protocol.toLowerCase() === 'websocket' ? 'websocket' : 'other'
    this.#mode = this.#units === undefined ? named : 'units'
    return [
      { kind: 'switch', protocol, atMs },
      ...this.#readSwitched('client', atMs),
      ...this.#readSwitched('server', atMs),
    ]
  }

  #readSwitched(from: Side, atMs: number): Step[] {
    const bytes = this.#held[from]
    this.#held[from] = noBytes
    if (bytes.length === 0) return []
    if (this.#units !== undefined) {
      return this.#units[from].read(bytes).map((unit) => ({ kind: 'unit', from, unit, atMs }))
    }
    if (this.#mode === 'other') return [{ kind: 'data', from, bytes, atMs }]
    return this.#frames[from].read(bytes).map((frame) => ({ kind: 'frame', from, frame, atMs }))
  }
}

function unitReaders(protocol: string): Readonly<Record<Side, UnitReader>> | undefined {
  if (protocol.toLowerCase() === 'h2c') {
    return { client: new Http2FrameReader('client'), server: new Http2FrameReader('server') }
  }
  if (/^tls\//i.test(protocol)) return { client: new RecordReader(), server: new RecordReader() }
  return undefined
}
