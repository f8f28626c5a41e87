// Knows how an upgrade request gets an ordinary response on a connection that Node has let go of, and how the
// connection then goes back to HTTP. Never knows what the response says.
import { channel } from 'node:diagnostics_channel'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import process from 'node:process'
import type { Duplex } from 'node:stream'
import { connectionOptions } from '../http/connection.ts'
import { fieldLines } from '../http/fields.ts'
import { type Arrival, ignoreError } from './arrival.ts'
import { abortedError } from './body-feed.ts'
import { parseAgain } from './http-server.ts'
import {
  closeResponse,
  endsConnection,
  isUnread,
  markLast,
  prepareResponse,
  responseClass,
  restParser,
} from './internals.ts'
import { keepAliveMs } from './keep-alive.ts'
import { relayEvents } from './pending.ts'
import { parserRests } from './probe.ts'

// What Node tells those who trace requests.
const started = channel('http.server.request.start')
const finished = channel('http.server.response.finish')

/** A response like the one Node would have made, on the connection, ready to be written. */
export function openResponse(arrival: Arrival): ServerResponse {
  const { server, request, stream } = arrival
  arrival.returnHead()
  // The wait for this request is over (Node lifts its keep-alive timeout the same way).
  if (arrival.socket.timeout) arrival.socket.setTimeout(server.timeout ?? 0)
  const response = new (responseClass(server))(request, {
    highWaterMark: stream.writableHighWaterMark,
    rejectNonStandardBodyWrites: server.rejectNonStandardBodyWrites,
  })
  // Node would count this connection's requests from 0 again: where there is a limit, this one is the last.
  response.shouldKeepAlive = keepsAlive(arrival) && !((server.maxRequestsPerSocket ?? 0) > 0)
  if (arrival.shared) {
    response.shouldKeepAlive = false
    markLast(response)
  }
  prepareResponse(response, server, keepAliveMs(server))
  const note = { request, response, socket: arrival.socket, server }
  if (started.hasSubscribers) started.publish(note)

  const stopRelay = relayEvents(arrival, stream)
  const onEnd = () => {
    if (arrival.body?.over === false) return arrival.body.cutOff()
    // Like Node: a client that ended its side is gone, unless the server was told otherwise.
    if (server.httpAllowHalfOpen === true) markLast(response)
    else stream.end()
  }
  const onClose = () => {
    arrival.keepAlive.answered(arrival)
    request.destroy(abortedError())
  }
  const release = () => {
    arrival.keepAlive.answered(arrival)
    stopRelay()
    stream.off('end', onEnd)
    stream.off('close', onClose)
    response.off('finish', onFinish)
    if (response.socket !== null) response.detachSocket(stream as Socket)
  }
  const onFinish = () => {
    release()
    if (finished.hasSubscribers) finished.publish(note)
    process.nextTick(closeResponse, response)
    if (endsConnection(response)) return endSoon(stream)
    afterBody(arrival, () => returnToHttp(arrival))
  }
  // Before the response is assigned, so that the request ends before its response as in Node.
  stream.once('close', onClose)
  stream.on('end', onEnd)
  response.on('finish', onFinish)
  response.assignSocket(stream as Socket)
  arrival.keepAlive.answering(arrival)
  if (stream.readableEnded) process.nextTick(onEnd)
  arrival.response = response
  arrival.release = release
  return response
}

/** What HTTP/1.1 does unless told to close, and HTTP/1.0 only when asked (RFC 9112 section 9.3). */
function keepsAlive(arrival: Arrival): boolean {
  const { httpVersion, rawHeaders } = arrival.request
  const options = connectionOptions(fieldLines(rawHeaders, 'connection'))
  if (options.has('close')) return false
  return httpVersion === '1.1' || (httpVersion === '1.0' && options.has('keep-alive'))
}

/** The next request begins behind the body, read or not. */
function afterBody(arrival: Arrival, next: () => void): void {
  const { body, request } = arrival
  const unread = isUnread(request)
  if (body === undefined || body.over) {
    if (unread && !request.destroyed) request.resume()
    return next()
  }
  const onOver = (end: string) => {
    if (end === 'complete') next()
  }
  if (unread) body.discard(onOver)
  else body.wait(onOver)
}

/** Gives the connection back to the server's parser; whatever came behind the request is its next one. */
function returnToHttp(arrival: Arrival): void {
  const { server, stream } = arrival
  if (stream.destroyed) return
  if (stream.readableEnded) return endSoon(stream)
  // The app may have set one for its response. Node takes it away together with its own.
  if (arrival.socket.timeout) arrival.socket.setTimeout(server.timeout ?? 0)
  parseAgain(server, stream)
  if (parserRests()) restParser(stream)
  // Not before Node listens for errors again.
  stream.off('error', ignoreError)
  arrival.keepAlive.rest(arrival)
}

/** Ends the connection as soon as everything written has left. */
function endSoon(stream: Duplex): void {
  const { destroySoon } = stream as { destroySoon?: () => void }
  if (destroySoon !== undefined) destroySoon.call(stream)
  else stream.end(() => stream.destroy())
}
