import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionOptions } from '../../src/http/connection.ts'

test('R7: options are read from all lines, in lower case', () => {
  assert.deepEqual([...connectionOptions(['keep-alive, Upgrade', 'X-A'])], ['keep-alive', 'upgrade', 'x-a'])
})

test('R7: x-upgrade, a quoted upgrade and upgrade with more to it are not the option upgrade', () => {
  for (const line of ['x-upgrade', '"upgrade"', 'upgrade;q=1', 'upgrade close', 'upgrade/1', '']) {
    assert.equal(connectionOptions([line]).has('upgrade'), false, line)
  }
})
