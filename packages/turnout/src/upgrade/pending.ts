// Knows when the responses to earlier requests on a connection are out. HTTP/1.1 answers in order, and Node
// emits `upgrade` without waiting.
import process from 'node:process'
import type { Duplex } from 'node:stream'
import type { Arrival } from './arrival.ts'
import { currentResponse, drainResponse } from './internals.ts'

/**
 * Calls `go` as soon as nothing is pending, at once if so. Never calls it when the connection ends before, or
 * when an earlier response closes it: then the upgrade is dropped with it.
 */
export function afterPending(arrival: Arrival, go: () => void): void {
  if (currentResponse(arrival.socket) === undefined) return go()
  const { socket, stream } = arrival
  arrival.returnHead()
  // While an earlier response holds the socket, Node may resume it: this keeps every byte in its buffer. Where Node
  // parses the body still, it keeps that itself, and to read from its stream would throw the body away.
  const hold = () => {}
  const stopRelay = relayEvents(arrival, socket)
  const stop = () => {
    stopRelay()
    arrival.keepAlive.answered(arrival)
  }
  const onEnd = () => {
    if (arrival.server.httpAllowHalfOpen !== true) stream.end()
  }
  const next = () => {
    const response = currentResponse(socket)
    // Registered behind Node's own: by then the next response in line has the socket.
    if (response !== undefined) return void response.once('finish', next)
    stream.off('readable', hold)
    // Node notes that in the next tick only: till then another listener for `readable` would not hear what has come.
    process.nextTick(() => {
      stopRelay()
      socket.off('close', stop)
      stream.off('end', onEnd)
      arrival.keepAlive.answered(arrival, () => {
        if (!arrival.gone) go()
      })
    })
  }
  if (stream === socket) stream.on('readable', hold)
  stream.on('end', onEnd)
  socket.once('close', stop)
  arrival.keepAlive.answering(arrival)
  next()
}

/** Does for whichever response is being written what Node does on a socket that is still its own. */
export function relayEvents(arrival: Arrival, carrier: Duplex): () => void {
  const { server, request } = arrival
  const onDrain = () => {
    const response = currentResponse(carrier)
    if (response !== undefined) drainResponse(response)
  }
  const onTimeout = () => {
    const heard = [
      !request.complete && request.emit('timeout', carrier),
      currentResponse(carrier)?.emit('timeout', carrier) === true,
      server.emit('timeout', carrier),
    ]
    if (!heard.includes(true)) carrier.destroy()
  }
  carrier.on('drain', onDrain)
  carrier.on('timeout', onTimeout)
  return () => {
    carrier.off('drain', onDrain)
    carrier.off('timeout', onTimeout)
  }
}
