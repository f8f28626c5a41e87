// Knows which routes match what a client offers, and in which order they are asked.
import type { IncomingMessage } from 'node:http'
import type { Protocol } from '../http/message.ts'
import type { Candidate } from './deliberation.ts'
import { pathnameOf } from './path.ts'
import type { UpgradeProtocol } from './protocol.ts'

/** A field of 16 KB has room for thousands of offers, and each may cost the application a decision. */
export const MAX_OFFERS = 100

/**
 * In the client's order, or in that of the routes. An offer that is repeated is asked about once, what comes after
 * the first hundred not at all: a server may ignore any of it (RFC 9110 section 7.8).
 * @throws what a route's own matcher throws
 */
export function candidatesOf(
  offered: readonly Protocol[],
  routes: readonly UpgradeProtocol[],
  request: IncomingMessage,
  prefer: 'client' | 'server',
): readonly Candidate[] {
  const pathname = pathnameOf(request.url ?? '/')
  const candidates: Candidate[] = []
  const compare = (protocol: Protocol, by: UpgradeProtocol) => {
    const params = by.match(protocol, pathname)
    if (params !== undefined) candidates.push({ protocol, params, by })
  }
  const protocols = offered.length > 1 ? eachOnce(offered).slice(0, MAX_OFFERS) : offered
  if (prefer === 'client') for (const protocol of protocols) for (const by of routes) compare(protocol, by)
  else for (const by of routes) for (const protocol of protocols) compare(protocol, by)
  return candidates
}

/** Names are compared without regard to case, versions exactly. */
function eachOnce(protocols: readonly Protocol[]): readonly Protocol[] {
  const seen = new Set<string>()
  return protocols.filter(({ name, version = '' }) => {
    return seen.size !== seen.add(`${name.toLowerCase()}/${version}`).size
  })
}
