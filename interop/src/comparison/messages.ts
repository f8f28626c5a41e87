// Knows what libraries do with frames and messages, and with a peer that is slow.
import { randomBytes } from 'node:crypto'
import { createTurnout } from 'turnout'
import { createWebSocketStream, WebSocketServer } from 'ws'
import type { Choices, Contender, ServerSocket } from './contender.ts'
import { createApp, host, wait } from './hosting.ts'
import { frame, type RawClient } from './raw.ts'
import { handshake, opened, type Row, talking } from './row.ts'

const KIB = 1_024
const MIB = 1_024 * KIB

const limits: readonly (readonly [bytes: number, words: string])[] = [
  [16 * KIB, '16 KiB'],
  [64 * KIB, '64 KiB'],
  [1_000_000, '1 MB'],
  [MIB, '1 MiB'],
  [64 * MIB - 1, '64 MiB'],
  [100 * MIB, '100 MiB'],
]

const limit: Row = {
  fact: 'The largest message by default; a larger one is refused from its header with',
  short: true,
  async check(contender) {
    for (const [bytes, words] of limits) {
      const over = await claiming(contender, bytes + 1, 400)
      if (over === 'nothing') continue
      if ((await claiming(contender, bytes, 200)) !== 'nothing') return `below ${words}: ${over}`
      return `${words}${bytes === 64 * KIB ? ' a frame' : ''}, ${over === 'closed' ? 'no Close frame' : over}`
    }
    return 'no limit'
  },
}

/** What a frame header brings that announces so many bytes and none of them. */
function claiming(contender: Contender, length: number, withinMs: number): Promise<string> {
  return opened(contender, { silent: true }, async (client) => {
    client.write(frame(2, '', { length }))
    return String((await client.ending(withinMs)) ?? 'nothing')
  })
}

const nonMinimal: Row = {
  fact: 'A frame whose length is not in its shortest form (RFC 6455 section 5.2) is',
  check: (contender) =>
    opened(contender, {}, async (client) => {
      client.write(frame(1, `${contender.prefix}hi`, { wide: true }))
      const next = await client.message(1_000)
      if (next?.opcode === 8) return `refused (${next.payload.readUInt16BE(0)})`
      return next === undefined ? 'not answered' : 'taken'
    }),
}

const utf8: Row = {
  fact: 'Text that is not UTF-8 is noticed',
  check: (contender) =>
    opened(contender, {}, async (client) => {
      const broken = Buffer.concat([Buffer.from(contender.prefix), Buffer.of(0xff)])
      client.write(frame(1, broken, { fin: false }))
      if ((await client.ending(400)) !== undefined) return 'at the first broken byte'
      client.write(frame(0, 'a'))
      const after = await client.ending(1_000)
      return after === undefined ? 'never' : 'when the message is whole'
    }),
}

const portion = Buffer.alloc(64 * KIB, 0x61)

const tells: Row = {
  fact: '`send` to a peer that does not read tells so by',
  check: (contender) =>
    slowPeer(contender, async (socket) => {
      let first: unknown
      for (let sent = 0; sent < 16 * MIB; sent += portion.length) {
        const result = socket.send(portion)
        first ??= result
        if (typeof (result as Promise<boolean> | undefined)?.then === 'function') {
          return 'a promise of the drain'
        }
        if (typeof result === 'boolean' && result !== first) return `returning ${result}`
        if (typeof result === 'number' && result !== 1) return 'returning 0, 1 or 2'
        if (sent % MIB === 0) await wait(1)
      }
      if (socket.full?.() === true) return '`outputBufferFull`'
      return (socket.waiting() ?? 0) > 0 ? '`bufferedAmount`' : 'nothing'
    }),
}

const bound: Row = {
  fact: 'What waits for a peer that does not read, by default, is',
  short: true,
  check: (contender) =>
    slowPeer(contender, async (socket, client) => {
      let most = 0
      for (let sent = 0; sent < 32 * MIB; sent += portion.length) {
        socket.send(portion)
        most = Math.max(most, socket.waiting() ?? 0)
        if (sent % MIB === 0) await wait(1)
      }
      let received = 0
      client.socket.on('data', (chunk) => {
        received += chunk.length
      })
      client.socket.resume()
      for (let quiet = 0, before = -1; quiet < 4; quiet = received === before ? quiet + 1 : 0) {
        before = received
        await wait(100)
      }
      if (received >= 32 * MIB) return 'not bounded'
      const code = await client.ending(100)
      if (typeof code === 'number') return `${Math.round(most / MIB)} MiB, then closed (${code})`
      return `${2 ** Math.floor(Math.log2(most / KIB))} KiB and a message, more are dropped`
    }),
}

