// Knows when a 101 is one that the client may follow (RFC 9110 sections 7.8 and 15.2.2).
// Never knows a socket: the fields go in; the protocol, or the rule that was broken, comes out.
import { PeerError } from '../base/errors.ts'
import { hasConnectionOption } from '../http/connection.ts'
import { fieldLines } from '../http/fields.ts'
import type { Protocol } from '../http/message.ts'
import { formatProtocol, parseUpgrade, sameName } from '../http/upgrade.ts'

/**
 * Which of the offered protocols the 101 switches to. The answer may name layers from the lowest up, such as
 * `TLS/1.2, HTTP/1.1`: the first must have been offered. Names compare without regard to case, versions exactly.
 * @throws PeerError when the 101 is not one that answers this offer.
 */
export function chosenProtocol(rawHeaders: readonly string[], offered: readonly Protocol[]): Protocol {
  const lines = fieldLines(rawHeaders, 'upgrade')
  const { protocols, malformed } = parseUpgrade(lines)
  const [lowest] = protocols
  if (malformed || lowest === undefined) {
    const seen = lines.length === 0 ? 'a 101 without Upgrade' : `a 101 with Upgrade: ${lines.join(', ')}`
    throw new PeerError('ERR_UPGRADE_UNSOLICITED', `${seen}, which names no protocol`, {
      section: 'RFC 9110 section 15.2.2',
    })
  }
  if (!hasConnectionOption(fieldLines(rawHeaders, 'connection'), 'upgrade')) {
    throw new PeerError('ERR_UPGRADE_NO_CONNECTION_OPTION', 'a 101 without Connection: upgrade', {
      section: 'RFC 9110 section 7.8',
    })
  }
  const chosen = offered.find(
    (offer) => sameName(offer.name, lowest.name) && offer.version === lowest.version,
  )
  if (chosen === undefined) {
    const offer = offered.map(formatProtocol).join(', ')
    throw new PeerError(
      'ERR_UPGRADE_NOT_OFFERED',
      `a 101 to ${formatProtocol(lowest)}; offered was ${offer}`,
      {
        section: 'RFC 9110 section 7.8',
      },
    )
  }
  return chosen
}
