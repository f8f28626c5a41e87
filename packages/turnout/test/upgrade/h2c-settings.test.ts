// Proves upgrade/h2c-settings.ts.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readHttp2Settings } from '../../src/upgrade/h2c-settings.ts'

const read = (...values: string[]) =>
  readHttp2Settings([
    'Host',
    'x',
    'Connection',
    'Upgrade, HTTP2-Settings',
    ...values.flatMap((value) => ['HTTP2-Settings', value]),
  ])

const encode = (hex: string) => Buffer.from(hex, 'hex').toString('base64url')

describe('the field HTTP2-Settings', () => {
  it('R38: RFC 7540 section 3.2.1: is the payload of a SETTINGS frame in base64url', () => {
    // what curl sends
    assert.equal(read('AAMAAABkAAQCAAAAAAIAAAAA')?.toString('hex'), '000300000064000402000000000200000000')
  })

  it('R38: RFC 7540 section 3.2.1: none, and more than one, is no upgrade', () => {
    assert.equal(read(), undefined)
    assert.equal(read('AAMAAABk', 'AAMAAABk'), undefined)
  })

  it('R38: RFC 7540 section 3.2.1: must be named in Connection, else it is of another hop', () => {
    const fields = ['HTTP2-Settings', 'AAMAAABk']
    assert.equal(readHttp2Settings(['Connection', 'Upgrade', ...fields]), undefined)
    assert.equal(readHttp2Settings(fields), undefined)
    assert.ok(readHttp2Settings(['connection', 'http2-settings', ...fields]) !== undefined)
  })

  it('R38: what does not decode, or not into whole entries, is no upgrade', () => {
    for (const value of [
      '',
      'AAMAAABk====',
      'AAMAAAB',
      'AAMAAABkAA',
      'AA+AAABk',
      'AA/AAABk',
      '!',
      'AAMA AABk',
    ]) {
      assert.equal(read(value), undefined, value)
    }
  })

  it('RFC 7540 section 6.5.2: a value that would break the connection after the 101 is no upgrade', () => {
    for (const bad of ['000200000002', '000480000000', '000500003fff', '000501000000', '000800000002']) {
      assert.equal(read(encode(bad)), undefined, bad)
    }
    for (const good of ['000200000001', '00047fffffff', '000500004000', '000500ffffff', 'ffff12345678']) {
      assert.equal(read(encode(good))?.toString('hex'), good)
    }
  })

  it('more entries than anybody needs are no upgrade', () => {
    assert.ok(read(encode('000300000001'.repeat(16))) !== undefined)
    assert.equal(read(encode('000300000001'.repeat(17))), undefined)
  })
})
