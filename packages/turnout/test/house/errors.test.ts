// Knows that docs/errors.md names every code of base/errors.ts, and none beside them.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { library } from './sources.ts'

const CODE = /ERR_[A-Z0-9_]+/g

it('the guide to errors has each code that there is, and no other', () => {
  const source = readFileSync(join(library, 'src/base/errors.ts'), 'utf8')
  const codes = new Set(source.slice(source.indexOf('export type ErrorCode')).match(CODE))
  const rows = readFileSync(join(library, '../../docs/errors.md'), 'utf8').match(/^\| `ERR_.*$/gm) ?? []
  const told = new Set(rows.flatMap((row) => row.split('|')[1]!.match(CODE) ?? []))
  assert.ok(codes.size > 30)
  assert.deepEqual([...told].sort(), [...codes].sort())
})
