import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type BodyFraming, BodyReader, bodyFraming } from '../../src/http/body.ts'

type Framing = Exclude<BodyFraming, { readonly kind: 'bad' }>

const chunked: Framing = { kind: 'chunked' }
const bytes = (text: string) => Buffer.from(text, 'latin1')

/** Reads the pieces one after another; what came out, or the code of what was thrown. */
function readAll(framing: Framing, pieces: readonly Buffer[]) {
  const reader = new BodyReader(framing)
  let body = ''
  let rest = ''
  try {
    for (const piece of pieces) {
      const progress = reader.read(piece)
      assert.ok(progress.parts.every((part) => part.length > 0))
      for (const part of progress.parts) body += part.toString('latin1')
      rest += progress.rest.toString('latin1')
      assert.equal(progress.done, reader.done)
      assert.ok(progress.done || progress.rest.length === 0)
    }
  } catch (error) {
    return { failed: (error as Error).message }
  }
  return { body, rest, done: reader.done }
}

const readText = (framing: Framing, text: string) => readAll(framing, [bytes(text)])

test('RFC 9112 section 6.3: neither field means no body, and so does a length of 0', () => {
  assert.deepEqual(bodyFraming(['Host', 'a']), { kind: 'none' })
  assert.deepEqual(bodyFraming(['Content-Length', '0']), { kind: 'none' })
})

test('RFC 9112 section 6.2: a length is decimal digits', () => {
  assert.deepEqual(bodyFraming(['content-length', '42']), { kind: 'length', bytes: 42 })
  assert.deepEqual(bodyFraming(['content-length', '999999999999999']), {
    kind: 'length',
    bytes: 999_999_999_999_999,
  })
  for (const bad of [
    '',
    '-1',
    '+1',
    '1.0',
    '1e3',
    '0x10',
    '1 2',
    '4, 4',
    '٣',
    '\v1',
    '9999999999999999',
    '1\n',
  ]) {
    const framing = bodyFraming(['Content-Length', bad])
    assert.equal(framing.kind, 'bad', JSON.stringify(bad))
  }
})

test('RFC 9112 section 6.3: a repeated length is refused, even when equal', () => {
  const framing = bodyFraming(['Content-Length', '4', 'content-length', '4'])
  assert.ok(framing.kind === 'bad')
  assert.equal(framing.answer.status, 400)
  assert.equal(framing.answer.close, true)
})

test('RFC 9112 section 6.3: both fields together are refused', () => {
  for (const coding of ['chunked', 'identity', '']) {
    const framing = bodyFraming(['Transfer-Encoding', coding, 'Content-Length', '4'])
    assert.ok(framing.kind === 'bad')
    assert.equal(framing.answer.status, 400)
  }
})

test('RFC 9112 section 6.1: chunked alone is read, in any case', () => {
  assert.deepEqual(bodyFraming(['Transfer-Encoding', 'chunked']), { kind: 'chunked' })
  assert.deepEqual(bodyFraming(['transfer-encoding', 'Chunked']), { kind: 'chunked' })
})

test('RFC 9112 section 6.1: every other coding is refused: 501 before a last chunked, else 400', () => {
  const statusOf = (...lines: string[]) => {
    const framing = bodyFraming(lines.flatMap((line) => ['Transfer-Encoding', line]))
    return framing.kind === 'bad' ? framing.answer.status : framing.kind
  }
  assert.equal(statusOf('gzip, chunked'), 501)
  assert.equal(statusOf('gzip', 'chunked'), 501)
  for (const bad of [
    'gzip',
    'identity',
    '',
    'chunked, gzip',
    'chunked, chunked',
    'chunked;a=b',
    '\vchunked',
    'xchunked',
  ]) {
    assert.equal(statusOf(bad), 400, JSON.stringify(bad))
  }
  assert.equal(statusOf('chunked', 'chunked'), 400)
  assert.equal(statusOf('chunked', 'identity'), 400)
})

