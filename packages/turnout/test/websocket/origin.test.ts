import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertOrigins, checkOrigin } from '../../src/websocket/origin.ts'

const http = { scheme: 'http', host: 'app.example' } as const
const https = { scheme: 'https', host: 'app.example' } as const
const at = (host: string, scheme: 'http' | 'https' = 'http') => ({ scheme, host })

/** The status of the answer to that Origin; 101 when it may go on. */
function statusOf(
  origin: string | readonly string[],
  own: { scheme: 'http' | 'https'; host: string } = http,
  origins?: readonly string[] | '*',
): number {
  const lines = typeof origin === 'string' ? [origin] : origin
  return (
    checkOrigin(
      lines.flatMap((line) => ['Origin', line]),
      own,
      origins,
    )?.status ?? 101
  )
}

test('RFC 6455 section 10.2: a client without Origin is no browser, and passes', () => {
  assert.equal(statusOf([]), 101)
  assert.equal(statusOf([], http, ['https://other.example']), 101)
})

test('RFC 6455 section 10.2: the server’s own pages pass', () => {
  assert.equal(statusOf('http://app.example'), 101)
  assert.equal(statusOf('https://app.example', https), 101)
  assert.equal(statusOf('http://localhost:8101', at('localhost:8101')), 101)
  assert.equal(statusOf('http://[::1]:8101', at('[::1]:8101')), 101)
  assert.equal(statusOf('http://[::1]', at('[::1]')), 101)
})

test('RFC 6455 section 4.2.2: a page of another site gets 403, and the body says what was seen', () => {
  for (const other of [
    'http://evil.example',
    'http://app.example.evil.example',
    'http://evil-app.example',
    'http://app.example:81',
    'http://sub.app.example',
    'http://app.exampl',
  ]) {
    assert.equal(statusOf(other), 403, other)
  }
  assert.match(checkOrigin(['Origin', 'http://evil.example'], http, undefined)?.body ?? '', /evil\.example/)
})

test('the host compares without case, and a default port may be written or left out', () => {
  assert.equal(statusOf('http://APP.example'), 101)
  assert.equal(statusOf('http://app.example', at('App.Example:80')), 101)
  assert.equal(statusOf('http://app.example:80'), 101)
  assert.equal(statusOf('https://app.example', at('app.example:443', 'https')), 101)
  assert.equal(statusOf('https://app.example:443', https), 101)
  assert.equal(statusOf('http://app.example', at('app.example:443')), 403)
  assert.equal(statusOf('http://app.example', at('app.example:')), 101)
})

test('behind a proxy that takes TLS off, the https page of the same host is the server’s own', () => {
  assert.equal(statusOf('https://app.example', http), 101)
  assert.equal(statusOf('https://app.example', at('app.example:443')), 101)
  assert.equal(statusOf('https://app.example', at('app.example:80')), 403)
})

test('over TLS the http page of the same host is another origin', () => {
  assert.equal(statusOf('http://app.example', https), 403)
  assert.equal(statusOf('http://app.example:443', at('app.example:443', 'https')), 403)
  assert.equal(statusOf('http://app.example', https, ['http://app.example']), 101)
})

test('listed origins pass, compared by scheme, host and port', () => {
  const listed = ['https://app.example', 'http://dev.example:3000']
  const own = at('api.example', 'https')
  assert.equal(statusOf('https://app.example', own, listed), 101)
  assert.equal(statusOf('https://APP.example:443', own, listed), 101)
  assert.equal(statusOf('http://dev.example:3000', own, listed), 101)
  assert.equal(statusOf('http://app.example', own, listed), 403)
  assert.equal(statusOf('http://dev.example', own, listed), 403)
  assert.equal(statusOf('https://api.example', own, listed), 101)
})

test('null, a malformed Origin and a repeated one get 403', () => {
  for (const odd of [
    'null',
    '',
    'app.example',
    'http://app.example/',
    'http://u@app.example',
    'http://app.example#',
    'http:app.example',
    'http://',
    'http://app.example http://app.example',
    'ws://app.example',
    'file://',
  ]) {
    assert.equal(statusOf(odd), 403, JSON.stringify(odd))
  }
  assert.equal(statusOf(['http://app.example', 'http://app.example']), 403)
})

test('null and foreign schemes pass when they are listed literally', () => {
  assert.equal(statusOf('null', http, ['null']), 101)
  assert.equal(statusOf('chrome-extension://abcdef', http, ['chrome-extension://abcdef']), 101)
  assert.equal(statusOf('chrome-extension://abcdeg', http, ['chrome-extension://abcdef']), 403)
})

test('* lets everything pass, odd or not', () => {
  assert.equal(statusOf('null', http, '*'), 101)
  assert.equal(statusOf('https://evil.example', http, '*'), 101)
  assert.equal(statusOf(['a', 'b'], http, '*'), 101)
})

test('a malformed Host is nobody’s own', () => {
  assert.equal(statusOf('http://app.example', at('')), 403)
})

test('assertOrigins refuses an entry that could never match', () => {
  assertOrigins(undefined)
  assertOrigins('*')
  assertOrigins(['https://app.example', 'http://localhost:3000', 'null', 'chrome-extension://abcdef'])
  for (const bad of ['app.example', 'https://app.example/', 'https://*.example/x', '*', '', 'https://']) {
    assert.throws(() => assertOrigins([bad]), { code: 'ERR_INVALID_ARGUMENT' }, bad)
  }
  assert.throws(() => assertOrigins(['https://*.example.com']), {
    message: /has a wildcard, and there are none/,
  })
})

test('assertOrigins wants a list', () => {
  for (const [origins, seen] of [
    ['https://a', '"https://a"'],
    [true, 'true'],
    [{}, 'an object'],
    [null, 'null'],
  ] as const) {
    assert.throws(() => assertOrigins(origins as never), {
      code: 'ERR_INVALID_ARGUMENT',
      message: `origins wants a list, such as ['https://app.example'], or '*'; this is ${seen}`,
    })
  }
  assert.throws(() => assertOrigins([5 as never]), {
    code: 'ERR_INVALID_ARGUMENT',
    message: /origin 5 is not/,
  })
})
