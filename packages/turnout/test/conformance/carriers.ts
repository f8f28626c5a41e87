// Knows how the peer's bytes travel: over a TCP socket of this machine, or through memory, cut exactly as told.
import type { Socket } from 'node:net'
import { lend } from '../../src/transport/memory.ts'
import type { Transport, TransportSink } from '../../src/transport/transport.ts'
import { turn } from '../base/turns.ts'
import type { Carrier, CarrierSink } from './wire.ts'

/** Turns after which an endpoint that had something to say over TCP has said it. */
const QUIET_TURNS = 8

/** The socket must allow half-open connections: who ends first is part of what is tested. */
export function tcpCarrier(socket: Socket): Carrier {
  // a reset is told by `close`
  socket.on('error', () => {})
  return {
    start(sink) {
      socket.on('data', (chunk) => sink.arrived(chunk as Buffer))
      socket.on('end', () => sink.over('FIN'))
      socket.on('close', () => sink.over('RST'))
    },
    write(chunk) {
      if (socket.writable) socket.write(chunk)
      return turn()
    },
    end: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
    async quiet() {
      for (let at = 0; at < QUIET_TURNS; at++) await turn()
    },
  }
}

/** A pipe: at one end the transport that the endpoint lives on, at the other the peer. A chunk arrives within `write`. */
export function memoryCarrier(): { readonly carrier: Carrier; readonly transport: Transport } {
  const waiting: Buffer[] = []
  let endpoint: TransportSink | undefined
  let peer!: CarrierSink
  /** Each at another alignment: what reads or writes by words has to cope. */
  let chunks = 0
  let paused = false
  let peerEnded = false
  let peerEndTold = false
  let endpointEnded = false
  let closed = false

  const flow = () => {
    while (endpoint !== undefined && !paused && !closed && waiting.length > 0)
      lend(waiting.shift()!, (chunk) => endpoint!.onData(chunk), chunks++ % 8)
    if (endpoint === undefined || paused || closed || !peerEnded || peerEndTold) return
    peerEndTold = true
    endpoint.onEnd()
    if (endpointEnded) close()
  }
  const close = (error?: Error) => {
    if (closed) return
    closed = true
    queueMicrotask(() => endpoint?.onClose(error))
  }
  const carrier: Carrier = {
    start: (sink) => void (peer = sink),
    write(chunk) {
      if (closed || peerEnded) return
      waiting.push(Buffer.from(chunk))
      flow()
    },
    end() {
      peerEnded = true
      flow()
    },
    reset: () => close(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })),
    quiet: turn,
  }
  const transport: Transport = {
    bufferedBytes: 0,
    settled: true,
    start(sink) {
      queueMicrotask(() => {
        endpoint = sink
        flow()
      })
    },
    write(pieces) {
      if (!closed && !endpointEnded) for (const piece of pieces) peer.arrived(piece)
      return true
    },
    pause: () => void (paused = true),
    resume() {
      paused = false
      queueMicrotask(flow)
    },
    end() {
      endpointEnded = true
      peer.over('FIN')
      if (peerEndTold) close()
    },
    destroy(error) {
      peer.over('RST')
      close(error)
    },
  }
  return { carrier, transport }
}
