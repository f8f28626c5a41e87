// Knows how a server asks for the upgrade that a resource wants (RFC 9110 section 15.5.22).
import type { Answer, Fields } from '../http/message.ts'

/** @param token as a route is registered for it: `foo/*` is any version, so that none is asked for */
export function invitationTo(token: string): Answer {
  const upgrade = token.endsWith('/*') ? token.slice(0, -2) : token
  return invitation(upgrade, upgrade)
}

export const WEBSOCKET_INVITATION: Answer = invitation('websocket', 'WebSocket', [
  ['Sec-WebSocket-Version', '13'],
])

function invitation(upgrade: string, name: string, more: Fields = []): Answer {
  return {
    status: 426,
    fields: [['Upgrade', upgrade], ['Connection', 'Upgrade'], ...more],
    body: `This resource speaks ${name} only (RFC 9110 section 15.5.22).\n`,
  }
}
