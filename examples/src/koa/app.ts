// Knows turnout beside and inside a Koa app.
import { createServer } from 'node:http'
import Koa from 'koa'
import { createTurnout } from 'turnout'
import { listen, type Running } from '../running.ts'
import { createSessions, type Session, sessionCookie } from '../sessions.ts'

interface State {
  session: Session | undefined
}

export async function start(port: number): Promise<Running> {
  const sessions = createSessions()
  const turnout = createTurnout()
  const app = new Koa<State>()

  app.use(async (context, next) => {
    context.state.session = sessions.find(context.get('Cookie'))
    if (context.state.session !== undefined) {
      context.append('Set-Cookie', sessionCookie(context.state.session))
    }
    await next()
  })
  app.use(async (context, next) => {
    if (context.path === '/') context.body = 'hello from Koa'
    else if (context.path === '/login' && context.method === 'POST') {
      context.append('Set-Cookie', sessionCookie(sessions.open(String(context.query.user))))
      context.status = 204
    } else await next()
  })
  // Inside the app: its middleware has run, and what it set goes out with the 101. `respond = false` tells Koa
  // that the answer is ours.
  app.use((context) => {
    if (context.path !== '/live') return
    const { session } = context.state
    if (session === undefined) {
      context.status = 401
      context.body = { error: 'log in first' }
      return
    }
    context.respond = false
    turnout.upgrade(context.req, context.res, {
      accept: () => ({ data: { user: session.user } }),
      async handler(socket) {
        await socket.send(`welcome, ${socket.data.user}`)
        for await (const message of socket) await socket.send(message)
      },
    })
  })

  const server = createServer(app.callback())
  // Beside the app: this path never reaches it.
  turnout.websocket('/echo', {
    async handler(socket) {
      for await (const message of socket) await socket.send(message)
    },
  })
  turnout.attach(server)
  return listen(server, turnout, port)
}
