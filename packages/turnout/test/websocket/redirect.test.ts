import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Hop, readRedirect, toWebSocketScheme } from '../../src/websocket/redirect.ts'

const hop = (url: string): Hop => ({
  url: new URL(url),
  fields: [
    ['Authorization', 'Bearer a'],
    ['cookie', 'b'],
    ['Proxy-Authorization', 'c'],
    ['Host', 'd'],
    ['X-Mine', 'e'],
  ],
  tls: {
    ca: 'ca',
    key: 'key',
    cert: 'cert',
    pfx: 'pfx',
    passphrase: 'p',
    servername: 's',
    minVersion: 'TLSv1.3',
  },
})
const redirect = (from: string, location: string, statusCode = 302) =>
  readRedirect({ statusCode, rawHeaders: ['Location', location] }, hop(from))
const target = (from: string, location: string) => {
  const found = redirect(from, location)
  return found.kind === 'follow' ? found.hop.url.href : found.kind
}

test('R37: a redirect of a GET leads to its Location, whatever its number', () => {
  for (const status of [301, 302, 303, 307, 308]) {
    assert.equal(redirect('ws://a/b', '/c', status).kind, 'follow')
  }
  for (const status of [200, 300, 304, 305, 401, 426]) {
    assert.equal(redirect('ws://a/b', '/c', status).kind, 'none')
  }
})

test('R37: a Location may be relative, and in the schemes of HTTP', () => {
  assert.equal(target('ws://a/b/c', 'd?e'), 'ws://a/b/d?e')
  assert.equal(target('ws://a/b', '//c:81/d'), 'ws://c:81/d')
  assert.equal(target('wss://a/b', 'https://c/d'), 'wss://c/d')
  assert.equal(target('ws://a/b', 'http://a/d'), 'ws://a/d')
})

test('R37: a Location takes neither userinfo nor a fragment along', () => {
  assert.equal(target('ws://a/b', 'ws://u:p@a/d#f'), 'ws://a/d')
})

test('R37: the same origin is told everything again', () => {
  for (const [from, location] of [
    ['ws://a/b', '/c'],
    ['ws://a/b', 'http://a:80/c'],
    ['wss://a/b', 'wss://a:443/c'],
  ] as const) {
    const found = redirect(from, location)
    assert.ok(found.kind === 'follow')
    assert.deepEqual([found.hop.fields, found.hop.tls], [hop(from).fields, hop(from).tls])
  }
})

test('R37: another origin is sent no Authorization, Cookie, Proxy-Authorization or client certificate', () => {
  for (const [from, location] of [
    ['ws://a/b', 'ws://c/d'],
    ['ws://a/b', 'ws://a:81/b'],
    ['ws://a/b', 'wss://a/b'],
    ['ws://a/b', 'wss://a:80/b'],
    ['ws://a/b', 'ws://sub.a/b'],
  ] as const) {
    const found = redirect(from, location)
    assert.ok(found.kind === 'follow')
    assert.deepEqual(found.hop.fields, [['X-Mine', 'e']])
    assert.deepEqual(found.hop.tls, { ca: 'ca', minVersion: 'TLSv1.3' })
  }
})

test('R37: wss: never becomes ws:', () => {
  for (const location of ['ws://a/b', 'http://a/b', 'ws://a:443/b']) {
    assert.equal(redirect('wss://a/b', location).kind, 'refused')
  }
  assert.equal(redirect('wss://a/b', '//a/c').kind, 'follow')
})

test('R37: what is no place to connect to is not followed', () => {
  for (const location of ['ftp://a/', 'javascript:1', 'http://', 'ws://a:99999/', 'data:,x']) {
    assert.equal(redirect('ws://a/b', location).kind, 'refused', location)
  }
  for (const rawHeaders of [[], ['Location', '/a', 'location', '/b']]) {
    assert.equal(readRedirect({ statusCode: 302, rawHeaders }, hop('ws://a/')).kind, 'refused')
  }
})

test('the schemes of HTTP become those of WebSocket, and the given URL stays as it is', () => {
  const url = new URL('https://u:p@a:444/b?c#d')
  assert.equal(toWebSocketScheme(url).href, 'wss://u:p@a:444/b?c#d')
  assert.equal(url.protocol, 'https:')
  assert.equal(toWebSocketScheme(new URL('http://a:80')).href, 'ws://a/')
  assert.equal(toWebSocketScheme(new URL('ftp://a')).href, 'ftp://a/')
})
