// Proves upgrade/h2c-request.ts.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { http2Request } from '../../src/upgrade/h2c-request.ts'

describe('an HTTP/1.1 request in HTTP/2', () => {
  it('R38: RFC 7540 section 8.1.2: Host becomes :authority, names become small', () => {
    const rawHeaders = ['Host', 'a:1', 'X-One', 'Two', 'Cookie', 'c=1', 'Cookie', 'd=2']
    assert.deepEqual(http2Request({ method: 'GET', url: '/p?q', rawHeaders }), [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', 'a:1'],
      [':path', '/p?q'],
      ['x-one', 'Two'],
      ['cookie', 'c=1'],
      ['cookie', 'd=2'],
    ])
  })

  it('R38: RFC 7540 section 8.1.2.2: what concerned the connection does not come along', () => {
    const rawHeaders = [
      ...['Host', 'a', 'Connection', 'Upgrade, HTTP2-Settings, x-hop', 'Upgrade', 'h2c'],
      ...[
        'HTTP2-Settings',
        'AAMAAABk',
        'X-Hop',
        '1',
        'Keep-Alive',
        '5',
        'TE',
        'trailers',
        'Proxy-Connection',
        'a',
      ],
    ]
    assert.equal(http2Request({ method: 'GET', url: '/', rawHeaders })?.length, 4)
  })

  it('RFC 9112 section 3.2.2: a target in absolute form overrules Host', () => {
    const fields = http2Request({ method: 'GET', url: 'http://b:2/p?q', rawHeaders: ['Host', 'a'] })
    assert.deepEqual(fields?.slice(2), [
      [':authority', 'b:2'],
      [':path', '/p?q'],
    ])
  })

  it('OPTIONS * stays *', () => {
    const fields = http2Request({ method: 'OPTIONS', url: '*', rawHeaders: ['Host', 'a'] })
    assert.deepEqual(fields?.at(-1), [':path', '*'])
  })

  it('more fields than node:http2 takes stay in HTTP/1.1', () => {
    const many = (count: number) => Array.from({ length: count }, (_, at) => [`x-${at}`, '1']).flat()
    assert.equal(http2Request({ url: '/', rawHeaders: ['Host', 'a', ...many(124)] })?.length, 128)
    assert.equal(http2Request({ url: '/', rawHeaders: ['Host', 'a', ...many(125)] }), undefined)
  })
})
