import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tooFewFiles } from '../src/open-files.ts'

test('more connections than a process may have files are refused, with the name of the limit', () => {
  assert.equal(
    tooFewFiles(10_000, 1024),
    'it needs 10,100 open files a process, and 1,024 are allowed here: see ulimit -n',
  )
  assert.equal(tooFewFiles(10_000, 10_100), undefined)
  assert.equal(tooFewFiles(10_000, Infinity), undefined)
})

test('few connections are possible anywhere', () => {
  assert.equal(tooFewFiles(1), undefined)
})
