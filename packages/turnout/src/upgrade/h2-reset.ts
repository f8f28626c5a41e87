// Knows how a stream of HTTP/2 is aborted, so that its peer takes it for that.
import { constants } from 'node:http2'

/** As much of a stream as that takes. */
interface Resettable {
  readonly closed: boolean
  readonly readableEnded: boolean
  readonly writableFinished: boolean
  end(): unknown
  close(code: number): void
  destroy(error?: Error): unknown
}

/**
 * Destroying a stream that is still in use aborts it, and the peer must be told so (RFC 8441 section 5): Node
 * itself would reset it with NO_ERROR.
 */
export function cancelOnDestroy(stream: Resettable): void {
  const { destroy } = stream
  stream.destroy = function (error?: Error) {
    if (!this.closed && !(this.readableEnded && this.writableFinished)) cancel(this)
    return destroy.call(this, error)
  }
}

/**
 * Resets the stream with CANCEL, and with nothing before it: Node would end our side first, and a peer that reads
 * END_STREAM takes half of what was to come for the whole (RFC 9113 section 8.1).
 */
export function cancel(stream: Resettable): void {
  const { end } = stream
  stream.end = () => stream
  stream.close(constants.NGHTTP2_CANCEL)
  stream.end = end
}
