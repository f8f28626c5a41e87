// Knows how the house's documents are read: which there are, what they link to, and the samples in them.
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { filesUnder, here, house } from './house.mjs'

/** The guides, by their path from the root, README.md among them. */
export function guides() {
  const folder = filesUnder(join(house, 'docs')).filter((path) => path.endsWith('.md'))
  return ['README.md', ...folder.map(here)]
}

/** Guides that speak of the house and not of how to use the library: they stay in the repository. */
const ABOUT_THE_HOUSE = ['rfc-map.md', 'design.md']

/** Does it travel with the package? */
export function isPacked(path) {
  return !ABOUT_THE_HOUSE.includes(basename(path))
}

/** The relative links of a text, images among them: `{ line, words, target }`. */
export function linksOf(text) {
  const found = []
  for (const { line, prose } of linesOf(text)) {
    if (!prose) continue
    for (const [, words, target] of line.text.matchAll(LINK)) {
      if (isRelative(target)) found.push({ line: line.number, words, target })
    }
  }
  return found
}

/** The text with every relative link passed through `rewrite(words, target)`; undefined: as it was. */
export function mapLinks(text, rewrite) {
  const lines = linesOf(text).map(({ line, prose }) => {
    if (!prose) return line.text
    return line.text.replace(LINK, (link, words, target) =>
      isRelative(target) ? (rewrite(words, target) ?? link) : link,
    )
  })
  return lines.join('\n')
}

/** The names that `#…` may have in a text, one for each heading. */
export function anchorsOf(text) {
  const names = new Set()
  for (const { line, prose } of linesOf(text)) {
    const heading = prose ? /^#+ (.*)/.exec(line.text) : null
    if (heading === null) continue
    const name = heading[1].toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    names.add(name.replaceAll(' ', '-'))
  }
  return names
}

/** The fenced blocks of TypeScript and JavaScript: `{ line, code }`, the line being that of the first line of code. */
export function samplesOf(text) {
  const found = []
  let sample
  for (const { line, prose, fence } of linesOf(text)) {
    if (fence !== undefined) {
      if (sample !== undefined) sample = void found.push(sample)
      else if (/^(ts|js)\b/.test(fence)) sample = { line: line.number + 1, code: '' }
    } else if (!prose && sample !== undefined) sample.code += `${line.text}\n`
  }
  return found
}

export function textOf(path, folder = house) {
  return readFileSync(join(folder, path), 'utf8')
}

const LINK = /!?\[([^\]]*)\]\(([^)\s]+)\)/g

function isRelative(target) {
  return !/^[a-z][a-z0-9+.-]*:/i.test(target)
}

/** Each line, and whether it is prose; `fence`: what stands behind the ``` that opens or closes a block. */
function linesOf(text) {
  let open = false
  return text.split('\n').map((text, index) => {
    const line = { number: index + 1, text }
    const fence = /^\s*```(.*)/.exec(text)?.[1]
    if (fence !== undefined) open = !open
    return { line, prose: !open && fence === undefined, fence }
  })
}
