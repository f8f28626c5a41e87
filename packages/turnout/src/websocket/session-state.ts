// Knows the life of one WebSocket after its handshake: its states, and every step between them.

/**
 * - `open`: messages go both ways.
 * - `closeSent`: our Close is out; we still listen, but send nothing more (RFC 6455 section 5.5.1).
 * - `closeReceived`: the peer's Close is here, ours is due; what was sent before goes first (section 5.5.1).
 * - `closeDone`: both Close frames were exchanged; TCP is to be closed, by the server first (section 7.1.1).
 * - `failed`: the connection was failed (section 7.1.7); TCP is to be closed.
 * - `ended`: TCP is gone.
 */
export type SessionState = 'open' | 'closeSent' | 'closeReceived' | 'closeDone' | 'failed' | 'ended'
export type SessionEvent = 'sendClose' | 'receiveClose' | 'fail' | 'transportEnd'

/** Every step there is. One that is not here is a bug of ours, and throws. */
const TABLE: { readonly [State in SessionState]: { readonly [Event in SessionEvent]?: SessionState } } = {
  open: { sendClose: 'closeSent', receiveClose: 'closeReceived', fail: 'failed', transportEnd: 'ended' },
  closeSent: { receiveClose: 'closeDone', fail: 'failed', transportEnd: 'ended' },
  closeReceived: { sendClose: 'closeDone', fail: 'failed', transportEnd: 'ended' },
  closeDone: { transportEnd: 'ended' },
  failed: { transportEnd: 'ended' },
  ended: {},
}

export function nextState(state: SessionState, event: SessionEvent): SessionState {
  const next = TABLE[state][event]
  if (next === undefined) throw new Error(`no step '${event}' in state '${state}'`)
  return next
}
