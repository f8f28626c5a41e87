// Knows that nothing costs more the more of it there is: twice as much of anything is twice the work, not four times.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Outbox } from '../../src/base/outbox.ts'
import { UNCOUNTED } from '../../src/base/tally.ts'
import type { Transport } from '../../src/transport/transport.ts'
import type { Role } from '../../src/websocket/frame.ts'
import { Held } from '../../src/websocket/held.ts'
import { Inbox } from '../../src/websocket/inbox.ts'
import { Sender } from '../../src/websocket/sender.ts'
import { Session, type SessionEvents } from '../../src/websocket/session.ts'
import { movedBy } from '../base/moved.ts'
import { frame } from './frames.ts'

interface Work {
  readonly what: string
  /** What may be moved for each: slots of arrays and bytes. */
  readonly most: { readonly slots: number; readonly bytes: number }
  /** @returns how many came out. */
  run(n: number): number | Promise<number>
}

const PIECE = Buffer.alloc(5_000)

const WORKS: readonly Work[] = [
  ...(['server', 'client'] as const).flatMap((role) =>
    [0x81, 0x82].map((head) => ({
      what: `one frame (${head.toString(16)}) in n chunks of a byte, to a ${role}`,
      // three of them for the frame itself, one to lay it down, up to two as the room grows, one in the end
      most: { slots: 0.1, bytes: 7.1 },
      run: (n: number) => {
        const { session, received } = receiving(role, n)
        const bytes = frame(head, Buffer.alloc(n, 'a'), role === 'server' ? '00000000' : undefined)
        for (let at = 0; at < bytes.length; at++) session.receive(bytes.subarray(at, at + 1))
        return received()
      },
    })),
  ),
  {
    what: 'a message in n fragments of a byte, each a chunk',
    most: { slots: 0.1, bytes: 4.1 },
    run(n) {
      const { session, received } = receiving('client', n)
      for (let at = 0; at < n; at++) session.receive(Buffer.of(at === 0 ? 0x02 : 0x00, 1, 7))
      session.receive(Buffer.of(0x80, 0))
      return received()
    },
  },
  {
    what: 'n large sends queued against backpressure, then drained portion by portion',
    most: { slots: 8, bytes: 10 },
    run: (n) => drained(n, PIECE),
  },
  {
    what: 'n small sends queued against backpressure, then drained',
    most: { slots: 1, bytes: 200 },
    run: (n) => drained(n, PIECE.subarray(0, 100)),
  },
  {
    what: 'n messages held, then released',
    most: { slots: 2, bytes: 0 },
    async run(n) {
      const held = new Held({ maxMessages: n, maxBytes: n })
      let taken = 0
      for (let count = 0; count < n; count++) void held.hold('a')
      await held.release({ isOver: () => false, send: () => ++taken > 0 })
      return taken
    },
  },
  {
    what: 'n messages that nobody has read, then read',
    most: { slots: 2, bytes: 0 },
    run(n) {
      const inbox = new Inbox<number>()
      for (let count = 0; count < n; count++) inbox.put(count)
      let taken = 0
      while (inbox.take() !== undefined) taken++
      return taken
    },
  },
  {
    what: 'n who wait for a message',
    most: { slots: 2, bytes: 0 },
    async run(n) {
      const inbox = new Inbox<number>()
      const waiting = Array.from({ length: n }, () => inbox.next())
      for (let count = 0; count < n; count++) inbox.put(count)
      return (await Promise.all(waiting)).length
    },
  },
]

for (const { what, most, run } of WORKS) {
  test(`${what}: no more is moved for each, the more there are`, async () => {
    for (const n of [2_000, 32_000]) {
      const { slots, bytes } = await movedBy(async () => assert.equal(await run(n), n))
      assert.ok(slots <= most.slots * n + 1_000, `${slots} slots moved for ${n}`)
      assert.ok(bytes <= most.bytes * n + 1_000, `${bytes} bytes moved for ${n}`)
    }
  })

  test(`${what}: four times as many take four times the CPU, not sixteen times`, async () => {
    const ratios: number[] = []
    // compiled first, then measured
    await run(32_000)
    // whatever else the machine does can only spoil an attempt
    while (ratios.length < 8) {
      const [some, more] = [await cpuMicrosOf(() => run(32_000)), await cpuMicrosOf(() => run(128_000))]
      ratios.push(more / some)
      if (more / some < 9) return
    }
    assert.fail(`${ratios.map((ratio) => ratio.toFixed(1)).join(', ')} times`)
  })
}

async function cpuMicrosOf(run: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

const NOBODY: SessionEvents = {
  onMessage: () => {},
  onStream: () => {},
  onPart: () => {},
  onStreamEnd: () => {},
  onPing: () => {},
  onPong: () => {},
  onState: () => {},
  onWait: () => {},
}

function receiving(role: Role, maxMessageBytes: number) {
  let bytes = 0
  const onMessage = (message: { readonly length: number }) => {
    bytes += message.length
  }
  const events = { ...NOBODY, onMessage }
  return {
    session: new Session({ role, maxMessageBytes, outbox: new Outbox(), events }),
    received: () => bytes,
  }
}

/** Sends to a peer that takes one write at a time. */
function drained(n: number, message: Buffer): number {
  const outbox = new Outbox()
  const session = new Session({ role: 'server', maxMessageBytes: 1, outbox, events: NOBODY })
  const sender = new Sender({
    session,
    outbox,
    highWaterMarkBytes: 65_536,
    maxBufferedBytes: 0,
    slowConsumer: 'wait',
    tally: UNCOUNTED,
  })
  let bytes = 0
  const transport: Pick<Transport, 'write' | 'bufferedBytes'> = {
    write(pieces) {
      for (const piece of pieces) bytes += piece.length
      return false
    },
    bufferedBytes: 0,
  }
  sender.open(transport as Transport)
  for (let count = 0; count < n; count++) void sender.send(message)
  while (outbox.bytes > 0) sender.drain()
  return bytes / frame(0x82, message).length
}