test('without a body everything is rest', () => {
  assert.deepEqual(readText({ kind: 'none' }, 'GET'), { body: '', rest: 'GET', done: true })
  assert.equal(new BodyReader({ kind: 'none' }).done, true)
  assert.equal(new BodyReader({ kind: 'length', bytes: 0 }).done, true)
})

test('a body of known length ends to the byte', () => {
  const framing: Framing = { kind: 'length', bytes: 5 }
  assert.deepEqual(readText(framing, 'hello'), { body: 'hello', rest: '', done: true })
  assert.deepEqual(readText(framing, 'helloGET'), { body: 'hello', rest: 'GET', done: true })
  assert.deepEqual(readText(framing, 'hel'), { body: 'hel', rest: '', done: false })
})

test('RFC 9112 section 7.1: a chunked body is read to its end and not beyond', () => {
  assert.deepEqual(readText(chunked, '5\r\nhello\r\n00A\r\n, and more\r\n0\r\n\r\nGET / '), {
    body: 'hello, and more',
    rest: 'GET / ',
    done: true,
  })
  assert.deepEqual(readText(chunked, '0\r\n\r\n'), { body: '', rest: '', done: true })
  assert.deepEqual(readText(chunked, '00000000\r\n\r\n').done, true)
})

test('RFC 9112 section 7.1: data may hold line ends and looks like nothing else', () => {
  assert.equal(readText(chunked, '7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n').body, '\r\n0\r\n\r\n')
})

test('RFC 9112 section 7.1.1: chunk extensions are checked and dropped', () => {
  const extensions = '5;a;b=1 ; c="x;\\"y"\r\nhello\r\n0;last\r\n\r\n'
  assert.deepEqual(readText(chunked, extensions), { body: 'hello', rest: '', done: true })
})

test('RFC 9112 section 7.1.2: trailer fields are checked and kept, as they were written', () => {
  const reader = new BodyReader({ kind: 'chunked' })
  reader.read(bytes('0\r\nX-Sum:1\r\nX-A: \t b c \r\nX-E:\r\n'))
  assert.deepEqual(reader.rawTrailers, ['X-Sum', '1', 'X-A', 'b c', 'X-E', ''])
  assert.deepEqual(readText(chunked, '0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\nGET'), {
    body: '',
    rest: 'GET',
    done: true,
  })
})

test('RFC 9112 section 7.1: whatever two servers might read in two ways is refused', () => {
  for (const bad of [
    '\r\n', // no size
    'g\r\n',
    '-1\r\n',
    '+5\r\nhello',
    '0x5\r\nhello',
    ' 5\r\nhello',
    '5 \r\nhello',
    '5\t\r\nhello',
    '5_\r\nhello',
    '5\nhello', // LF alone
    '5\rhello', // CR alone
    '5\r\rhello',
    '5;\r\nhello', // extension without a name
    '5;a=\r\nhello',
    '5;a\nb\r\nhello', // LF in an extension
    '5;a\rb\r\nhello',
    '5;a="b\r\nhello',
    '5;a=\0\r\nhello',
    '123456789\r\n', // nine digits
    '000000005\r\nhello',
    '3\r\nhello\r\n', // more data than size
    '5\r\nhello\n0\r\n\r\n',
    '5\r\nhello0\r\n\r\n',
    '5\r\nhello\r0\r\n\r\n',
    '0\r\n\n', // trailer section ends in LF
    '0\r\nGET / HTTP/1.1\r\n\r\n', // a request in the place of a trailer
    '0\r\nX-A : b\r\n\r\n',
    '0\r\n: b\r\n\r\n',
    '0\r\nX-A: b\r\n folded\r\n\r\n',
    '0\r\nX-A: \0\r\n\r\n',
    '0\r\nX-A: b\nX-B: c\r\n\r\n',
  ]) {
    assert.ok('failed' in readText(chunked, bad), JSON.stringify(bad))
  }
})

test('the sizes of chunks go to 32 bits', () => {
  const reader = new BodyReader(chunked)
  assert.equal(reader.read(bytes('ffffffff\r\nab')).done, false)
  assert.equal(reader.read(Buffer.alloc(1024)).parts[0]?.length, 1024)
})

