// Knows what a transport told its sink, in order.
import type { Transport, TransportSink } from '../../src/transport/transport.ts'

export interface SinkLog extends TransportSink {
  /** `data <text>`, `end`, `drain`, `close`, `close <message>`. */
  readonly told: string[]
  readonly bytes: Buffer
}

export function logSink(onData: (chunk: Buffer) => void = () => {}): SinkLog {
  const told: string[] = []
  const chunks: Buffer[] = []
  return {
    told,
    get bytes() {
      return Buffer.concat(chunks)
    },
    onData(chunk) {
      told.push(`data ${chunk.length > 20 ? chunk.length : chunk}`)
      chunks.push(Buffer.from(chunk))
      onData(chunk)
    },
    onEnd: () => told.push('end'),
    onDrain: () => told.push('drain'),
    onClose: (error) => told.push(error === undefined ? 'close' : `close ${error.message}`),
  }
}

/** Starts the transport and gives what it tells. */
export function started(transport: Transport, onData?: (chunk: Buffer) => void): SinkLog {
  const sink = logSink(onData)
  transport.start(sink)
  return sink
}

export const bytes = (text: string): Buffer => Buffer.from(text)
