// Knows a transport that does nothing by itself: the test says what arrives, and takes what is written.
import type { Transport, TransportSink } from '../../src/transport/transport.ts'

export interface TransportByHand extends Transport {
  /** Who hears what arrives; there once the transport was started. */
  readonly sink: TransportSink
}

export function transportByHand(write: Transport['write']): TransportByHand {
  let sink: TransportSink | undefined
  return {
    get sink() {
      return sink!
    },
    bufferedBytes: 0,
    settled: true,
    start: (given) => {
      sink = given
    },
    write,
    pause() {},
    resume() {},
    end() {},
    destroy() {},
  }
}
