// Knows how a connection changes from HTTP to another protocol: the 101, then every byte behind it.
import type { ServerResponse } from 'node:http'
import process from 'node:process'
import { MisuseError } from '../base/errors.ts'
import { assertFields } from '../http/fields.ts'
import { formatResponseHead } from '../http/head.ts'
import type { Fields } from '../http/message.ts'
import { sameName } from '../http/token.ts'
import { setFields } from './answer.ts'
import { type Arrival, ignoreError } from './arrival.ts'
import { closeResponse } from './internals.ts'
import type { Decision } from './protocol.ts'

export type Switch = Extract<Decision, { readonly kind: 'switch' }>

/**
 * Writes the 101 straight to the connection, whose stream then belongs to the new protocol.
 * @throws MisuseError for fields that no 101 may bear, before a byte is written
 */
export function switchDirectly(arrival: Arrival, decision: Switch): void {
  const fields = switchFields(decision)
  const { stream, socket } = arrival
  // A keep-alive connection brings the timeout of its last response along.
  if (socket.timeout) socket.setTimeout(0)
  stream.write(arrival.takeContinue() + formatResponseHead(101, fields), 'latin1')
  arrival.returnHead()
}

/**
 * Writes the 101 through the response of a request that has reached the application, so that the fields which
 * its middleware set are in it and its access log tells the truth.
 * @throws as above
 */
export function switchThroughResponse(arrival: Arrival, response: ServerResponse, decision: Switch): void {
  const fields = switchFields(decision)
  const { socket } = arrival
  for (const name of response.getHeaderNames()) if (!survivesSwitch(name)) response.removeHeader(name)
  setFields(response, fields)
  response.writeHead(101)
  // At once: middleware may hold `end` back until a session is saved.
  response.flushHeaders()
  // A framework that goes on writing does so in vain, and without harm.
  response.on('error', ignoreError)
  response.once('finish', () => process.nextTick(closeResponse, response))
  arrival.release?.()
  response.end()
  if (socket.timeout) socket.setTimeout(0)
}

function switchFields(decision: Switch): Fields {
  for (const [name] of decision.fields) {
    if (!OWN_FIELDS.some((own) => sameName(own, name))) continue
    throw new MisuseError('ERR_INVALID_ARGUMENT', `${name} is not the application's to set in a 101`, {
      section: 'RFC 9110 section 15.2.2',
    })
  }
  const fields: Fields = [['Connection', 'Upgrade'], ['Upgrade', decision.upgrade], ...decision.fields]
  assertFields(fields)
  return fields
}

const OWN_FIELDS = ['connection', 'upgrade', 'content-length', 'transfer-encoding'] as const

/**
 * Whether a field that middleware set goes out with the switch: not what it meant for a response with a body, nor what
 * the handshake alone may say (RFC 6455 section 4.2.2). In lower case.
 */
export function survivesSwitch(name: string): boolean {
  return !RESPONSE_FIELDS.has(name) && !name.startsWith('sec-websocket-')
}

const RESPONSE_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'upgrade',
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
  'trailer',
])
