// Knows what others must find in our permessage-deflate (RFC 7692), and our client in theirs, under every choice of
// parameters that both sides can make.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { type CompressionOptions, connect } from 'turnout'
import { WebSocket, WebSocketServer } from 'ws'
import { type Child, startChild } from '../src/child.ts'
import { bun as bunClient } from '../src/clients/bun.ts'
import { chromium } from '../src/clients/chromium.ts'
import { deno } from '../src/clients/deno.ts'
import { node24 } from '../src/clients/node24.ts'
import { python } from '../src/clients/python.ts'
import { undici } from '../src/clients/undici.ts'
import { type CompressedHouse, startCompressedHouse } from '../src/compressed-house.ts'
import { payload } from '../src/payload.ts'
import type { ClientPeer, EchoReport, Payload, RunningClient } from '../src/peer.ts'
import { beside, findPython } from '../src/places.ts'
import { bun as bunServer } from '../src/servers/bun.ts'
import { childServer } from '../src/servers/child-server.ts'
import { describePeer } from './peers.ts'

const timeout = 60_000

/** Empty, tiny, alike, and large enough for the thread pool. */
const messages: readonly Payload[] = [
  { kind: 'text', bytes: 0 },
  { kind: 'text', bytes: 5 },
  { kind: 'text', bytes: 3_000 },
  { kind: 'binary', bytes: 300 },
  { kind: 'text', bytes: 3_000 },
  { kind: 'binary', bytes: 0 },
  { kind: 'text', bytes: 150_000 },
  { kind: 'binary', bytes: 150_000 },
  { kind: 'text', bytes: 301 },
]
const allSame = { protocol: '', same: messages.length, wrong: [] }

/** What we choose, on either side. */
const ours: readonly CompressionOptions[] = [
  {},
  { threshold: 0 },
  { threshold: 0, serverMaxWindowBits: 15, clientMaxWindowBits: 15, level: 6 },
  { threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 10, memLevel: 1 },
  { threshold: 0, serverMaxWindowBits: 8, clientMaxWindowBits: 8, offloadBytes: 0 },
  { threshold: 0, serverNoContextTakeover: true },
  { threshold: 0, clientNoContextTakeover: true, offloadBytes: 0 },
  { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true, level: 9 },
]

interface Choice {
  readonly serverNoContextTakeover?: true
  readonly clientNoContextTakeover?: true
  readonly serverMaxWindowBits?: number
  readonly clientMaxWindowBits?: number
}

/** What a peer chooses that knows all four parameters. */
const theirs: readonly Choice[] = [false, true].flatMap((serverForgets) =>
  [false, true].flatMap((clientForgets) =>
    [undefined, 9, 12, 15].flatMap((server) =>
      [undefined, 9, 14].map((client) => ({
        // ws takes an outspoken `false` for a refusal
        ...(serverForgets && { serverNoContextTakeover: true as const }),
        ...(clientForgets && { clientNoContextTakeover: true as const }),
        ...(server && { serverMaxWindowBits: server }),
        ...(client && { clientMaxWindowBits: client }),
      })),
    ),
  ),
)

const DEFLATE = /^permessage-deflate/

describe('our compression with the client of ws', () => {
  let house: CompressedHouse
  before(async () => {
    house = await startCompressedHouse(ours)
  })
  after(() => house.stop())

  for (const [at, mine] of ours.entries()) {
    it(`${JSON.stringify(mine)}, and all that it can offer`, { timeout }, async () => {
      for (const choice of theirs) {
        const socket = new WebSocket(house.url(at), { perMessageDeflate: { ...choice, threshold: 0 } })
        await once(socket, 'open')
        const agreed = await house.nextExtensions()
        assert.match(agreed, DEFLATE, JSON.stringify(choice))
        for (const { kind, bytes } of messages) {
          const sent = payload(kind, bytes)
          socket.send(sent)
          const [data] = await once(socket, 'message')
          assert.ok(Buffer.from(sent).equals(data), `${kind} of ${bytes} bytes under ${agreed}`)
        }
        socket.close(1000)
        await once(socket, 'close')
      }
    })
  }
})

describe('our compressing client with the server of ws', () => {
  for (const choice of theirs) {
    it(`that chooses ${JSON.stringify(choice)}`, { timeout }, async () => {
      const perMessageDeflate = { ...choice, threshold: 0 }
      const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate })
      server.on('connection', (socket) =>
        socket.on('message', (data, binary) => socket.send(data, { binary })),
      )
      await once(server, 'listening')
      try {
        for (const mine of ours) {
          const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
          // asked for a smaller window than its own, ws declines the offer, and with it the handshake
          const declines = (mine.serverMaxWindowBits ?? 15) < (choice.serverMaxWindowBits ?? 0)
          if (declines) await assert.rejects(echoes(url, mine), { code: 'ERR_UPGRADE_DECLINED' })
          else assert.match(await echoes(url, mine), DEFLATE)
        }
      } finally {
        server.close()
      }
    })
  }
})

