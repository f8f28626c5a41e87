import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { isFetched, responseFields } from '../../src/upgrade/response-fields.ts'
import { listen } from './wire.ts'

const sent = (headers: Record<string, string>, method = 'GET', status = 200) =>
  responseFields(new Response(null, { status, headers }), method)

test('RFC 9110 section 8.6: a length stays only where no body follows that could contradict it', () => {
  assert.deepEqual(sent({ 'Content-Length': '30', 'X-A': '1' }).fields, [['x-a', '1']])
  assert.deepEqual(sent({ 'Content-Length': '30' }, 'HEAD').fields, [['content-length', '30']])
  assert.deepEqual(sent({ 'Content-Length': '30' }, 'GET', 304).fields, [['content-length', '30']])
  assert.deepEqual(sent({ 'Content-Length': '30' }, 'GET', 204).fields, [])
})

test('RFC 9110 section 7.6.1: fields of one hop go, and so does what Connection names', () => {
  const headers = {
    Connection: 'keep-alive, x-a, content-type',
    'Content-Type': 'a/b',
    'Keep-Alive': 'timeout=99',
    'Proxy-Connection': 'keep-alive',
    TE: 'trailers',
    Trailer: 'X-Sum',
    'Transfer-Encoding': 'chunked',
    'X-A': '1',
    'X-B': '2',
  }
  assert.deepEqual(sent(headers).fields, [
    ['content-type', 'a/b'],
    ['x-b', '2'],
  ])
})

test('of the application’s own Connection the wish to close stays', () => {
  assert.deepEqual(sent({ Connection: 'Close' }), { fields: [], close: true })
  assert.equal(sent({ Connection: 'keep-alive' }).close, false)
})

test('of a Response made by hand its coding stays, and every cookie', () => {
  const headers = new Headers([
    ['Content-Encoding', 'gzip'],
    ['Set-Cookie', 'a=1'],
    ['Set-Cookie', 'b=2'],
  ])
  assert.deepEqual(responseFields(new Response('x', { headers }), 'GET').fields, [
    ['content-encoding', 'gzip'],
    ['content-type', 'text/plain;charset=UTF-8'],
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
  ])
})

test('what fetch has decoded has neither its coding nor its length, and fetch’s own connection ends with it', async () => {
  const body = gzipSync('denied '.repeat(100))
  const server = createServer((_request, response) => {
    const coding = { 'Content-Encoding': 'gzip', 'Content-Length': body.length }
    response.writeHead(401, {
      ...coding,
      Connection: 'close, Upgrade',
      Upgrade: 'h2c',
      'X-A': '1',
      Date: 'now',
    })
    response.end(body)
  })
  const response = await fetch(`http://127.0.0.1:${await listen(server)}/`)
  const clone = response.clone()
  for (const given of [response, clone]) {
    assert.equal(isFetched(given), true)
    for (const method of ['GET', 'HEAD']) {
      const { fields, close } = responseFields(given, method)
      assert.deepEqual(
        new Map(fields),
        new Map([
          ['date', 'now'],
          ['x-a', '1'],
        ]),
      )
      assert.equal(close, false)
    }
  }
  assert.equal(isFetched(new Response('x')), false)
  assert.equal((await Promise.all([response.text(), clone.text()])).join('').length, 1_400)
  await new Promise((resolve) => server.close(resolve))
})

test('R18: RFC 9110 section 7.8: Upgrade goes out with its Connection option, whether that was said or not', () => {
  const fields = [
    ['Upgrade', 'bar/2'],
    ['Connection', 'Upgrade'],
  ]
  for (const status of [200, 426]) {
    for (const headers of [{ Upgrade: 'bar/2' }, { Upgrade: 'bar/2', Connection: 'keep-alive, upgrade' }]) {
      assert.deepEqual(responseFields(new Response(null, { status, headers }), 'GET', 'foo').fields, fields)
    }
  }
  assert.deepEqual(sent({ Connection: 'Upgrade' }).fields, [])
})

test('R18: RFC 9110 section 15.5.22: a 426 that names no protocol gets the route’s, another response none', () => {
  for (const headers of [{}, { Upgrade: '' }]) {
    assert.deepEqual(responseFields(new Response(null, { status: 426, headers }), 'GET', 'foo/1').fields, [
      ['Upgrade', 'foo/1'],
      ['Connection', 'Upgrade'],
    ])
    assert.deepEqual(responseFields(new Response(null, { headers }), 'GET', 'foo/1').fields, [])
  }
})

test('a value that no line may carry is misuse', () => {
  const given = { url: '', type: 'default', status: 200, headers: new Map([['x-a', 'a\r\nb']]) }
  assert.throws(() => responseFields(given as unknown as Response, 'GET'), {
    code: 'ERR_INVALID_FIELD_VALUE',
  })
})
