// Knows how a stream of HTTP/2 that carries one protocol from beginning to end is given up by its server.
import type { ServerHttp2Stream } from 'node:http2'
import { type Clock, systemClock } from '../base/clock.ts'
import { duplexTransport } from './duplex.ts'
import type { Transport } from './transport.ts'

/** How long the client may take to end its side after ours, in milliseconds. */
const LINGER_MS = 250

/**
 * The stream as a Transport whose `end` means that nothing more is wanted of the peer either. With TCP the FIN
 * says so in the end; Firefox and nghttpx take END_STREAM for half of the matter and leave their side open. So,
 * a moment later, the stream is reset with NO_ERROR, as a server may after its response (RFC 9113 section 8.1).
 */
export function http2Transport(stream: ServerHttp2Stream, clock: Clock = systemClock): Transport {
  const transport = duplexTransport(stream)
  const end = transport.end.bind(transport)
  const linger = () => {
    const alarm = clock.after(LINGER_MS, () => stream.close(NO_ERROR))
    stream.once('close', () => alarm.cancel())
  }
  return Object.assign(transport, {
    end() {
      if (!stream.writableEnded && !stream.destroyed) stream.once('finish', linger)
      end()
    },
  })
}

const NO_ERROR = 0
