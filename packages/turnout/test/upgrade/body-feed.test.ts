import assert from 'node:assert/strict'
import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { BodyReader } from '../../src/http/body.ts'
import { type BodyEnd, BodyFeed } from '../../src/upgrade/body-feed.ts'

function open(
  options: { readonly bytes?: number; readonly chunked?: boolean; readonly parsed?: boolean } = {},
) {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  const original = new IncomingMessage(stream as Socket)
  original.method = 'POST'
  original.url = '/up'
  original.rawHeaders = ['Host', 'x']
  original._read = () => {}
  const { bytes = 5, chunked = false, parsed = false } = options
  const framing = chunked ? ({ kind: 'chunked' } as const) : ({ kind: 'length', bytes } as const)
  const log: string[] = []
  const clock = createVirtualClock()
  const feed = new BodyFeed({
    original,
    stream,
    reader: parsed ? undefined : new BodyReader(framing),
    timeoutMs: 1_000,
    clock,
    onStart: () => log.push('start'),
    onFailure: (status, error) => log.push(`${status} ${error.code}`),
  })
  const ends: BodyEnd[] = []
  return { stream, original, feed, log, clock, ends, note: (end: BodyEnd) => void ends.push(end) }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text
}

const soon = () => new Promise((resolve) => setImmediate(resolve))

test('the request has the head of the original, and the body once it is read', async () => {
  const { stream, feed, log } = open()
  stream.push('HE')
  stream.push('LLOrest')
  await soon()
  assert.equal(feed.untouched, true)
  assert.deepEqual(log, [])
  assert.equal(feed.request.method, 'POST')
  assert.equal(feed.request.url, '/up')
  assert.equal(feed.request.complete, false)
  assert.equal(await textOf(feed.request), 'HELLO')
  assert.equal(feed.request.complete, true)
  assert.equal(feed.over, true)
  assert.deepEqual(log, ['start'])
  await soon()
  assert.equal(String(stream.read()), 'rest')
})

test('after the body the stream flows again for whoever listens', async () => {
  const { stream, feed } = open()
  const seen: string[] = []
  stream.push('HELLOrest')
  feed.keep(100, () => stream.on('data', (chunk) => seen.push(String(chunk))))
  await soon()
  stream.push('more')
  await soon()
  assert.deepEqual(seen, ['rest', 'more'])
})

test('nobody reads: nothing is taken from the connection', async () => {
  const { stream, feed } = open({ bytes: 1_000_000 })
  feed.request.once('readable', () => {})
  for (let index = 0; index < 30; index++) {
    stream.push(Buffer.alloc(10_000))
    await soon()
  }
  assert.ok(feed.request.readableLength < 100_000, `${feed.request.readableLength} bytes were taken`)
  assert.ok(stream.readableLength > 100_000)
})

test('kept, it is whole before anybody reads', async () => {
  const { stream, feed, ends, note } = open({ chunked: true })
  feed.keep(10, note)
  for (const byte of '2\r\nHE\r\n3\r\nLLO\r\n0\r\n\r\n') {
    assert.deepEqual(ends, [])
    stream.push(byte)
    await soon()
  }
  assert.deepEqual(ends, ['complete'])
  assert.equal(await textOf(feed.request), 'HELLO')
})

test('kept beyond the limit it is too big; what is read meanwhile does not count', async () => {
  const { stream, feed, ends, note } = open({ bytes: 100 })
  feed.keep(10, note)
  stream.push('12345678')
  await soon()
  assert.deepEqual(ends, [])
  stream.push('12345678')
  await soon()
  assert.deepEqual(ends, ['too big'])
})

test('kept in pieces of one byte, it lies side by side', async () => {
  const { stream, feed, ends, note } = open({ chunked: true })
  feed.keep(1_000_000, note)
  const piece = Buffer.from('1\r\nx\r\n'.repeat(10_000))
  for (let round = 0; round < 30; round++) {
    stream.push(piece)
    await soon()
  }
  // not as 300,000 Buffers in the request: each would cost over a hundred bytes
  assert.equal(feed.request.readableLength, 0)
  stream.push('0\r\n\r\n')
  await soon()
  assert.deepEqual(ends, ['complete'])
  assert.equal(await textOf(feed.request), 'x'.repeat(300_000))
})

test('discarded, it goes by unread, however long it is', async () => {
  const { stream, feed, ends, note } = open({ bytes: 5_000_000 })
  feed.discard(note)
  for (let index = 0; index < 5; index++) {
    assert.deepEqual(ends, [])
    stream.push(Buffer.alloc(1_000_000))
    await soon()
  }
  assert.deepEqual(ends, ['complete'])
  assert.equal(feed.request.readableLength, 0)
})

test('whoever waits is told when somebody else has read to the end', async () => {
  const { stream, feed, ends, note } = open()
  feed.wait(note)
  stream.push('HELLO')
  await soon()
  assert.deepEqual(ends, [])
  feed.request.resume()
  await soon()
  assert.deepEqual(ends, ['complete'])
  feed.wait(note)
  assert.deepEqual(ends, ['complete', 'complete'])
})

for (const [what, act, log] of [
  ['broken framing', ({ stream }) => stream.push('x\r\n'), ['start', '400 ERR_BODY']],
  ['an end too soon', ({ stream }) => stream.push(null), ['start', '400 ERR_BODY']],
  ['a connection cut', ({ stream }) => stream.destroy(), ['start']],
  ['time passing', ({ clock }) => clock.advance(1_000), ['start', '408 ERR_BODY']],
] as const satisfies readonly (readonly [
  string,
  (opened: ReturnType<typeof open>) => unknown,
  readonly string[],
])[]) {
  test(`${what} ends the request with an error`, async () => {
    const opened = open({ chunked: true })
    const failed = new Promise<Error>((resolve) => opened.feed.request.on('error', resolve))
    opened.feed.keep(10, opened.note)
    act(opened)
    await failed
    assert.deepEqual(opened.log, log)
    assert.deepEqual(opened.ends, ['gone'])
    assert.equal(opened.feed.request.destroyed, true)
    assert.equal(opened.clock.waiting, 0)
  })
}

test('a body that Node parses comes over as it is, trailers too', async () => {
  const { original, feed } = open({ parsed: true })
  original.push('HE')
  const text = textOf(feed.request)
  await soon()
  original.push('LLO')
  original.rawTrailers = ['T', 't']
  original.complete = true
  original.push(null)
  assert.equal(await text, 'HELLO')
  assert.deepEqual(feed.request.rawTrailers, ['T', 't'])
  assert.deepEqual({ ...feed.request.trailers }, { t: 't' })
})

test('of a body that is read here the trailers come in all of Node’s forms', async () => {
  const { stream, feed } = open({ chunked: true })
  stream.push('5\r\nHELLO\r\n0\r\nX-Sum:  9\t\r\nx-sum: 8\r\n\r\n')
  assert.equal(await textOf(feed.request), 'HELLO')
  assert.deepEqual(feed.request.rawTrailers, ['X-Sum', '9', 'x-sum', '8'])
  assert.deepEqual({ ...feed.request.trailers }, { 'x-sum': '9, 8' })
  assert.deepEqual({ ...feed.request.trailersDistinct }, { 'x-sum': ['9', '8'] })
})

test('a body that Node parses and gives up on ends the request', async () => {
  const { original, feed, ends, note } = open({ parsed: true })
  feed.keep(10, note)
  original.on('error', () => {})
  original.destroy()
  await soon()
  assert.deepEqual(ends, ['gone'])
})
