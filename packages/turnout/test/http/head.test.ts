import assert from 'node:assert/strict'
import { STATUS_CODES } from 'node:http'
import { test } from 'node:test'
import { formatAnswer, formatResponseHead, reasonPhrase } from '../../src/http/head.ts'

const date = new Date(Date.UTC(2026, 0, 2, 3, 4, 5))

test('R10: the head of a 101 is its status line, its fields and a blank line', () => {
  assert.equal(
    formatResponseHead(101, [
      ['Upgrade', 'TLS/1.2, HTTP/1.1'],
      ['Connection', 'Upgrade'],
    ]),
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.2, HTTP/1.1\r\nConnection: Upgrade\r\n\r\n',
  )
})

test('R10: a 1xx with Content-Length or Transfer-Encoding is refused', () => {
  for (const name of ['Content-Length', 'transfer-encoding']) {
    assert.throws(() => formatResponseHead(101, [[name, '0']]), { code: 'ERR_INVALID_ARGUMENT' })
    assert.doesNotThrow(() => formatResponseHead(200, [[name, '0']]))
  }
})

test('a reason with a line break in it is refused before a byte is written', () => {
  assert.equal(formatResponseHead(400, [], 'No, thanks'), 'HTTP/1.1 400 No, thanks\r\n\r\n')
  for (const reason of ['a\r\nb', 'a\nb', 'a\0']) {
    assert.throws(() => formatResponseHead(400, [], reason), { code: 'ERR_INVALID_FIELD_VALUE' })
  }
})

test('RFC 9112 section 4: a status is three digits, and the space before an empty reason stays', () => {
  assert.equal(formatResponseHead(299, []), 'HTTP/1.1 299 \r\n\r\n')
  for (const status of [0, 99, 1000, 200.5, Number.NaN, -200]) {
    assert.throws(() => formatResponseHead(status, []), { code: 'ERR_INVALID_ARGUMENT' })
  }
})

test('reason phrases agree with Node’s, but for those that RFC 9110 renamed', () => {
  const renamed = [413, 422]
  for (const [status, phrase] of Object.entries(STATUS_CODES)) {
    const own = reasonPhrase(Number(status))
    if (own !== '' && !renamed.includes(Number(status))) assert.equal(own, phrase)
  }
  assert.equal(reasonPhrase(426), 'Upgrade Required')
  assert.equal(reasonPhrase(799), '')
})

test('an answer is complete: type, length in bytes, date and connection', () => {
  assert.equal(
    formatAnswer({ status: 403, fields: [['X-A', 'b']], body: 'no é\n' }, { date }),
    'HTTP/1.1 403 Forbidden\r\nX-A: b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\n' +
      'Date: Fri, 02 Jan 2026 03:04:05 GMT\r\nConnection: keep-alive\r\n\r\nno \u00c3\u00a9\n',
  )
})

test('an answer to HEAD has the same fields and no body', () => {
  const answer = { status: 400, fields: [], body: 'no\n' }
  const head = formatAnswer(answer, { date, head: true })
  assert.equal(`${head}no\n`, formatAnswer(answer, { date }))
})

test('R18: a 426 keeps its Connection option, with close beside it when the connection ends', () => {
  const answer = {
    status: 426,
    fields: [
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
    ],
    body: '',
  } as const
  assert.match(formatAnswer(answer), /\r\nConnection: Upgrade\r\n/)
  assert.match(formatAnswer(answer, { keepAlive: false }), /\r\nConnection: Upgrade, close\r\n/)
  assert.match(formatAnswer({ ...answer, close: true }), /\r\nConnection: Upgrade, close\r\n/)
  assert.match(formatAnswer({ ...answer, close: true }, { keepAlive: true }), /: Upgrade, close\r\n/)
  const closing = { ...answer, fields: [['Connection', 'close']] as const }
  assert.match(formatAnswer(closing, { keepAlive: false }), /\r\nConnection: close\r\n/)
})

test('an answer frames itself, whatever its fields say, and keeps a type of its own', () => {
  const text = formatAnswer({
    status: 400,
    fields: [
      ['content-length', '99'],
      ['Transfer-Encoding', 'chunked'],
      ['content-type', 'application/json'],
    ],
    body: '{}',
  })
  assert.equal(text.match(/content-length/gi)?.length, 1)
  assert.equal(text.match(/content-type/gi)?.length, 1)
  assert.match(text, /\r\nContent-Length: 2\r\n/)
  assert.doesNotMatch(text, /chunked/)
})

test('an answer with a field that no line may carry is refused before a byte is written', () => {
  assert.throws(() => formatAnswer({ status: 400, fields: [['X-A', 'b\r\nX-B: c']], body: '' }), {
    code: 'ERR_INVALID_FIELD_VALUE',
  })
})