/** One WebSocket, opened, whose client has stopped to read. */
function slowPeer(
  contender: Contender,
  use: (socket: ServerSocket, client: RawClient) => Promise<string>,
): Promise<string> {
  let opened_: (socket: ServerSocket) => void
  const socket = new Promise<ServerSocket>((resolve) => {
    opened_ = resolve
  })
  return opened(contender, { silent: true, onOpen: (open) => opened_(open) }, async (client) => {
    client.socket.pause()
    return use(await socket, client)
  })
}

const pace: Row = {
  fact: 'Reading stops while the app is busy with a message',
  async check(contender) {
    if (contender.name === 'turnout')
      return (await stalls(contender, iterated)) ? 'yes, with the iterator' : 'no'
    if (contender.name === 'ws')
      return (await stalls(contender, piped)) ? 'with `createWebSocketStream`' : 'no'
    let pausable = false
    const paused = await stalls(contender, async () => {
      const running = await contender.start({
        silent: true,
        onOpen(socket) {
          pausable = socket.pause !== undefined
          socket.pause?.()
        },
      })
      return running
    })
    return paused && pausable ? 'by hand, `pause()`' : 'no'
  },
}

/** Does a client get stuck that sends 24 MiB to a server that does not finish its first message? */
async function stalls(
  contender: Contender,
  start: () => Promise<{ port: number; stop(): Promise<void> }>,
): Promise<boolean> {
  const { port, stop } = await start()
  try {
    const text = await talking(port, async (client) => {
      await handshake(contender, client)
      await wait(50)
      const message = frame(2, Buffer.alloc(8 * KIB))
      const megabyte = Buffer.concat(Array.from({ length: 128 }, () => message))
      for (let sent = 0; sent < 24; sent += 1) client.write(megabyte)
      for (let left = -1; left !== client.socket.writableLength; ) {
        left = client.socket.writableLength
        await wait(300)
      }
      return client.socket.writableLength > 8 * MIB ? 'stuck' : 'gone'
    })
    return text === 'stuck'
  } finally {
    await stop()
  }
}

async function iterated(): Promise<{ port: number; stop(): Promise<void> }> {
  const side = createTurnout()
  let goOn: () => void = () => {}
  side.websocket('/ws', {
    async handler(socket) {
      for await (const _message of socket) {
        await new Promise<void>((resolve) => {
          goOn = resolve
        })
        break
      }
    },
  })
  const server = createApp()
  side.attach(server)
  const { port, stop } = await host(server)
  return {
    port,
    async stop() {
      goOn()
      await side.close({ grace: 0 })
      await stop()
    },
  }
}

async function piped(): Promise<{ port: number; stop(): Promise<void> }> {
  const server = createApp()
  const side = new WebSocketServer({ server, path: '/ws' })
  side.on('connection', (socket) => {
    const stream = createWebSocketStream(socket)
    stream.on('error', () => {})
    stream.once('readable', () => stream.read(1))
  })
  return host(server)
}

const deflateOffer = ['Sec-WebSocket-Extensions: permessage-deflate']

const deflate: Row = {
  fact: 'Compression (permessage-deflate) on the server',
  async check(contender) {
    const byDefault = await agreed(contender, {})
    const asked = await agreed(contender, { compress: true })
    if (byDefault) return 'on by default'
    if (asked) return 'off by default, can be turned on'
    return contender.name === 'faye-websocket' && takesExtensions(await contender.load())
      ? 'through another package'
      : 'no'
  },
}

async function agreed(contender: Contender, choices: Choices): Promise<boolean> {
  const running = await contender.start(choices)
  try {
    const text = await talking(running.port, async (client) => {
      return (await handshake(contender, client, deflateOffer))?.text ?? ''
    })
    return /^sec-websocket-extensions:/im.test(text)
  } finally {
    await running.stop()
  }
}

/** faye-websocket passes `extensions` on to its driver. */
function takesExtensions(module: object): boolean {
  const { validateOptions } = module as { validateOptions?: (options: object, valid: string[]) => void }
  return typeof validateOptions === 'function'
}

const takeover: Row = {
  fact: 'Compression learns from earlier messages (context takeover)',
  async check(contender) {
    if (!(await agreed(contender, { compress: true }))) return 'no compression'
    return opened(
      contender,
      { compress: true },
      async (client) => {
        if (contender.prefix !== '') await client.frame()
        const text = `${contender.prefix}${randomBytes(100).toString('hex')}`
        const sizes: number[] = []
        for (let turn = 0; turn < 2; turn += 1) {
          client.write(frame(1, text))
          const echoed = await client.message()
          if (echoed?.compressed !== true) return 'no'
          sizes.push(echoed.payload.length)
        }
        return sizes[1]! < sizes[0]! / 2 ? 'yes' : 'no'
      },
      deflateOffer,
    )
  },
}

export const messages: readonly Row[] = [limit, nonMinimal, utf8, tells, bound, pace, deflate, takeover]
