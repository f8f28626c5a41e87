import assert from 'node:assert/strict'
import type { ClientRequest } from 'node:http'
import { Readable, Writable } from 'node:stream'
import { test } from 'node:test'
import type { Fields } from '../../src/http/message.ts'
import { dropBody, framingOf, lettingGo, type RequestBody, sendBody } from '../../src/upgrade/request-body.ts'
import { until } from '../base/turns.ts'

const NEVER = new Promise<never>(() => {})

async function* of(...chunks: (string | Uint8Array)[]): AsyncGenerator<string | Uint8Array, void, undefined> {
  yield* chunks
}

for (const [what, body, own, fields] of [
  ['no content', undefined, [], []],
  ['no content of no length', undefined, [['Content-Length', '0']], []],
  ['a text by its bytes', '\u00e4', [], [['Content-Length', '2']]],
  ['bytes', new Uint8Array(3), [], [['Content-Length', '3']]],
  ['nothing, said as a text', '', [], [['Content-Length', '0']]],
  ['a text whose length was given', 'abc', [['content-length', '3']], []],
  ['a stream in chunks', Readable.from([]), [], [['Transfer-Encoding', 'chunked']]],
  ['an iterable in chunks', of(), [], [['Transfer-Encoding', 'chunked']]],
  ['a stream whose length was given', Readable.from([]), [['Content-Length', '9']], []],
] satisfies [string, RequestBody | undefined, Fields, Fields][]) {
  test(`RFC 9112 section 6: ${what} is framed`, () => {
    assert.deepEqual(framingOf(body, own), { fields, waitsForContinue: false })
  })
}

for (const [what, body, own] of [
  ['Transfer-Encoding of the application', 'a', [['transfer-encoding', 'chunked']]],
  [
    'two lengths',
    'a',
    [
      ['Content-Length', '1'],
      ['content-length', '1'],
    ],
  ],
  ['a length that is none', Readable.from([]), [['Content-Length', '+1']]],
  ['another length than the text has', '\u00e4', [['Content-Length', '1']]],
  ['a length without content', undefined, [['Content-Length', '1']]],
  ['what is no content', 5 as never, []],
  ['Expect without content', undefined, [['Expect', '100-continue']]],
] satisfies [string, RequestBody | undefined, Fields][]) {
  test(`${what} is misuse`, () => {
    assert.throws(() => framingOf(body, own), { name: 'MisuseError', code: 'ERR_INVALID_ARGUMENT' })
  })
}

test('RFC 9110 section 10.1.1: who expects a 100 waits for it', () => {
  for (const expect of ['100-continue', '100-Continue']) {
    assert.equal(framingOf('a', [['Expect', expect]]).waitsForContinue, true)
  }
})

/** What is sent of a body, and how it went: `end`, or what its source threw. */
async function sent(body: RequestBody | undefined, own: Fields = []): Promise<[string, unknown]> {
  let text = ''
  let how: unknown
  const request = new Writable({
    write(chunk, _encoding, done) {
      text += chunk
      done()
    },
  })
  request.on('finish', () => (how ??= 'end')).on('error', () => {})
  const flushed = Object.assign(request, { flushHeaders: () => void (text += '|') })
  sendBody(flushed as unknown as ClientRequest, body, own, (error) => (how = error))
  await until(() => how !== undefined && (request.destroyed || request.writableFinished))
  return [text, how]
}

test('a body is sent to its end, one that takes its time behind the head', async () => {
  assert.deepEqual(await sent(undefined), ['', 'end'])
  assert.deepEqual(await sent('abc'), ['abc', 'end'])
  assert.deepEqual(await sent(of('a', Buffer.from('b'))), ['|ab', 'end'])
  assert.deepEqual(await sent(Readable.from(['a', 'b'])), ['|ab', 'end'])
  assert.deepEqual(await sent(new Response('ab').body as never), ['|ab', 'end'])
})

test('what its source throws is told, and so is a chunk that is none', async () => {
  const error = new Error('no')
  const broken = async function* () {
    yield 'a'
    throw error
  }
  assert.deepEqual(await sent(broken()), ['|a', error])
  const [, told] = await sent(of(5 as never))
  assert.match(String(told), /^MisuseError: a chunk of type number in a request body/)
})

test('RFC 9110 section 8.6: a body of another length than was given fails, and no byte runs into the next request', async () => {
  for (const [chunks, text] of [
    [['a'], '|a'],
    [['ab', 'cd'], '|ab'],
  ] as const) {
    const [out, told] = await sent(of(...chunks), [['Content-Length', '3']])
    assert.equal(out, text)
    assert.match(String(told), /a body that is not of the 3 bytes in its Content-Length/)
  }
  assert.deepEqual(await sent(of('ab', 'c'), [['Content-Length', '3']]), ['|abc', 'end'])
})

test('a body that is not sent is let go: a stream, a ReadableStream, also one that is being read', async () => {
  const readable = new Readable({ read() {} })
  dropBody(readable)
  assert.equal(readable.destroyed, true)
  let canceled = 0
  const web = () => new ReadableStream<Uint8Array>({ pull: () => NEVER, cancel: () => void canceled++ })
  dropBody(web() as never)
  await until(() => canceled === 1)
  const reading = web()
  const request = Object.assign(new Writable({ write() {} }), { flushHeaders() {} })
  request.on('error', () => {})
  sendBody(request as unknown as ClientRequest, reading as never, [], () => {})
  await until(() => reading.locked)
  dropBody(reading as never)
  await until(() => canceled === 2)
  for (const body of [undefined, 'a', of('a')]) dropBody(body)
})

test('where it comes to nothing the body is let go, else it is not touched', async () => {
  const [used, unused] = [new Readable({ read() {} }), new Readable({ read() {} })]
  assert.equal(await lettingGo(used, async () => 1), 1)
  assert.equal(used.destroyed, false)
  const error = new Error('no')
  await assert.rejects(
    lettingGo(unused, () => Promise.reject(error)),
    error,
  )
  assert.equal(unused.destroyed, true)
  used.destroy()
})
