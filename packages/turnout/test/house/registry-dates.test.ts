// Knows that docs/client.md bears the dates of the registries that the constants come from.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { REGISTRY_DATES } from '../../src/websocket/registry.ts'

it('the guide says from when the registered names are, as the constants do', () => {
  const guide = readFileSync(join(findHouse(), 'docs/client.md'), 'utf8')
  const chapter = guide.slice(guide.indexOf('## Registered names'))
  assert.deepEqual(chapter.match(/\d{4}-\d\d-\d\d/g), Object.values(REGISTRY_DATES))
})

function findHouse(): string {
  for (let folder = fileURLToPath(new URL('.', import.meta.url)); ; folder = join(folder, '..')) {
    if (existsSync(join(folder, 'docs/client.md'))) return folder
    if (folder === join(folder, '..')) return process.cwd()
  }
}
