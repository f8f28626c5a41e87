import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { placesOf, publishedPlaces } from '../src/places.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..')

test('a run is written to where it says, and else to where Git does not look', () => {
  assert.deepEqual(placesOf({ json: 'a.json', chart: 'a.svg' }, root), { json: 'a.json', chart: 'a.svg' })
  const ignored = readFileSync(join(root, 'bench/.gitignore'), 'utf8').split('\n')
  for (const path of Object.values(placesOf({ json: undefined, chart: undefined }, root))) {
    const [folder] = relative(join(root, 'bench'), path).split(sep)
    assert.ok(ignored.includes(`${folder}/`), path)
  }
})

test('what is published is where the README and the repository have it', () => {
  assert.deepEqual(publishedPlaces('/house'), {
    json: join('/house', 'bench/results.json'),
    chart: join('/house', 'docs/bench.svg'),
  })
})
