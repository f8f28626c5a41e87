// Proves upgrade/tls-rewind.ts.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { asksToClose, formatRequest } from '../../src/upgrade/tls-rewind.ts'

const format = (rawHeaders: string[], body = '', method = 'GET') =>
  formatRequest({ method, url: '/a?b', rawHeaders }, Buffer.from(body)).toString('latin1')

describe('a request that is written once more', () => {
  it('R39: keeps its fields, in order and as they were written, without what the switch has used up', () => {
    const fields = [
      'Host',
      'x',
      'Connection',
      'Upgrade',
      'UPGRADE',
      'TLS/1.2',
      'X-a',
      '1',
      'x-A',
      '\u00e9',
      'Expect',
      '100-continue',
    ]
    assert.equal(format(fields), 'GET /a?b HTTP/1.1\r\nHost: x\r\nX-a: 1\r\nx-A: \u00e9\r\n\r\n')
  })

  it('keeps the other Connection options', () => {
    const fields = [
      'Connection',
      'keep-alive, Upgrade',
      'Connection',
      'X-Hop',
      'Upgrade',
      'TLS/1.2',
      'X-Hop',
      '1',
    ]
    assert.equal(format(fields), 'GET /a?b HTTP/1.1\r\nX-Hop: 1\r\nConnection: keep-alive, X-Hop\r\n\r\n')
  })

  it('frames its body by length, however it was framed', () => {
    const tail = 'Content-Length: 2\r\n\r\nhi'
    assert.equal(
      format(['Transfer-Encoding', 'chunked', 'Trailer', 'X'], 'hi', 'POST'),
      `POST /a?b HTTP/1.1\r\n${tail}`,
    )
    assert.equal(format(['Content-Length', '2'], 'hi', 'POST'), `POST /a?b HTTP/1.1\r\n${tail}`)
    assert.equal(
      format(['Content-Length', '0'], '', 'POST'),
      'POST /a?b HTTP/1.1\r\nContent-Length: 0\r\n\r\n',
    )
  })

  it('RFC 9112 section 9.3: close is an option of Connection', () => {
    assert.equal(asksToClose({ rawHeaders: ['Connection', 'Upgrade, Close'] }), true)
    assert.equal(asksToClose({ rawHeaders: ['Connection', 'Upgrade', 'X', 'close'] }), false)
  })
})
