// Knows the list of Sec-WebSocket-Extensions (RFC 6455 section 9.1). Never knows what an extension does.
import { formatList, splitList } from '../http/list.ts'
import { formatParameters, parseParameters } from '../http/parameters.ts'
import { isToken } from '../http/token.ts'

/** One extension with its parameters, offered or answered; a value of undefined is a parameter without `=`. */
export interface ExtensionOffer {
  readonly name: string
  readonly parameters: readonly (readonly [name: string, value: string | undefined])[]
}

/**
 * Every offer in order; several lines are one list. No line at all is an empty list, but a line without an
 * extension is malformed, as is a quoted value that is no token without its quotes. Undefined: malformed.
 */
export function parseExtensions(lines: readonly string[]): ExtensionOffer[] | undefined {
  const offers: ExtensionOffer[] = []
  for (const item of splitList(lines)) {
    const offer = parseParameters(item)
    if (offer === undefined) return undefined
    if (!offer.parameters.every(([, value]) => value === undefined || isToken(value))) return undefined
    offers.push(offer)
  }
  return offers.length === 0 && lines.length > 0 ? undefined : offers
}

/**
 * The value of one Sec-WebSocket-Extensions line.
 * @throws MisuseError ERR_INVALID_TOKEN
 */
export function formatExtensions(offers: readonly ExtensionOffer[]): string {
  return formatList(offers.map(formatParameters))
}
