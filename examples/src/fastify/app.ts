// Knows turnout beside and inside a Fastify app.
import fastify from 'fastify'
import { createTurnout } from 'turnout'
import { listen, type Running } from '../running.ts'
import { createSessions, type Session, sessionCookie } from '../sessions.ts'

declare module 'fastify' {
  interface FastifyRequest {
    session: Session | undefined
  }
}

export async function start(port: number): Promise<Running> {
  const sessions = createSessions()
  const turnout = createTurnout()
  const app = fastify()

  app.decorateRequest('session', undefined)
  app.addHook('onRequest', async (request, reply) => {
    request.session = sessions.find(request.headers.cookie)
    if (request.session !== undefined) reply.header('Set-Cookie', sessionCookie(request.session))
  })
  app.get('/', () => 'hello from Fastify')
  app.post<{ Querystring: { user: string } }>('/login', (request, reply) => {
    reply
      .header('Set-Cookie', sessionCookie(sessions.open(request.query.user)))
      .code(204)
      .send()
  })
  // Inside the app: its hooks have run. Fastify keeps the fields to itself until it answers; hand them over.
  app.get('/live', (request, reply) => {
    const { session } = request
    if (session === undefined) return void reply.code(401).send({ error: 'log in first' })
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) reply.raw.setHeader(name, value)
    }
    turnout.upgrade(request.raw, reply.raw, {
      accept: () => ({ data: { user: session.user } }),
      async handler(socket) {
        await socket.send(`welcome, ${socket.data.user}`)
        for await (const message of socket) await socket.send(message)
      },
    })
    // Behind it: until here Fastify answers what is thrown.
    reply.hijack()
  })

  // Beside the app: this path never reaches it.
  turnout.websocket('/echo', {
    async handler(socket) {
      for await (const message of socket) await socket.send(message)
    },
  })
  turnout.attach(app.server)
  await app.ready()
  const running = await listen(app.server, turnout, port)
  return {
    port: running.port,
    async stop() {
      await running.stop()
      await app.close()
    },
  }
}
