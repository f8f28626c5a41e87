// Knows how an upgrade that nobody takes becomes an ordinary request of the application (RFC 9110 section 7.8).
import { fieldLines } from '../http/fields.ts'
import type { Answer } from '../http/message.ts'
import { sendAnswer } from './answer.ts'
import type { Arrival } from './arrival.ts'
import { expectContinue, markOrdinary } from './internals.ts'
import { openResponse } from './ordinary.ts'

const arrivals = new WeakMap<object, Arrival>()

/** The upgrade request behind a request that an application was handed. */
export function arrivalOf(request: object): Arrival | undefined {
  return arrivals.get(request)
}

/** Hands the request to the server's own listeners, with the Upgrade field in it, as if nobody had looked at it. */
export function decline(arrival: Arrival): void {
  const { server, request } = arrival
  const response = openResponse(arrival)
  arrivals.set(request, arrival)
  markOrdinary(request)
  const expectation = request.httpVersion === '1.1' ? fieldLines(request.rawHeaders, 'expect') : []
  if (arrival.expectsContinue || arrival.continued) {
    expectContinue(response, arrival.continued)
    if (!arrival.continued && server.listenerCount('checkContinue') > 0) {
      return void server.emit('checkContinue', request, response)
    }
    if (!arrival.continued) response.writeContinue()
  } else if (expectation.length > 0) {
    if (server.listenerCount('checkExpectation') > 0) {
      return void server.emit('checkExpectation', request, response)
    }
    return sendAnswer(response, UNKNOWN_EXPECTATION)
  }
  if (!server.emit('request', request, response)) sendAnswer(response, NOBODY_HERE)
}

const UNKNOWN_EXPECTATION: Answer = {
  status: 417,
  fields: [],
  body: 'The only expectation known here is 100-continue (RFC 9110 section 10.1.1).\n',
}

const NOBODY_HERE: Answer = { status: 404, fields: [], body: 'Nothing answers here.\n' }
