// Knows how to read what V8 counted while the tests ran: which lines of the library never did. (The coverage
// report of node:test gives up on compiled TypeScript under Node 20.)
import { existsSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { filesUnder, house } from './house.mjs'

const built = join(house, 'packages/turnout/build/src')

/** Prints the share of lines that ran, and by file the ones that did not. `folder`: of NODE_V8_COVERAGE. */
export function reportCoverage(folder) {
  const files = new Map()
  for (const file of filesUnder(folder)) addProcess(files, JSON.parse(readFileSync(file, 'utf8')).result)
  let lines = 0
  let missed = 0
  for (const file of filesUnder(built).filter((path) => path.endsWith('.js'))) {
    const report = uncoveredLines(files.get(file) ?? { text: readFileSync(file, 'utf8'), ran: undefined })
    lines += report.lines
    missed += report.missed.length
    if (report.missed.length === 0) continue
    const share = (100 * (1 - report.missed.length / report.lines)).toFixed(1)
    console.log(`${relative(built, file)}: ${share} %, not run: ${spans(report.missed)}`)
  }
  console.log(
    `lines of the library that ran: ${(100 * (1 - missed / Math.max(lines, 1))).toFixed(1)} % of ${lines}`,
  )
}

/** Marks what ran in one process. */
function addProcess(files, scripts) {
  const prefix = pathToFileURL(`${built}/`).href
  for (const { url, functions } of scripts) {
    if (!url.startsWith(prefix)) continue
    const path = fileURLToPath(url)
    if (!existsSync(path)) continue
    if (!files.has(path)) {
      const text = readFileSync(path, 'utf8')
      files.set(path, { text, ran: new Uint8Array(text.length) })
    }
    const { text, ran } = files.get(path)
    const here = new Uint8Array(text.length)
    // Outer ranges come first; an inner one corrects what the outer said.
    const ranges = functions.flatMap((each) => each.ranges)
    ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset)
    for (const { startOffset, endOffset, count } of ranges)
      here.fill(count > 0 ? 1 : 0, startOffset, endOffset)
    for (let at = 0; at < here.length; at += 1) ran[at] |= here[at]
  }
}

/** Lines of code, by number from 1; a line counts as missed when any of its code never ran. */
function uncoveredLines({ text, ran }) {
  const missed = []
  let lines = 0
  let at = 0
  for (const [index, line] of text.split('\n').entries()) {
    const code = line.trim()
    const start = at + line.indexOf(code)
    at += line.length + 1
    if (!/\w/.test(code) || /^(\/\/|\/?\*|import\b|export (\*|\{))/.test(code)) continue
    lines += 1
    if (ran === undefined || ran.subarray(start, start + code.length).includes(0)) missed.push(index + 1)
  }
  return { lines, missed }
}

/** 3, 4, 5, 9 as `3-5 9`. */
function spans(numbers) {
  const found = []
  for (const number of numbers) {
    const last = found.at(-1)
    if (last?.[1] === number - 1) last[1] = number
    else found.push([number, number])
  }
  return found.map(([from, to]) => (from === to ? from : `${from}-${to}`)).join(' ')
}
