import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLent, kept, lent } from '../../src/base/lent.ts'

test('what lies in lent memory is copied by who keeps it, anything else is kept as it is', () => {
  lent.write('hello', 3)
  const chunk = lent.subarray(3, 8)
  assert.ok(isLent(chunk))
  const copy = kept(chunk, 1, 4)
  lent.fill(0)
  assert.equal(copy.toString(), 'ell')
  assert.ok(!isLent(copy))

  const own = Buffer.from('hello')
  assert.ok(!isLent(own))
  const view = kept(own, 1, 4)
  own.fill('x')
  assert.equal(view.toString(), 'xxx')
})
