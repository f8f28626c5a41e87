// Knows how connections are kept alive and how they end, library by library. Where it can, time is stopped.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mock } from 'node:test'
import { createTurnout, createVirtualClock, type VirtualClock } from 'turnout'
import { WebSocketServer } from 'ws'
import type { Choices, Contender, ServerSocket } from './contender.ts'
import { loadUws, type UwsSocket } from './contenders/uws.ts'
import { createApp, host, wait } from './hosting.ts'
import { installed } from './packages.ts'
import { frame, type RawClient } from './raw.ts'
import { handshake, opened, type Row, talking } from './row.ts'

/** Runs with a clock that only `pass` moves, a second a call. */
async function stopped(
  contender: Contender,
  use: (choices: Choices, pass: () => Promise<void>) => Promise<string>,
): Promise<string> {
  const clock: VirtualClock | undefined = contender.name === 'turnout' ? createVirtualClock() : undefined
  if (clock === undefined) mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  // What the timers began has to come through the loopback.
  const settle = async () => {
    for (let turn = 0; turn < 8; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  }
  const pass = async () => {
    if (clock === undefined) mock.timers.tick(1_000)
    else clock.advance(1_000)
    await settle()
  }
  try {
    return await use({ clock }, pass)
  } finally {
    // Timers that are cleared late must find the clock that they come from.
    await settle()
    mock.timers.reset()
  }
}

const heartbeat: Row = {
  fact: 'Pings a silent client, by default',
  short: true,
  check(contender) {
    if (contender.name === 'uWebSockets.js') return pingsOfUws()
    return stopped(contender, (choices, pass) =>
      opened(contender, { silent: true, ...choices }, async (client) => {
        for (let second = 1; second <= 180; second += 1) {
          await pass()
          const came = await client.frame(1)
          if (came?.opcode === 9) return `after ${second} s`
          // engine.io pings with messages of its own, and names the interval in its first one.
          const interval = /"pingInterval":(\d+)/.exec(came?.payload.toString() ?? '')?.[1]
          if (interval !== undefined) return `after ${Number(interval) / 1_000} s`
        }
        return 'no'
      }),
    )
  },
}

/** Its timers are C++ and cannot be stopped: a short idle timeout stands in for the default of 120 s. */
async function pingsOfUws(): Promise<string> {
  const library = loadUws()
  const app = library.App()
  app.ws('/ws', { idleTimeout: 8 })
  const token = await new Promise((resolve) => app.listen('127.0.0.1', 0, resolve))
  try {
    return await talking(library.us_socket_local_port(token), async (client) => {
      client.write('')
      await handshake({ target: (path: string) => path } as Contender, client)
      const came = await client.frame(12_000)
      if (!/Defaults to 120\.\s*\*\/\s*idleTimeout/.test(uwsTypes())) return 'not as its types say'
      return came?.opcode === 9 ? 'within its `idleTimeout`, 120 s' : 'no'
    })
  } finally {
    library.us_listen_socket_close(token)
  }
}

function uwsTypes(): string {
  return readFileSync(join(installed('@trufflesuite/uws-js-unofficial').folder, 'docs/index.d.ts'), 'utf8')
}

const closing: Row = {
  fact: 'After its Close frame, unanswered, the server ends TCP',
  check(contender) {
    const open = (
      choices: Choices,
      talk: (client: RawClient, socket: ServerSocket) => Promise<string>,
    ): Promise<string> => {
      let opened_: (socket: ServerSocket) => void
      const socket = new Promise<ServerSocket>((resolve) => {
        opened_ = resolve
      })
      return opened(contender, { silent: true, ...choices, onOpen: (one) => opened_(one) }, async (client) =>
        talk(client, await socket),
      )
    }
    if (contender.name === 'uWebSockets.js') {
      return open({}, async (client, socket) => {
        socket.close()
        await client.ending(500)
        await client.frame(200)
        return client.over ? 'at once' : 'later'
      })
    }
    return stopped(contender, (choices, pass) =>
      open(choices, async (client, socket) => {
        socket.close()
        await client.ending(500)
        await client.frame(100)
        if (client.over) return 'at once'
        for (let second = 1; second <= 120; second += 1) {
          await pass()
          await client.frame(1)
          if (client.over) return `after ${second} s`
        }
        return 'never'
      }),
    )
  },
}

const closeAll: Row = {
  fact: 'One call closes every connection; clients are told',
  async check(contender) {
    const running = await contender.start({ silent: true })
    try {
      const { closeAll } = running
      if (closeAll === undefined) return 'no such call'
      return await talking(running.port, async (client) => {
        await handshake(contender, client)
        await wait(50)
        const done = closeAll()
        const code = await client.ending(1_000)
        client.write(frame(8, Buffer.from([3, 232])))
        if (done instanceof Promise) await done
        if (code === undefined) return 'nothing: they stay connected'
        return code === 'closed' ? 'by the end of TCP alone' : `with ${code}`
      })
    } finally {
      await running.stop()
    }
  },
}

const parts: Row = {
  fact: 'One message in parts: sent while it is made / read while it comes',
  async check(contender) {
    if (contender.name === 'turnout') {
      return `${await sendsParts(turnoutParts)} / ${await readsParts(turnoutParts)}`
    }
    if (contender.name === 'ws') return `${await sendsParts(wsParts)}, by hand / no`
    if (contender.name === 'uWebSockets.js') return `${await sendsParts(uwsParts)}, by hand / no`
    if (contender.name === 'websocket') {
      // Frames, one by one, with a mask and a header that the app fills in.
      const library = (await contender.load()) as { connection?: { prototype: object }; frame?: unknown }
      const byFrame = library.frame !== undefined && 'sendFrame' in (library.connection?.prototype ?? {})
      return byFrame ? 'frame by frame / frame by frame' : 'no / no'
    }
    return 'no / no'
  },
}

type PartsServer = (told: (part: string) => void) => Promise<{ port: number; stop(): Promise<void> }>

/** Is the first part on the wire although there is no second? */
async function sendsParts(start: PartsServer): Promise<string> {
  const { port, stop } = await start(() => {})
  try {
    return await talking(port, async (client) => {
      await handshake({ target: (path: string) => path } as Contender, client)
      const first = await client.frame(1_000)
      return first?.fin === false && first.payload.toString() === 'one' ? 'yes' : 'no'
    })
  } finally {
    await stop()
  }
}

/** Has the app heard of the first part although the message goes on? */
async function readsParts(start: PartsServer): Promise<string> {
  let heard = ''
  const { port, stop } = await start((part) => {
    heard += part
  })
  try {
    return await talking(port, async (client) => {
      await handshake({ target: (path: string) => path } as Contender, client)
      client.write(frame(1, 'first', { fin: false }))
      await wait(300)
      return heard === 'first' ? 'yes' : 'no'
    })
  } finally {
    await stop()
  }
}

const turnoutParts: PartsServer = async (told) => {
  const side = createTurnout()
  side.websocket('/ws', {
    async handler(socket) {
      void socket.send(
        (async function* () {
          yield 'one'
          await new Promise(() => {})
        })(),
      )
      try {
        for await (const stream of socket.streams()) for await (const part of stream) told(String(part))
      } catch {
        // The client leaves in the middle of its message.
      }
    },
  })
  const server = createApp()
  side.attach(server)
  const { port, stop } = await host(server)
  return {
    port,
    async stop() {
      await side.close({ grace: 0 })
      await stop()
    },
  }
}

const wsParts: PartsServer = async () => {
  const server = createApp()
  const side = new WebSocketServer({ server })
  side.on('connection', (socket) => {
    socket.on('error', () => {})
    socket.send('one', { fin: false })
  })
  return host(server)
}

const uwsParts: PartsServer = async () => {
  const library = loadUws()
  const app = library.App()
  let open: UwsSocket | undefined
  app.ws('/ws', {
    open(socket: UwsSocket & { sendFirstFragment(part: string): boolean }) {
      open = socket
      socket.sendFirstFragment('one')
    },
    close() {
      open = undefined
    },
  })
  const token = await new Promise((resolve) => app.listen('127.0.0.1', 0, resolve))
  return {
    port: library.us_socket_local_port(token),
    async stop() {
      library.us_listen_socket_close(token)
      open?.close()
    },
  }
}

const topics: Row = {
  fact: 'Topics (publish and subscribe)',
  short: true,
  async check(contender) {
    if (contender.name !== 'uWebSockets.js') {
      const found = names(await contender.load()).some((name) => /^(publish|subscribe)$/i.test(name))
      return found ? 'yes' : contender.name === 'engine.io' ? 'no; rooms in socket.io' : 'no'
    }
    const library = loadUws()
    const app = library.App()
    app.ws('/ws', {
      open: (socket: UwsSocket & { subscribe(topic: string): void }) => socket.subscribe('all'),
    })
    const token = await new Promise((resolve) => app.listen('127.0.0.1', 0, resolve))
    try {
      return await talking(library.us_socket_local_port(token), async (client) => {
        await handshake(contender, client)
        await wait(50)
        app.publish('all', 'news')
        return (await client.message(1_000))?.payload.toString() === 'news' ? 'yes' : 'no'
      })
    } finally {
      library.us_listen_socket_close(token)
    }
  },
}

/** Names that a module exports, and the methods of its classes. */
export function names(module: object): string[] {
  return Object.entries(module).flatMap(([name, value]) => [
    name,
    ...(typeof value === 'function' && typeof value.prototype === 'object' && value.prototype !== null
      ? Object.getOwnPropertyNames(value.prototype)
      : []),
  ])
}

export const life: readonly Row[] = [heartbeat, closing, closeAll, parts, topics]
