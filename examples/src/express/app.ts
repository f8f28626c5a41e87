// Knows turnout beside and inside an Express app.
import { createServer } from 'node:http'
import express, { type NextFunction, type Request, type Response } from 'express'
import { createTurnout } from 'turnout'
import { listen, type Running } from '../running.ts'
import { createSessions, sessionCookie } from '../sessions.ts'

export async function start(port: number): Promise<Running> {
  const sessions = createSessions()
  const turnout = createTurnout()
  const app = express()

  const session = (request: Request, response: Response, next: NextFunction): void => {
    const known = sessions.find(request.headers.cookie)
    response.locals.session = known
    if (known !== undefined) response.append('Set-Cookie', sessionCookie(known))
    next()
  }
  const members = (_request: Request, response: Response, next: NextFunction): void => {
    if (response.locals.session === undefined) response.status(401).json({ error: 'log in first' })
    else next()
  }

  app.use(session)
  app.get('/', (_request, response) => void response.send('hello from Express'))
  app.post('/login', (request, response) => {
    response.append('Set-Cookie', sessionCookie(sessions.open(String(request.query.user))))
    response.sendStatus(204)
  })
  // Inside the app: its middleware has run, and what it set goes out with the 101.
  app.get('/live', members, (request, response) => {
    turnout.upgrade(request, response, {
      accept: () => ({ data: { user: String(response.locals.session.user) } }),
      async handler(socket) {
        await socket.send(`welcome, ${socket.data.user}`)
        for await (const message of socket) await socket.send(message)
      },
    })
  })

  const server = createServer(app)
  // Beside the app: this path never reaches it.
  turnout.websocket('/echo', {
    async handler(socket) {
      for await (const message of socket) await socket.send(message)
    },
  })
  turnout.attach(server)
  return listen(server, turnout, port)
}
