// Knows that a broadcast is a loop of `send`, whatever the connections have agreed to: the slow form judges the fast.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { memoryTransportPair } from '../../src/transport/memory.ts'
import { type Broadcastable, broadcast } from '../../src/websocket/broadcast.ts'
import type { AnyConnection } from '../../src/websocket/connection.ts'
import { createConnection, openConnection } from '../../src/websocket/inside.ts'
import type { CompressionOptions, Message } from '../../src/websocket/options.ts'
import { createPair } from './compressed-pair.ts'

/** Somebody to send to, and what arrives at the other end. */
interface Listener {
  readonly socket: AnyConnection
  readonly messages: readonly Message[]
  close(): Promise<unknown>
}

const COMPRESSED: { readonly [kind: string]: CompressionOptions } = {
  takeover: { threshold: 20 },
  forgetful: { threshold: 20, serverNoContextTakeover: true },
  'forgetful at another level': { threshold: 20, level: 6, serverNoContextTakeover: true },
  'forgetful, in the thread pool': { threshold: 20, offloadBytes: 100, serverNoContextTakeover: true },
  'takeover in the thread pool': { threshold: 20, offloadBytes: 100 },
  'forgetful from 500 bytes on': { threshold: 500, serverNoContextTakeover: true },
}
const KINDS = ['plain', 'client', ...Object.keys(COMPRESSED)]

function listener(kind: string): Listener {
  if (kind === 'plain') return plain()
  const pair = createPair(kind === 'client' ? {} : { server: COMPRESSED[kind]! })
  const [near, far] = kind === 'client' ? [pair.client, pair.server] : [pair.server, pair.client]
  return { socket: near.socket, messages: far.messages, close: () => closed(near.socket, far.socket) }
}

function plain(): Listener {
  const messages: Message[] = []
  const [near, far] = memoryTransportPair()
  const end = (role: 'server' | 'client') =>
    createConnection<unknown>({
      role,
      data: undefined,
      protocol: '',
      extensions: '',
      options: { heartbeat: false },
      events: { message: (_, message) => void messages.push(message) },
    })
  const [socket, peer] = [end('server'), end('client')]
  openConnection(socket, near)
  openConnection(peer, far)
  return { socket, messages, close: () => closed(socket, peer) }
}

/** What was sent before has arrived by then. */
function closed(near: AnyConnection, far: AnyConnection): Promise<unknown> {
  void near.close(1000)
  return far.closed
}

const body: fc.Arbitrary<Broadcastable> = fc
  .tuple(
    fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.uint8Array({ maxLength: 40 })),
    fc.constantFrom(1, 1, 5, 60),
  )
  .map(([once, times]) =>
    typeof once === 'string' ? once.repeat(times) : Buffer.concat(Array<Uint8Array>(times).fill(once)),
  )

const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ message: body }) },
  { weight: 1, arbitrary: fc.record({ message: body, alone: fc.nat(9) }) },
)

test('what arrives of broadcasts and sends in any order, at any mix of connections, is the same', async () => {
  const property = fc.asyncProperty(
    fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 6 }),
    fc.array(act, { minLength: 1, maxLength: 8 }),
    async (kinds, acts) => {
      const [some, others] = [kinds.map(listener), kinds.map(listener)]
      const expected: Message[][] = kinds.map(() => [])
      for (const { message, ...rest } of acts) {
        const alone = 'alone' in rest ? rest.alone % kinds.length : undefined
        const arrives = typeof message === 'string' ? message : Buffer.from(message as Uint8Array)
        for (const [at, { socket }] of others.entries()) {
          if (alone !== undefined && alone !== at) continue
          void socket.send(message)
          expected[at]!.push(arrives)
        }
        const sockets = some.map(({ socket }) => socket)
        if (alone !== undefined) void sockets[alone]!.send(message)
        else assert.equal(broadcast(sockets, message), kinds.length)
      }
      await Promise.all([...some, ...others].map((one) => one.close()))
      for (const [at, messages] of expected.entries()) {
        assert.deepEqual(others[at]!.messages, messages)
        assert.deepEqual(some[at]!.messages, messages)
      }
    },
  )
  await fc.assert(property, { numRuns: 100 })
})