for (const { peer, offers } of [
  { peer: chromium, offers: true },
  { peer: undici, offers: true },
  { peer: node24, offers: true },
  { peer: bunClient, offers: true },
  { peer: deno, offers: false },
] satisfies readonly { readonly peer: ClientPeer; readonly offers: boolean }[]) {
  describePeer(`our compression with ${peer.name}`, peer, () => {
    let house: CompressedHouse
    let client: RunningClient
    before(
      async () => {
        house = await startCompressedHouse(ours)
        client = await peer.start(house.origin)
      },
      { timeout },
    )
    after(async () => {
      await client?.stop()
      await house?.stop()
    })

    for (const [at, mine] of ours.entries()) {
      it(JSON.stringify(mine), { timeout }, async () => {
        assert.deepEqual(await client.echo(house.url(at), [], messages), allSame)
        const agreed = await house.nextExtensions()
        if (offers) assert.match(agreed, DEFLATE)
        else assert.equal(agreed, '')
      })
    }
  })
}

describePeer("our compression with Python's websockets", python, () => {
  // its zlib compresses with no window of 8 bits
  const choices = theirs.map((choice) => ({
    server_no_context_takeover: choice.serverNoContextTakeover ?? false,
    client_no_context_takeover: choice.clientNoContextTakeover ?? false,
    server_max_window_bits: choice.serverMaxWindowBits ?? null,
    client_max_window_bits: choice.clientMaxWindowBits ?? true,
  }))
  const without8 = ours.filter(({ clientMaxWindowBits }) => clientMaxWindowBits !== 8)
  let house: CompressedHouse
  let child: Child
  before(async () => {
    house = await startCompressedHouse(without8)
    child = startChild(findPython() as string, [beside('./clients/client.py')])
  })
  after(async () => {
    await child.stop()
    await house.stop()
  })

  for (const [at, mine] of without8.entries()) {
    it(`as a client, ${JSON.stringify(mine)}, and all that it can offer`, { timeout }, async () => {
      for (const deflate of choices) {
        child.tell({ op: 'echo', url: house.url(at), protocols: [], payloads: messages, deflate })
        assert.deepEqual(await child.next<EchoReport>(), allSame, JSON.stringify(deflate))
        assert.match(await house.nextExtensions(), DEFLATE)
      }
    })
  }

  for (const deflate of [
    {},
    { server_max_window_bits: 9, client_max_window_bits: 10 },
    { server_no_context_takeover: true, client_no_context_takeover: true },
    { server_no_context_takeover: true, server_max_window_bits: 12, client_max_window_bits: 15 },
  ]) {
    it(`as a server, ${JSON.stringify(deflate)}`, { timeout }, async () => {
      const server = await childServer(findPython() as string, [
        beside('./servers/server.py'),
        JSON.stringify(deflate),
      ])
      try {
        for (const mine of ours) {
          const wish = mine.serverMaxWindowBits ?? 15
          if (wish === 8 || mine.clientMaxWindowBits === 8) continue
          assert.match(await echoes(server.origin, mine), DEFLATE, JSON.stringify(mine))
        }
      } finally {
        await server.stop()
      }
    })
  }
})

describePeer('our compressing client with Bun.serve', bunServer, () => {
  for (const mine of ours) {
    it(JSON.stringify(mine), { timeout }, async () => {
      const server = await bunServer.start()
      try {
        const extensions = await echoes(`${server.origin}/echo`, mine)
        // it declines windows that it has no memory of that size for
        if (mine.serverMaxWindowBits === undefined) assert.match(extensions, DEFLATE)
      } finally {
        await server.stop()
      }
    })
  }
})

/** Has everything come back, and tells what was agreed upon. */
async function echoes(url: string, compression: CompressionOptions): Promise<string> {
  const socket = await connect(url, { compression })
  const incoming = socket[Symbol.asyncIterator]()
  for (const { kind, bytes } of messages) {
    const sent = payload(kind, bytes)
    void socket.send(sent)
    const { value } = await incoming.next()
    assert.ok(
      Buffer.from(sent).equals(Buffer.from(value as string)),
      `${kind} of ${bytes} bytes under ${socket.extensions}`,
    )
  }
  assert.equal((await socket.close(1000)).clean, true)
  return socket.extensions
}
