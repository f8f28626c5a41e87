import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { AnyConnection } from '../../src/websocket/connection.ts'
import type { BinaryForm, Message } from '../../src/websocket/options.ts'
import { Pace } from '../../src/websocket/pace.ts'
import { Receiver } from '../../src/websocket/receiver.ts'
import { turn } from '../base/turns.ts'

const socket = {} as AnyConnection

interface Trial {
  readonly receiver: Receiver<unknown>
  readonly pace: Pace
  /** What the callback was given, in order. */
  readonly given: Message[]
  /** What reached the host as the user's failure. */
  readonly failures: unknown[]
}

interface TrialOptions {
  readonly binary?: BinaryForm
  /** No callback: somebody iterates, or nobody reads. */
  readonly iterated?: boolean
  /** What the callback does, and returns. */
  readonly onMessage?: (message: Message, receiver: Receiver<unknown>) => void | Promise<void>
}

function trial({ binary = 'buffer', iterated = false, onMessage }: TrialOptions = {}): Trial {
  const given: Message[] = []
  const failures: unknown[] = []
  const pace = new Pace({ onGo() {} })
  const message = (_: AnyConnection, each: Message): void | Promise<void> => {
    given.push(each)
    return onMessage?.(each, receiver)
  }
  const receiver: Receiver<unknown> = new Receiver({
    socket,
    events: iterated ? {} : { message },
    binary,
    pace,
    host: { failHandler: (error) => failures.push(error) },
  })
  return { receiver, pace, given, failures }
}

async function all(messages: AsyncIterable<Message>): Promise<Message[]> {
  const seen: Message[] = []
  for await (const message of messages) seen.push(message)
  return seen
}

test('a message waits for whoever asks, and the end behind it', async () => {
  const { receiver } = trial({ iterated: true })
  receiver.put('one', false)
  const messages = receiver.iterate()
  assert.deepEqual(await messages.next(), { value: 'one', done: false })
  const next = messages.next()
  receiver.put('two', false)
  assert.deepEqual(await next, { value: 'two', done: false })
  receiver.put('three', false)
  receiver.end()
  assert.deepEqual(await all(messages), ['three'])
  assert.deepEqual(await all(receiver.iterate()), [])
})

for (const [title, message, most] of [
  ['1,024 of them', 'x', 1_024],
  ['1 MiB', Buffer.alloc(65_536), 16],
  ['1 MiB in pieces', [Buffer.alloc(65_000), Buffer.alloc(536)], 16],
] as const) {
  test(`the peer is slowed once ${title} were there before a message, until all are taken`, async () => {
    const { receiver, pace } = trial({ iterated: true, binary: 'chunks' })
    for (let count = 0; count < most; count++) receiver.put(message as string, false)
    assert.equal(pace.reading, true)
    receiver.put(message as string, false)
    assert.deepEqual([pace.reading, receiver.unread], [false, most + 1])
    const messages = receiver.iterate()
    for (let count = 0; count < most; count++) await messages.next()
    assert.equal(pace.reading, false)
    await messages.next()
    assert.deepEqual([pace.reading, receiver.unread], [true, 0])
  })
}

test('who closes slows nobody: what is beyond the bound is dropped', () => {
  const { receiver, pace } = trial({ iterated: true })
  for (let count = 0; count < 2_000; count++) receiver.put('x', true)
  assert.deepEqual([pace.reading, receiver.unread], [true, 1_024])
})

test('a callback that pauses is given nothing more, and then all in order, also where it pauses again', () => {
  const trialled = trial({ onMessage: (_, receiver) => receiver.pause() })
  const { receiver, pace, given } = trialled
  for (const message of ['one', 'two', 'three']) receiver.put(message, false)
  assert.deepEqual([given, pace.reading], [['one'], false])
  receiver.resume()
  assert.deepEqual(given, ['one', 'two'])
  receiver.resume()
  receiver.resume()
  assert.deepEqual([given, pace.reading], [['one', 'two', 'three'], true])
})

