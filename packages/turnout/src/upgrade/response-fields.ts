// Knows which fields of a fetch Response may be sent on: none that framed its body elsewhere, or that belong to a hop.
import { connectionOptions } from '../http/connection.ts'
import { assertFields } from '../http/fields.ts'
import { endToEndFields } from '../http/hop.ts'
import type { Fields } from '../http/message.ts'

export interface ResponseFields {
  readonly fields: Fields
  /** The application wants the connection to end behind the response. */
  readonly close: boolean
}

/**
 * The fields that describe the Response, for whoever writes it to frame it anew.
 * @param protocol what a 426 asks for that does not say it itself
 * @throws MisuseError for fields that no line may carry
 */
export function responseFields(
  given: Response,
  method: string | undefined,
  protocol?: string,
): ResponseFields {
  const { headers, status } = given
  const fetched = isFetched(given)
  // Its length is the encoded one's.
  const decoded = fetched && headers.has('content-encoding')
  // Where no body follows, a length tells of one elsewhere, which the application may know.
  const keepsLength = (method === 'HEAD' || status === 304) && !decoded
  const fields: [string, string][] = []
  for (const [name, value] of endToEndFields([...headers].flat())) {
    // There are no trailers to announce.
    if (name === 'trailer' || (name === 'content-length' && !keepsLength)) continue
    if (name === 'content-encoding' && fetched) continue
    fields.push([name, value])
  }
  const options = connectionOptions(fetched ? [] : [headers.get('connection') ?? ''])
  // RFC 9110 section 7.8: never without its Connection option; section 15.5.22: never a 426 without it.
  const upgrade = (fetched ? '' : headers.get('upgrade')) || (status === 426 ? protocol : undefined)
  if (upgrade) fields.push(['Upgrade', upgrade], ['Connection', 'Upgrade'])
  assertFields(fields)
  return { fields, close: options.has('close') }
}

/** Whether `fetch` made it: its body is decoded by then, and its Connection speaks of fetch's own connection. */
export function isFetched(given: Response): boolean {
  return given.url !== '' || given.type !== 'default'
}
