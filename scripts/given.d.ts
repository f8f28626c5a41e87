// Knows what the samples in the documents take for granted, as their readers do. A sample that declares one of these
// names itself is not touched by it.

import type { Server } from 'node:http'
import type express from 'express'
import type { Turnout } from 'turnout'

declare global {
  /** An app of Express with a session, and the middleware that finds it. */
  const app: express.Express
  const session: express.RequestHandler
  namespace Express {
    interface Request {
      session: { user: string }
    }
  }

  const server: Server
  const turnout: Turnout

  const key: Buffer
  const cert: Buffer
  const ca: Buffer
  const token: string
  const cookie: string
  const signal: AbortSignal
  const transform: TransformStream<string | Uint8Array, string | Uint8Array>

  let lastSeen: number
  function handle(message: string | Buffer): number
  function freshToken(): Promise<string>
}
