// Knows that docs/rfc-map.md tells the truth: every source, test and title that it names is there.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const house = findHouse()
const map = readFileSync(join(house, 'docs/rfc-map.md'), 'utf8')
const library = join(house, 'packages/turnout')

describe('the RFC map', () => {
  it('has a row for each requirement, once and in order', () => {
    const rows = [...map.matchAll(/^\| R(\d+) \|/gm)].map(([, row]) => Number(row))
    assert.deepEqual(
      rows,
      Array.from({ length: 44 }, (_, at) => at + 1),
    )
  })

  it('names sources that are there, with the functions that it says they have', () => {
    const sources = [...map.matchAll(/`((?:[a-z0-9-]+\/)?[a-z0-9-]+\.ts)`(?: \(((?:[^()]|\([^)]*\))*)\))?/g)]
    assert.ok(sources.length > 50)
    for (const [, file, remark = ''] of sources) {
      const path = join(library, 'src', file!)
      assert.ok(existsSync(path), `no source ${file}`)
      const text = readFileSync(path, 'utf8')
      for (const [, name] of remark.matchAll(/`([#\w]+)`/g)) {
        assert.ok(text.includes(name!), `no ${name} in ${file}`)
      }
    }
  })

  it('names tests that are there', () => {
    const citations = [...map.matchAll(/`((?:[a-z0-9-]+\/)?[a-z0-9-]+\.test\.ts)`((?:,? “[^”]+”)*)/g)]
    assert.ok(citations.length > 50)
    let titles = 0
    for (const [, file, cited = ''] of citations) {
      const path = join(library, 'test', file!)
      assert.ok(existsSync(path), `no test file ${file}`)
      const text = readFileSync(path, 'utf8').replaceAll("\\'", "'")
      for (const [, title] of cited.matchAll(/“([^”]+)”/g)) {
        titles++
        assert.ok(text.includes(title!), `no test “${title}” in ${file}`)
      }
    }
    assert.equal(titles, [...map.matchAll(/“/g)].length, 'a title stands behind no file')
  })
})

function findHouse(): string {
  for (let folder = fileURLToPath(new URL('.', import.meta.url)); ; folder = join(folder, '..')) {
    if (existsSync(join(folder, 'docs/rfc-map.md'))) return folder
    if (folder === join(folder, '..')) return process.cwd()
  }
}
