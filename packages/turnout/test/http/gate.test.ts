import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkRequest, isHost, wantsUpgrade } from '../../src/http/gate.ts'

const request = (rawHeaders: string[], httpVersion = '1.1') => ({ httpVersion, rawHeaders })

test('R4: a version other than 1.0 and 1.1 in the request line gets 505', () => {
  for (const version of ['2.0', '0.9', '1.2', '3.0']) {
    const answer = checkRequest(request(['Host', 'a'], version))
    assert.equal(answer?.status, 505)
    assert.equal(answer.close, true)
    assert.ok(answer.body.includes(`HTTP/${version}`))
  }
  assert.equal(checkRequest(request(['Host', 'a'])), undefined)
  assert.equal(checkRequest(request(['Host', 'a'], '1.0')), undefined)
})

test('RFC 9112 section 3.2: a 1.1 request without Host gets 400; 1.0 may lack it', () => {
  assert.equal(checkRequest(request([]))?.status, 400)
  assert.equal(checkRequest(request([], '1.0')), undefined)
})

test('RFC 9112 section 3.2: a repeated Host gets 400, even with the same value', () => {
  const repeated = ['Host', 'a', 'host', 'a']
  assert.match(checkRequest(request(repeated))?.body ?? '', /Host came 2 times/)
  assert.equal(checkRequest(request(repeated, '1.0'))?.status, 400)
})

test('RFC 9112 section 3.2: a malformed Host gets 400', () => {
  assert.equal(checkRequest(request(['Host', 'a/b']))?.status, 400)
})

test('RFC 9110 section 7.2: a host is a name or an address with an optional port', () => {
  for (const good of [
    'example.com',
    'EXAMPLE.com:8080',
    'a:',
    '127.0.0.1:0',
    '[::1]',
    '[2001:db8::1]:443',
    'a_b',
    'x%41',
  ]) {
    assert.equal(isHost(good), true, good)
  }
  for (const bad of [
    '',
    ':80',
    'a b',
    'a, b',
    'a/b',
    'u@a',
    'a:b',
    'a:1:2',
    'a:65536',
    'a:123456',
    '::1',
    '[::1',
    '[]',
    '[g]',
    'a?b',
    'a#b',
    'a%4',
    'a%zz',
    'a\\b',
    'a\n',
    'é',
  ]) {
    assert.equal(isHost(bad), false, JSON.stringify(bad))
  }
})

test('R7: Upgrade counts only beside the Connection option upgrade', () => {
  const upgrade = ['Upgrade', 'websocket']
  assert.deepEqual(wantsUpgrade(request(['Connection', 'keep-alive, Upgrade', ...upgrade])), {
    protocols: [{ name: 'websocket', version: undefined }],
    malformed: false,
  })
  assert.equal(wantsUpgrade(request(upgrade)), undefined)
  assert.equal(wantsUpgrade(request(['Connection', 'x-upgrade', ...upgrade])), undefined)
  assert.equal(wantsUpgrade(request(['Connection', 'keep-alive', ...upgrade])), undefined)
})

test('R4: HTTP/1.0 cannot upgrade', () => {
  assert.equal(wantsUpgrade(request(['Connection', 'upgrade', 'Upgrade', 'websocket'], '1.0')), undefined)
})

test('R11: an Upgrade that offers nothing is an ordinary request', () => {
  assert.equal(wantsUpgrade(request(['Connection', 'upgrade'])), undefined)
  assert.equal(wantsUpgrade(request(['Connection', 'upgrade', 'Upgrade', ' , '])), undefined)
})

test('R6: a syntax error in Upgrade is told', () => {
  const list = wantsUpgrade(request(['Connection', 'upgrade', 'Upgrade', '/13']))
  assert.deepEqual(list, { protocols: [], malformed: true })
})

test('RFC 9112 section 3.2: a request target is a path, an absolute URI, or * for OPTIONS', () => {
  const asked = (method: string, url: string) =>
    checkRequest({ method, url, httpVersion: '1.1', rawHeaders: ['Host', 'a'] })
  for (const [method, url] of [
    ['GET', '/'],
    ['GET', '//elsewhere/?*@'],
    ['POST', '/a?b#c'],
    ['GET', 'http://a:80/b'],
    ['OPTIONS', '*'],
  ] as const) {
    assert.equal(asked(method, url), undefined, url)
  }
  for (const [method, url] of [
    ['GET', '*'],
    ['GET', '*@127.0.0.1:1/admin'],
    ['OPTIONS', '*/a'],
    ['GET', 'a:80'],
    ['GET', 'http://'],
    ['GET', ''],
  ] as const) {
    const answer = asked(method, url)
    assert.equal(answer?.status, 400, url)
    assert.equal(answer.close, true)
  }
})
