// Knows that the comparison in the documents says what the libraries do: every cell is found out anew.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { contenders } from '../src/comparison/contenders/all.ts'
import { installed } from '../src/comparison/packages.ts'
import { between, document, groups, readFindings, written } from '../src/comparison/table.ts'

const findings = readFindings('docs/comparison.md')

describe('the comparison', () => {
  it('has every row and nothing else in docs/comparison.md', () => {
    assert.equal(between('docs/comparison.md').trim(), written('docs/comparison.md', findings).trim())
  })

  it('says the same in the README', () => {
    assert.equal(between('README.md').trim(), written('README.md', findings).trim())
  })

  for (const { name, package: source } of contenders.filter(({ name }) => name !== 'turnout')) {
    it(`names the version of ${name} that is run`, () => {
      const version = installed(source).manifest.version.replace(/\.0-unofficial.*/, '')
      const text = readFileSync(document('docs/comparison.md'), 'utf8')
      assert.ok(text.includes(`${name} ${version}`), `${name} ${version}`)
    })
  }

  for (const { title, rows } of groups) {
    describe(title, () => {
      for (const row of rows) {
        for (const contender of contenders) {
          const skip = contender.missing() ?? row.cannot?.(contender) ?? false
          it(`${row.fact}: ${contender.name}`, { timeout: 30_000, skip }, async () => {
            assert.equal(await row.check(contender), findings.get(row.fact)?.get(contender.name))
          })
        }
      }
    })
  }
})
