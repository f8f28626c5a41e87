// Knows that no link in the documents is dead: in the repository, and in the package as npm packs it.
//
//   node scripts/links.mjs
import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { pathToFileURL } from 'node:url'
import { anchorsOf, guides, linksOf, textOf } from './documents.mjs'
import { filesUnder, here, house } from './house.mjs'

const library = join(house, 'packages/turnout')

/** Says which relative links of the repository's documents lead nowhere. True: none. */
export function linksHoldHere() {
  const documents = [...guides(), 'CONTRIBUTING.md', 'CHANGELOG.md', 'bench/README.md']
  return say(brokenLinks(documents, (path) => existsSync(join(house, path)), house))
}

/**
 * The same for the package. `paths`: of the files in it. What its types and sources call `docs/….md` has to be there
 * as well. Reads the words that were written for the package when it was packed.
 */
export function linksHoldPacked(paths) {
  const there = (path) => paths.includes(path) || paths.some((each) => each.startsWith(`${path}/`))
  const broken = brokenLinks(
    paths.filter((path) => path.endsWith('.md')),
    there,
    library,
  )
  for (const file of filesUnder(join(library, 'src'))) {
    const path = posix.relative(here(library), here(file))
    for (const [named] of textOf(path, library).matchAll(/\bdocs\/[\w-]+\.md\b/g)) {
      if (!there(named)) broken.push(`${path}: ${named}`)
    }
  }
  return say(broken)
}

/** `README.md:12: docs/there.md` for each link that `exists` does not know, or whose `#…` is no heading there. */
function brokenLinks(documents, exists, folder) {
  const broken = []
  for (const document of documents) {
    for (const { line, target } of linksOf(textOf(document, folder))) {
      const [to, anchor] = target.split('#')
      const path = to === '' ? document : posix.normalize(posix.join(posix.dirname(document), to))
      const holds =
        exists(path.replace(/\/$/, '')) &&
        (anchor === undefined || anchorsOf(textOf(path, folder)).has(anchor))
      if (!holds) broken.push(`${document}:${line}: ${target}`)
    }
  }
  return broken
}

function say(broken) {
  for (const link of broken) console.error(`leads nowhere: ${link}`)
  return broken.length === 0
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = linksHoldHere() ? 0 : 1
}
