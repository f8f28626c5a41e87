import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { MisuseError, PeerError } from '../../src/base/errors.ts'
import type { MessageStream } from '../../src/websocket/stream.ts'
import { turn } from '../base/turns.ts'
import { createRig, type Rig } from './rig.ts'

async function collect(stream: AsyncIterable<string | Buffer>): Promise<string> {
  const parts: string[] = []
  for await (const part of stream) parts.push(String(part))
  return parts.join('|')
}

test('RFC 6455 section 5.4: a message can be read before it is complete', async () => {
  const rig = createRig({ iterated: true })
  const streams = rig.socket.streams()
  await rig.peer.send([0x01, 'one '])
  const { value: stream } = (await streams.next()) as { value: MessageStream }
  assert.equal(stream.type, 'text')
  const parts = stream[Symbol.asyncIterator]()
  assert.equal((await parts.next()).value, 'one ')
  await rig.peer.send([0x89, 'ping'], [0x00, 'two '])
  assert.equal((await parts.next()).value, 'two ')
  await rig.peer.send([0x80, 'three'], [0x82, Buffer.from([1, 2])])
  assert.equal((await parts.next()).value, 'three')
  assert.equal((await parts.next()).done, true)
  const next = (await streams.next()).value as MessageStream
  assert.equal(next.type, 'binary')
  assert.deepEqual(await next.read(), Buffer.from([1, 2]))
  assert.deepEqual(rig.peer.frames, ['8a 70696e67'])
})

test('RFC 6455 section 8.1: parts of a text are never cut inside a character, and are checked as they come', async () => {
  const rig = createRig({ iterated: true, pipe: { chunkBytes: 1 } })
  const streams = rig.socket.streams()
  await rig.peer.send([0x81, 'a€𝄞é'])
  const parts: (string | Buffer)[] = []
  for await (const part of (await streams.next()).value as MessageStream) parts.push(part)
  assert.deepEqual(parts, ['a', '€', '𝄞', 'é'])
  await rig.peer.send([0x01, Buffer.from([0x61, 0xed, 0xa0])])
  const broken = (await streams.next()).value as MessageStream
  await assert.rejects(collect(broken), { code: 'ERR_CONNECTION_LOST' })
  assert.equal((await rig.info())?.code ?? 1006, 1006)
  assert.equal(rig.peer.bytes.readUInt16BE(2), 1007)
})

test('a loop that waits keeps its messages to itself, and one that comes back to streams is told', async () => {
  const rig = createRig({ iterated: true })
  const loop = rig.socket[Symbol.asyncIterator]()
  const waiting = loop.next()
  assert.throws(() => rig.socket.streams(), { code: 'ERR_INVALID_ARGUMENT', message: /leave the loop first/ })
  await rig.peer.send([0x81, 'first'])
  assert.equal((await waiting).value, 'first')
  const streams = rig.socket.streams()
  await assert.rejects(loop.next(), { code: 'ERR_INVALID_ARGUMENT', message: /cannot be iterated as well/ })
  await rig.peer.send([0x81, 'second'])
  assert.equal(await collect((await streams.next()).value as MessageStream), 'second')
  rig.socket.terminate()
  assert.deepEqual(await loop.next(), { value: undefined, done: true })
})

test('what is not read of a message is thrown away when the next one is asked for', async () => {
  const rig = createRig({ iterated: true })
  await rig.peer.send([0x81, 'first'], [0x01, 'second '], [0x80, 'goes on'], [0x81, 'third'])
  const seen: string[] = []
  for await (const stream of rig.socket.streams()) {
    if (seen.length === 0) {
      seen.push('skipped')
      continue
    }
    if (seen.length === 1) {
      for await (const part of stream) {
        seen.push(String(part))
        break
      }
      continue
    }
    seen.push(String(await stream.read()))
    break
  }
  assert.deepEqual(seen, ['skipped', 'second goes on', 'third'])
})

