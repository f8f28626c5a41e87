// Knows how to listen in on one stream of HTTP/2, behind TLS, where the tap on the port would see nothing: what the
// stream takes in and gives out is written down, and goes on as it was.
import type { Http2SecureServer, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Shelf } from './tape.ts'

/** Watches every WebSocket to the demonstration that names a tape: `:path` is `/demo/echo?tape=ID`. */
export function tapStreams(server: Http2SecureServer, shelf: Shelf): void {
  server.on('session', (session: ServerHttp2Session) => {
    // First of all: whoever answers the stream may do so at once.
    session.prependListener('stream', (stream: ServerHttp2Stream, headers) => {
      const id = /^\/demo\/.*[?&]tape=([\w-]+)/.exec(headers[':path'] ?? '')?.[1] ?? ''
      if (headers[':protocol'] === undefined) return
      const recorder = shelf.tape(id)?.record(overOf(stream, session))
      if (recorder !== undefined) listen(stream, fieldsOf(headers), recorder)
    })
  })
}

type Recorder = ReturnType<NonNullable<ReturnType<Shelf['tape']>>['record']>
type Fields = readonly (readonly [name: string, value: string])[]

function listen(stream: ServerHttp2Stream, asked: Fields, recorder: Recorder): void {
  recorder.fields('client', asked)
  const { push, respond, _write: write, _writev: writev } = stream
  stream.push = (chunk: Uint8Array | null, ...rest) => {
    if (chunk === null) recorder.end('client')
    else recorder.bytes('client', chunk)
    return push.call(stream, chunk, ...rest)
  }
  stream.respond = (...args) => {
    respond.apply(stream, args)
    recorder.fields('server', fieldsOf(stream.sentHeaders))
  }
  stream._write = (chunk: Uint8Array | string, ...rest) => {
    recorder.bytes('server', Buffer.from(chunk as Uint8Array))
    write.call(stream, chunk, ...rest)
  }
  if (writev !== undefined) {
    stream._writev = (chunks, done) => {
      for (const { chunk } of chunks) recorder.bytes('server', Buffer.from(chunk as Uint8Array))
      writev.call(stream, chunks, done)
    }
  }
  stream.once('finish', () => recorder.end('server'))
  stream.once('close', () => recorder.close())
}

function overOf(stream: ServerHttp2Stream, session: ServerHttp2Session) {
  const tls = (session.socket as TLSSocket).getProtocol?.() ?? ''
  return { alpn: session.alpnProtocol ?? '', tls, stream: stream.id ?? 0 }
}

function fieldsOf(headers: object): Fields {
  return Object.entries(headers).map(([name, value]) => [name, String(value)] as const)
}
