// Knows what becomes of a request that asks for an upgrade, library by library.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { createTurnout } from 'turnout'
import { type Contender, page } from './contender.ts'
import { loadEngine } from './contenders/engine.ts'
import { createApp, host, pathOf } from './hosting.ts'
import { type Head, handshakeFields, type RawClient, requestHead } from './raw.ts'
import { handshake, type Row, served, talking } from './row.ts'

/** What the client got, and whether the connection still serves an ordinary request after it. */
async function answerTo(client: RawClient, request: string): Promise<string> {
  client.write(request)
  const head = await client.head(1_500)
  if (head === undefined) return client.over ? 'closed without an answer' : 'no answer'
  const what = head.status === 200 ? "the app's page" : String(head.status)
  client.write(requestHead('/'))
  const next = await client.head(1_000)
  return `${what}, ${next?.status === 200 ? 'connection goes on' : 'connection closed'}`
}

const otherPath: Row = {
  fact: 'A WebSocket handshake for a path that no route takes gets',
  short: true,
  check: (contender) =>
    served(contender, {}, ({ port }) =>
      talking(port, (client) => answerTo(client, requestHead('/other', handshakeFields))),
    ),
}

const otherProtocol: Row = {
  fact: 'An ordinary GET with `Upgrade: h2c` (curl --http2) gets',
  check: (contender) =>
    served(contender, {}, ({ port }) =>
      talking(port, (client) =>
        answerTo(
          client,
          requestHead('/', [
            'Connection: Upgrade, HTTP2-Settings',
            'Upgrade: h2c',
            'HTTP2-Settings: AAMAAABkAAQAAP__',
          ]),
        ),
      ),
    ),
}

const refusal: Row = {
  fact: 'The app refuses a handshake with 401; the client gets',
  check: (contender) =>
    served(contender, { refuse: true }, ({ port }) =>
      talking(port, (client) => answerTo(client, requestHead(contender.target('/ws'), handshakeFields))),
    ),
}

const insideTheApp: Row = {
  fact: "A route can switch after the app's middleware, whose `Set-Cookie` goes out in the 101",
  short: true,
  async check(contender) {
    if (contender.name === 'turnout') return (await cookieFromTurnout()) ? 'yes' : 'no'
    if (contender.name === 'engine.io') return (await cookieFromEngine()) ? 'yes, with its own `use()`' : 'no'
    return served(contender, { cookie: true }, ({ port }) =>
      talking(port, async (client) => {
        const head = await handshake(contender, client)
        const added = head?.status === 101 && /^set-cookie: a=1/im.test(head.text)
        return added ? 'no; an option or event adds fields' : 'no'
      }),
    )
  },
}

async function cookieFromTurnout(): Promise<boolean> {
  const side = createTurnout()
  const server = createServer((request, response) => {
    response.setHeader('Set-Cookie', 'a=1')
    side.upgrade(request, response)
  })
  side.attach(server)
  return hasCookie(server, '/ws', () => side.close({ grace: 0 }))
}

async function cookieFromEngine(): Promise<boolean> {
  const server = createApp()
  const side = loadEngine().attach(server, { path: '/ws' })
  side.use((_request, response, next) => {
    response.setHeader('Set-Cookie', 'a=1')
    next()
  })
  return hasCookie(server, '/ws/?EIO=4&transport=websocket', async () => side.close())
}

async function hasCookie(
  server: import('node:http').Server,
  target: string,
  end: () => Promise<unknown> | unknown,
): Promise<boolean> {
  const { port, stop } = await host(server)
  try {
    const text = await talking(port, async (client) => {
      client.write(requestHead(target, handshakeFields))
      return (await client.head())?.text ?? ''
    })
    return text.includes(' 101 ') && /^set-cookie: a=1/im.test(text)
  } finally {
    await end()
    await stop()
  }
}

const otherListener: Row = {
  fact: "Another library's `upgrade` listener on the same server still gets its own path",
  async check(contender) {
    if (contender.name === 'uWebSockets.js') return 'no: it is an HTTP server of its own'
    const server = createApp()
    const running = await contender.start({ server, leaveOthers: true })
    server.on('upgrade', (request, socket) => {
      if (pathOf(request.url) !== '/other') return
      socket.on('error', () => {})
      setTimeout(() => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
      }, 50)
    })
    try {
      return await talking(running.port, async (client) => {
        client.write(requestHead('/other', handshakeFields))
        const head = await client.head()
        if (head?.status !== 101) return `no: it answers ${head?.status} first`
        return contender.name === 'websocket' ? 'yes, if the app leaves it unanswered' : 'yes'
      })
    } finally {
      await running.stop()
    }
  },
}

const reset: Row = {
  fact: 'The client resets the connection while an async decision is pending; the process',
  short: true,
  async check(contender) {
    const script = fileURLToPath(new URL('./reset-child.js', import.meta.url))
    const child = spawn(process.execPath, [script, contender.name], { stdio: 'ignore' })
    const [code] = (await once(child, 'exit')) as [number | null]
    return code === 0 ? 'lives on' : 'crashes'
  },
}

const origin: Row = {
  fact: 'A page of another site (its `Origin`), by default, is',
  short: true,
  check: (contender) => shaken(contender, ['Origin: https://elsewhere.example'], 'let in'),
}

const duplicates: Row = {
  fact: 'A handshake that names a subprotocol twice (RFC 6455 section 4.1) is',
  check: (contender) => shaken(contender, ['Sec-WebSocket-Protocol: a, a'], 'taken'),
}

async function shaken(contender: Contender, fields: readonly string[], taken: string): Promise<string> {
  return served(contender, {}, ({ port }) =>
    talking(port, async (client) => {
      const head = await handshake(contender, client, fields)
      return verdict(head, taken)
    }),
  )
}

function verdict(head: Head | undefined, taken: string): string {
  if (head === undefined) return 'not answered'
  if (head.status === 101) return taken
  return head.status === 200 ? "given the app's page" : `refused (${head.status})`
}

const shortKey: Row = {
  fact: 'A `Sec-WebSocket-Key` that is not 16 bytes is',
  check: (contender) =>
    served(contender, {}, ({ port }) =>
      talking(port, async (client) => {
        const fields = handshakeFields.map((line) => line.replace('dGhlIHNhbXBsZSBub25jZQ==', 'dGhl'))
        client.write(requestHead(contender.target('/ws'), fields))
        const head = await client.head()
        return verdict(head, 'taken')
      }),
    ),
}

const ordinary: Row = {
  fact: "Runs on the app's own `node:http` server (Express, Fastify, Koa, …)",
  async check(contender) {
    const server = createApp()
    const running = await contender.start({ server })
    try {
      return await talking(running.port, async (client) => {
        const head = await handshake(contender, client)
        const address = server.address()
        const same = typeof address === 'object' && address?.port === running.port
        return head?.status === 101 && same ? 'yes' : 'no: it is an HTTP server of its own, in C++'
      })
    } finally {
      await running.stop()
    }
  },
}

const fallback: Row = {
  fact: 'Goes on over HTTP long-polling where WebSocket is blocked',
  short: true,
  check: (contender) =>
    served(contender, {}, async ({ port }) => {
      const response = await fetch(`http://127.0.0.1:${port}/ws/?EIO=4&transport=polling`)
      const text = await response.text()
      return response.status === 200 && text !== page && text.startsWith('0{') ? 'yes' : 'no'
    }),
}

export const arrival: readonly Row[] = [
  ordinary,
  otherPath,
  otherProtocol,
  refusal,
  insideTheApp,
  otherListener,
  fallback,
  reset,
  origin,
  duplicates,
  shortKey,
]