test('a message that was whole before streams were asked for comes first', async () => {
  const rig = createRig({ iterated: true })
  await rig.peer.send([0x81, 'early'], [0x01, 'half '])
  const streams = rig.socket.streams()
  await rig.peer.send([0x80, 'done'], [0x81, 'late'])
  const texts: string[] = []
  for (let count = 0; count < 3; count++)
    texts.push(String(await ((await streams.next()).value as MessageStream).read()))
  assert.deepEqual(texts, ['early', 'half done', 'late'])
})

test('a reader of parts that is behind slows the peer to its pace', async () => {
  const rig = createRig({ iterated: true })
  const streams = rig.socket.streams()
  let written = 0
  const fill = () => {
    for (; written < 400; written++) {
      const flowing = rig.peer.transport.write([bigFrame(written === 0 ? 0x02 : 0x00)])
      if (!flowing) return written++
    }
    return written
  }
  fill()
  await turn()
  const stalled = fill()
  await turn()
  // each try puts one more frame into the pipe
  assert.ok((fill() ?? 0) - (stalled ?? 0) <= 1)
  assert.ok((stalled ?? 0) < 20)
  let read = 0
  const stream = (await streams.next()).value as MessageStream
  for await (const part of stream) {
    read += part.length
    await turn()
    fill()
    if (read >= 300 * 16_384) break
  }
  assert.ok(written > 290)
})

function bigFrame(head: number): Buffer {
  // mask key 0: the payload is its own masked form
  const header = Buffer.from([head, 0x80 | 126, 0x40, 0x00, 0, 0, 0, 0])
  return Buffer.concat([header, Buffer.alloc(16_384, 7)])
}

test('a limit of its own bounds a streamed message, no limit of its own does not', async () => {
  const free = createRig({ iterated: true })
  const streams = free.socket.streams()
  const reading = streams.next().then(async ({ value }) => {
    let bytes = 0
    for await (const part of value as MessageStream) bytes += part.length
    return bytes
  })
  for (let count = 0; count < 100; count++) {
    free.peer.write(bigFrame(count === 0 ? 0x02 : count === 99 ? 0x80 : 0x00))
    await turn()
  }
  assert.equal(await reading, 100 * 16_384)
  const bound = createRig({ iterated: true, options: { maxMessageBytes: 20_000 } })
  const bounded = bound.socket.streams()
  bound.peer.write(bigFrame(0x02))
  bound.peer.write(bigFrame(0x80))
  await assert.rejects(collect((await bounded.next()).value as MessageStream), {
    code: 'ERR_CONNECTION_LOST',
  })
  assert.equal(bound.peer.bytes.readUInt16BE(2), 1009)
})

test('RFC 6455 section 5.4: parts are sent as fragments, control frames between them, other messages behind', async () => {
  const rig = createRig()
  let release = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  async function* parts() {
    yield 'one '
    await gate
    yield 'two'
  }
  const sent = rig.socket.send(parts())
  const behind = rig.socket.send('behind')
  await turn()
  rig.socket.ping('in between')
  await turn()
  assert.deepEqual(rig.peer.frames, ['1 "one "', `89 ${Buffer.from('in between').toString('hex')}`])
  release()
  assert.deepEqual(await Promise.all([sent, behind]), [true, true])
  await turn()
  assert.deepEqual(rig.peer.frames.slice(2), ['0 74776f', '80', '81 "behind"'])
})

test('an iterable, a Readable and a web ReadableStream are messages in parts', async () => {
  for (const make of [
    () => new Set([Buffer.from('ab'), Buffer.from('c')]),
    () => Readable.from([Buffer.from('ab'), Buffer.from('c')]),
    () => new Blob(['abc']).stream() as unknown as AsyncIterable<Uint8Array>,
  ]) {
    const rig = createRig()
    assert.equal(await rig.socket.send(make()), true)
    await turn()
    const frames = rig.peer.frames
    assert.equal(frames[0]?.split(' ')[0], '2')
    assert.equal(frames.at(-1), '80')
  }
})

