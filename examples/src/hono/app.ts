// Knows turnout beside and inside a Hono app on @hono/node-server.
import { createServer } from 'node:http'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import { createTurnout } from 'turnout'
import { listen, type Running } from '../running.ts'
import { createSessions, type Session, sessionCookie } from '../sessions.ts'

interface Environment {
  readonly Bindings: HttpBindings
  readonly Variables: { session: Session | undefined }
}

export async function start(port: number): Promise<Running> {
  const sessions = createSessions()
  const turnout = createTurnout()
  const app = new Hono<Environment>()

  app.use(async (context, next) => {
    const session = sessions.find(context.req.header('Cookie'))
    context.set('session', session)
    if (session !== undefined) context.header('Set-Cookie', sessionCookie(session), { append: true })
    await next()
  })
  app.get('/', (context) => context.text('hello from Hono'))
  app.post('/login', (context) => {
    const session = sessions.open(context.req.query('user') ?? '')
    context.header('Set-Cookie', sessionCookie(session), { append: true })
    return context.body(null, 204)
  })
  // Inside the app: its middleware has run. Hono keeps the fields for its next response; hand them over. (By way of
  // `context.res` its adapter would forget that the answer is ours.)
  app.get('/live', (context) => {
    const session = context.get('session')
    if (session === undefined) return context.json({ error: 'log in first' }, 401)
    const { incoming, outgoing } = context.env
    for (const cookie of context.body(null).headers.getSetCookie())
      outgoing.appendHeader('Set-Cookie', cookie)
    turnout.upgrade(incoming, outgoing, {
      accept: () => ({ data: { user: session.user } }),
      async handler(socket) {
        await socket.send(`welcome, ${socket.data.user}`)
        for await (const message of socket) await socket.send(message)
      },
    })
    return RESPONSE_ALREADY_SENT
  })

  const server = createServer(getRequestListener(app.fetch))
  // Beside the app: this path never reaches it.
  turnout.websocket('/echo', {
    async handler(socket) {
      for await (const message of socket) await socket.send(message)
    },
  })
  turnout.attach(server)
  return listen(server, turnout, port)
}
