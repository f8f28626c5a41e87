import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linearTable, measureLinear } from '../src/linear.ts'

test('every kind costs something for every count, and each count is a row of the table', async () => {
  const rows = await measureLinear([200, 70_000])
  assert.deepEqual(
    rows.map(({ count }) => count),
    [200, 70_000],
  )
  assert.equal(Object.keys(rows[1]!.cpuMs).length, 3)
  for (const ms of Object.values(rows[1]!.cpuMs)) assert.ok(ms > 0)
  assert.match(
    linearTable(rows),
    /^\| n \| a message in n fragments.*\n(\| --- ){4}\|\n\| 200 .*\n\| 70,000 .*\|$/,
  )
})