test('a callback that resumes itself is not called inside itself', () => {
  let depth = 0
  let deepest = 0
  const { receiver, given } = trial({
    onMessage: (_, receiver) => {
      deepest = Math.max(deepest, ++depth)
      receiver.pause()
      receiver.resume()
      depth--
    },
  })
  receiver.pause()
  for (let count = 0; count < 100; count++) receiver.put(String(count), false)
  receiver.resume()
  assert.deepEqual([given.length, deepest], [100, 1])
})

test('256 promises that have not settled slow the peer, until one has', async () => {
  const rejects: ((error: Error) => void)[] = []
  const { receiver, pace, failures } = trial({
    onMessage: () => new Promise<void>((_, reject) => void rejects.push(reject)),
  })
  for (let count = 0; count < 255; count++) receiver.put('x', false)
  assert.equal(pace.reading, true)
  receiver.put('x', false)
  assert.equal(pace.reading, false)
  rejects[7]!(new Error('odd'))
  await turn()
  assert.equal(pace.reading, true)
  assert.deepEqual(failures, [new Error('odd')])
})

test('what a callback throws is the user’s, and the next message comes all the same', () => {
  const odd = new Error('odd')
  const { receiver, given, failures } = trial({
    onMessage: (message) => {
      if (message === 'one') throw odd
    },
  })
  receiver.put('one', false)
  receiver.put('two', false)
  assert.deepEqual([given, failures], [['one', 'two'], [odd]])
})

test('binary messages come in the form that was asked for', () => {
  const bytes = Buffer.from('bytes')
  const shaped = (binary: BinaryForm, message: Buffer | Buffer[]): Message => {
    const { receiver, given } = trial({ binary })
    receiver.put(message, false)
    return given[0]!
  }
  assert.equal(shaped('buffer', bytes), bytes)
  assert.equal(shaped('lent', bytes), bytes)
  assert.deepEqual(shaped('chunks', bytes), [bytes])
  assert.deepEqual(shaped('chunks', [bytes, bytes]), [bytes, bytes])
  const copy = shaped('arraybuffer', bytes) as ArrayBuffer
  assert.ok(copy instanceof ArrayBuffer)
  assert.deepEqual(Buffer.from(copy), bytes)
})

test('what is lent is copied only where it has to wait', () => {
  const { receiver, given } = trial({ binary: 'lent' })
  const lent = Buffer.from('first')
  receiver.put(lent, false)
  receiver.pause()
  receiver.put(lent, false)
  lent.write('later')
  receiver.resume()
  assert.deepEqual(given.map(String), ['later', 'first'])
  assert.equal(given[0], lent)
})

test('a reader that leaves while it waits takes no message with it, and is in nobody’s way', async () => {
  const { receiver } = trial({ iterated: true })
  const readable = Readable.from(receiver.iterate())
  readable.read()
  await turn()
  readable.destroy()
  await turn()
  receiver.put('one', false)
  assert.deepEqual(await receiver.iterate().next(), { value: 'one', done: false })

  const streams = receiver.streams()
  const waiting = streams.next()
  await streams.return?.()
  assert.deepEqual(await waiting, { value: undefined, done: true })
  receiver.put('two', false)
  assert.equal(await (await receiver.streams().next()).value?.read(), 'two')
})

test('a callback, a loop and streams exclude each other', async () => {
  const called = trial().receiver
  assert.throws(() => called.iterate(), { code: 'ERR_INVALID_ARGUMENT', message: /`message` callback/ })
  assert.throws(() => called.streams(), { code: 'ERR_INVALID_ARGUMENT', message: /`message` callback/ })
  const streamed = trial({ iterated: true }).receiver
  streamed.streams()
  assert.throws(() => streamed.iterate(), { code: 'ERR_INVALID_ARGUMENT', message: /streamed/ })
})

test('messages that were there before their streams were asked for come first, whatever their form', async () => {
  for (const binary of ['buffer', 'chunks', 'arraybuffer', 'lent'] as const) {
    const { receiver } = trial({ binary, iterated: true })
    receiver.put('text', false)
    receiver.put(Buffer.from('bytes'), false)
    receiver.end()
    const seen: (string | Buffer)[] = []
    for await (const message of receiver.streams()) seen.push(message.type, await message.read())
    assert.deepEqual(seen, ['text', 'text', 'binary', Buffer.from('bytes')], binary)
  }
})
