// Knows which of the house's words travel with the package: npm packs only what lies inside it. Runs before npm packs.
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { guides, isPacked, mapLinks, textOf } from './documents.mjs'
import { house } from './house.mjs'

const library = join(house, 'packages/turnout')

/** The examples that the guides point to, and what they stand on. */
const examples = ['chat', 'express', 'fastify', 'hono', 'koa', 'metrics-otel', 'metrics-prom']
const copied = [
  'LICENSE',
  'docs/bench.svg',
  ...[...examples, 'running.ts', 'sessions.ts'].map((name) => `examples/src/${name}`),
]
const documents = guides().filter(isPacked)

for (const folder of ['docs', 'examples']) rmSync(join(library, folder), { recursive: true, force: true })
for (const path of copied) {
  if (existsSync(join(house, path))) cpSync(join(house, path), join(library, path), { recursive: true })
}
for (const path of documents) {
  const target = join(library, path)
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, forThePackage(path, textOf(path)))
}

/**
 * Without what concerns the repository alone, which stands between `<!-- repository -->` and `<!-- /repository -->`;
 * a link to what stays there becomes its words.
 */
function forThePackage(path, text) {
  const kept = text.replaceAll(/<!-- repository -->\n.*?<!-- \/repository -->\n\n?/gs, '')
  return mapLinks(kept, (words, target) => {
    const [to] = target.split('#')
    if (to === '') return undefined
    const resolved = posix.normalize(posix.join(posix.dirname(path), to)).replace(/\/$/, '')
    return documents.includes(resolved) || existsSync(join(library, resolved)) ? undefined : words
  })
}
