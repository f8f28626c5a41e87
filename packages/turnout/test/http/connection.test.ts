import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionOptions, hasConnectionOption } from '../../src/http/connection.ts'

test('R7: options are read from all lines, in lower case', () => {
  assert.deepEqual([...connectionOptions(['keep-alive, Upgrade', 'X-A'])], ['keep-alive', 'upgrade', 'x-a'])
})

test('R7: x-upgrade, a quoted upgrade and upgrade with more to it are not the option upgrade', () => {
  for (const line of ['x-upgrade', '"upgrade"', 'upgrade;q=1', 'upgrade close', 'upgrade/1', '']) {
    assert.equal(connectionOptions([line]).has('upgrade'), false, line)
    assert.equal(hasConnectionOption([line], 'upgrade'), false, line)
  }
})

test('R7: one option is found on any line, in any case', () => {
  for (const lines of [['upgrade'], ['Keep-Alive,UPGRADE'], ['close', ' uPgrade , x']]) {
    assert.equal(hasConnectionOption(lines, 'upgrade'), true, lines.join('; '))
  }
  assert.equal(hasConnectionOption([], 'upgrade'), false)
})
