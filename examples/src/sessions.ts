// Knows who is logged in, by a cookie. In memory and without a password: just enough for the examples.
import { randomUUID } from 'node:crypto'

export interface Session {
  readonly id: string
  readonly user: string
}

export interface Sessions {
  open(user: string): Session
  /** The session that a Cookie field names. */
  find(cookie: string | undefined): Session | undefined
}

export function createSessions(): Sessions {
  const sessions = new Map<string, Session>()
  return {
    open(user) {
      const session = { id: randomUUID(), user }
      sessions.set(session.id, session)
      return session
    },
    find: (cookie) => sessions.get(/(?:^|;\s*)session=([^;]*)/.exec(cookie ?? '')?.[1] ?? ''),
  }
}

/** The cookie lasts an hour from the last request: each answer, a 101 too, renews it. */
export function sessionCookie(session: Session): string {
  return `session=${session.id}; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax`
}