test('a surrogate pair that is cut between two parts arrives whole; an empty source is an empty message', async () => {
  const rig = createRig()
  await rig.socket.send(['a\ud834', '\udd1eb'])
  await rig.socket.send([])
  await turn()
  assert.deepEqual(rig.peer.frames, ['1 "a"', `0 ${Buffer.from('𝄞b').toString('hex')}`, '80', '82'])
})

test('parts of two kinds are misuse; a source that fails in the middle fails the connection with 1011', async () => {
  const mixed = createRig()
  await assert.rejects(mixed.socket.send(['text', Buffer.from('bytes')]) as Promise<boolean>, {
    code: 'ERR_INVALID_ARGUMENT',
  } satisfies Partial<MisuseError>)
  const failing = createRig()
  async function* source() {
    yield 'half'
    throw new Error('disk on fire')
  }
  await assert.rejects(failing.socket.send(source()) as Promise<boolean>, /disk on fire/)
  await turn()
  assert.deepEqual(
    failing.peer.frames.map((frame) => frame.split(' ')[0]),
    ['1', '88'],
  )
  failing.clock.advance(2_000)
  assert.equal(((await failing.info())?.cause as PeerError | undefined)?.code, 'ERR_HANDLER_FAILED')
})

test('a source that fails before its first part harms nobody', async () => {
  const rig = createRig()
  // biome-ignore lint/correctness/useYield: it fails first
  async function* source(): AsyncGenerator<string> {
    throw new Error('no such file')
  }
  await assert.rejects(rig.socket.send(source()) as Promise<boolean>, /no such file/)
  await rig.socket.send('fine')
  await turn()
  assert.deepEqual(rig.peer.frames, ['81 "fine"'])
})

test('a source is left when the connection ends in the middle', async () => {
  const rig = createRig()
  let left = false
  async function* source() {
    try {
      for (;;) {
        yield Buffer.alloc(1_000)
        await turn()
      }
    } finally {
      left = true
    }
  }
  const sent = rig.socket.send(source())
  await turn()
  rig.socket.terminate()
  assert.equal(await sent, false)
  // what it is busy with comes to its end first
  await turn()
  await turn()
  assert.equal(left, true)
})

/** A callback that reads all messages in parts, and hands on what reading throws. */
function reading(wrap?: (error: unknown) => Error): Rig {
  return createRig({
    iterated: true,
    events: {
      async open(socket) {
        for await (const message of socket.streams()) {
          const read = message.read()
          await (wrap === undefined ? read : read.catch((error) => Promise.reject(wrap(error))))
        }
      },
    },
  })
}

for (const [title, cut] of [
  ['is lost', (rig: Rig) => rig.peer.transport.destroy()],
  ['breaks a rule', (rig: Rig) => void rig.peer.send([0x83, ''])],
  ['closes', (rig: Rig) => void rig.peer.send([0x88, Buffer.from([3, 232])])],
] as const) {
  test(`a reader that lets out that its peer ${title} inside a message is no error of the application`, async () => {
    const rig = reading()
    await rig.peer.send([0x01, 'half '])
    cut(rig)
    await turn()
    assert.deepEqual(rig.errors, [])
    rig.peer.transport.destroy()
    const info = await rig.info()
    assert.notEqual((info?.cause as PeerError | undefined)?.code, 'ERR_HANDLER_FAILED')
    assert.equal(info?.clean, title === 'closes')
  })
}

test('what a reader makes of the loss is the application’s', async () => {
  const own = new Error('upload failed')
  const rig = reading(() => own)
  await rig.peer.send([0x01, 'half '])
  rig.peer.transport.destroy()
  await turn()
  assert.deepEqual(rig.errors, [own])
})
