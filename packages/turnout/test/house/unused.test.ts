// Knows that nothing in the library is there for nobody: every error is raised, and what is exported is used elsewhere.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readSources } from './sources.ts'

const sources = readSources('src')
const tests = readSources('test')

describe('the house has no rooms that nobody enters', () => {
  it('every error code is raised somewhere', () => {
    const errors = sources.find(({ path }) => path === 'base/errors.ts')!
    const codes = [...errors.text.matchAll(/'(ERR_\w+)'/g)].map(([, code]) => code!)
    assert.ok(codes.length > 30)
    const others = sources.filter((source) => source !== errors).map(({ text }) => text)
    const silent = codes.filter((code) => !others.some((text) => new RegExp(`\\b${code}\\b`).test(text)))
    assert.deepEqual(silent, [])
  })

  it('every value that a file exports is used by another', () => {
    const exported = sources.flatMap((source) =>
      [...source.text.matchAll(/^export (?:async )?(?:const|let|class|function\*?) (\w+)/gm)].map(
        ([, name]) => ({ source, name: name! }),
      ),
    )
    assert.ok(exported.length > 300)
    const idle = exported.filter(({ source, name }) => {
      const word = new RegExp(`\\b${name}\\b`)
      return ![...sources, ...tests].some((other) => other !== source && word.test(other.text))
    })
    assert.deepEqual(
      idle.map(({ source, name }) => `${name} of ${source.path}`),
      [],
    )
  })
})