test('extensions and trailers together are bounded, over all chunks of a body', () => {
  const extension = `;${'a'.repeat(4000)}`
  const one = `1${extension}\r\nx\r\n`
  assert.deepEqual(readText(chunked, `${one.repeat(4)}0\r\n\r\n`).done, true)
  assert.match(readText(chunked, one.repeat(5)).failed ?? '', /over 16384 bytes/)
  assert.match(readText(chunked, `${one.repeat(4)}0\r\nX-A: ${'b'.repeat(500)}`).failed ?? '', /over 16384/)
  assert.match(readText(chunked, '1'.repeat(20_000)).failed ?? '', /over 16384/)
})

test('a reader that failed goes on failing', () => {
  const reader = new BodyReader(chunked)
  assert.throws(() => reader.read(bytes('x\r\n')), { code: 'ERR_BODY' })
  assert.throws(() => reader.read(bytes('0\r\n\r\n')), { code: 'ERR_BODY' })
  assert.equal(reader.done, false)
})

test('the parts are views, not copies', () => {
  const chunk = bytes('5\r\nhello\r\n0\r\n\r\n')
  const { parts } = new BodyReader(chunked).read(chunk)
  assert.equal(parts[0]?.buffer, chunk.buffer)
})

/** The text cut at every place whose flag is set. */
const cut = (text: string, flags: readonly boolean[]) => {
  const pieces: Buffer[] = []
  let start = 0
  for (let at = 1; at <= text.length; at++) {
    if (at < text.length && flags[at % flags.length] === false) continue
    pieces.push(bytes(text.slice(start, at)))
    start = at
  }
  return pieces
}
const cuts = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 })
const latin1 = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array).toString('latin1'))

test('RFC 9112 section 7.1: a well-formed chunked body reads the same however it is cut', () => {
  const chunk = fc.record({
    data: latin1(30),
    extension: fc.constantFrom('', ';a', ' ; a="b;c"'),
    upper: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 6 }), latin1(20), cuts, (chunks, after, flags) => {
      let text = ''
      let body = ''
      for (const { data, extension, upper } of chunks) {
        if (data === '') continue
        const size = data.length.toString(16)
        text += `${upper ? size.toUpperCase() : size}${extension}\r\n${data}\r\n`
        body += data
      }
      text += `0\r\nX-A: b\r\n\r\n${after}`
      const expected = { body, rest: after, done: true }
      assert.deepEqual(readText(chunked, text), expected)
      assert.deepEqual(readAll(chunked, cut(text, flags)), expected)
      assert.deepEqual(readAll(chunked, cut(text, [true])), expected)
    }),
  )
})

test('RFC 9112 section 7.1: whatever comes, sense or nonsense, reads the same however it is cut', () => {
  const scrap = fc.constantFrom(
    '0',
    '1',
    '5',
    'a',
    ';',
    '"',
    '\\',
    '=',
    ' ',
    '\t',
    '\r',
    '\n',
    '\r\n',
    'X: y',
    '\0',
    '1\r\nx\r\n',
    '0\r\n\r\n',
  )
  const text = fc.array(scrap, { maxLength: 16 }).map((scraps) => scraps.join(''))
  fc.assert(
    fc.property(text, cuts, (input, flags) => {
      const whole = readText(chunked, input)
      assert.deepEqual(readAll(chunked, cut(input, flags)), whole)
      assert.deepEqual(readAll(chunked, cut(input, [true])), whole)
    }),
    { numRuns: 1000 },
  )
})

test('a body of known length reads the same however it is cut', () => {
  fc.assert(
    fc.property(latin1(60), fc.nat(70), cuts, (text, length, flags) => {
      const framing: Framing = { kind: 'length', bytes: length }
      assert.deepEqual(readAll(framing, cut(text, flags)), {
        body: text.slice(0, length),
        rest: text.slice(length),
        done: text.length >= length,
      })
    }),
  )
})
