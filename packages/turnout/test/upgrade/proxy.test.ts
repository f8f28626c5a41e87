import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MisuseError } from '../../src/base/errors.ts'
import { type ProxyChoice, proxyFor } from '../../src/upgrade/proxy.ts'

const plain = { secure: false, host: 'target.example', port: 80 }
const secure = { secure: true, host: 'target.example', port: 443 }

/** As `user@host:port`, the scheme's TLS as an `s`. */
function chosen(target: typeof plain, environment: Record<string, string>): string | undefined {
  const proxy = proxyFor('env', target, environment)
  return proxy && `${proxy.host}:${proxy.port}${proxy.secure ? 's' : ''}`
}

test('R42: no proxy unless the application says so', () => {
  const environment = { HTTP_PROXY: 'http://p:1', HTTPS_PROXY: 'http://p:1' }
  assert.equal(proxyFor(undefined, plain, environment), undefined)
  assert.equal(proxyFor(false, plain, environment), undefined)
})

test('R42: a URL is a place, and its userinfo Proxy-Authorization', () => {
  assert.deepEqual(proxyFor('http://u%40:p:w@p.example:3128/ignored', plain), {
    secure: false,
    host: 'p.example',
    port: 3128,
    fields: [['Proxy-Authorization', `Basic ${Buffer.from('u@:p:w').toString('base64')}`]],
    tls: undefined,
  })
  const { secure: overTls, host, port, fields } = proxyFor(new URL('https://[::1]'), plain)!
  assert.deepEqual([overTls, host, port, fields], [true, '::1', 443, []])
})

test('an object says more, and its fields come before the userinfo', () => {
  const tls = { servername: 'p' }
  const proxy = proxyFor(
    { url: 'https://u:p@p', headers: { 'proxy-authorization': 'Bearer t', 'X-A': ['1', '2'] }, tls },
    plain,
  )
  assert.deepEqual(proxy?.fields, [
    ['proxy-authorization', 'Bearer t'],
    ['X-A', '1'],
    ['X-A', '2'],
  ])
  assert.deepEqual(proxy.tls, tls)
})

test('what is no proxy is refused, and no password is told', () => {
  const wrong: unknown[] = ['', 'p:1', '/p', 'socks5://u:secret@p', 'http://u:secret@p:99999', 1, null, true]
  for (const headers of [{ 'X-A': 'b\r\nc' }, { 'a b': 'c' }, { Host: 'x' }, { 'content-length': '1' }]) {
    wrong.push({ url: 'http://p', headers })
  }
  for (const choice of wrong) {
    assert.throws(
      () => proxyFor(choice as ProxyChoice, plain),
      (error) => error instanceof MisuseError && !error.message.includes('secret'),
      String(choice),
    )
  }
})

test('env: the scheme of the target chooses the variable, and lower case goes first', () => {
  const both = { HTTP_PROXY: 'http://plain:1', HTTPS_PROXY: 'http://secure:2' }
  assert.equal(chosen(plain, both), 'plain:1')
  assert.equal(chosen(secure, both), 'secure:2')
  assert.equal(chosen(plain, { HTTPS_PROXY: 'http://secure:2' }), undefined)
  assert.equal(chosen(secure, { ...both, https_proxy: 'https://lower' }), 'lower:443s')
  assert.equal(chosen(secure, { ...both, https_proxy: '' }), 'secure:2')
})

test('env: a proxy without scheme is an http: one; an empty one is none; nonsense is told', () => {
  assert.equal(chosen(plain, { http_proxy: ' p.example:3128 ' }), 'p.example:3128')
  assert.equal(chosen(plain, { http_proxy: ' ' }), undefined)
  assert.equal(chosen(plain, {}), undefined)
  assert.throws(() => chosen(plain, { http_proxy: 'socks5://p' }), /http_proxy is of scheme socks5:/)
})

test('env: NO_PROXY goes around it, and lower case goes first', () => {
  const environment = { HTTP_PROXY: 'http://p:1', NO_PROXY: 'other.example, .example' }
  assert.equal(chosen(plain, environment), undefined)
  assert.equal(chosen(plain, { ...environment, no_proxy: 'other.example' }), 'p:1')
})

test('env: HTTP_PROXY means nothing to a CGI script, where whoever calls could have set it', () => {
  const environment = { REQUEST_METHOD: 'GET', HTTP_PROXY: 'http://evil:1', HTTPS_PROXY: 'http://p:2' }
  assert.equal(chosen(plain, environment), undefined)
  assert.equal(chosen(secure, environment), 'p:2')
  assert.equal(chosen(plain, { ...environment, http_proxy: 'http://p:1' }), 'p:1')
})
