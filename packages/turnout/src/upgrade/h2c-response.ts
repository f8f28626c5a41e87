// Knows the response on stream 1 of h2c: by the server's frames whether it is complete, and how its content comes
// out of the stream. A stream of node:http2 ends in the same way where it was cut off.
import { Buffer } from 'node:buffer'
import { type ClientHttp2Stream, constants } from 'node:http2'
import type { PassThrough } from 'node:stream'
import { DATA, END_HEADERS, END_STREAM, FRAME_HEADER_BYTES, HEADERS, readFrameHeader } from './h2c-frames.ts'

/** Reads along with what the server sends, from its first frame on. */
export class ResponseEnd {
  /** Everything up to END_STREAM has come. */
  isReached = false
  #onReached: () => void = () => {}
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES)
  #headerBytes = 0
  #payloadBytes = 0
  /** END_STREAM has come; on HEADERS, CONTINUATION may follow. */
  #isAnnounced = false
  #isLastFrame = false

  /** Called once, when it is reached; not where it was before. */
  onReached(listener: () => void): void {
    this.#onReached = listener
  }

  /** The next bytes, cut anywhere. */
  read(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.isReached; ) {
      if (this.#payloadBytes > 0) {
        const bytes = Math.min(this.#payloadBytes, chunk.length - at)
        this.#payloadBytes -= bytes
        at += bytes
      } else {
        const bytes = chunk.copy(this.#header, this.#headerBytes, at)
        this.#headerBytes += bytes
        at += bytes
        if (this.#headerBytes < FRAME_HEADER_BYTES) return
        this.#headerBytes = 0
        this.#begin()
      }
      if (this.#isLastFrame && this.#payloadBytes === 0) {
        this.isReached = true
        this.#onReached()
      }
    }
  }

  #begin(): void {
    const { bytes, type, flags, streamId } = readFrameHeader(this.#header)
    this.#payloadBytes = bytes
    if (streamId === 1 && (type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0) {
      this.#isAnnounced = true
    }
    this.#isLastFrame = this.#isAnnounced && (type === DATA || (flags & END_HEADERS) !== 0)
  }
}

export interface Content {
  readonly stream: ClientHttp2Stream
  readonly end: ResponseEnd
  /** Where it goes. Whoever destroys it cancels the stream. */
  readonly body: PassThrough
  /** What `body` fails with when the response breaks off (RFC 9113 section 8.1). */
  broken(receivedBytes: number, cause: Error | undefined): Error
}

/** Once, when the head of the response has come. */
export function carryContent({ stream, end, body, broken }: Content): void {
  let receivedBytes = 0
  const fail = (cause?: Error): void => void body.destroy(broken(receivedBytes, cause))
  stream.on('data', (chunk: Buffer) => {
    receivedBytes += chunk.length
    // complete, it is all in memory, and what stays in the stream is lost when the server closes the connection
    if (!body.write(chunk) && !end.isReached) stream.pause()
  })
  body.on('drain', () => stream.resume())
  end.onReached(() => stream.resume())
  stream.on('end', () => {
    if (end.isReached && stream.rstCode === constants.NGHTTP2_NO_ERROR) body.end()
    else fail()
  })
  stream.on('error', fail)
  stream.on('close', () => {
    if (!stream.readableEnded) fail()
  })
  body.on('close', () => {
    if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL)
    stream.destroy()
  })
}
